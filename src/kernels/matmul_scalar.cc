// The scalar twin: what a matmul means, in plain integers and single f32 operations. The other instruction sets equal
// it bit for bit. `out` holds the chains while they run, so nothing is allocated and any number of rows costs one
// unpacking.
//
// Integers stay exact. The largest dot over 32 inputs is Q6_K's, 32 * 32 * 127 * 128 = 16,646,144; IQ4_XS has
// 32 * 127 * 127 * 32 = 16,516,096; all below 2^24, so float(dot) is exact, and so is float(sub) * float(dot of codes).
// So is d * sub: 11 bits by at most 8. Kernels may multiply by a block's one sub-scale in integers, in floats, or with
// d: float(dot) * d is the one rounding either way.

#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/dequantize.h"
#include "kernels/matmul.h"
#include "kernels/matmul_isa.h"
#include "kernels/packed_format.h"
#include "kernels/quantized_rows.h"

namespace bedplate {
namespace {

/// Round to nearest even for |v| < 2^22: adding 1.5 * 2^23 leaves no fraction bits.
int32_t RoundToInt(float v) {
  const float shifted = v + 12582912.0f;
  return static_cast<int32_t>(shifted - 12582912.0f);
}

void QuantizeBlock(const float* x, QuantizedBlock& out) {
  uint32_t amax_bits = 0;
  for (uint32_t i = 0; i < kInputBlock; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(x[i]) & 0x7FFFFFFFu;
    amax_bits = bits > amax_bits ? bits : amax_bits;
  }
  std::memset(&out, 0, sizeof(out));
  if (amax_bits >= kInfinityBits) {
    out.scale = std::bit_cast<float>(0x7FC00000u);
    return;
  }
  if (amax_bits < kQuantizeFloorBits) return;
  const float amax = std::bit_cast<float>(amax_bits);
  const float to_int = 127.0f / amax;
  out.scale = amax / 127.0f;
  int32_t total = 0;
  for (uint32_t i = 0; i < kInputBlock; ++i) {
    const int32_t q = RoundToInt(x[i] * to_int);
    out.q[i] = static_cast<int8_t>(q);
    int16_t& sum = out.sum[i / 16][i % 4 / 2];
    sum = static_cast<int16_t>(sum + q);
    out.minus_total[i / 16] -= q;
    total += q;
  }
  out.scaled_total = static_cast<float>(total) * out.scale;
}

void QuantizeRows(const float* values, size_t stride, uint32_t rows, uint32_t width, std::byte* out,
                  uint32_t out_width) {
  for (size_t r = 0; r < rows; ++r) {
    auto* const to = reinterpret_cast<QuantizedBlock*>(out) + r * (out_width / kInputBlock);
    for (size_t i = 0; i < width; i += kInputBlock) QuantizeBlock(values + r * stride + i, to[i / kInputBlock]);
  }
}

/// A tile's block with codes turned into the numbers they stand for.
struct BlockValues {
  int16_t value[16][32];
  float d[16], m[16];
};

void LoadBlock(WeightType type, const std::byte* tile, uint32_t block, TileBlock& packed, BlockValues& out) {
  ReadTileBlock(type, tile, block, packed);
  for (uint32_t o = 0; o < kTileOutputs; ++o) {
    for (uint32_t i = 0; i < kInputBlock; ++i) {
      out.value[o][i] = static_cast<int16_t>(CodeValue(type, packed.code[i][o]));
    }
    out.d[o] = F16ToF32(packed.d[o]);
    out.m[o] = F16ToF32(packed.m[o]);
  }
}

/// One step of output o's chain.
float Step(const PackedFormat& f, const TileBlock& packed, const BlockValues& w, uint32_t o, const QuantizedBlock& x,
           float acc) {
  int32_t dot = 0, min_sum = 0;
  for (uint32_t s = 0; s < 2; ++s) {
    int32_t dot16 = 0;
    for (uint32_t i = 16 * s; i < 16 * s + 16; ++i) dot16 += w.value[o][i] * x.q[i];
    dot += packed.sub[s][o] * dot16;
    min_sum += packed.min[s][o] * (x.sum[s][0] + x.sum[s][1]);
  }
  acc = std::fma(static_cast<float>(dot) * w.d[o], x.scale, acc);
  if (!f.has_min) return acc;
  if (f.sub == SubScales::kNone) return std::fma(w.m[o], x.scaled_total, acc);  // Q4_1 and Q5_1 add theirs
  if (f.sub == SubScales::kPer16) return std::fma(static_cast<float>(min_sum) * -w.m[o], x.scale, acc);
  return std::fma(static_cast<float>(packed.min[0][o]) * -w.m[o], x.scaled_total, acc);
}

void QuantizedTile(WeightType type, uint32_t inputs, const std::byte* tile, uint32_t outputs_here, const MatmulInput& x,
                   float* out, size_t out_stride) {
  const PackedFormat f = MakePackedFormat(type);
  const uint32_t blocks = inputs / kInputBlock;
  const auto* rows = reinterpret_cast<const QuantizedBlock*>(x.quantized);
  TileBlock packed;
  BlockValues values;
  for (uint32_t block = 0; block < blocks; ++block) {
    LoadBlock(type, tile, block, packed, values);
    for (uint32_t r = 0; r < x.rows; ++r) {
      for (uint32_t o = 0; o < outputs_here; ++o) {
        float& acc = out[r * out_stride + o];
        acc = Step(f, packed, values, o, rows[static_cast<size_t>(r) * blocks + block], block == 0 ? 0.0f : acc);
      }
    }
  }
}

float FloatWeight(WeightType type, const std::byte* p) {
  if (type == WeightType::kF32) {
    float v;
    std::memcpy(&v, p, 4);
    return v;
  }
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return type == WeightType::kF16 ? F16ToF32(bits) : Bf16ToF32(bits);
}

void FloatTile(WeightType type, uint32_t inputs, const std::byte* tile, uint32_t outputs_here, const MatmulInput& x,
               float* out, size_t out_stride) {
  const uint32_t bytes = InfoOf(type).block_bytes;
  for (size_t i = 0; i < inputs; ++i) {
    for (uint32_t o = 0; o < outputs_here; ++o) {
      const float w = FloatWeight(type, tile + (i * kTileOutputs + o) * bytes);
      for (size_t r = 0; r < x.rows; ++r) {
        float& acc = out[r * out_stride + o];
        acc = std::fma(w, x.values[r * inputs + i], i == 0 ? 0.0f : acc);
      }
    }
  }
}

void Matmul(const PackedMatrix& w, uint32_t expert, const MatmulInput& x, uint32_t tile_begin, uint32_t tile_end,
            float* out, size_t out_stride, std::byte* scratch, std::span<const std::byte> next) {
  (void)scratch;
  (void)next;
  const size_t tile_bytes = PackedTileBytes(w.type, w.inputs);
  const std::byte* data = w.data + expert * PackedBytes(w.type, w.outputs, w.inputs);
  for (uint32_t tile = tile_begin; tile < tile_end; ++tile) {
    const uint32_t first = tile * kTileOutputs;
    const uint32_t outputs_here = w.outputs - first < kTileOutputs ? w.outputs - first : kTileOutputs;
    const auto run = NeedsQuantizedInput(w.type) ? QuantizedTile : FloatTile;
    float* const to = out + static_cast<size_t>(tile - tile_begin) * kTileOutputs;
    run(w.type, w.inputs, data + tile * tile_bytes, outputs_here, x, to, out_stride);
  }
}

}  // namespace

const MatmulKernels kMatmulScalar = {QuantizeRows, Matmul};

}  // namespace bedplate
