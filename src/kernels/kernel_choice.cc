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

const AttentionKernels& AttentionKernelsFor(Isa isa, KvType type) {
  const AttentionTables* tables = &kScalarAttentionKernels;
  switch (isa) {
    case Isa::kScalar:
      break;
    case Isa::kAvx2:
      tables = &kAvx2AttentionKernels;
      break;
    case Isa::kAvx512:
    case Isa::kAvx512Vnni:
      tables = &kAvx512AttentionKernels;
      break;
  }
  return (*tables)[static_cast<size_t>(type)];
}

}  // namespace bedplate
