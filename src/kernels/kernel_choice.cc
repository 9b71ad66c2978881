#include "kernels/isa_tables.h"

namespace bedplate {

const VectorKernels& VectorKernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return kScalarVectorKernels;
    case Isa::kAvx2:
      return kAvx2VectorKernels;
    case Isa::kAvx512:
    case Isa::kAvx512Vnni:
      return kAvx512VectorKernels;
  }
  return kScalarVectorKernels;
}

const AttentionKernels& AttentionKernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return kScalarAttentionKernels;
    case Isa::kAvx2:
      return kAvx2AttentionKernels;
    case Isa::kAvx512:
    case Isa::kAvx512Vnni:
      return kAvx512AttentionKernels;
  }
  return kScalarAttentionKernels;
}

}  // namespace bedplate
