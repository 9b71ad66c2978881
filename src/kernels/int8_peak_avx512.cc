#include "kernels/int8_peak.h"

#include <immintrin.h>

namespace bedplate {

uint64_t Int8PeakAvx512(uint64_t rounds) {
  constexpr uint64_t kSums = 8;
  __m512i sums[kSums] = {};
  __m512i bytes = _mm512_set1_epi8(1);
  const __m512i ones = _mm512_set1_epi16(1);
  for (uint64_t i = 0; i < rounds; ++i) {
    for (__m512i& sum : sums) {
      asm volatile("" : "+v"(bytes));  // or the compiler would compute one product for all
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(bytes, bytes), ones));
    }
  }
  for (__m512i& sum : sums) asm volatile("" : "+v"(sum));
  return rounds * kSums * sizeof bytes * 2;
}

}  // namespace bedplate
