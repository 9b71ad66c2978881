#pragma once
/// Regular languages of byte strings. An automaton of either kind has its states in one vector; state 0 of a ByteDfa is
/// the start. Values; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/constraint/code_set.h"
#include "text/constraint/compile_budget.h"

namespace bedplate {

struct ByteEdge {
  uint8_t low = 0;
  uint8_t high = 0;  // included
  uint32_t to = 0;
  bool operator==(const ByteEdge&) const = default;
};

/// Behind edges that end before it; joined to the last where it goes on to the same state.
inline void AppendEdge(std::vector<ByteEdge>& edges, ByteEdge edge) {
  if (!edges.empty() && edges.back().to == edge.to && edges.back().high + 1 == edge.low) {
    edges.back().high = edge.high;
  } else {
    edges.push_back(edge);
  }
}

/// For tables by sets of states.
struct WordsHash {
  size_t operator()(const std::vector<uint32_t>& words) const {
    uint64_t h = 0x9E3779B97F4A7C15u;
    for (const uint32_t w : words) h = (h ^ w) * 0xFF51AFD7ED558CCDu ^ (h >> 29);
    return static_cast<size_t>(h);
  }
};

/// What a language may cost. The states are those of one automaton.
struct DfaLimits {
  CompileBudget& budget;
  size_t states_max = 50'000;
};

class ByteDfa;
/// nullopt: over the limits.
using MaybeDfa = std::optional<ByteDfa>;

/// Deterministic. Every state can reach an accepting one, unless the language is empty: then there is one state.
class ByteDfa {
 public:
  struct State {
    std::vector<ByteEdge> edges{};  // ascending, disjoint
    bool accepting = false;
  };
  std::vector<State> states{State{}};

  static ByteDfa Literal(std::string_view text);
  /// Exactly these. As many states as they have bytes are allowed, up to kListStatesMax: they are soon joined.
  static constexpr size_t kListStatesMax = 200'000;
  static MaybeDfa AnyOf(const std::vector<std::string>& texts, CompileBudget& budget);

  [[nodiscard]] bool IsEmpty() const { return states.size() == 1 && !states[0].accepting && states[0].edges.empty(); }
  [[nodiscard]] bool Accepts(std::string_view text) const;
  /// The state after these bytes, if any text goes on so.
  [[nodiscard]] std::optional<uint32_t> Walk(uint32_t from, std::string_view text) const;
  /// The longest text in bytes; none: there is no longest.
  [[nodiscard]] std::optional<uint64_t> LongestBytes() const;
  /// All of its texts, if they are at most count_max.
  [[nodiscard]] std::optional<std::vector<std::string>> Texts(size_t count_max) const;
  /// Equal languages of minimised automata have equal keys.
  [[nodiscard]] std::string Key() const;

  /// Takes away what can't be reached or leads nowhere, and joins equivalent states; numbers states in breadth-first
  /// order, so that equal languages become equal values. False: over the budget, and the states are as good as lost.
  [[nodiscard]] bool Minimise(CompileBudget& budget);
};

MaybeDfa Intersect(const ByteDfa& a, const ByteDfa& b, DfaLimits limits);
MaybeDfa Subtract(const ByteDfa& a, const ByteDfa& b, DfaLimits limits);
MaybeDfa Unite(const ByteDfa& a, const ByteDfa& b, DfaLimits limits);
/// Some text is in both; none: over the budget. What Intersect() would find, without making it.
std::optional<bool> Meet(const ByteDfa& a, const ByteDfa& b, CompileBudget& budget);

/// Thompson's construction (1968), with edges that are passable only where a text starts or ends.
class ByteNfa {
 public:
  enum class Empty : uint8_t { kAlways, kAtStart, kAtEnd };
  struct Jump {
    uint32_t to = 0;
    Empty when = Empty::kAlways;
  };
  struct State {
    std::vector<ByteEdge> edges;
    std::vector<Jump> jumps;
  };
  std::vector<State> states;

  uint32_t Add() {
    states.emplace_back();
    return static_cast<uint32_t>(states.size() - 1);
  }
  void Jumps(uint32_t from, uint32_t to, Empty when = Empty::kAlways) { states[from].jumps.push_back({to, when}); }
  void Range(uint32_t from, ByteRange bytes, uint32_t to) { states[from].edges.push_back({bytes.low, bytes.high, to}); }
  void Chars(uint32_t from, const CodeSet& set, uint32_t to);
  void Text(uint32_t from, std::string_view text, uint32_t to);

  /// The texts from `start` to `final`, minimised.
  [[nodiscard]] MaybeDfa Determinise(uint32_t start, uint32_t final, DfaLimits limits) const;
};

}  // namespace bedplate
