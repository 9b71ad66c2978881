#include "text/constraint/number_language.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/check.h"
#include "text/constraint/regex.h"

namespace bedplate {
namespace {

constexpr int kExponentMax = 400;
constexpr uint64_t kUnitMax = 5000;  // a remainder is a state

ByteDfa Fixed(std::string_view pattern) {
  CompileBudget budget;
  Result<ByteDfa> dfa = CompileRegex(pattern, {}, {.budget = budget});
  BP_CHECK(dfa.ok());
  return *std::move(dfa);
}

const ByteDfa& Values() {
  static const ByteDfa kValues = Fixed(R"(0|-?([1-9][0-9]*(\.[0-9]*[1-9])?|0\.[0-9]*[1-9]))");
  return kValues;
}
const ByteDfa& IntegerValues() {
  static const ByteDfa kIntegers = Fixed("0|-?[1-9][0-9]*");
  return kIntegers;
}
/// Without a bound any spelling will do whose value a double can hold.
const ByteDfa& AnyNumber() {
  static const ByteDfa kAny = Fixed(R"(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?([0-9]{1,2}|[12][0-9][0-9]))?)");
  return kAny;
}

void DigitEdge(ByteDfa& dfa, uint32_t from, char low, char high, uint32_t to) {
  if (low <= high) dfa.states[from].edges.push_back({static_cast<uint8_t>(low), static_cast<uint8_t>(high), to});
}

/// Texts of magnitudes (no sign) that compare with the bound's magnitude as asked.
struct Wanted {
  bool less = false;
  bool equal = false;
  bool greater = false;
};
ByteDfa Compared(const Decimal& bound, Wanted wanted) {
  const std::string whole = bound.IntegerPart(), fraction = bound.FractionPart();
  const auto n = static_cast<uint32_t>(whole.size()), m = static_cast<uint32_t>(fraction.size());
  // States: (digits read, what they are so far: less, equal, greater), then one for more digits than the bound has, the
  // fraction after equal whole parts, and the fractions after unequal ones.
  enum : uint32_t { kLess, kEqual, kGreater };
  const auto at = [](uint32_t digits, uint32_t so_far) { return digits * 3 + so_far; };
  const uint32_t more = (n + 1) * 3, less_fraction = more + 1, greater_fraction = more + 2, equal_fraction = more + 3;
  ByteDfa dfa;
  dfa.states.assign(equal_fraction + m + 1, {});
  // The start is (0, equal), but state 0 must be it: (0, less) is never reached, so they change places.
  const auto number = [&](uint32_t state) { return state == at(0, kEqual) ? 0 : state == 0 ? at(0, kEqual) : state; };
  const bool rest = m > 0;  // an equal whole part alone is less than the bound
  for (uint32_t digits = 0; digits <= n; ++digits) {
    for (const uint32_t so_far : {kLess, kEqual, kGreater}) {
      if (digits == 0 && so_far != kEqual) continue;
      const uint32_t from = number(at(digits, so_far));
      const uint32_t result = digits < n ? uint32_t{kLess} : so_far;
      const bool ends_less = result == kLess || (result == kEqual && rest);
      if (digits > 0) {
        dfa.states[from].accepting = ends_less ? wanted.less : result == kEqual ? wanted.equal : wanted.greater;
        DigitEdge(dfa, from, '.', '.',
                  result == kLess      ? less_fraction
                  : result == kGreater ? greater_fraction
                                       : equal_fraction);
      }
      if (digits == n) {
        DigitEdge(dfa, from, '0', '9', more);
      } else if (so_far != kEqual) {
        DigitEdge(dfa, from, '0', '9', number(at(digits + 1, so_far)));
      } else {
        const char digit = whole[digits];
        DigitEdge(dfa, from, '0', static_cast<char>(digit - 1), number(at(digits + 1, kLess)));
        DigitEdge(dfa, from, digit, digit, number(at(digits + 1, kEqual)));
        DigitEdge(dfa, from, static_cast<char>(digit + 1), '9', number(at(digits + 1, kGreater)));
      }
    }
  }
  dfa.states[more].accepting = wanted.greater;
  DigitEdge(dfa, more, '.', '.', greater_fraction);
  DigitEdge(dfa, more, '0', '9', more);
  dfa.states[less_fraction].accepting = wanted.less;
  DigitEdge(dfa, less_fraction, '0', '9', less_fraction);
  dfa.states[greater_fraction].accepting = wanted.greater;
  DigitEdge(dfa, greater_fraction, '0', '9', greater_fraction);
  for (uint32_t i = 0; i <= m; ++i) {
    const uint32_t from = equal_fraction + i;
    const char digit = i < m ? fraction[i] : '0';
    dfa.states[from].accepting = i < m ? wanted.less : wanted.equal;
    DigitEdge(dfa, from, '0', static_cast<char>(digit - 1), less_fraction);
    DigitEdge(dfa, from, digit, digit, i < m ? from + 1 : from);
    DigitEdge(dfa, from, static_cast<char>(digit + 1), '9', greater_fraction);
  }
  return dfa;
}

/// Values whose sign and magnitude are as asked.
MaybeDfa Signed(const ByteDfa* positive, const ByteDfa* negative, DfaLimits limits) {
  ByteNfa nfa;
  const uint32_t start = nfa.Add(), final = nfa.Add();
  const auto add = [&](uint32_t from, const ByteDfa& dfa) {
    const auto base = static_cast<uint32_t>(nfa.states.size());
    for (const auto& state : dfa.states) {
      const uint32_t s = nfa.Add();
      for (const ByteEdge& e : state.edges) nfa.Range(s, {e.low, e.high}, base + e.to);
      if (state.accepting) nfa.Jumps(s, final);
    }
    nfa.Jumps(from, base);
  };
  if (positive != nullptr) add(start, *positive);
  if (negative != nullptr) {
    const uint32_t minus = nfa.Add();
    nfa.Range(start, {'-', '-'}, minus);
    add(minus, *negative);
  }
  const MaybeDfa dfa = nfa.Determinise(start, final, limits);
  return dfa.has_value() ? Intersect(*dfa, Values(), limits) : dfa;
}

const ByteDfa& AnyMagnitude() {
  static const ByteDfa kAny = Fixed(R"([0-9]+(\.[0-9]+)?)");
  return kAny;
}

}  // namespace

Result<Decimal> Decimal::Of(const Json& number) {
  std::array<char, 40> text{};
  Decimal out;
  const auto end = number.is_int() ? std::to_chars(text.data(), text.data() + text.size(), number.as_int()).ptr
                                   : std::to_chars(text.data(), text.data() + text.size(), number.as_double(),
                                                   std::chars_format::scientific)
                                         .ptr;
  bool point = false;
  for (const char* at = text.data(); at != end; ++at) {
    if (*at == '-') {
      out.negative = true;
    } else if (*at == '.') {
      point = true;
    } else if (*at == 'e') {
      int exponent = 0;
      at += at[1] == '+' ? 2 : 1;
      std::from_chars(at, end, exponent);
      out.exponent += exponent;
      break;
    } else {
      out.digits += *at;
      out.exponent -= point ? 1 : 0;
    }
  }
  const size_t first = out.digits.find_first_not_of('0');
  out.digits.erase(0, first);
  while (!out.digits.empty() && out.digits.back() == '0') {
    out.digits.pop_back();
    ++out.exponent;
  }
  if (out.digits.empty()) return Decimal{};
  if (number.is_double() && out.digits.size() > 15) {
    return Status::InvalidArgument(
        "the number has more digits than can be told apart here; use at most 15, or an "
        "integer of 64 bits");
  }
  if (out.exponent > kExponentMax || out.exponent < -kExponentMax) {
    return Status::InvalidArgument("the number is too large or too small");
  }
  return out;
}

std::string Decimal::IntegerPart() const {
  const int digits_before = static_cast<int>(digits.size()) + exponent;
  if (digits.empty() || digits_before <= 0) return "0";
  std::string out = digits.substr(0, static_cast<size_t>(digits_before));
  out.append(static_cast<size_t>(digits_before) - out.size(), '0');
  return out;
}

std::string Decimal::FractionPart() const {
  if (digits.empty() || exponent >= 0) return "";
  const auto places = static_cast<size_t>(-exponent);
  if (places >= digits.size()) return std::string(places - digits.size(), '0') + digits;
  return digits.substr(digits.size() - places);
}

std::string Decimal::Text() const {
  const std::string fraction = FractionPart();
  return Cat(negative ? "-" : "", IntegerPart(), fraction.empty() ? "" : ".", fraction);
}

Result<NumberSet> NumberSet::Taken(MaybeDfa dfa) {
  if (!dfa.has_value()) return TooManyStates();
  return NumberSet(*std::move(dfa));
}

NumberSet NumberSet::All() {
  NumberSet all;
  all.all_ = true;
  return all;
}

NumberSet NumberSet::Integers() {
  return NumberSet(IntegerValues());
}

NumberSet NumberSet::Only(const Decimal& value) {
  return NumberSet(ByteDfa::Literal(value.Text()));
}

Result<NumberSet> NumberSet::Bound(Side side, const Decimal& bound, DfaLimits limits) {
  const bool upper = side == Side::kAtMost || side == Side::kBelow;
  const bool equal = side == Side::kAtLeast || side == Side::kAtMost;
  // On the bound's side of zero the magnitude decides; the other side is all in or all out.
  const bool away = upper == bound.negative;  // further from zero than the bound
  const ByteDfa near = Compared(bound, {.less = !away, .equal = equal, .greater = away});
  const bool other_side = upper != bound.negative;
  if (bound.negative) return Taken(Signed(other_side ? &AnyMagnitude() : nullptr, &near, limits));
  return Taken(Signed(&near, other_side ? &AnyMagnitude() : nullptr, limits));
}

Result<NumberSet> NumberSet::MultipleOf(const Decimal& unit, DfaLimits limits) {
  // unit = a * 10^-places: at most so many digits of fraction, and the digits' number divisible by a.
  const auto places = static_cast<uint32_t>(std::max(0, -unit.exponent));
  uint64_t a = 0;
  const std::string digits = unit.exponent > 0 ? unit.IntegerPart() : unit.digits;
  for (const char c : digits) {
    a = a * 10 + static_cast<uint64_t>(c - '0');
    if (a * (places + 1) > kUnitMax) {
      return Status::InvalidArgument(Cat("a unit of more than ", kUnitMax, " steps is not supported"));
    }
  }
  BP_CHECK(a > 0);
  const auto modulus = static_cast<uint32_t>(a);
  ByteDfa dfa;  // 0: the start; then (digits of fraction, remainder)
  const auto at = [&](uint32_t fraction, uint32_t remainder) { return 1 + fraction * modulus + remainder; };
  dfa.states.assign(1 + (places + 1) * size_t{modulus}, {});
  const auto digits_from = [&](uint32_t from, uint32_t fraction, uint32_t remainder) {
    for (uint32_t d = 0; d < 10; ++d) {
      const auto next = static_cast<uint32_t>((uint64_t{remainder} * 10 + d) % modulus);
      const auto c = static_cast<char>('0' + d);
      DigitEdge(dfa, from, c, c, at(fraction, next));
    }
  };
  digits_from(0, 0, 0);
  uint64_t scale = 1;  // of what is still missing to all places
  for (uint32_t fraction = places;; --fraction) {
    for (uint32_t r = 0; r < modulus; ++r) {
      dfa.states[at(fraction, r)].accepting = r * scale % modulus == 0;
      if (fraction == 0 && places > 0) {
        // "." and the first digit: the point has no state of its own, so it gets one.
        const auto point = static_cast<uint32_t>(dfa.states.size());
        dfa.states.emplace_back();
        DigitEdge(dfa, at(0, r), '.', '.', point);
        digits_from(point, 1, r);
      }
      if (fraction == 0) digits_from(at(0, r), 0, r);
      if (fraction > 0 && fraction < places) digits_from(at(fraction, r), fraction + 1, r);
    }
    scale = scale * 10 % modulus;
    if (fraction == 0) break;
  }
  return Taken(Signed(&dfa, &dfa, limits));
}

bool NumberSet::MayMeet(const NumberSet& other, DfaLimits limits) const {
  if (is_empty() || other.is_empty()) return false;
  return all_ || other.all_ || Meet(texts_, other.texts_, limits.budget).value_or(true);
}

Result<NumberSet> NumberSet::And(const NumberSet& other, DfaLimits limits) const {
  if (all_) return other;
  if (other.all_) return *this;
  return Taken(Intersect(texts_, other.texts_, limits));
}

Result<NumberSet> NumberSet::Or(const NumberSet& other, DfaLimits limits) const {
  if (all_ || other.is_empty()) return *this;
  if (other.all_ || is_empty()) return other;
  return Taken(Unite(texts_, other.texts_, limits));
}

Result<NumberSet> NumberSet::Not(DfaLimits limits) const {
  if (all_) return NumberSet();
  if (is_empty()) return All();
  return Taken(Subtract(Values(), texts_, limits));
}

Result<ByteDfa> NumberSet::Spellings(DfaLimits limits) const {
  if (all_) return AnyNumber();
  // Each state twice, before and after the point, where zeros may follow an end. Integers are written as such.
  bool fractions = false;
  for (const auto& state : texts_.states) {
    for (const ByteEdge& e : state.edges) fractions = fractions || e.low == '.';
  }
  if (!fractions) return texts_;
  ByteNfa nfa;
  const auto n = static_cast<uint32_t>(texts_.states.size());
  for (uint32_t i = 0; i < 2 * n; ++i) nfa.Add();
  const uint32_t final = nfa.Add(), point = nfa.Add(), zeros = nfa.Add();
  nfa.Range(point, {'0', '0'}, zeros);
  nfa.Range(zeros, {'0', '0'}, zeros);
  nfa.Jumps(zeros, final);
  for (uint32_t s = 0; s < n; ++s) {
    for (const ByteEdge& e : texts_.states[s].edges) {
      nfa.Range(s, {e.low, e.high}, e.low == '.' ? n + e.to : e.to);
      nfa.Range(n + s, {e.low, e.high}, n + e.to);
    }
    if (!texts_.states[s].accepting) continue;
    nfa.Jumps(s, final);
    nfa.Range(s, {'.', '.'}, point);
    nfa.Jumps(n + s, zeros);
  }
  MaybeDfa dfa = nfa.Determinise(0, final, limits);
  if (!dfa.has_value()) return TooManyStates();
  return *std::move(dfa);
}

}  // namespace bedplate
