#pragma once
/// y = W x for weights used as quantised: [outputs x inputs] matrices in one packed layout, any number of rows of x.
///
/// Packing is lossless and happens once: 16 consecutive outputs form a tile; inside it, inputs are interleaved so that
/// one load holds 16 outputs x 4 inputs. Sizes: at most 3 % over the GGUF's. Outputs beyond the last full tile are zero
/// padded.
///
/// Numerics (the same on every instruction set, for every number of rows, thread and tile split):
///   quantised types: x is cut into blocks of 32 inputs, each int8 with one f32 scale sx; in a pair of blocks those are
///     small multiples of a unit (quantized_rows.h). Dots are exact integers, sub-scales and offsets in.
///   with one scale sw a block, and Q2_K, IQ4_XS: per output one f32 chain over blocks ascending:
///     acc = fma(float(dot) * sw, sx, acc). Types with minima go on with acc = fma(sm, sx * sum of x, acc), the last
///     product rounded; Q2_K, with two minima a block, with acc = fma(-(float(min_sum) * sm), sx, acc).
///   Q3_K, Q6_K: in each 256 inputs a chain over blocks, sum = fma(float(dot), sx, sum); then acc = fma(sum, d, acc).
///   Q4_K, Q5_K: codes are counted from 8 or 16. In each 256 inputs a chain over pairs of blocks,
///     sum = fma(float(dot * factor + the other block's), unit, sum); then acc = fma(sum, d, acc). What the mins
///     and the codes' centre stand for, (8 or 16) d sub - m min, is rounded to bf16, as is sx * sum of x: one chain
///     over all pairs, the second block's product first, which is added to acc at the end. So one vdpbf16ps takes two.
///   F32, F16, BF16: one f32 chain per output over inputs ascending, acc = fma(w, x, acc).
///
/// Threads: pure functions over disjoint outputs; split a matrix by tiles among threads. No allocation.

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/isa.h"
#include "kernels/weight_type.h"

namespace bedplate {

inline constexpr uint32_t kTileOutputs = 16;
inline constexpr uint32_t kInputBlock = 32;

/// A packed matrix, or `experts` of them one after another. Borrowed bytes, 64-byte aligned.
struct PackedMatrix {
  WeightType type = WeightType::kF32;
  uint32_t outputs = 0;
  uint32_t inputs = 0;  // a multiple of the type's block_elements, and of 32 for quantised types
  uint32_t experts = 1;
  const std::byte* data = nullptr;

  [[nodiscard]] uint32_t tiles() const { return (outputs + kTileOutputs - 1) / kTileOutputs; }
};

size_t PackedTileBytes(WeightType type, uint32_t inputs);
/// Tiles [tile_begin, tile_end) of the first expert.
std::span<const std::byte> PackedTilesOf(const PackedMatrix& w, uint32_t tile_begin, uint32_t tile_end);
/// Bytes of one expert's matrix.
size_t PackedBytes(WeightType type, uint32_t outputs, uint32_t inputs);

/// Packs tiles [tile_begin, tile_end) of one expert. rows: the GGUF rows of the whole matrix, outputs x
/// RowBytes(inputs). packed: the start of that expert's packed matrix. Any thread, disjoint tiles.
void PackTiles(WeightType type, uint32_t outputs, uint32_t inputs, const std::byte* rows, uint32_t tile_begin,
               uint32_t tile_end, std::byte* packed);

/// Rows of x as kernels read them. `values` serves F32/F16/BF16 weights, the quantised part the others; a caller
/// fills what its matrices need. Both borrowed.
struct MatmulInput {
  uint32_t rows = 0;
  uint32_t inputs = 0;
  const float* values = nullptr;         // [rows x inputs]
  const std::byte* quantized = nullptr;  // QuantizedBytes(rows, inputs), written by QuantizeRows
};
inline bool NeedsQuantizedInput(WeightType type) {
  return type > WeightType::kBF16;
}
size_t QuantizedBytes(uint32_t rows, uint32_t inputs);

/// Scratch that one thread's Matmul call may need for matrices of up to that many inputs. 64-byte aligned.
size_t MatmulScratchBytes(uint32_t inputs_max);

struct MatmulKernels {
  /// Quantises `width` inputs of each of `rows` rows, a multiple of kInputBlock that begins with a pair of blocks and
  /// ends with one or the row (quantized_rows.h). values: the first of them, rows `stride` floats apart. out: where its
  /// block goes, rows QuantizedBytes(1, out_width) apart.
  void (*quantize_rows)(const float* values, size_t stride, uint32_t rows, uint32_t width, std::byte* out,
                        uint32_t out_width);
  /// out[r * out_stride + o] = sum_i W[16 tile_begin + o][i] x[r][i] for all rows r and the outputs of tiles
  /// [tile_begin, tile_end) of the given expert; outputs past w.outputs are not written. next: what this thread reads
  /// after this call, if it is known; where many rows compute for long, memory is asked for it meanwhile.
  void (*matmul)(const PackedMatrix& w, uint32_t expert, const MatmulInput& x, uint32_t tile_begin, uint32_t tile_end,
                 float* out, size_t out_stride, std::byte* scratch, std::span<const std::byte> next);
};

const MatmulKernels& MatmulKernelsFor(Isa isa);

}  // namespace bedplate
