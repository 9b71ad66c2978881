#pragma once
/// Money: a signed count of pico-dollars (10^-12 dollar), so that a token's price is a whole number and nothing rounds.
/// 128 bits hold 1.7 * 10^26 dollars. Never a float: from text to text there are integers alone.
///
///   BP_ASSIGN_OR_RETURN(const Picodollars budget, ParseDollars("12.50"));
///   const std::optional<Picodollars> spent = CheckedAdd(before, charge);   // where a caller's numbers meet
///
/// Errors: kInvalidArgument for text that is no exact amount. + and - on what has no room stop the program: they are
/// for
///         amounts that were bounded when they came in (kDollarsMax).

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/status.h"
#include "ledger/int128.h"

namespace bedplate {

struct Picodollars {
  Int128 value = 0;
  auto operator<=>(const Picodollars&) const = default;
};

inline constexpr Int128 kPicodollarsPerDollar = 1'000'000'000'000;
/// The largest amount that is taken from outside, either sign: 10^15 dollars. 10^11 of them still have room in a sum.
inline constexpr Picodollars kDollarsMax{kPicodollarsPerDollar * 1'000'000'000'000'000};

[[nodiscard]] constexpr std::optional<Picodollars> CheckedAdd(Picodollars a, Picodollars b) {
  const std::optional<Int128> sum = CheckedAdd(a.value, b.value);
  if (!sum) return std::nullopt;
  return Picodollars{*sum};
}
inline Picodollars operator+(Picodollars a, Picodollars b) {
  const std::optional<Int128> sum = CheckedAdd(a.value, b.value);
  BP_CHECK(sum.has_value());
  return Picodollars{*sum};
}
inline Picodollars operator-(Picodollars a, Picodollars b) {
  const std::optional<Int128> difference = CheckedSubtract(a.value, b.value);
  BP_CHECK(difference.has_value());
  return Picodollars{*difference};
}

/// "12.50", "0.00000015", "-3.00": exact, with at least two digits after the point.
std::string DollarsText(Picodollars amount);
/// Plain decimal with up to twelve digits after the point that count, and a minus where it is negative; at most
/// kDollarsMax either way.
Result<Picodollars> ParseDollars(std::string_view text);

}  // namespace bedplate
