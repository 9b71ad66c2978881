#pragma once
/// How much work one constraint may cost to compile: a count of elementary steps, not a clock, so that what is refused
/// does not depend on the machine's load.

#include <cstdint>

#include "base/status.h"

namespace bedplate {

/// What is refused when an automaton outgrows the states it may have.
inline Status TooManyStates() {
  return Status::InvalidArgument("it needs more states than a constraint may have");
}

class CompileBudget {
 public:
  /// 40 million steps take about half a second; the automaton's states are counted where they are made.
  explicit CompileBudget(uint64_t steps = 40'000'000) : left_(steps) {}

  /// False: there is not that much left, and from now on there is nothing.
  [[nodiscard]] bool Spend(uint64_t steps) {
    left_ = steps > left_ ? 0 : left_ - steps;
    return left_ > 0;
  }
  [[nodiscard]] bool spent() const { return left_ == 0; }

 private:
  uint64_t left_;
};

}  // namespace bedplate
