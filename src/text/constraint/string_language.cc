#include "text/constraint/string_language.h"

#include <algorithm>
#include <utility>

#include "text/constraint/json_text.h"

namespace bedplate {
namespace {

using Lengths = StringSet::Lengths;

void Tidy(std::vector<Lengths>& all) {
  std::ranges::sort(all, {}, &Lengths::least);
  std::vector<Lengths> out;
  for (const Lengths& l : all) {
    if (!out.empty() && (out.back().most == StringSet::kUnbounded || l.least <= out.back().most + 1)) {
      out.back().most = std::max(out.back().most, l.most);
    } else {
      out.push_back(l);
    }
  }
  all = std::move(out);
}

std::vector<Lengths> Complement(const std::vector<Lengths>& lengths) {
  std::vector<Lengths> out;
  uint32_t next = 0;
  for (const Lengths& l : lengths) {
    if (l.least > next) out.push_back({next, l.least - 1});
    if (l.most == StringSet::kUnbounded) return out;
    next = l.most + 1;
  }
  out.push_back({next, StringSet::kUnbounded});
  return out;
}

/// Shortest spellings of texts of these lengths: the automaton of all, once for each character counted.
MaybeDfa LengthDfa(Lengths lengths, DfaLimits limits) {
  const ByteDfa& all = ShortestJsonStrings();
  const bool bounded = lengths.most != StringSet::kUnbounded;
  const uint64_t copies = uint64_t{bounded ? lengths.most : lengths.least} + 1;
  const auto n = static_cast<uint32_t>(all.states.size());
  if (copies * n > limits.states_max * 2 || !limits.budget.Spend(copies * n * 4)) return std::nullopt;
  ByteDfa out;
  out.states.clear();
  for (uint32_t copy = 0; copy < copies; ++copy) {
    const bool last = copy + 1 == copies;
    for (uint32_t s = 0; s < n; ++s) {
      ByteDfa::State state;
      // State 0 is between characters: whoever comes back to it has read one more.
      state.accepting = s == 0 && copy >= lengths.least;
      for (const ByteEdge& e : all.states[s].edges) {
        if (last && bounded) break;
        const uint32_t to_copy = e.to == 0 && !last ? copy + 1 : copy;
        state.edges.push_back({e.low, e.high, to_copy * n + e.to});
      }
      out.states.push_back(std::move(state));
    }
  }
  if (!out.Minimise(limits.budget)) return std::nullopt;
  return out;
}

bool IsAll(Lengths l) {
  return l.least == 0 && l.most == StringSet::kUnbounded;
}

/// Those of the texts that have such a length.
MaybeDfa OfLength(const ByteDfa& texts, Lengths lengths, DfaLimits limits) {
  const std::optional<uint64_t> longest = texts.LongestBytes();
  if (longest.has_value() && *longest <= lengths.most) lengths.most = StringSet::kUnbounded;
  if (IsAll(lengths) || texts.IsEmpty()) return texts;
  const MaybeDfa of_length = LengthDfa(lengths, limits);
  return of_length.has_value() ? Intersect(texts, *of_length, limits) : of_length;
}

}  // namespace

StringSet StringSet::OfLengths(Lengths lengths) {
  StringSet out;
  if (lengths.least <= lengths.most) out.lengths_.push_back(lengths);
  return out;
}

StringSet StringSet::Only(ByteDfa spellings) {
  StringSet out;
  out.texts_ = std::move(spellings);
  return out;
}

bool StringSet::is_all() const {
  return lengths_.size() == 1 && IsAll(lengths_.front());
}

bool StringSet::MayMeet(const StringSet& other, DfaLimits limits) const {
  if (is_empty() || other.is_empty()) return false;
  if (lengths_.empty() && other.lengths_.empty()) return Meet(texts_, other.texts_, limits.budget).value_or(true);
  if (is_all() || other.is_all()) return true;
  const Result<StringSet> both = And(other, limits);
  return !both.ok() || !both->is_empty();
}

Result<StringSet> StringSet::And(const StringSet& other, DfaLimits limits) const {
  if (other.is_all()) return *this;
  if (is_all()) return other;
  StringSet out;
  for (const Lengths& a : lengths_) {
    for (const Lengths& b : other.lengths_) {
      const Lengths both{std::max(a.least, b.least), std::min(a.most, b.most)};
      if (both.least <= both.most) out.lengths_.push_back(both);
    }
  }
  Tidy(out.lengths_);
  MaybeDfa texts = Intersect(texts_, other.texts_, limits);
  for (const auto& [set, lengths] : {std::pair{this, &other.lengths_}, std::pair{&other, &lengths_}}) {
    for (const Lengths& l : *lengths) {
      if (!texts.has_value() || set->texts_.IsEmpty()) continue;
      const MaybeDfa part = OfLength(set->texts_, l, limits);
      texts = part.has_value() ? Unite(*texts, *part, limits) : part;
    }
  }
  if (!texts.has_value()) return TooManyStates();
  out.texts_ = *std::move(texts);
  return out;
}

Result<StringSet> StringSet::Or(const StringSet& other, DfaLimits limits) const {
  StringSet out = *this;
  out.lengths_.insert(out.lengths_.end(), other.lengths_.begin(), other.lengths_.end());
  Tidy(out.lengths_);
  if (out.is_all()) return All();
  MaybeDfa texts = other.texts_.IsEmpty() ? texts_
                   : texts_.IsEmpty()     ? other.texts_
                                          : Unite(texts_, other.texts_, limits);
  if (!texts.has_value()) return TooManyStates();
  out.texts_ = *std::move(texts);
  return out;
}

Result<StringSet> StringSet::Not(DfaLimits limits) const {
  StringSet out;
  out.lengths_ = Complement(lengths_);
  if (texts_.IsEmpty()) return out;
  MaybeDfa others = Subtract(ShortestJsonStrings(), texts_, limits);
  if (!others.has_value()) return TooManyStates();
  return out.And(Only(*std::move(others)), limits);
}

Result<ByteDfa> StringSet::AsTexts(DfaLimits limits) const {
  MaybeDfa out = texts_;
  for (const Lengths& l : lengths_) {
    if (!out.has_value()) break;
    const MaybeDfa part = OfLength(ShortestJsonStrings(), l, limits);
    out = part.has_value() ? Unite(*out, *part, limits) : part;
  }
  if (!out.has_value()) return TooManyStates();
  return *std::move(out);
}

}  // namespace bedplate
