#include "kernels/int8_peak.h"

#include <immintrin.h>

namespace bedplate {

uint64_t Int8PeakAvx2(uint64_t rounds) {
  constexpr uint64_t kSums = 8;
  __m256i sums[kSums] = {};
  __m256i bytes = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  for (uint64_t i = 0; i < rounds; ++i) {
    for (__m256i& sum : sums) {
      asm volatile("" : "+x"(bytes));  // or the compiler would compute one product for all
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, bytes), ones));
    }
  }
  for (__m256i& sum : sums) asm volatile("" : "+x"(sum));
  return rounds * kSums * sizeof bytes * 2;
}

}  // namespace bedplate
