// The scalar twin: what a matmul means, in plain integers and single f32 operations. The other instruction sets equal
// it bit for bit. Nothing is allocated; rows of a block cost one unpacking.
//
// Integers stay exact. The largest dot over 32 inputs is IQ4_XS's, 32 * 127 * 127 * 32 = 16,516,096 at most; all are
// below 2^24, so float(dot) is exact, and so is float(sub) * float(dot of codes).
// So is d * sub: 11 bits by at most 8. Kernels may multiply by a block's one sub-scale in integers, in floats, or with
// d: float(dot) * d is the one rounding either way. A pair of blocks of Q4_K or Q5_K adds up to
// 2 * 32,736 * 63 * 512 = 2,111,864,832 at most, below 2^31; float() rounds it.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
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

uint32_t AmaxBits(const float* x) {
  uint32_t largest = 0;
  for (uint32_t i = 0; i < kInputBlock; ++i) {
    largest = std::max(largest, std::bit_cast<uint32_t>(x[i]) & 0x7FFFFFFFu);
  }
  return largest;
}

/// Sets q and returns the larger sum of |q| of the two halves.
int32_t RoundBlock(const float* x, float to_int, QuantizedBlock& out) {
  int32_t sums[2] = {};
  for (uint32_t i = 0; i < kInputBlock; ++i) {
    const int32_t q = RoundToInt(x[i] * to_int);
    out.q[i] = static_cast<int8_t>(q);
    sums[i / 16] += std::abs(q);
  }
  return std::max(sums[0], sums[1]);
}

/// What follows from q and scale; returns the total times scale.
float SumUp(QuantizedBlock& out) {
  int32_t halves[2] = {};
  for (uint32_t i = 0; i < kInputBlock; ++i) {
    int16_t& sum = out.sum[i / 16][i % 4 / 2];
    sum = static_cast<int16_t>(sum + out.q[i]);
    halves[i / 16] += out.q[i];
  }
  out.minus_total = -halves[0] - halves[1];
  out.minus_halves = -halves[0] * 65536 - halves[1];
  return static_cast<float>(halves[0] + halves[1]) * out.scale;
}

/// blocks: 2, or 1 for the last of an odd number.
void QuantizePair(const float* x, uint32_t blocks, QuantizedBlock* out) {
  std::memset(out, 0, blocks * sizeof(*out));
  uint32_t amax_bits[2] = {}, largest_bits = 0;
  for (uint32_t i = 0; i < blocks; ++i) {
    amax_bits[i] = AmaxBits(x + i * kInputBlock);
    largest_bits = std::max(largest_bits, amax_bits[i]);
  }
  if (blocks == 1) amax_bits[1] = amax_bits[0];
  if (largest_bits < kQuantizeFloorBits) return;
  const auto store_nan = [&] {
    std::memset(out, 0, blocks * sizeof(*out));
    for (uint32_t i = 0; i < blocks; ++i) out[i].scale = std::bit_cast<float>(0x7FC00000u);
    out[0].pair_unit = out[0].scale;
  };
  if (largest_bits >= kInfinityBits) return store_nan();
  float largest = std::bit_cast<float>(largest_bits);
  const float to_share = static_cast<float>(kLargestFactor) / largest;
  BlockFactor factors[2];
  for (uint32_t i = 0; i < 2; ++i) factors[i] = FactorOf(std::bit_cast<float>(amax_bits[i]) * to_share);
  const auto round = [&] {
    int32_t sum = 0;
    for (uint32_t i = 0; i < blocks; ++i) {
      const float to_int = 127.0f / largest * (static_cast<float>(kLargestFactor) / factors[i].value());
      sum = std::max(sum, RoundBlock(x + i * kInputBlock, to_int, out[i]));
    }
    return sum;
  };
  if (const int32_t sum = round(); sum > kHalfSumMax) {
    largest = largest * (static_cast<float>(sum) / 1007.0f);
    if (!std::isfinite(largest)) return store_nan();
    round();
  }
  const float unit = largest / 127.0f / static_cast<float>(kLargestFactor);
  float totals[2] = {};
  for (uint32_t i = 0; i < blocks; ++i) {
    out[i].scale = unit * factors[i].value();
    totals[i] = SumUp(out[i]);
  }
  out[0].pair_unit = unit;
  for (uint32_t i = 0; i < 2; ++i) out[0].shifts[i] = static_cast<uint16_t>(factors[1 - i].shift);
  if (blocks < 2) return;
  for (uint32_t i = 0; i < 2; ++i) {
    out[1].more_shifts[i] = static_cast<uint16_t>(factors[1 - i].more_shift);
    out[1].totals[i] = RoundTotal(totals[i]);
  }
}

void QuantizeRows(const float* values, size_t stride, uint32_t rows, uint32_t width, std::byte* out,
                  uint32_t out_width) {
  for (size_t r = 0; r < rows; ++r) {
    auto* const to = reinterpret_cast<QuantizedBlock*>(out) + r * (out_width / kInputBlock);
    for (size_t i = 0; i < width; i += 2 * kInputBlock) {
      QuantizePair(values + r * stride + i, width - i < 2 * kInputBlock ? 1 : 2, to + i / kInputBlock);
    }
  }
}

/// A tile's block with codes turned into the numbers they stand for.
struct BlockValues {
  int16_t value[16][32];
  float d[16], m[16];
};

void LoadBlock(WeightType type, const std::byte* tile, uint32_t block, TileBlock& packed, BlockValues& out) {
  const PackedFormat f = MakePackedFormat(type);
  const int32_t more = CodeCentre(f) - f.code_offset;
  ReadTileBlock(type, tile, block, packed);
  for (uint32_t o = 0; o < kTileOutputs; ++o) {
    for (uint32_t i = 0; i < kInputBlock; ++i) {
      out.value[o][i] = static_cast<int16_t>(CodeValue(type, packed.code[i][o]) - more);
    }
    out.d[o] = F16ToF32(packed.d[o]);
    out.m[o] = F16ToF32(packed.m[o]);
  }
}

/// The integer sum over the block, sub-scales and offsets in.
int32_t Dot(const TileBlock& packed, const BlockValues& w, uint32_t o, const QuantizedBlock& x) {
  int32_t dot = 0;
  for (uint32_t s = 0; s < 2; ++s) {
    int32_t dot16 = 0;
    for (uint32_t i = 16 * s; i < 16 * s + 16; ++i) dot16 += w.value[o][i] * x.q[i];
    dot += packed.sub[s][o] * dot16;
  }
  return dot;
}

/// One step of output o's chain, where blocks go by themselves.
float Step(const PackedFormat& f, const TileBlock& packed, const BlockValues& w, uint32_t o, const QuantizedBlock& x,
           float acc) {
  acc = std::fma(static_cast<float>(Dot(packed, w, o, x)) * w.d[o], x.scale, acc);
  if (!f.has_min) return acc;
  const float total = static_cast<float>(-x.minus_total) * x.scale;
  if (f.sub == SubScales::kNone) return std::fma(w.m[o], total, acc);  // Q4_1 and Q5_1 add theirs
  int32_t min_sum = 0;
  for (uint32_t s = 0; s < 2; ++s) min_sum += packed.min[s][o] * (x.sum[s][0] + x.sum[s][1]);
  return std::fma(static_cast<float>(min_sum) * -w.m[o], x.scale, acc);
}

/// Output o's two chains; the second of Products::kByPair.
struct Chains {
  float acc = 0, mins = 0;
};

/// A chunk of output o: its blocks' integers first, then d; and its mins.
template <uint32_t kBlocks>
void ChunkStep(const PackedFormat& f, const TileBlock (&packed)[kBlocks], const BlockValues (&w)[kBlocks], uint32_t o,
               const QuantizedBlock* x, Chains& chains) {
  const float d = w[0].d[o], m = w[0].m[o];
  float sum = 0;
  if (ProductsOf(f) == Products::kByHalves) {
    for (uint32_t k = 0; k < kBlocks; ++k) {
      sum = std::fma(static_cast<float>(Dot(packed[k], w[k], o, x[k])), x[k].scale, sum);
    }
    chains.acc = std::fma(sum, d, chains.acc);
    return;
  }
  const auto centre = static_cast<float>(CodeCentre(f));
  for (uint32_t k = 0; k < kBlocks; k += 2) {
    int32_t pair = 0;
    for (uint32_t i = 0; i < 2; ++i) {
      const int32_t more = (1 << x[k + 1].more_shifts[1 - i]) & 0xFFFF;  // none: 2^16
      pair += Dot(packed[k + i], w[k + i], o, x[k + i]) * ((1 << x[k].shifts[1 - i]) + more);
    }
    sum = std::fma(static_cast<float>(pair), x[k].pair_unit, sum);
    for (const uint32_t i : {1u, 0u}) {
      const float middle = std::fma(static_cast<float>(packed[k + i].min[0][o]), -m,
                                    static_cast<float>(packed[k + i].sub[0][o]) * (centre * d));
      chains.mins = std::fma(Bf16ToF32(F32ToBf16(middle)), Bf16ToF32(x[k + 1].totals[i]), chains.mins);
    }
  }
  chains.acc = std::fma(sum, d, chains.acc);
}

/// rows: of x, kRowsAtOnce at most.
constexpr uint32_t kRowsAtOnce = 32;

void QuantizedTile(WeightType type, uint32_t inputs, const std::byte* tile, uint32_t outputs_here,
                   const QuantizedBlock* x, uint32_t rows, float* out, size_t out_stride) {
  const PackedFormat f = MakePackedFormat(type);
  const uint32_t blocks = inputs / kInputBlock;
  const bool by_block = ProductsOf(f) == Products::kByBlock;
  constexpr uint32_t kChunkBlocks = 8;
  const uint32_t step = by_block ? 1 : kChunkBlocks;
  TileBlock packed[kChunkBlocks];
  BlockValues values[kChunkBlocks];
  Chains chains[kRowsAtOnce][kTileOutputs];
  for (uint32_t block = 0; block < blocks; block += step) {
    for (uint32_t k = 0; k < step; ++k) LoadBlock(type, tile, block + k, packed[k], values[k]);
    for (uint32_t r = 0; r < rows; ++r) {
      const QuantizedBlock* const at = x + static_cast<size_t>(r) * blocks + block;
      for (uint32_t o = 0; o < outputs_here; ++o) {
        if (by_block) {
          chains[r][o].acc = Step(f, packed[0], values[0], o, *at, chains[r][o].acc);
        } else {
          ChunkStep(f, packed, values, o, at, chains[r][o]);
        }
      }
    }
  }
  const bool has_mins = ProductsOf(f) == Products::kByPair;
  for (uint32_t r = 0; r < rows; ++r) {
    for (uint32_t o = 0; o < outputs_here; ++o) {
      out[r * out_stride + o] = has_mins ? chains[r][o].acc + chains[r][o].mins : chains[r][o].acc;
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
    float* const to = out + static_cast<size_t>(tile - tile_begin) * kTileOutputs;
    const std::byte* const at = data + tile * tile_bytes;
    if (!NeedsQuantizedInput(w.type)) {
      FloatTile(w.type, w.inputs, at, outputs_here, x, to, out_stride);
      continue;
    }
    for (uint32_t row = 0; row < x.rows; row += kRowsAtOnce) {
      const auto* from =
          reinterpret_cast<const QuantizedBlock*>(x.quantized) + static_cast<size_t>(row) * (w.inputs / kInputBlock);
      QuantizedTile(w.type, w.inputs, at, outputs_here, from, std::min(kRowsAtOnce, x.rows - row),
                    to + row * out_stride, out_stride);
    }
  }
}

}  // namespace

const MatmulKernels kMatmulScalar = {QuantizeRows, Matmul};

}  // namespace bedplate
