#pragma once
/// Sets of JSON numbers as regular languages of their decimal texts.
///
/// A value's text here is unique: no exponent, no leading zero, no zero at a fraction's end, no "-0". So sets of values
/// and languages are the same thing, and "and", "or", "not" are exact. What is written into an output may also have
/// zeros at a fraction's end (Spellings); numbers without any bound may have exponents too.

#include <optional>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "text/constraint/byte_dfa.h"

namespace bedplate {

/// An exact decimal: negative ? -1 : 1, times digits, times ten to the exponent.
struct Decimal {
  bool negative = false;
  std::string digits;  // no leading or trailing zeros; empty: zero
  int exponent = 0;

  /// Errors: a number whose text JSON parsing may have rounded (more than 15 digits that are no int64), or beyond
  /// 10^400.
  static Result<Decimal> Of(const Json& number);
  [[nodiscard]] std::string IntegerPart() const;   // "0" at least
  [[nodiscard]] std::string FractionPart() const;  // may be empty
  [[nodiscard]] std::string Text() const;
};

class NumberSet {
 public:
  NumberSet() = default;  // none
  static NumberSet All();
  static NumberSet Integers();
  static NumberSet Only(const Decimal& value);
  enum class Side : uint8_t { kAtLeast, kAbove, kAtMost, kBelow };
  static Result<NumberSet> Bound(Side side, const Decimal& bound, DfaLimits limits);
  static Result<NumberSet> MultipleOf(const Decimal& unit, DfaLimits limits);

  [[nodiscard]] bool is_all() const { return all_; }
  [[nodiscard]] bool is_empty() const { return !all_ && texts_.IsEmpty(); }
  [[nodiscard]] size_t states() const { return texts_.states.size(); }
  Result<NumberSet> And(const NumberSet& other, DfaLimits limits) const;
  /// False: no value is in both. True: one is, or it costs too much to tell.
  [[nodiscard]] bool MayMeet(const NumberSet& other, DfaLimits limits) const;
  Result<NumberSet> Or(const NumberSet& other, DfaLimits limits) const;
  Result<NumberSet> Not(DfaLimits limits) const;

  /// What may be written.
  Result<ByteDfa> Spellings(DfaLimits limits) const;

 private:
  explicit NumberSet(ByteDfa texts) : texts_(std::move(texts)) {}
  static Result<NumberSet> Taken(MaybeDfa dfa);
  bool all_ = false;
  ByteDfa texts_;
};

}  // namespace bedplate
