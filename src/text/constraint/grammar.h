#pragma once
/// What every form of constraint compiles to: rules whose bodies are automata over bytes, which call each other and
/// come back (a recursive transition network; Woods, CACM 1970). Counted repetition is an edge of its own, so that a
/// bound of a million costs as much as one of three.
///
///     Grammar g;
///     const RuleNumber digits = g.AddRule("digits");
///     g.Bytes(g.start(digits), {'0', '9'}, g.start(digits)); g.MakeFinal(g.start(digits));
///     Status ready = g.Finish(digits);
///
/// Threads: one at a time until Finish(); immutable and shared after it.
/// Errors:  AddState() and the edges never fail: a grammar that is full takes no more states or edges, and Finish()
///          refuses it, as it does one that matches nothing, or has a rule that begins with itself.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/constraint/byte_dfa.h"

namespace bedplate {

using StateNumber = uint32_t;
using RuleNumber = uint32_t;

class Grammar {
 public:
  static constexpr uint32_t kUnbounded = UINT32_MAX;
  static constexpr size_t kStatesMax = 150'000;  // of about 130 bytes with their edges: 20 MB

  /// A call that returns to `to`.
  struct Call {
    RuleNumber rule = 0;
    StateNumber to = 0;
    bool tail = false;  // nothing is left to do after it
  };
  /// The rule `least` to `most` times, then `to`.
  struct Repeat {
    RuleNumber rule = 0;
    uint32_t least = 0;
    uint32_t most = 0;
    StateNumber to = 0;
  };
  struct State {
    std::vector<ByteEdge> bytes{};
    std::vector<StateNumber> jumps;
    std::vector<Call> calls;
    std::vector<uint32_t> repeats;  // indices into repeats()
    bool final = false;             // the rule may end here
  };

  /// A rule with its start state. The name is for messages.
  RuleNumber AddRule(std::string_view name);
  StateNumber AddState();
  [[nodiscard]] StateNumber start(RuleNumber rule) const { return rules_[rule].start; }
  /// It has been asked for more than kStatesMax.
  [[nodiscard]] bool full() const { return full_; }

  void Bytes(StateNumber from, ByteRange bytes, StateNumber to) {
    if (!full_) states_[from].bytes.push_back({bytes.low, bytes.high, to});
  }
  void Jump(StateNumber from, StateNumber to) {
    if (!full_) states_[from].jumps.push_back(to);
  }
  void Calls(StateNumber from, RuleNumber rule, StateNumber to) {
    if (!full_) states_[from].calls.push_back({rule, to});
  }
  void Repeats(StateNumber from, const Repeat& repeat);
  void MakeFinal(StateNumber state) { states_[state].final = true; }
  void Text(StateNumber from, std::string_view text, StateNumber to);
  void Chars(StateNumber from, const CodeSet& set, StateNumber to);
  void Dfa(StateNumber from, const ByteDfa& dfa, StateNumber to);
  /// A rule of its own for a language, so that many places share its states.
  RuleNumber AddDfaRule(std::string_view name, const ByteDfa& dfa);

  Status Finish(RuleNumber root);

  // After Finish().
  [[nodiscard]] std::span<const State> states() const { return states_; }
  [[nodiscard]] std::span<const Repeat> repeats() const { return repeats_; }
  [[nodiscard]] RuleNumber root() const { return root_; }
  /// Bytes that no edge tells apart have one class; classes are dense from 0.
  [[nodiscard]] uint32_t byte_classes() const { return class_count_; }
  [[nodiscard]] const std::array<uint8_t, 256>& byte_class() const { return byte_class_; }
  [[nodiscard]] size_t MemoryBytes() const;

 private:
  struct Rule {
    std::string name{};
    StateNumber start = 0;
    bool productive = false;
    bool nullable = false;
  };
  std::vector<bool> FindQuality(bool Rule::* quality, bool by_bytes);
  void DropDeadEnds(const std::vector<bool>& live);
  Status CheckBeginnings() const;
  void MarkTails();
  void ClassBytes();

  std::vector<State> states_;
  std::vector<Repeat> repeats_;
  std::vector<Rule> rules_;
  RuleNumber root_ = 0;
  std::array<uint8_t, 256> byte_class_{};
  uint32_t class_count_ = 0;
  bool full_ = false;
};

}  // namespace bedplate
