#pragma once
/// Randomness without hidden state: a counter-based hash for sampling (a function of its key alone, so the same draw
/// falls whatever else runs), and a small seeded generator for tests and simulations.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace bedplate {

/// A well mixed 64-bit hash of three words: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), chained.
[[nodiscard]] constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}
[[nodiscard]] constexpr uint64_t HashWords(uint64_t a, uint64_t b, uint64_t c) {
  return Mix64(Mix64(Mix64(a) ^ b) ^ c);
}

/// Uniform in [0, 1), 24 bits, exact in float.
[[nodiscard]] constexpr float UnitFloat(uint64_t bits) {
  return static_cast<float>(bits >> 40) * 0x1p-24f;
}

/// Seeded generator for tests and simulations; never for results that clients see.
class Prng {
 public:
  explicit Prng(uint64_t seed) : state_(seed) {}
  uint64_t Next() { return Mix64(state_++); }
  /// Uniform in [low, high], both included.
  int64_t Range(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Next() % static_cast<uint64_t>(high - low + 1));
  }
  float Unit() { return UnitFloat(Next()); }
  bool Chance(double p) { return static_cast<double>(Next() >> 11) * 0x1p-53 < p; }
  template <class T>
  T Pick(std::initializer_list<T> choices) {
    return choices.begin()[Next() % choices.size()];
  }
  /// Uniform in [-scale, scale).
  std::vector<float> Floats(size_t n, float scale = 1.0f) {
    std::vector<float> out(n);
    for (float& v : out) v = (Unit() * 2.0f - 1.0f) * scale;
    return out;
  }

 private:
  uint64_t state_;
};

/// The seed of this test run: $TEST_SEED, or a fixed default, so that a failure replays. Printed once to stderr.
uint64_t TestSeed();

}  // namespace bedplate
