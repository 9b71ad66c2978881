#pragma once
/// Kernels' small functions are inlined whatever the compiler thinks: they share registers with what calls them. So are
/// the turns of a loop over what must stay in registers: an array that a loop indexes lies in memory, and compilers
/// leave a dozen turns as a loop.

#define BP_INLINE inline __attribute__((always_inline))

namespace bedplate {

template <int kValue>
struct Const {
  static constexpr int value = kValue;
};

/// f(Const<kFrom>), ..., f(Const<kTo - 1>).
template <int kFrom, int kTo, class F>
BP_INLINE void Unrolled(const F& f) {
  if constexpr (kFrom < kTo) {
    f(Const<kFrom>{});
    Unrolled<kFrom + 1, kTo>(f);
  }
}
#define BP_EACH [&](auto index) __attribute__((always_inline))

}  // namespace bedplate
