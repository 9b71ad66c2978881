// Method: as matmul_emulated_test.cc, the AVX-512 attention and vector kernels with emulated intrinsics, so that their
// tests hold them against the scalar twin on every machine.

#define BEDPLATE_EMULATED_ISA
#define Avx512Lanes EmulatedAvx512Lanes  // another type, lest the linker take its functions for the real one's
#define kAvx512AttentionKernels kEmulatedAvx512AttentionKernels
#define kAvx512VectorKernels kEmulatedAvx512VectorKernels
#include "kernels/emulated_avx512.h"
// Then:
#include "kernels/attention_avx512.cc"  // NOLINT(bugprone-suspicious-include)
#include "kernels/lanes_testing.h"
#include "kernels/vector_avx512.cc"  // NOLINT(bugprone-suspicious-include)

namespace bedplate::test {

std::vector<NamedLanes> VectorLanes() {
  std::vector<NamedLanes> all = {{"avx512 emulated", kEmulatedAvx512AttentionKernels, &kEmulatedAvx512VectorKernels}};
  for (const Isa isa : SupportedIsas()) {
    if (isa == Isa::kScalar) continue;
    all.push_back({IsaName(isa),
                   {AttentionKernelsFor(isa, KvType::kF16), AttentionKernelsFor(isa, KvType::kQ8)},
                   &VectorKernelsFor(isa)});
  }
  return all;
}

}  // namespace bedplate::test
