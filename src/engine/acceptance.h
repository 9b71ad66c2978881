#pragma once
/// How often guesses of one kind came true: a running rate that begins at an expectation and follows what happens.

#include <cstdint>

namespace bedplate {

class Acceptance {
 public:
  constexpr explicit Acceptance(double expected) : expected_(expected), hits_(expected * kExpectedTrials) {}

  constexpr void Learn(bool hit) {
    hits_ += hit ? 1 : 0;
    trials_ += 1;
    if (trials_ < kMemory) return;
    hits_ /= 2;
    trials_ /= 2;
  }
  /// Back towards the expectation a little: for guesses that are not made any more, and would never get another chance.
  constexpr void Forget() {
    hits_ += kForget * (expected_ * kExpectedTrials - hits_);
    trials_ += kForget * (kExpectedTrials - trials_);
  }
  [[nodiscard]] constexpr double Chance() const { return hits_ / trials_; }

 private:
  static constexpr double kExpectedTrials = 6;  // the expectation counts as so many
  static constexpr double kMemory = 48;         // trials after which older ones count half
  static constexpr double kForget = 1.0 / 64;

  double expected_;
  double hits_;
  double trials_ = kExpectedTrials;
};

}  // namespace bedplate
