#pragma once
/// For tests of constraints: does a finished grammar allow a text, byte by byte; and was something done soon.

#include <gtest/gtest.h>
#include <time.h>

#include <memory>
#include <string_view>

#include "text/constraint/token_masks.h"

namespace bedplate {

/// This thread's CPU time since it was made: what others do on the machine doesn't count.
class CpuTime {
 public:
  [[nodiscard]] double seconds() const { return Now() - start_; }

 private:
  static double Now() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  }
  const double start_ = Now();
};

/// Compiling is bounded by steps, which take some tenths of a second, under ASan a few times as much, under TSan more.
#if !defined(__has_feature)
#define __has_feature(feature) 0  // GCC
#endif
#if __has_feature(thread_sanitizer)
inline constexpr double kSoonSeconds = 20;
#else
inline constexpr double kSoonSeconds = 3;
#endif

class Language {
 public:
  explicit Language(Grammar grammar) : grammar_(std::move(grammar)), automaton_(grammar_, 16) {}

  [[nodiscard]] bool Allows(std::string_view text) {
    PositionNumber at = automaton_.start();
    if (at == ByteAutomaton::kDead || at == ByteAutomaton::kTooAmbiguous) return false;
    for (const char c : text) {
      at = automaton_.Next(at, static_cast<uint8_t>(c));
      if (at == ByteAutomaton::kDead || at == ByteAutomaton::kTooAmbiguous) return false;
    }
    return automaton_.Accepts(at);
  }

 private:
  const Grammar grammar_;
  ByteAutomaton automaton_;
};

}  // namespace bedplate
