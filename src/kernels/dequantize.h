#pragma once
// clang-format off: the tables below are laid out by hand
/// The definition of the weight formats: what each block means as exact f32 numbers. Every packed layout and kernel is
/// tested against DequantizeRow; it is written for clarity, not speed.
///
/// A row is a run of blocks without padding; all fields are little-endian; f16 and bf16 are IEEE binary16 and bfloat16.
/// d, m: f16 scales, widened to f32 first. Each product and sum below is one f32 operation, rounded to nearest even,
/// in the order written (checked bit for bit against the `gguf` Python package; see dequantize_test.cc).
///
///   F32, F16, BF16  the number itself.
///
///   Blocks of 32 elements. qs[j] low nibble is element j, high nibble element j + 16 (j in 0..15).
///   Q4_0   18 B: f16 d; u8 qs[16].                          x = d * (q - 8)
///   Q4_1   20 B: f16 d; f16 m; u8 qs[16].                   x = d * q + m
///   Q5_0   22 B: f16 d; u32 qh; u8 qs[16].                  x = d * (q - 16), bit 4 of q for element e is bit e of qh
///   Q5_1   24 B: f16 d; f16 m; u32 qh; u8 qs[16].           x = d * q + m
///   Q8_0   34 B: f16 d; i8 qs[32].                          x = d * q
///   IQ4_NL 18 B: f16 d; u8 qs[16].                          x = d * kIq4Values[q]
///
///   Super-blocks of 256 elements.
///   Q2_K   84 B: u8 scales[16]; u8 qs[64]; f16 d; f16 m.    16 sub-blocks of 16; scales[s] = scale | min << 4.
///          Element 128h + 32k + i (h in 0..1, k in 0..3, i in 0..31) sits at bits 2k and 2k+1 of qs[32h + i].
///          x = (d * scale) * q - (m * min)
///   Q3_K   110 B: u8 hmask[32]; u8 qs[64]; u8 scales[12]; f16 d.
///          Low two bits as in Q2_K; the third of element 128h + 32k + i is bit 4h + k of hmask[i]; q is the three minus 4.
///          16 scales of 6 bits, minus 32: of scale s the low four are nibble s / 8 of scales[s % 8], the high two are
///          bits 2(s / 4) and up of scales[8 + s % 4].
///          x = (d * scale) * q
///   Q4_K   144 B: f16 d; f16 m; u8 scales[12]; u8 qs[128].  8 sub-blocks of 32, each a 6-bit scale and min:
///          s < 4:  scale = scales[s] & 63
///                  min   = scales[s + 4] & 63
///          s >= 4: scale = scales[s + 4] & 15 | (scales[s - 4] >> 6) << 4
///                  min   = scales[s + 4] >> 4 | (scales[s] >> 6) << 4
///          Sub-block 2p is the low nibbles of qs[32p ...], sub-block 2p + 1 the high ones.
///          x = (d * scale) * q - (m * min)
///   Q5_K   176 B: f16 d; f16 m; u8 scales[12]; u8 qh[32]; u8 qs[128].
///          As Q4_K; bit 4 of q for sub-block s, element i is bit s of qh[i].
///   Q6_K   210 B: u8 ql[128]; u8 qh[64]; i8 scales[16]; f16 d.
///          Element 128h + 32k + i: low four bits are nibble k / 2 of ql[64h + 32(k % 2) + i], high two are bits 2k and
///          up of qh[32h + i]; one scale for each 16 elements.
///          x = (d * scale) * (q - 32)
///   IQ4_XS 136 B: f16 d; u16 scales_h; u8 scales_l[4]; u8 qs[128].
///          8 sub-blocks of 32, inside which nibbles lie as in Q4_0. Scale s, minus 32: low four bits are nibble s % 2
///          of scales_l[s / 2], high two are bits 2s and up of scales_h.
///          x = (d * scale) * kIq4Values[q]
// clang-format on

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/weight_type.h"

namespace bedplate {

/// The sixteen levels of IQ4_NL and IQ4_XS, ascending.
inline constexpr std::array<int8_t, 16> kIq4Values = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                      1,    13,   25,  38,  53,  69,  89,  113};

/// n elements of one row (a multiple of the type's block_elements; our bug otherwise) into out[0..n). row may be
/// unaligned and holds RowBytes(type, n). Any thread.
void DequantizeRow(WeightType type, const std::byte* row, size_t n, float* out);

/// Exact. NaN payloads are kept, a signalling NaN stays one.
[[nodiscard]] float F16ToF32(uint16_t bits);
[[nodiscard]] float Bf16ToF32(uint16_t bits);
/// Round to nearest, ties to even; too large becomes infinity; NaN becomes a quiet NaN of the same sign.
[[nodiscard]] uint16_t F32ToF16(float value);
[[nodiscard]] uint16_t F32ToBf16(float value);

}  // namespace bedplate
