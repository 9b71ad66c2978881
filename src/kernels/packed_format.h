#pragma once
/// The packed layout of weights, which every matmul kernel reads. Lossless; the fields are the GGUF's, moved.
///
/// A matrix is a run of tiles of 16 outputs; a tile is self-contained and 64-byte aligned, so it streams through memory
/// in one sequence. F32, F16, BF16: [input][16 outputs], padded to 64 bytes.
///
/// Quantised types: a tile is a run of chunks: 64 inputs for formats with 32-element blocks, 256 inputs for the K
/// formats.
///   chunk  = header, then one "block" of bit planes per 32 inputs. A last chunk of 32 inputs has one block.
///   header = d:    f16 [scales in the chunk][16 outputs]      (2 in 64 inputs, 1 in 256)
///            m:    the same for formats with a min, else nothing
///            sub:  the sub-scales, one byte each [sub-block][16 outputs]; Q2_K scale | min << 4 as in the file; Q3_K
///            packed
///                  (below); IQ4_XS with its offset of 32 taken off; Q4_K and Q5_K widened from 6 to 8 bits: this is
///                  the one place where packed weights grow, by 2.8 and 2.3 %
///            mins: the same for Q4_K and Q5_K
///            padded to 64 bytes (Q3_K, Q6_K, IQ4_XS: 32 bytes)
///
/// Inside a block, code bits lie by "line": line j (0..7) is inputs 4j..4j+3 of the 16 outputs, byte b = 4 * output +
/// input % 4 of 64. So a line, widened to bytes, is one 512-bit register or two of 256 bits, and one dword of x,
/// broadcast, meets it.
///   nibbles: 4 x 64 B, plane p: low nibble line p, high nibble line p + 4       (4-, 5- and 6-bit formats)
///   twos:    2 x 64 B, plane p: bits 2t, 2t + 1 are line 4p + t                 (Q2_K, Q3_K: low bits; Q6_K: bits 4,
///   5) bits:    64 B, bit j is line j                                              (5-bit formats: bit 4; Q3_K: bit 2)
///   bytes:   8 x 64 B                                                           (Q8_0)
///
/// Q3_K's 16 sub-scales of 6 bits, minus 32: of block k, byte 16k + output holds the low nibbles of its first and
/// second sub-block; byte 128 + 16(k / 2) + output holds in bits 4(k % 2) and up the high two of the first, then of the
/// second.

#include <cstddef>
#include <cstdint>

#include "kernels/matmul.h"
#include "kernels/weight_type.h"

namespace bedplate {

enum class SubScales : uint8_t { kNone, kPer32, kPer16 };

struct PackedFormat {
  uint32_t chunk_inputs = 0;  // 64 or 256
  uint32_t d_count = 0;       // f16 scales per output in a chunk
  bool has_nibbles = false, has_twos = false, has_bits = false, has_bytes = false;
  bool has_min = false;  // x = d * q + m, or d * sub * q - m * min
  SubScales sub = SubScales::kNone;
  int32_t code_offset = 0;     // taken off each code
  bool code_is_index = false;  // into kIq4Values
  // Byte offsets and sizes.
  uint32_t m_at = 0, sub_at = 0, mins_at = 0, header_bytes = 0;
  uint32_t bits_at = 0, twos_at = 0;  // inside a block
  uint32_t block_bytes = 0, chunk_bytes = 0;
};

constexpr PackedFormat MakePackedFormat(WeightType type) {
  using enum WeightType;
  PackedFormat f;
  const bool is_k =
      type == kQ2_K || type == kQ3_K || type == kQ4_K || type == kQ5_K || type == kQ6_K || type == kIQ4_XS;
  f.chunk_inputs = is_k ? 256 : 64;
  f.d_count = is_k ? 1 : 2;
  f.has_bytes = type == kQ8_0;
  f.has_nibbles = !f.has_bytes && type != kQ2_K && type != kQ3_K;
  f.has_twos = type == kQ2_K || type == kQ3_K || type == kQ6_K;
  f.has_bits = type == kQ5_0 || type == kQ5_1 || type == kQ5_K || type == kQ3_K;
  f.has_min = type == kQ4_1 || type == kQ5_1 || type == kQ2_K || type == kQ4_K || type == kQ5_K;
  if (type == kQ2_K || type == kQ3_K || type == kQ6_K) f.sub = SubScales::kPer16;
  if (type == kQ4_K || type == kQ5_K || type == kIQ4_XS) f.sub = SubScales::kPer32;
  f.code_offset = type == kQ4_0 ? 8 : type == kQ5_0 ? 16 : type == kQ6_K ? 32 : type == kQ3_K ? 4 : 0;
  f.code_is_index = type == kIQ4_NL || type == kIQ4_XS;

  uint32_t at = f.d_count * 32;
  if (f.has_min) {
    f.m_at = at;
    at += f.d_count * 32;
  }
  f.sub_at = at;
  if (type == kQ3_K)
    at += 192;
  else if (f.sub == SubScales::kPer16)
    at += 256;
  else if (f.sub == SubScales::kPer32)
    at += 128;
  f.mins_at = type == kQ2_K ? f.sub_at : at;
  if (type == kQ4_K || type == kQ5_K) at += 128;
  f.header_bytes = (at + 63) / 64 * 64;

  uint32_t block = f.has_bytes ? 512 : f.has_nibbles ? 256 : 0;
  f.twos_at = block;
  if (f.has_twos) block += 128;
  f.bits_at = block;
  if (f.has_bits) block += 64;
  f.block_bytes = block;
  f.chunk_bytes = f.header_bytes + f.chunk_inputs / kInputBlock * block;
  return f;
}

/// How a block's products become floats (matmul.h).
enum class Products : uint8_t {
  kByBlock,   // each block by its own scales
  kByHalves,  // those of a block's two sub-scales in integers; d meets a chunk's sum
  kByPair,  // those of two blocks, whose sub-scales meet x's factors, in integers; d meets a chunk's sum, mins are bf16
};

constexpr Products ProductsOf(const PackedFormat& f) {
  if (f.sub == SubScales::kPer16 && !f.has_min) return Products::kByHalves;  // Q3_K, Q6_K
  if (f.sub == SubScales::kPer32 && f.has_min) return Products::kByPair;     // Q4_K, Q5_K
  return Products::kByBlock;
}

/// What codes are counted from: what a format takes off them or, where pairs of blocks are taken at once, half their
/// range, so that a block's sum fits 16 bits. The mins make up for that.
constexpr int32_t CodeCentre(const PackedFormat& f) {
  return ProductsOf(f) != Products::kByPair ? f.code_offset : f.has_bits ? 16 : 8;
}

/// What row groups leave of a tile for each other (matmul_tiles.h): codes widened to bytes, and beside them what the
/// scales of two blocks become, 128 bytes a pair. A multiple of 64 for whole blocks.
constexpr size_t TileScratchBytes(uint32_t inputs) {
  return static_cast<size_t>(inputs) * (kTileOutputs + 2);
}

/// 32 inputs of a tile in plain integers: the meeting point of packing, unpacking, the scalar twin and the tests.
/// x[input][output] = d * sub * (code - offset) + or - min parts, as in dequantize.h; sub is 1 where the format has
/// none.
struct TileBlock {
  uint8_t code[32][16];  // as stored: unsigned, Q8_0 in two's complement
  int16_t sub[2][16];    // of inputs 0..15 and 16..31
  int16_t min[2][16];    // likewise; 1 for Q4_1 and Q5_1, 0 for formats without
  uint16_t d[16];        // f16
  uint16_t m[16];        // f16
};

/// What a code stands for before scaling: in [-128, 127].
int32_t CodeValue(WeightType type, uint8_t code);

/// Block `block` (32 inputs) of a packed tile.
void ReadTileBlock(WeightType type, const std::byte* tile, uint32_t block, TileBlock& out);

/// The tile's weights back as numbers, out[16 x inputs] with a row per output: bit for bit what DequantizeRow gives.
void DequantizeTile(WeightType type, uint32_t inputs, const std::byte* tile, float* out);

}  // namespace bedplate
