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
    case Isa::kAvx512Bf16:
      return kAvx512VectorKernels;
  }
  return kScalarVectorKernels;
}

const AttentionKernels& AttentionKernelsFor(Isa isa, KvType type) {
  const bool has_bf16 = isa == Isa::kAvx512Bf16, has_vnni = has_bf16 || isa == Isa::kAvx512Vnni;
  if (type == KvType::kBf16 && has_bf16) return kAvx512Bf16Attention;
  if (type == KvType::kQ8 && has_vnni) return kAvx512VnniQ8Attention;
  const AttentionTables* tables = &kScalarAttentionKernels;
  switch (isa) {
    case Isa::kScalar:
      break;
    case Isa::kAvx2:
      tables = &kAvx2AttentionKernels;
      break;
    case Isa::kAvx512:
    case Isa::kAvx512Vnni:
    case Isa::kAvx512Bf16:
      tables = &kAvx512AttentionKernels;
      break;
  }
  return (*tables)[static_cast<size_t>(type)];
}

}  // namespace bedplate
