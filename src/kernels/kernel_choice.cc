#include "kernels/isa_tables.h"

namespace bedplate {

const VectorKernels& VectorKernelsFor(Isa isa) {
  static const VectorKernels scalar = ScalarVectorKernels(), avx2 = Avx2VectorKernels(), avx512 = Avx512VectorKernels();
  switch (isa) {
    case Isa::kScalar:
      return scalar;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
    case Isa::kAvx512Vnni:
      return avx512;
  }
  return scalar;
}

const AttentionKernels& AttentionKernelsFor(Isa isa) {
  static const AttentionKernels scalar = ScalarAttentionKernels(), avx2 = Avx2AttentionKernels(),
                                avx512 = Avx512AttentionKernels();
  switch (isa) {
    case Isa::kScalar:
      return scalar;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
    case Isa::kAvx512Vnni:
      return avx512;
  }
  return scalar;
}

}  // namespace bedplate
