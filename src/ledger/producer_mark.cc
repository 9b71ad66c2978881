#include "ledger/producer_mark.h"

#include <charconv>
#include <iterator>

#include "base/cat.h"

namespace bedplate {
namespace {

/// Digits without leading zeros; what is left of text is behind them.
std::optional<int64_t> TakeNumber(std::string_view& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || text[0] == '-' || (text[0] == '0' && end != text.data() + 1)) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

}  // namespace

bool ProducerMark::Knows(int64_t sequence) const {
  if (sequence < 1 || sequence > high_) return false;
  const auto after = gaps_.upper_bound(sequence);
  return after == gaps_.begin() || std::prev(after)->second < sequence;
}

Result<bool> ProducerMark::Claim(int64_t sequence) {
  if (sequence < 1) return Status::InvalidArgument(Cat("an event's number is ", sequence, "; they begin with 1"));
  if (Knows(sequence)) return false;
  const auto full = [&] {
    return Status::ResourceExhausted(
               Cat("event ", sequence, " would leave more than ", kGapsMax, " gaps before it; the last was ", high_))
        .WithReason("too_many_gaps");
  };
  if (sequence > high_) {
    if (sequence > high_ + 1) {
      if (gaps_.size() >= kGapsMax) return full();
      gaps_.emplace(high_ + 1, sequence - 1);
    }
    high_ = sequence;
    return true;
  }
  const auto gap = std::prev(gaps_.upper_bound(sequence));
  const auto [first, last] = *gap;
  if (first < sequence && sequence < last && gaps_.size() >= kGapsMax) return full();
  gaps_.erase(gap);
  if (first < sequence) gaps_.emplace(first, sequence - 1);
  if (sequence < last) gaps_.emplace(sequence + 1, last);
  return true;
}

int64_t ProducerMark::missing() const {
  int64_t missing = 0;
  for (const auto& [first, last] : gaps_) missing += last - first + 1;
  return missing;
}

std::string ProducerMark::Text() const {
  std::string text = Cat(high_);
  for (const auto& [first, last] : gaps_) text += first == last ? Cat(" ", first) : Cat(" ", first, "-", last);
  return text;
}

std::optional<ProducerMark> ProducerMark::Parse(std::string_view text) {
  ProducerMark mark;
  const std::optional<int64_t> high = TakeNumber(text);
  if (!high) return std::nullopt;
  mark.high_ = *high;
  int64_t before = -1;  // where the last gap ended: gaps that touch would be one, and the first begins with 1 or later
  while (!text.empty()) {
    if (text[0] != ' ') return std::nullopt;
    text.remove_prefix(1);
    const std::optional<int64_t> first = TakeNumber(text);
    if (!first) return std::nullopt;
    int64_t last = *first;
    if (!text.empty() && text[0] == '-') {
      text.remove_prefix(1);
      const std::optional<int64_t> end = TakeNumber(text);
      if (!end || *end <= *first) return std::nullopt;
      last = *end;
    }
    if (*first <= before + 1 || last >= mark.high_ || mark.gaps_.size() >= kGapsMax) return std::nullopt;
    mark.gaps_.emplace(*first, last);
    before = last;
  }
  return mark;
}

}  // namespace bedplate
