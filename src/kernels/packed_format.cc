#include "kernels/packed_format.h"

#include <array>
#include <cstring>

#include "base/check.h"
#include "kernels/dequantize.h"

namespace bedplate {
namespace {

using enum WeightType;

uint16_t LoadU16(const std::byte* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}
uint8_t U8(const std::byte* p) {
  return static_cast<uint8_t>(*p);
}
void PutBits(std::byte* p, uint32_t bits) {
  *p |= static_cast<std::byte>(bits);
}

PackedFormat FormatOf(WeightType type) {
  BP_DCHECK(NeedsQuantizedInput(type));
  return MakePackedFormat(type);
}

uint32_t FloatBytes(WeightType type) {
  return InfoOf(type).block_bytes;
}

// ---- One output's 32 inputs out of a GGUF row ----------------------------------------------------------------------

struct RowBlock {
  uint8_t code[32];
  int16_t sub[2], min[2];
  uint16_t d, m;
};

void ReadLegacy(WeightType type, const std::byte* p, RowBlock& out) {
  out.d = LoadU16(p);
  p += 2;
  if (type == kQ4_1 || type == kQ5_1) {
    out.m = LoadU16(p);
    out.min[0] = out.min[1] = 1;
    p += 2;
  }
  if (type == kQ8_0) {
    std::memcpy(out.code, p, 32);
    return;
  }
  uint32_t high = 0;
  if (type == kQ5_0 || type == kQ5_1) {
    std::memcpy(&high, p, 4);
    p += 4;
  }
  for (uint32_t i = 0; i < 32; ++i) {
    const uint32_t nibble = i < 16 ? U8(p + i) & 15u : U8(p + i - 16) >> 4;
    out.code[i] = static_cast<uint8_t>(nibble | ((high >> i) & 1) << 4);
  }
}

/// Scale and min s of the eight in Q4_K and Q5_K.
void ReadScaleMin6(const std::byte* scales, uint32_t s, RowBlock& out) {
  uint32_t scale = 0, min = 0;
  if (s < 4) {
    scale = U8(scales + s) & 63u;
    min = U8(scales + s + 4) & 63u;
  } else {
    scale = (U8(scales + s + 4) & 15u) | (U8(scales + s - 4) >> 6) << 4;
    min = (U8(scales + s + 4) >> 4) | (U8(scales + s) >> 6) << 4;
  }
  out.sub[0] = out.sub[1] = static_cast<int16_t>(scale);
  out.min[0] = out.min[1] = static_cast<int16_t>(min);
}

uint32_t ReadScale6(const std::byte* scales, uint32_t s) {  // Q3_K
  const uint32_t low = s < 8 ? U8(scales + s) & 15u : U8(scales + s - 8) >> 4;
  return low | ((U8(scales + 8 + s % 4) >> (2 * (s / 4))) & 3u) << 4;
}

/// Block k of a 256-element super-block at p.
void ReadSuper(WeightType type, const std::byte* p, uint32_t k, RowBlock& out) {
  const uint32_t half = k / 4, quarter = k % 4;  // element 32k + i is 128 half + 32 quarter + i
  switch (type) {
    case kQ2_K:
      out.d = LoadU16(p + 80);
      out.m = LoadU16(p + 82);
      for (uint32_t s = 0; s < 2; ++s) {
        out.sub[s] = U8(p + 2 * k + s) & 15;
        out.min[s] = U8(p + 2 * k + s) >> 4;
      }
      for (uint32_t i = 0; i < 32; ++i) out.code[i] = (U8(p + 16 + 32 * half + i) >> (2 * quarter)) & 3;
      break;
    case kQ3_K:
      out.d = LoadU16(p + 108);
      for (uint32_t s = 0; s < 2; ++s) out.sub[s] = static_cast<int16_t>(ReadScale6(p + 96, 2 * k + s)) - 32;
      for (uint32_t i = 0; i < 32; ++i) {
        const uint32_t low = (U8(p + 32 + 32 * half + i) >> (2 * quarter)) & 3u;
        out.code[i] = static_cast<uint8_t>(low | ((U8(p + i) >> k) & 1u) << 2);
      }
      break;
    case kQ4_K:
    case kQ5_K: {
      out.d = LoadU16(p);
      out.m = LoadU16(p + 2);
      ReadScaleMin6(p + 4, k, out);
      const std::byte* qh = p + 16;
      const std::byte* qs = (type == kQ5_K ? p + 48 : p + 16) + 32 * (k / 2);
      for (uint32_t i = 0; i < 32; ++i) {
        const uint32_t low = k % 2 == 0 ? U8(qs + i) & 15u : U8(qs + i) >> 4;
        const uint32_t high = type == kQ5_K ? (U8(qh + i) >> k) & 1u : 0;
        out.code[i] = static_cast<uint8_t>(low | high << 4);
      }
      break;
    }
    case kQ6_K:
      out.d = LoadU16(p + 208);
      for (uint32_t s = 0; s < 2; ++s) out.sub[s] = static_cast<int8_t>(U8(p + 192 + 2 * k + s));
      for (uint32_t i = 0; i < 32; ++i) {
        const uint32_t byte = U8(p + 64 * half + 32 * (quarter % 2) + i);
        const uint32_t low = quarter / 2 == 0 ? byte & 15 : byte >> 4;
        const uint32_t high = (U8(p + 128 + 32 * half + i) >> (2 * quarter)) & 3u;
        out.code[i] = static_cast<uint8_t>(low | high << 4);
      }
      break;
    case kIQ4_XS: {
      out.d = LoadU16(p);
      const uint32_t low = (U8(p + 4 + k / 2) >> (4 * (k % 2))) & 15u;
      const uint32_t high = (LoadU16(p + 2) >> (2 * k)) & 3u;
      out.sub[0] = out.sub[1] = static_cast<int16_t>(low | high << 4) - 32;
      for (uint32_t i = 0; i < 32; ++i) {
        out.code[i] = i < 16 ? U8(p + 8 + 16 * k + i) & 15 : U8(p + 8 + 16 * k + i - 16) >> 4;
      }
      break;
    }
    default:
      BP_CHECK(false);
  }
}

void ReadRowBlock(WeightType type, const std::byte* row, uint32_t block, RowBlock& out) {
  out = RowBlock{};
  out.sub[0] = out.sub[1] = 1;
  const WeightTypeInfo& info = InfoOf(type);
  const uint32_t blocks_each = info.block_elements / kInputBlock;
  const std::byte* p = row + static_cast<size_t>(block / blocks_each) * info.block_bytes;
  if (info.block_elements == kInputBlock) {
    ReadLegacy(type, p, out);
  } else {
    ReadSuper(type, p, block % blocks_each, out);
  }
}

// ---- Between TileBlock and the planes ------------------------------------------------------------------------------

/// Where a block's parts lie in a tile.
struct BlockPlace {
  std::byte* header;
  std::byte* planes;
  uint32_t index;  // inside its chunk
};

BlockPlace PlaceOf(const PackedFormat& f, std::byte* tile, uint32_t block) {
  const uint32_t per_chunk = f.chunk_inputs / kInputBlock;
  std::byte* header = tile + static_cast<size_t>(block / per_chunk) * f.chunk_bytes;
  const uint32_t index = block % per_chunk;
  return {header, header + f.header_bytes + static_cast<size_t>(index) * f.block_bytes, index};
}

void WriteSubScales(WeightType type, const PackedFormat& f, const BlockPlace& place, uint32_t o, const RowBlock& row) {
  std::byte* sub = place.header + f.sub_at;
  const uint32_t k = place.index;
  if (type == kQ3_K) {
    const uint32_t first = static_cast<uint32_t>(row.sub[0] + 32), second = static_cast<uint32_t>(row.sub[1] + 32);
    PutBits(sub + 16 * k + o, (first & 15) | (second & 15) << 4);
    PutBits(sub + 128 + 16 * (k / 2) + o, (first >> 4 | (second >> 4) << 2) << (4 * (k % 2)));
  } else if (type == kQ2_K) {
    for (uint32_t s = 0; s < 2; ++s) {
      PutBits(sub + 16 * (2 * k + s) + o, static_cast<uint32_t>(row.sub[s] | row.min[s] << 4));
    }
  } else if (f.sub == SubScales::kPer16) {
    for (uint32_t s = 0; s < 2; ++s) PutBits(sub + 16 * (2 * k + s) + o, static_cast<uint8_t>(row.sub[s]));
  } else if (f.sub == SubScales::kPer32) {
    PutBits(sub + 16 * k + o, static_cast<uint8_t>(row.sub[0]));
    if (f.has_min) PutBits(place.header + f.mins_at + 16 * k + o, static_cast<uint8_t>(row.min[0]));
  }
}

void WriteRowBlock(WeightType type, const PackedFormat& f, std::byte* tile, uint32_t block, uint32_t o,
                   const RowBlock& row) {
  const BlockPlace place = PlaceOf(f, tile, block);
  const size_t d_at = 2 * ((f.d_count == 1 ? 0 : place.index) * 16 + o);
  std::memcpy(place.header + d_at, &row.d, 2);
  if (f.has_min) std::memcpy(place.header + f.m_at + d_at, &row.m, 2);
  WriteSubScales(type, f, place, o, row);
  for (uint32_t i = 0; i < 32; ++i) {
    const uint32_t line = i / 4, b = 4 * o + i % 4;
    uint32_t code = row.code[i];
    if (f.has_bytes) {
      place.planes[64 * line + b] = static_cast<std::byte>(code);
      continue;
    }
    if (f.has_nibbles) {
      PutBits(place.planes + 64 * (line % 4) + b, (code & 15) << (4 * (line / 4)));
      code >>= 4;
    }
    if (f.has_twos) {
      PutBits(place.planes + f.twos_at + 64 * (line / 4) + b, (code & 3) << (2 * (line % 4)));
      code >>= 2;
    }
    if (f.has_bits) PutBits(place.planes + f.bits_at + b, (code & 1) << line);
  }
}

void ReadSubScales(WeightType type, const PackedFormat& f, const BlockPlace& place, uint32_t o, TileBlock& out) {
  const std::byte* sub = place.header + f.sub_at;
  const uint32_t k = place.index;
  for (uint32_t s = 0; s < 2; ++s) {
    out.sub[s][o] = 1;
    out.min[s][o] = f.has_min ? 1 : 0;
    if (type == kQ3_K) {
      const uint32_t low = (U8(sub + 16 * k + o) >> (4 * s)) & 15u;
      const uint32_t high = (U8(sub + 128 + 16 * (k / 2) + o) >> (4 * (k % 2) + 2 * s)) & 3u;
      out.sub[s][o] = static_cast<int16_t>(low | high << 4) - 32;
    } else if (type == kQ2_K) {
      out.sub[s][o] = U8(sub + 16 * (2 * k + s) + o) & 15;
      out.min[s][o] = U8(sub + 16 * (2 * k + s) + o) >> 4;
    } else if (f.sub != SubScales::kNone) {
      const uint32_t at = (f.sub == SubScales::kPer16 ? 2 * k + s : k) * 16 + o;
      out.sub[s][o] = static_cast<int8_t>(U8(sub + at));
      if (f.has_min) out.min[s][o] = U8(place.header + f.mins_at + at);
    }
  }
}

void ReadCodes(const PackedFormat& f, const BlockPlace& place, uint32_t o, TileBlock& out) {
  for (uint32_t i = 0; i < 32; ++i) {
    const uint32_t line = i / 4, b = 4 * o + i % 4;
    uint32_t code = 0, shift = 0;
    if (f.has_bytes) code = U8(place.planes + 64 * line + b);
    if (f.has_nibbles) {
      code = (U8(place.planes + 64 * (line % 4) + b) >> (4 * (line / 4))) & 15u;
      shift = 4;
    }
    if (f.has_twos) {
      code |= ((U8(place.planes + f.twos_at + 64 * (line / 4) + b) >> (2 * (line % 4))) & 3u) << shift;
      shift += 2;
    }
    if (f.has_bits) code |= ((U8(place.planes + f.bits_at + b) >> line) & 1u) << shift;
    out.code[i][o] = static_cast<uint8_t>(code);
  }
}

void PackFloatTile(WeightType type, uint32_t outputs, uint32_t inputs, const std::byte* rows, uint32_t tile,
                   std::byte* packed) {
  const uint32_t bytes = FloatBytes(type);
  for (uint32_t o = 0; o < kTileOutputs && tile * kTileOutputs + o < outputs; ++o) {
    const std::byte* row = rows + RowBytes(type, inputs) * (static_cast<size_t>(tile) * kTileOutputs + o);
    for (size_t i = 0; i < inputs; ++i) {
      std::memcpy(packed + (i * kTileOutputs + o) * bytes, row + i * bytes, bytes);
    }
  }
}

}  // namespace

size_t PackedTileBytes(WeightType type, uint32_t inputs) {
  if (!NeedsQuantizedInput(type)) {
    return (static_cast<size_t>(inputs) * kTileOutputs * FloatBytes(type) + 63) / 64 * 64;
  }
  const PackedFormat f = FormatOf(type);
  BP_CHECK(inputs % InfoOf(type).block_elements == 0);
  const size_t tail = inputs % f.chunk_inputs == 0 ? 0 : f.header_bytes + f.block_bytes;
  return inputs / f.chunk_inputs * static_cast<size_t>(f.chunk_bytes) + tail;
}

std::span<const std::byte> PackedTilesOf(const PackedMatrix& w, uint32_t tile_begin, uint32_t tile_end) {
  const size_t tile_bytes = PackedTileBytes(w.type, w.inputs);
  return {w.data + tile_begin * tile_bytes, (tile_end - tile_begin) * tile_bytes};
}

size_t PackedBytes(WeightType type, uint32_t outputs, uint32_t inputs) {
  return PackedTileBytes(type, inputs) * ((static_cast<size_t>(outputs) + kTileOutputs - 1) / kTileOutputs);
}

void PackTiles(WeightType type, uint32_t outputs, uint32_t inputs, const std::byte* rows, uint32_t tile_begin,
               uint32_t tile_end, std::byte* packed) {
  const size_t tile_bytes = PackedTileBytes(type, inputs);
  for (uint32_t tile = tile_begin; tile < tile_end; ++tile) {
    std::byte* to = packed + tile * tile_bytes;
    std::memset(to, 0, tile_bytes);
    if (!NeedsQuantizedInput(type)) {
      PackFloatTile(type, outputs, inputs, rows, tile, to);
      continue;
    }
    const PackedFormat f = FormatOf(type);
    for (uint32_t o = 0; o < kTileOutputs && tile * kTileOutputs + o < outputs; ++o) {
      const std::byte* row = rows + RowBytes(type, inputs) * (static_cast<size_t>(tile) * kTileOutputs + o);
      for (uint32_t block = 0; block < inputs / kInputBlock; ++block) {
        RowBlock from;
        ReadRowBlock(type, row, block, from);
        WriteRowBlock(type, f, to, block, o, from);
      }
    }
  }
}

int32_t CodeValue(WeightType type, uint8_t code) {
  const PackedFormat f = FormatOf(type);
  if (f.has_bytes) return static_cast<int8_t>(code);
  if (f.code_is_index) return kIq4Values[code];
  return code - f.code_offset;
}

void ReadTileBlock(WeightType type, const std::byte* tile, uint32_t block, TileBlock& out) {
  const PackedFormat f = FormatOf(type);
  // PlaceOf serves writers too; nothing is written here.
  const BlockPlace place = PlaceOf(f, const_cast<std::byte*>(tile), block);
  for (uint32_t o = 0; o < kTileOutputs; ++o) {
    const size_t d_at = 2 * ((f.d_count == 1 ? 0 : place.index) * 16 + o);
    out.d[o] = LoadU16(place.header + d_at);
    out.m[o] = f.has_min ? LoadU16(place.header + f.m_at + d_at) : static_cast<uint16_t>(0);
    ReadSubScales(type, f, place, o, out);
    ReadCodes(f, place, o, out);
  }
}

void DequantizeTile(WeightType type, uint32_t inputs, const std::byte* tile, float* out) {
  if (!NeedsQuantizedInput(type)) {
    const uint32_t bytes = FloatBytes(type);
    for (size_t i = 0; i < inputs; ++i) {
      for (size_t o = 0; o < kTileOutputs; ++o) {
        DequantizeRow(type, tile + (i * kTileOutputs + o) * bytes, 1, out + o * inputs + i);
      }
    }
    return;
  }
  const PackedFormat f = FormatOf(type);
  TileBlock block;
  for (uint32_t k = 0; k < inputs / kInputBlock; ++k) {
    ReadTileBlock(type, tile, k, block);
    for (uint32_t o = 0; o < kTileOutputs; ++o) {
      for (uint32_t i = 0; i < kInputBlock; ++i) {
        const uint32_t sub = i / 16;
        const float scale = F16ToF32(block.d[o]) * static_cast<float>(block.sub[sub][o]);
        float value = scale * static_cast<float>(CodeValue(type, block.code[i][o]));
        if (f.has_min && f.sub == SubScales::kNone) value = value + F16ToF32(block.m[o]);
        if (f.has_min && f.sub != SubScales::kNone) {
          value = value - F16ToF32(block.m[o]) * static_cast<float>(block.min[sub][o]);
        }
        out[static_cast<size_t>(o) * inputs + static_cast<size_t>(k) * kInputBlock + i] = value;
      }
    }
  }
}

}  // namespace bedplate
