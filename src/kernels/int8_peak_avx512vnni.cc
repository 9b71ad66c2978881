#include "kernels/int8_peak.h"

#include <immintrin.h>

namespace bedplate {

uint64_t Int8PeakAvx512Vnni(uint64_t rounds) {
  constexpr uint64_t kSums = 12;
  __m512i sums[kSums] = {};
  __m512i bytes = _mm512_set1_epi8(1);
  for (uint64_t i = 0; i < rounds; ++i) {
    asm volatile("" : "+v"(bytes));  // or the compiler would take the products out of the loop
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, bytes, bytes);
  }
  for (__m512i& sum : sums) asm volatile("" : "+v"(sum));
  return rounds * kSums * sizeof bytes * 2;
}

}  // namespace bedplate
