#pragma once
/// Which of a producer's events are known: each producer numbers its events 1, 2, 3, ... anew in each epoch (a start of
/// its process), so the highest number seen and the numbers missing below it tell a duplicate from a late one exactly,
/// for ever, in a space that doesn't grow with the events.
///
/// Cost: O(log gaps) a claim. Errors: kInvalidArgument for numbers below 1; kResourceExhausted, reason "too_many_gaps",
/// for what would leave more than kGapsMax: a producer that skips numbers is broken.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate {

class ProducerMark {
 public:
  static constexpr size_t kGapsMax = 4096;

  [[nodiscard]] bool Knows(int64_t sequence) const;
  /// True: it is new, and known from now on.
  Result<bool> Claim(int64_t sequence);
  [[nodiscard]] int64_t high() const { return high_; }
  /// Numbers below the highest that never came.
  [[nodiscard]] int64_t missing() const;

  /// "17 3-5 9": the highest, and the gaps.
  [[nodiscard]] std::string Text() const;
  static std::optional<ProducerMark> Parse(std::string_view text);
  bool operator==(const ProducerMark&) const = default;

 private:
  int64_t high_ = 0;
  std::map<int64_t, int64_t> gaps_;  // first to last, none touching another
};

}  // namespace bedplate
