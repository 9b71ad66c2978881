#include "kernels/dequantize.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace bedplate {
namespace {

uint8_t Byte(const std::byte* p, size_t i) {
  return std::to_integer<uint8_t>(p[i]);
}
int8_t SignedByte(const std::byte* p, size_t i) {
  return static_cast<int8_t>(Byte(p, i));
}
uint16_t Word(const std::byte* p) {
  return static_cast<uint16_t>(Byte(p, 0) | Byte(p, 1) << 8);
}
uint32_t Long(const std::byte* p) {
  return uint32_t{Word(p)} | uint32_t{Word(p + 2)} << 16;
}
float Half(const std::byte* p) {
  return F16ToF32(Word(p));
}

/// Nibble `high` (0 low, 1 high) of a byte.
uint32_t Nibble(const std::byte* p, size_t i, size_t high) {
  return (Byte(p, i) >> (4 * high)) & 15u;
}

/// Element e of 32 whose nibbles lie low half first.
uint32_t SplitNibble(const std::byte* qs, size_t e) {
  return Nibble(qs, e % 16, e / 16);
}

void Q4_0Block(const std::byte* b, float* x) {
  const float d = Half(b);
  for (size_t e = 0; e < 32; ++e) x[e] = d * static_cast<float>(static_cast<int>(SplitNibble(b + 2, e)) - 8);
}

void Q4_1Block(const std::byte* b, float* x) {
  const float d = Half(b);
  const float m = Half(b + 2);
  for (size_t e = 0; e < 32; ++e) x[e] = d * static_cast<float>(SplitNibble(b + 4, e)) + m;
}

void Q5_0Block(const std::byte* b, float* x) {
  const float d = Half(b);
  const uint32_t high = Long(b + 2);
  for (size_t e = 0; e < 32; ++e) {
    const uint32_t q = SplitNibble(b + 6, e) | ((high >> e) & 1u) << 4;
    x[e] = d * static_cast<float>(static_cast<int>(q) - 16);
  }
}

void Q5_1Block(const std::byte* b, float* x) {
  const float d = Half(b);
  const float m = Half(b + 2);
  const uint32_t high = Long(b + 4);
  for (size_t e = 0; e < 32; ++e) {
    const uint32_t q = SplitNibble(b + 8, e) | ((high >> e) & 1u) << 4;
    x[e] = d * static_cast<float>(q) + m;
  }
}

void Q8_0Block(const std::byte* b, float* x) {
  const float d = Half(b);
  for (size_t e = 0; e < 32; ++e) x[e] = d * static_cast<float>(SignedByte(b + 2, e));
}

void Iq4NlBlock(const std::byte* b, float* x) {
  const float d = Half(b);
  for (size_t e = 0; e < 32; ++e) x[e] = d * static_cast<float>(kIq4Values[SplitNibble(b + 2, e)]);
}

/// The two bits of element 128h + 32k + i in a 64-byte plane.
uint32_t TwoBits(const std::byte* plane, size_t e) {
  const size_t h = e / 128, k = e / 32 % 4, i = e % 32;
  return (Byte(plane, 32 * h + i) >> (2 * k)) & 3u;
}

void Q2_KBlock(const std::byte* b, float* x) {
  const std::byte* qs = b + 16;
  const float d = Half(b + 80);
  const float m = Half(b + 82);
  for (size_t e = 0; e < 256; ++e) {
    const float scale = d * static_cast<float>(Nibble(b, e / 16, 0));
    const float min = m * static_cast<float>(Nibble(b, e / 16, 1));
    x[e] = scale * static_cast<float>(TwoBits(qs, e)) - min;
  }
}

void Q3_KBlock(const std::byte* b, float* x) {
  const std::byte* qs = b + 32;
  const std::byte* scales = b + 96;
  const float d = Half(b + 108);
  for (size_t e = 0; e < 256; ++e) {
    const size_t s = e / 16;
    const uint32_t six = Nibble(scales, s % 8, s / 8) | ((Byte(scales, 8 + s % 4) >> (2 * (s / 4))) & 3u) << 4;
    const float scale = d * static_cast<float>(static_cast<int>(six) - 32);
    const uint32_t third = (Byte(b, e % 32) >> (e / 32)) & 1u;
    x[e] = scale * static_cast<float>(static_cast<int>(TwoBits(qs, e) | third << 2) - 4);
  }
}

struct ScaleAndMin {
  uint32_t scale;
  uint32_t min;
};

/// Sub-block s of the 12 bytes that Q4_K and Q5_K share.
ScaleAndMin SixBitPair(const std::byte* scales, size_t s) {
  if (s < 4) return {Byte(scales, s) & 63u, Byte(scales, s + 4) & 63u};
  return {(Byte(scales, s + 4) & 15u) | (Byte(scales, s - 4) >> 6) << 4,
          uint32_t{Byte(scales, s + 4)} >> 4 | (uint32_t{Byte(scales, s)} >> 6) << 4};
}

void Q4_KBlock(const std::byte* b, float* x) {
  const std::byte* qs = b + 16;
  const float d = Half(b);
  const float m = Half(b + 2);
  for (size_t s = 0; s < 8; ++s) {
    const ScaleAndMin pair = SixBitPair(b + 4, s);
    const float scale = d * static_cast<float>(pair.scale);
    const float min = m * static_cast<float>(pair.min);
    for (size_t i = 0; i < 32; ++i) {
      x[32 * s + i] = scale * static_cast<float>(Nibble(qs, 32 * (s / 2) + i, s % 2)) - min;
    }
  }
}

void Q5_KBlock(const std::byte* b, float* x) {
  const std::byte* high = b + 16;
  const std::byte* qs = b + 48;
  const float d = Half(b);
  const float m = Half(b + 2);
  for (size_t s = 0; s < 8; ++s) {
    const ScaleAndMin pair = SixBitPair(b + 4, s);
    const float scale = d * static_cast<float>(pair.scale);
    const float min = m * static_cast<float>(pair.min);
    for (size_t i = 0; i < 32; ++i) {
      const uint32_t q = Nibble(qs, 32 * (s / 2) + i, s % 2) | ((Byte(high, i) >> s) & 1u) << 4;
      x[32 * s + i] = scale * static_cast<float>(q) - min;
    }
  }
}

void Q6_KBlock(const std::byte* b, float* x) {
  const std::byte* high = b + 128;
  const std::byte* scales = b + 192;
  const float d = Half(b + 208);
  for (size_t e = 0; e < 256; ++e) {
    const size_t h = e / 128, k = e / 32 % 4, i = e % 32;
    const uint32_t q = Nibble(b, 64 * h + 32 * (k % 2) + i, k / 2) | TwoBits(high, e) << 4;
    const float scale = d * static_cast<float>(SignedByte(scales, e / 16));
    x[e] = scale * static_cast<float>(static_cast<int>(q) - 32);
  }
}

void Iq4XsBlock(const std::byte* b, float* x) {
  const float d = Half(b);
  const uint32_t scales_h = Word(b + 2);
  const std::byte* scales_l = b + 4;
  for (size_t s = 0; s < 8; ++s) {
    const uint32_t six = Nibble(scales_l, s / 2, s % 2) | ((scales_h >> (2 * s)) & 3u) << 4;
    const float scale = d * static_cast<float>(static_cast<int>(six) - 32);
    for (size_t e = 0; e < 32; ++e) {
      x[32 * s + e] = scale * static_cast<float>(kIq4Values[SplitNibble(b + 8 + 16 * s, e)]);
    }
  }
}

template <class Block>
void EachBlock(WeightType type, const std::byte* row, size_t n, float* out, Block block) {
  const WeightTypeInfo& info = InfoOf(type);
  for (size_t i = 0; i < n; i += info.block_elements, row += info.block_bytes) block(row, out + i);
}

}  // namespace

void DequantizeRow(WeightType type, const std::byte* row, size_t n, float* out) {
  BP_CHECK(n % InfoOf(type).block_elements == 0);
  switch (type) {
    case WeightType::kF32:
      return EachBlock(type, row, n, out, [](auto b, float* x) { *x = std::bit_cast<float>(Long(b)); });
    case WeightType::kF16:
      return EachBlock(type, row, n, out, [](auto b, float* x) { *x = Half(b); });
    case WeightType::kBF16:
      return EachBlock(type, row, n, out, [](auto b, float* x) { *x = Bf16ToF32(Word(b)); });
    case WeightType::kQ4_0:
      return EachBlock(type, row, n, out, Q4_0Block);
    case WeightType::kQ4_1:
      return EachBlock(type, row, n, out, Q4_1Block);
    case WeightType::kQ5_0:
      return EachBlock(type, row, n, out, Q5_0Block);
    case WeightType::kQ5_1:
      return EachBlock(type, row, n, out, Q5_1Block);
    case WeightType::kQ8_0:
      return EachBlock(type, row, n, out, Q8_0Block);
    case WeightType::kQ2_K:
      return EachBlock(type, row, n, out, Q2_KBlock);
    case WeightType::kQ3_K:
      return EachBlock(type, row, n, out, Q3_KBlock);
    case WeightType::kQ4_K:
      return EachBlock(type, row, n, out, Q4_KBlock);
    case WeightType::kQ5_K:
      return EachBlock(type, row, n, out, Q5_KBlock);
    case WeightType::kQ6_K:
      return EachBlock(type, row, n, out, Q6_KBlock);
    case WeightType::kIQ4_NL:
      return EachBlock(type, row, n, out, Iq4NlBlock);
    case WeightType::kIQ4_XS:
      return EachBlock(type, row, n, out, Iq4XsBlock);
  }
  BP_CHECK(false);
}

float F16ToF32(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent = (bits >> 10) & 31u;
  const uint32_t fraction = bits & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  // Zero or subnormal: fraction * 2^-24, exact in f32.
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

uint16_t F32ToF16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7C00u);  // 2^16 and above
  if (magnitude < 0x33000000u) return static_cast<uint16_t>(sign);             // below 2^-25: nearer to zero
  // The kept bits are the top of a 24-bit significand; a carry out of them moves into the exponent as it should.
  const uint32_t exponent = magnitude >> 23;
  const uint32_t significand = (magnitude & 0x7FFFFFu) | 0x800000u;
  const bool subnormal = exponent < 113;
  const uint32_t drop = subnormal ? 126 - exponent : 13;
  const uint32_t base = subnormal ? 0 : (exponent - 113) << 10;  // the significand's leading one adds the missing 1
  const uint32_t kept = significand >> drop;
  const uint32_t rest = significand & ((1u << drop) - 1);
  const uint32_t half = 1u << (drop - 1);
  const uint32_t up = rest > half || (rest == half && (kept & 1u) != 0) ? 1 : 0;
  return static_cast<uint16_t>(sign | (base + kept + up));
}

float Bf16ToF32(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

uint16_t F32ToBf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace bedplate
