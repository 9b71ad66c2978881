#include "kernels/int8_peak.h"

#include <immintrin.h>

namespace bedplate {

uint64_t Int8PeakScalar(uint64_t rounds) {
  constexpr uint64_t kSums = 8;
  __m128i sums[kSums] = {};
  __m128i bytes = _mm_set1_epi8(1);
  const __m128i ones = _mm_set1_epi16(1);
  for (uint64_t i = 0; i < rounds; ++i) {
    for (__m128i& sum : sums) {
      asm volatile("" : "+x"(bytes));  // or the compiler would compute one product for all
      sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_maddubs_epi16(bytes, bytes), ones));
    }
  }
  for (__m128i& sum : sums) asm volatile("" : "+x"(sum));
  return rounds * kSums * sizeof bytes * 2;
}

Int8PeakFn Int8PeakFor(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return Int8PeakScalar;
    case Isa::kAvx2:
      return Int8PeakAvx2;
    case Isa::kAvx512:
      return Int8PeakAvx512;
    case Isa::kAvx512Vnni:
    case Isa::kAvx512Bf16:
      return Int8PeakAvx512Vnni;
  }
  return Int8PeakScalar;
}

}  // namespace bedplate
