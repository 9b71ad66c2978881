#pragma once
/// AVX-512 intrinsics in portable code, so that the tests run the AVX-512 kernels on any CPU: SIMDe under the native
/// names, and the few that its 0.7.4 lacks. Test-only.

#include <immintrin.h>  // first: SIMDe then takes its vector types for its own

#define SIMDE_ENABLE_NATIVE_ALIASES
#define SIMDE_NO_INLINE  // inlined, the kernels would take minutes to compile
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#endif
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/dequantize.h"

namespace bedplate {
namespace {

template <class Lane>
__m512i EmulatedWiden(const void* lanes) {
  int32_t wide[16];
  Lane narrow[16];
  std::memcpy(narrow, lanes, sizeof(narrow));
  for (int i = 0; i < 16; ++i) wide[i] = narrow[i];
  return simde_mm512_loadu_si512(wide);
}
inline __m512i EmulatedCvtepu8Epi32(__m128i v) {
  return EmulatedWiden<uint8_t>(&v);
}
inline __m512i EmulatedCvtepi8Epi32(__m128i v) {
  return EmulatedWiden<int8_t>(&v);
}
inline __m512i EmulatedCvtepu16Epi32(__m256i v) {
  return EmulatedWiden<uint16_t>(&v);
}
inline __m512 EmulatedCvtepi32Ps(__m512i v) {
  int32_t in[16];
  float out[16];
  std::memcpy(in, &v, sizeof(in));
  for (int i = 0; i < 16; ++i) out[i] = static_cast<float>(in[i]);
  return simde_mm512_loadu_ps(out);
}
/// SIMDe's own rounds the product before the sum.
inline __m512 EmulatedFmadd(__m512 a, __m512 b, __m512 c, float sign) {
  float x[16], y[16], z[16];
  std::memcpy(x, &a, sizeof(x));
  std::memcpy(y, &b, sizeof(y));
  std::memcpy(z, &c, sizeof(z));
  for (int i = 0; i < 16; ++i) z[i] = std::fma(sign * x[i], y[i], z[i]);
  return simde_mm512_loadu_ps(z);
}
inline __m512i EmulatedMulloEpi16(__m512i a, __m512i b) {
  uint16_t x[32], y[32];
  std::memcpy(x, &a, sizeof(x));
  std::memcpy(y, &b, sizeof(y));
  for (int i = 0; i < 32; ++i) x[i] = static_cast<uint16_t>(static_cast<uint32_t>(x[i]) * y[i]);
  return simde_mm512_loadu_si512(x);
}
inline __m512i EmulatedSllvEpi16(__m512i v, __m512i counts) {
  uint16_t x[32], n[32];
  std::memcpy(x, &v, sizeof(x));
  std::memcpy(n, &counts, sizeof(n));
  for (int i = 0; i < 32; ++i) x[i] = static_cast<uint16_t>(n[i] > 15 ? 0 : uint32_t{x[i]} << n[i]);
  return simde_mm512_loadu_si512(x);
}
inline __m512 EmulatedCvtphPs(__m256i v) {
  float out[16];
  __m128i halves[2];
  std::memcpy(halves, &v, sizeof(v));
  simde_mm256_storeu_ps(out, simde_mm256_cvtph_ps(halves[0]));
  simde_mm256_storeu_ps(out + 8, simde_mm256_cvtph_ps(halves[1]));
  return simde_mm512_loadu_ps(out);
}
inline __m256i EmulatedCvtpsPh(__m512 v) {
  float in[16];
  uint16_t halves[16];
  std::memcpy(in, &v, sizeof(in));
  for (int i = 0; i < 16; ++i) halves[i] = F32ToF16(in[i]);
  __m256i out;
  std::memcpy(&out, halves, sizeof(out));
  return out;
}
inline __m512i EmulatedCvttpsEpi32(__m512 v) {
  float in[16];
  int32_t out[16];
  std::memcpy(in, &v, sizeof(in));
  for (int i = 0; i < 16; ++i) out[i] = static_cast<int32_t>(in[i]);
  return simde_mm512_loadu_si512(out);
}
inline __m256i EmulatedCvtepi32Epi16(__m512i v) {
  int32_t in[16];
  int16_t words[16];
  std::memcpy(in, &v, sizeof(in));
  for (int i = 0; i < 16; ++i) words[i] = static_cast<int16_t>(in[i]);
  __m256i out;
  std::memcpy(&out, words, sizeof(out));
  return out;
}
inline __m128i EmulatedCvtepi32Epi8(__m512i v) {
  int32_t in[16];
  int8_t out[16];
  std::memcpy(in, &v, sizeof(in));
  for (int i = 0; i < 16; ++i) out[i] = static_cast<int8_t>(in[i]);
  __m128i narrow;
  std::memcpy(&narrow, out, sizeof(out));
  return narrow;
}
inline __m512i EmulatedCvtpsEpi32(__m512 v) {
  float in[16];
  int32_t out[16];
  std::memcpy(in, &v, sizeof(in));
  for (int i = 0; i < 16; ++i) out[i] = static_cast<int32_t>(std::nearbyint(in[i]));
  return simde_mm512_loadu_si512(out);
}
/// maxps and minps give the second operand where either is NaN or both are zero, which SIMDe's need not.
inline __m512 EmulatedMax(__m512 a, __m512 b, float sign) {
  float x[16], y[16];
  std::memcpy(x, &a, sizeof(x));
  std::memcpy(y, &b, sizeof(y));
  for (int i = 0; i < 16; ++i) y[i] = sign * x[i] > sign * y[i] ? x[i] : y[i];
  return simde_mm512_loadu_ps(y);
}
inline __m512 EmulatedMaskLoad(__m512 fill, uint16_t mask, const float* p) {
  float out[16];
  std::memcpy(out, &fill, sizeof(out));
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) out[i] = p[i];
  }
  return simde_mm512_loadu_ps(out);
}
inline __m512 EmulatedScalef(__m512 v, __m512 exponent) {
  float x[16], n[16];
  std::memcpy(x, &v, sizeof(x));
  std::memcpy(n, &exponent, sizeof(n));
  for (int i = 0; i < 16; ++i) x[i] = std::ldexp(x[i], static_cast<int>(n[i]));
  return simde_mm512_loadu_ps(x);
}
inline float EmulatedFlush(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}
/// vdpbf16ps: of each pair the odd numbers' product first; denormal numbers are zero, given or made.
inline __m512 EmulatedDpbf16Ps(__m512 sum, __m512i a, __m512i b) {
  uint16_t x[32], y[32];
  float z[16];
  std::memcpy(x, &a, sizeof(x));
  std::memcpy(y, &b, sizeof(y));
  std::memcpy(z, &sum, sizeof(z));
  for (int i = 0; i < 16; ++i) {
    for (const int half : {1, 0}) {
      const float a_half = EmulatedFlush(Bf16ToF32(x[2 * i + half])),
                  b_half = EmulatedFlush(Bf16ToF32(y[2 * i + half]));
      z[i] = EmulatedFlush(std::fma(a_half, b_half, EmulatedFlush(z[i])));
    }
  }
  return simde_mm512_loadu_ps(z);
}
inline void EmulatedMaskStore(float* p, uint16_t mask, __m512 v) {
  float in[16];
  std::memcpy(in, &v, sizeof(in));
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) p[i] = in[i];
  }
}

}  // namespace
}  // namespace bedplate

// Newer SIMDe releases name some of these themselves.
#undef _mm512_cvtepu8_epi32
#undef _mm512_cvtepi8_epi32
#undef _mm512_cvtepu16_epi32
#undef _mm512_cvtepi32_ps
#undef _mm512_cvtph_ps
#define _mm512_cvtepu8_epi32 EmulatedCvtepu8Epi32
#define _mm512_cvtepi8_epi32 EmulatedCvtepi8Epi32
#define _mm512_cvtepu16_epi32 EmulatedCvtepu16Epi32
#define _mm512_cvtepi32_ps EmulatedCvtepi32Ps
#define _mm512_cvtph_ps EmulatedCvtphPs
#undef _mm512_fmadd_ps
#define _mm512_fmadd_ps(a, b, c) EmulatedFmadd(a, b, c, 1.0f)
#undef _mm512_fnmadd_ps
#define _mm512_fnmadd_ps(a, b, c) EmulatedFmadd(a, b, c, -1.0f)
#undef _mm512_madd_epi16  // SIMDe's alias of this one asks for the arguments of the masked form
#define _mm512_madd_epi16 simde_mm512_madd_epi16
#undef _mm512_mullo_epi16
#define _mm512_mullo_epi16 EmulatedMulloEpi16
#undef _mm512_sllv_epi16
#define _mm512_sllv_epi16 EmulatedSllvEpi16
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph(v, rounding) EmulatedCvtpsPh(v)
#undef _mm512_cvttps_epi32
#define _mm512_cvttps_epi32 EmulatedCvttpsEpi32
#undef _mm512_cvtps_epi32
#define _mm512_cvtps_epi32 EmulatedCvtpsEpi32
#undef _mm512_cvtepi32_epi16
#define _mm512_cvtepi32_epi16 EmulatedCvtepi32Epi16
#undef _mm512_cvtepi32_epi8
#define _mm512_cvtepi32_epi8 EmulatedCvtepi32Epi8
#undef _mm512_scalef_ps
#define _mm512_scalef_ps EmulatedScalef
#undef _mm512_max_ps
#define _mm512_max_ps(a, b) EmulatedMax(a, b, 1.0f)
#undef _mm512_min_ps
#define _mm512_min_ps(a, b) EmulatedMax(a, b, -1.0f)
#undef _mm512_mask_loadu_ps
#define _mm512_mask_loadu_ps EmulatedMaskLoad
#undef _mm512_mask_storeu_ps
#define _mm512_mask_storeu_ps EmulatedMaskStore
