#include "kernels/matmul.h"

#include "kernels/matmul_isa.h"
#include "kernels/packed_format.h"
#include "kernels/quantized_rows.h"

namespace bedplate {

size_t QuantizedBytes(uint32_t rows, uint32_t inputs) {
  return static_cast<size_t>(rows) * (inputs / kInputBlock) * sizeof(QuantizedBlock);
}

// Two tiles unpacked; see matmul_tiles.h.
size_t MatmulScratchBytes(uint32_t inputs_max) {
  return 2 * TileScratchBytes((inputs_max + kInputBlock - 1) / kInputBlock * kInputBlock);
}

const MatmulKernels& MatmulKernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return kMatmulScalar;
    case Isa::kAvx2:
      return kMatmulAvx2;
    case Isa::kAvx512:
      return kMatmulAvx512;
    case Isa::kAvx512Vnni:
      return kMatmulAvx512Vnni;
    case Isa::kAvx512Bf16:
      return kMatmulAvx512Bf16;
  }
  return kMatmulScalar;
}

}  // namespace bedplate
