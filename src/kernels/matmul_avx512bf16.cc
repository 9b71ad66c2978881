#include "kernels/matmul_isa.h"
#include "kernels/matmul_math_avx512.h"
#include "kernels/matmul_tiles.h"
#include "kernels/quantize_rows_x86.h"

namespace bedplate {
namespace {

/// Only mins of pairs of blocks are bf16.
void Bf16Matmul(const PackedMatrix& w, uint32_t expert, const MatmulInput& x, uint32_t tile_begin, uint32_t tile_end,
                float* out, size_t out_stride, std::byte* scratch, std::span<const std::byte> next) {
  const Job job = JobOf(w, expert, x, tile_begin, out, out_stride, next);
  if (w.type == WeightType::kQ4_K) {
    return QuantizedTiles<Avx512Bf16Math, WeightType::kQ4_K>(job, tile_begin, tile_end, scratch);
  }
  if (w.type == WeightType::kQ5_K) {
    return QuantizedTiles<Avx512Bf16Math, WeightType::kQ5_K>(job, tile_begin, tile_end, scratch);
  }
  kMatmulAvx512Vnni.matmul(w, expert, x, tile_begin, tile_end, out, out_stride, scratch, next);
}

}  // namespace

const MatmulKernels kMatmulAvx512Bf16 = {QuantizeRowsVector, Bf16Matmul};

}  // namespace bedplate
