// Subset construction and products share one sweep: the edges that leave a set of states cut the 256 bytes into
// intervals, and each interval has one set of targets.

#include "text/constraint/byte_dfa.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <unordered_map>
#include <utility>

namespace bedplate {
namespace {

/// The set's closure under jumps that are passable.
class Closure {
 public:
  explicit Closure(const ByteNfa& nfa) : nfa_(nfa), seen_(nfa.states.size(), 0) {}

  struct Place {
    bool start = false;
    bool end = false;
  };
  /// Sorted. The result is valid until the next call.
  std::vector<uint32_t>& Of(const std::vector<uint32_t>& from, Place place) {
    ++round_;
    out_.clear();
    for (const uint32_t s : from) Push(s);
    cost_ = from.size();
    for (size_t i = 0; i < out_.size(); ++i) {
      cost_ += 2 + nfa_.states[out_[i]].jumps.size();
      for (const ByteNfa::Jump& jump : nfa_.states[out_[i]].jumps) {
        if (jump.when == ByteNfa::Empty::kAtStart && !place.start) continue;
        if (jump.when == ByteNfa::Empty::kAtEnd && !place.end) continue;
        Push(jump.to);
      }
    }
    std::ranges::sort(out_);
    return out_;
  }
  /// Elementary steps of the last call.
  [[nodiscard]] size_t cost() const { return cost_; }

 private:
  void Push(uint32_t s) {
    if (seen_[s] == round_) return;
    seen_[s] = round_;
    out_.push_back(s);
  }
  const ByteNfa& nfa_;
  std::vector<uint32_t> seen_;
  uint32_t round_ = 0;
  size_t cost_ = 0;
  std::vector<uint32_t> out_;
};

/// Cuts the bytes at the edges' ends; piece(low, high) is called with ascending intervals.
template <class Piece>
void ForEachInterval(const std::vector<ByteEdge>& edges, Piece piece) {
  std::array<bool, 257> cut{};
  for (const ByteEdge& e : edges) cut[e.low] = cut[e.high + 1u] = true;
  std::optional<uint32_t> from;
  for (uint32_t b = 0; b <= 256; ++b) {
    if (!cut[b]) continue;
    if (from.has_value()) piece(static_cast<uint8_t>(*from), static_cast<uint8_t>(b - 1));
    from = b;
  }
}

constexpr uint32_t kNowhere = UINT32_MAX;
constexpr size_t kSetWordsMax = 4'000'000;  // of all sets while one automaton is made: 32 MB with the map's copies

uint32_t Step(const ByteDfa& dfa, uint32_t state, uint8_t byte) {
  if (state == kNowhere) return kNowhere;
  for (const ByteEdge& e : dfa.states[state].edges) {
    if (byte < e.low) break;
    if (byte <= e.high) return e.to;
  }
  return kNowhere;
}

enum class Op : uint8_t { kAnd, kMinus, kOr };

bool Combine(Op op, bool a, bool b) {
  switch (op) {
    case Op::kAnd:
      return a && b;
    case Op::kMinus:
      return a && !b;
    case Op::kOr:
      return a || b;
  }
  return false;
}

MaybeDfa Minimised(ByteDfa dfa, CompileBudget& budget) {
  if (!dfa.Minimise(budget)) return std::nullopt;
  return dfa;
}

MaybeDfa Product(Op op, const ByteDfa& a, const ByteDfa& b, DfaLimits limits) {
  ByteDfa out;
  out.states.clear();
  std::unordered_map<uint64_t, uint32_t> number;
  std::vector<std::pair<uint32_t, uint32_t>> order;
  const auto id = [&](uint32_t s, uint32_t t) {
    const auto [at, added] = number.emplace(uint64_t{s} << 32 | t, static_cast<uint32_t>(order.size()));
    if (added) order.emplace_back(s, t);
    return at->second;
  };
  id(0, 0);
  std::vector<ByteEdge> all;
  for (size_t i = 0; i < order.size(); ++i) {
    if (order.size() > limits.states_max) return std::nullopt;
    const auto [s, t] = order[i];
    ByteDfa::State state;
    state.accepting = Combine(op, s != kNowhere && a.states[s].accepting, t != kNowhere && b.states[t].accepting);
    all.clear();
    if (s != kNowhere) all.insert(all.end(), a.states[s].edges.begin(), a.states[s].edges.end());
    if (t != kNowhere) all.insert(all.end(), b.states[t].edges.begin(), b.states[t].edges.end());
    if (!limits.budget.Spend(20 + all.size() * 4)) return std::nullopt;
    ForEachInterval(all, [&](uint8_t low, uint8_t high) {
      const uint32_t s2 = Step(a, s, low), t2 = Step(b, t, low);
      const bool dead = op == Op::kOr ? s2 == kNowhere && t2 == kNowhere : s2 == kNowhere;
      if (dead || (op == Op::kAnd && t2 == kNowhere)) return;
      AppendEdge(state.edges, {low, high, id(s2, t2)});
    });
    out.states.push_back(std::move(state));
  }
  return Minimised(std::move(out), limits.budget);
}

}  // namespace

ByteDfa ByteDfa::Literal(std::string_view text) {
  ByteDfa out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    out.states.back().edges.push_back({byte, byte, static_cast<uint32_t>(out.states.size())});
    out.states.emplace_back();
  }
  out.states.back().accepting = true;
  return out;
}

MaybeDfa ByteDfa::AnyOf(const std::vector<std::string>& texts, CompileBudget& budget) {
  ByteDfa out;
  for (const std::string& text : texts) {
    if (!budget.Spend(4 * text.size() + 4)) return std::nullopt;
    uint32_t at = 0;
    for (const char c : text) {
      const auto byte = static_cast<uint8_t>(c);
      uint32_t next = Step(out, at, byte);
      if (next == kNowhere) {
        if (out.states.size() > kListStatesMax) return std::nullopt;
        next = static_cast<uint32_t>(out.states.size());
        auto& edges = out.states[at].edges;
        edges.insert(std::ranges::lower_bound(edges, byte, {}, &ByteEdge::low), {byte, byte, next});
        out.states.emplace_back();
      }
      at = next;
    }
    out.states[at].accepting = true;
  }
  return Minimised(std::move(out), budget);
}

std::optional<uint32_t> ByteDfa::Walk(uint32_t from, std::string_view text) const {
  for (const char c : text) {
    from = Step(*this, from, static_cast<uint8_t>(c));
    if (from == kNowhere) return std::nullopt;
  }
  return from;
}

bool ByteDfa::Accepts(std::string_view text) const {
  const std::optional<uint32_t> end = Walk(0, text);
  return end.has_value() && states[*end].accepting;
}

std::optional<uint64_t> ByteDfa::LongestBytes() const {
  // Kahn's order (1962); a cycle among states that all can be left has no longest text.
  std::vector<uint32_t> before(states.size());
  for (const State& s : states) {
    for (const ByteEdge& e : s.edges) ++before[e.to];
  }
  std::vector<uint64_t> length(states.size());
  std::vector<uint32_t> order;
  for (uint32_t s = 0; s < states.size(); ++s) {
    if (before[s] == 0) order.push_back(s);
  }
  uint64_t longest = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    longest = std::max(longest, length[order[i]]);
    for (const ByteEdge& e : states[order[i]].edges) {
      length[e.to] = std::max(length[e.to], length[order[i]] + 1);
      if (--before[e.to] == 0) order.push_back(e.to);
    }
  }
  if (order.size() < states.size()) return std::nullopt;
  return longest;
}

std::optional<std::vector<std::string>> ByteDfa::Texts(size_t count_max) const {
  if (!LongestBytes().has_value()) return std::nullopt;
  std::vector<std::string> texts;
  std::vector<std::pair<uint32_t, std::string>> todo{{0, ""}};
  while (!todo.empty()) {
    const auto [at, text] = std::move(todo.back());
    todo.pop_back();
    if (states[at].accepting) texts.push_back(text);
    size_t next = 0;
    for (const ByteEdge& e : states[at].edges) next += e.high - e.low + 1u;
    if (texts.size() + todo.size() + next > count_max) return std::nullopt;  // each leads to another text
    for (const ByteEdge& e : states[at].edges) {
      for (uint32_t b = e.low; b <= e.high; ++b) todo.emplace_back(e.to, text + static_cast<char>(b));
    }
  }
  std::ranges::sort(texts);
  return texts;
}

std::string ByteDfa::Key() const {
  std::string key;
  for (const State& s : states) {
    key += s.accepting ? '+' : '-';
    for (const ByteEdge& e : s.edges) {
      key += static_cast<char>(e.low);
      key += static_cast<char>(e.high);
      for (unsigned shift = 0; shift < 32; shift += 8) key += static_cast<char>(e.to >> shift);
    }
    key += ';';
  }
  return key;
}

std::optional<bool> Meet(const ByteDfa& a, const ByteDfa& b, CompileBudget& budget) {
  if (a.IsEmpty() || b.IsEmpty()) return false;
  std::vector<std::pair<uint32_t, uint32_t>> order{{0, 0}};
  std::set<std::pair<uint32_t, uint32_t>> seen{order.front()};
  for (size_t i = 0; i < order.size(); ++i) {
    const ByteDfa::State &s = a.states[order[i].first], &t = b.states[order[i].second];
    if (s.accepting && t.accepting) return true;
    if (!budget.Spend(10 + s.edges.size() + t.edges.size())) return std::nullopt;
    for (auto x = s.edges.begin(), y = t.edges.begin(); x != s.edges.end() && y != t.edges.end();) {
      if (x->low <= y->high && y->low <= x->high && seen.emplace(x->to, y->to).second) order.emplace_back(x->to, y->to);
      x->high < y->high ? ++x : ++y;
    }
  }
  return false;
}

MaybeDfa Intersect(const ByteDfa& a, const ByteDfa& b, DfaLimits limits) {
  return Product(Op::kAnd, a, b, limits);
}
MaybeDfa Subtract(const ByteDfa& a, const ByteDfa& b, DfaLimits limits) {
  return Product(Op::kMinus, a, b, limits);
}
MaybeDfa Unite(const ByteDfa& a, const ByteDfa& b, DfaLimits limits) {
  return Product(Op::kOr, a, b, limits);
}

void ByteNfa::Chars(uint32_t from, const CodeSet& set, uint32_t to) {
  VisitUtf8(set, [&](std::span<const ByteRange> bytes) {
    uint32_t at = from;
    for (size_t i = 0; i < bytes.size(); ++i) {
      const uint32_t next = i + 1 == bytes.size() ? to : Add();
      Range(at, bytes[i], next);
      at = next;
    }
  });
}

void ByteNfa::Text(uint32_t from, std::string_view text, uint32_t to) {
  if (text.empty()) return Jumps(from, to);
  for (size_t i = 0; i < text.size(); ++i) {
    const uint32_t next = i + 1 == text.size() ? to : Add();
    const auto byte = static_cast<uint8_t>(text[i]);
    Range(from, {byte, byte}, next);
    from = next;
  }
}

MaybeDfa ByteNfa::Determinise(uint32_t start, uint32_t final, DfaLimits limits) const {
  Closure closure(*this), ending(*this);
  std::unordered_map<std::vector<uint32_t>, uint32_t, WordsHash> number;
  std::deque<std::vector<uint32_t>> sets;  // stable: the loop below appends while it reads
  size_t stored = 0;
  const auto id = [&](const std::vector<uint32_t>& set) {
    const auto [at, added] = number.emplace(set, static_cast<uint32_t>(sets.size()));
    if (added) sets.push_back(set);
    if (added) stored += set.size();
    return at->second;
  };
  // The start is a state of its own, although a later set may be equal: only there is kAtStart passable.
  sets.push_back(closure.Of({start}, {.start = true, .end = false}));
  ByteDfa out;
  out.states.clear();
  std::vector<ByteEdge> all;
  std::vector<uint32_t> targets;
  for (size_t i = 0; i < sets.size(); ++i) {
    if (sets.size() > limits.states_max || stored > kSetWordsMax) return std::nullopt;
    ByteDfa::State state;
    const std::vector<uint32_t>& at_end = ending.Of(sets[i], {.start = i == 0, .end = true});
    state.accepting = std::ranges::binary_search(at_end, final);
    all.clear();
    for (const uint32_t s : sets[i]) all.insert(all.end(), states[s].edges.begin(), states[s].edges.end());
    bool within = limits.budget.Spend(20 + sets[i].size() + ending.cost() + all.size());
    ForEachInterval(all, [&](uint8_t low, uint8_t high) {
      if (!within) return;
      targets.clear();
      for (const ByteEdge& e : all) {
        if (e.low <= low && high <= e.high) targets.push_back(e.to);
      }
      const std::vector<uint32_t>& set = closure.Of(targets, {});
      within = limits.budget.Spend(all.size() + closure.cost());
      if (!set.empty()) AppendEdge(state.edges, {low, high, id(set)});
    });
    if (!within) return std::nullopt;
    out.states.push_back(std::move(state));
  }
  return Minimised(std::move(out), limits.budget);
}

}  // namespace bedplate
