// Method: the AVX-512 sources once more, with emulated intrinsics and under other names, so that the matmul tests hold
// every instruction set's code against the scalar twin on every machine. Slow, hence only for tests.

#define BEDPLATE_EMULATED_ISA
#define kMatmulAvx512 kMatmulAvx512Emulated
#define kMatmulAvx512Vnni kMatmulAvx512VnniEmulated
#define kMatmulAvx512Bf16 kMatmulAvx512Bf16Emulated
#include "kernels/emulated_avx512.h"
// Then:
#include "kernels/matmul_avx512.cc"      // NOLINT(bugprone-suspicious-include)
#include "kernels/matmul_avx512bf16.cc"  // NOLINT(bugprone-suspicious-include)
#include "kernels/matmul_avx512vnni.cc"  // NOLINT(bugprone-suspicious-include)
#include "kernels/matmul_isa.h"
#include "kernels/matmul_testing.h"

namespace bedplate::test {

std::vector<NamedKernels> VectorMatmuls() {
  std::vector<NamedKernels> all = {{"avx512 emulated", &kMatmulAvx512Emulated},
                                   {"avx512vnni emulated", &kMatmulAvx512VnniEmulated},
                                   {"avx512bf16 emulated", &kMatmulAvx512Bf16Emulated}};
  for (const Isa isa : SupportedIsas()) {
    if (isa != Isa::kScalar) all.push_back({IsaName(isa), &MatmulKernelsFor(isa)});
  }
  return all;
}

}  // namespace bedplate::test
