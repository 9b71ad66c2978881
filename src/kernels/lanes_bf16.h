#pragma once
/// Pairs of bf16 numbers where no instruction multiplies them (see attention_bf16_body.h): each is widened to f32, and
/// a pair's step is taken in two halves, the odd numbers' first.

#include <cstdint>
#include <cstring>

namespace bedplate {

/// For lanes V with V::OddBf16 and V::EvenBf16, the numbers of 16 pairs widened, and V::RoundedToBf16. Avx512PairedBf16
/// in lanes_avx512.h is the same with the instruction.
template <class V>
struct WidenedBf16 {
  static constexpr int kHalves = 2;
  using Half = V;
  /// A pair that all lanes meet.
  struct Packed {
    float even, odd;
  };

  /// One half of 16 pairs, lane i's at p[2 i] (even) and p[2 i + 1] (odd).
  template <int kHalf>
  static V Load(const uint16_t* p) {
    if constexpr (kHalf == 0) return V::OddBf16(p);
    return V::EvenBf16(p);
  }
  template <int kHalf>
  static V Broadcast(const Packed* p) {
    return V::Broadcast(kHalf == 0 ? p->odd : p->even);
  }
  /// Zero in place of what is not kept.
  template <int kHalf, bool kEven, bool kOdd>
  static V Keep(V half) {
    return (kHalf == 0 ? kOdd : kEven) ? half : V::Zero();
  }
  static V Add(V a, V b, V sum) { return V::Fma(a, b, sum); }
  /// 16 numbers as 8 pairs, rounded.
  static void Pack(V x, Packed* pairs) {
    float rounded[16];
    x.RoundedToBf16().Store(rounded);
    static_assert(8 * sizeof(Packed) == sizeof(rounded));
    std::memcpy(pairs, rounded, sizeof(rounded));
  }
};

}  // namespace bedplate
