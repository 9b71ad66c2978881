// Method: as matmul_emulated_test.cc, the AVX-512 attention and vector kernels with emulated intrinsics, so that their
// tests hold them against the scalar twin on every machine.

#define BEDPLATE_EMULATED_ISA
#define Avx512LanesWith EmulatedAvx512LanesWith  // another type, lest the linker take its functions for the real one's
#define kAvx512AttentionKernels kEmulatedAvx512AttentionKernels
#define kAvx512VectorKernels kEmulatedAvx512VectorKernels
#define kAvx512VnniQ8Attention kEmulatedAvx512VnniQ8Attention
#define kAvx512Bf16Attention kEmulatedAvx512Bf16Attention
#include "kernels/emulated_avx512.h"
// Then:
#include "kernels/attention_avx512.cc"      // NOLINT(bugprone-suspicious-include)
#include "kernels/attention_avx512bf16.cc"  // NOLINT(bugprone-suspicious-include)
#include "kernels/attention_avx512vnni.cc"  // NOLINT(bugprone-suspicious-include)
#include "kernels/lanes_testing.h"
#include "kernels/vector_avx512.cc"  // NOLINT(bugprone-suspicious-include)

namespace bedplate::test {

std::vector<NamedLanes> VectorLanes() {
  AttentionTables best = kEmulatedAvx512AttentionKernels;
  best[static_cast<size_t>(KvType::kQ8)] = kEmulatedAvx512VnniQ8Attention;
  best[static_cast<size_t>(KvType::kBf16)] = kEmulatedAvx512Bf16Attention;
  std::vector<NamedLanes> all = {{"avx512 emulated", kEmulatedAvx512AttentionKernels, &kEmulatedAvx512VectorKernels},
                                 {"avx512bf16 emulated", best, &kEmulatedAvx512VectorKernels}};
  for (const Isa isa : SupportedIsas()) {
    if (isa == Isa::kScalar) continue;
    AttentionTables tables = kEmulatedAvx512AttentionKernels;
    for (size_t type = 0; type < tables.size(); ++type) {
      tables[type] = AttentionKernelsFor(isa, static_cast<KvType>(type));
    }
    all.push_back({IsaName(isa), tables, &VectorKernelsFor(isa)});
  }
  return all;
}

}  // namespace bedplate::test
