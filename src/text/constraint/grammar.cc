// Finish(): which rules can end at all (a fixed point), away with edges that lead to no end, which rules may be empty,
// no rule that begins with itself, then the classes of bytes.

#include "text/constraint/grammar.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {

RuleNumber Grammar::AddRule(std::string_view name) {
  rules_.push_back({.name = std::string(name), .start = AddState()});
  return static_cast<RuleNumber>(rules_.size() - 1);
}

StateNumber Grammar::AddState() {
  full_ = full_ || states_.size() == kStatesMax;
  if (!full_) states_.emplace_back();
  return static_cast<StateNumber>(states_.size() - 1);
}

void Grammar::Repeats(StateNumber from, const Repeat& repeat) {
  BP_CHECK(repeat.least <= repeat.most && repeat.most > 0);
  if (full_) return;
  states_[from].repeats.push_back(static_cast<uint32_t>(repeats_.size()));
  repeats_.push_back(repeat);
}

void Grammar::Text(StateNumber from, std::string_view text, StateNumber to) {
  if (text.empty()) return Jump(from, to);
  for (size_t i = 0; i < text.size() && !full_; ++i) {
    const StateNumber next = i + 1 == text.size() ? to : AddState();
    const auto byte = static_cast<uint8_t>(text[i]);
    Bytes(from, {byte, byte}, next);
    from = next;
  }
}

void Grammar::Chars(StateNumber from, const CodeSet& set, StateNumber to) {
  VisitUtf8(set, [&](std::span<const ByteRange> bytes) {
    StateNumber at = from;
    for (size_t i = 0; i < bytes.size(); ++i) {
      const StateNumber next = i + 1 == bytes.size() ? to : AddState();
      Bytes(at, bytes[i], next);
      at = next;
    }
  });
}

void Grammar::Dfa(StateNumber from, const ByteDfa& dfa, StateNumber to) {
  if (dfa.IsEmpty()) return;
  const auto base = static_cast<StateNumber>(states_.size());
  for (size_t i = 0; i < dfa.states.size(); ++i) AddState();
  if (full_) return;
  for (size_t i = 0; i < dfa.states.size(); ++i) {
    const auto at = base + static_cast<StateNumber>(i);
    for (const ByteEdge& e : dfa.states[i].edges) Bytes(at, {e.low, e.high}, base + e.to);
    if (dfa.states[i].accepting) Jump(at, to);
  }
  Jump(from, base);
}

RuleNumber Grammar::AddDfaRule(std::string_view name, const ByteDfa& dfa) {
  const RuleNumber rule = AddRule(name);
  const StateNumber end = AddState();
  MakeFinal(end);
  Dfa(start(rule), dfa, end);
  return rule;
}

/// Which states reach a final one of their rule, and so which rules have a text (bytes may be crossed) or the empty
/// text (they may not). Backwards from the final states; an edge through a rule waits until that rule has the quality.
std::vector<bool> Grammar::FindQuality(bool Rule::* quality, bool by_bytes) {
  struct Back {
    StateNumber from = 0;
    std::optional<RuleNumber> through;
  };
  std::vector<std::vector<Back>> back(states_.size());
  std::vector<std::vector<RuleNumber>> starts(states_.size());
  std::vector<std::vector<StateNumber>> waiting(rules_.size());
  std::vector<StateNumber> todo;
  std::vector<bool> seen(states_.size());
  const auto push = [&](StateNumber s) {
    if (seen[s]) return;
    seen[s] = true;
    todo.push_back(s);
  };
  for (RuleNumber rule = 0; rule < rules_.size(); ++rule) starts[rules_[rule].start].push_back(rule);
  for (StateNumber s = 0; s < states_.size(); ++s) {
    const State& state = states_[s];
    if (by_bytes) {
      for (const ByteEdge& e : state.bytes) back[e.to].push_back({s, {}});
    }
    for (const StateNumber to : state.jumps) back[to].push_back({s, {}});
    for (const Call& c : state.calls) back[c.to].push_back({s, c.rule});
    for (const uint32_t r : state.repeats) {
      const Repeat& repeat = repeats_[r];
      back[repeat.to].push_back({s, repeat.least == 0 ? std::nullopt : std::optional(repeat.rule)});
    }
    if (state.final) push(s);
  }
  for (size_t i = 0; i < todo.size(); ++i) {
    for (const RuleNumber rule : starts[todo[i]]) {
      rules_[rule].*quality = true;
      for (const StateNumber s : waiting[rule]) push(s);
    }
    for (const Back& b : back[todo[i]]) {
      if (!b.through.has_value() || rules_[*b.through].*quality) {
        push(b.from);
      } else {
        waiting[*b.through].push_back(b.from);
      }
    }
  }
  return seen;
}

/// Away with edges from which their rule can't end: every way that is left open leads to a text.
void Grammar::DropDeadEnds(const std::vector<bool>& live) {
  for (State& state : states_) {
    std::erase_if(state.bytes, [&](const ByteEdge& e) { return !live[e.to]; });
    std::erase_if(state.jumps, [&](StateNumber to) { return !live[to]; });
    std::erase_if(state.calls, [&](const Call& c) { return !live[c.to] || !rules_[c.rule].productive; });
    std::vector<uint32_t> kept;
    for (const uint32_t r : state.repeats) {
      const Repeat& repeat = repeats_[r];
      if (!live[repeat.to]) continue;
      if (rules_[repeat.rule].productive) {
        kept.push_back(r);
      } else if (repeat.least == 0) {  // zero times is all that is left of it
        state.jumps.push_back(repeat.to);
      }
    }
    state.repeats = std::move(kept);
  }
}

/// A rule that begins with itself would be entered without end.
Status Grammar::CheckBeginnings() const {
  std::vector<std::set<RuleNumber>> begins(rules_.size());
  for (RuleNumber rule = 0; rule < rules_.size(); ++rule) {
    std::vector<StateNumber> todo{rules_[rule].start};
    std::set<StateNumber> seen{todo.front()};
    const auto push = [&](StateNumber s) {
      if (seen.insert(s).second) todo.push_back(s);
    };
    for (size_t i = 0; i < todo.size(); ++i) {
      const State& state = states_[todo[i]];
      for (const StateNumber to : state.jumps) push(to);
      for (const Call& c : state.calls) {
        begins[rule].insert(c.rule);
        if (rules_[c.rule].nullable) push(c.to);
      }
      for (const uint32_t r : state.repeats) {
        begins[rule].insert(repeats_[r].rule);
        if (repeats_[r].least == 0 || rules_[repeats_[r].rule].nullable) push(repeats_[r].to);
      }
    }
  }
  // Depth-first with colours; a grey rule met again begins with itself.
  enum : uint8_t { kWhite, kGrey, kBlack };
  std::vector<uint8_t> colour(rules_.size(), kWhite);
  struct Frame {
    RuleNumber rule;
    std::set<RuleNumber>::const_iterator next;
  };
  for (RuleNumber first = 0; first < rules_.size(); ++first) {
    if (colour[first] != kWhite) continue;
    std::vector<Frame> stack{{first, begins[first].begin()}};
    colour[first] = kGrey;
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == begins[top.rule].end()) {
        colour[top.rule] = kBlack;
        stack.pop_back();
        continue;
      }
      const RuleNumber next = *top.next++;
      if (colour[next] == kGrey) {
        return Status::InvalidArgument(Cat("the rule '", rules_[next].name,
                                           "' begins with itself (left recursion through other rules), which is not "
                                           "supported; write the repetition with *"));
      }
      if (colour[next] == kWhite) {
        colour[next] = kGrey;
        stack.push_back({next, begins[next].begin()});
      }
    }
  }
  return Status::Ok();
}

void Grammar::MarkTails() {
  for (State& state : states_) {
    for (Call& call : state.calls) {
      const State& to = states_[call.to];
      call.tail = to.final && to.bytes.empty() && to.jumps.empty() && to.calls.empty() && to.repeats.empty();
    }
  }
}

void Grammar::ClassBytes() {
  // A byte's signature is refined edge by edge: the edges' ends are all that can tell neighbours apart, and bytes that
  // are covered by the same set of distinct ranges are alike wherever they lie.
  std::set<std::pair<uint8_t, uint8_t>> ranges;
  for (const State& state : states_) {
    for (const ByteEdge& e : state.bytes) ranges.insert({e.low, e.high});
  }
  byte_class_.fill(0);
  class_count_ = 1;
  for (const auto& [low, high] : ranges) {
    std::map<uint32_t, uint8_t> split;  // old class and inside or not -> new class
    std::array<uint8_t, 256> fresh{};
    for (uint32_t b = 0; b < 256; ++b) {
      const uint32_t key = byte_class_[b] * 2u + (low <= b && b <= high ? 1u : 0u);
      fresh[b] = split.emplace(key, static_cast<uint8_t>(split.size())).first->second;
    }
    byte_class_ = fresh;
    class_count_ = static_cast<uint32_t>(split.size());
    if (class_count_ == 256) return;
  }
}

Status Grammar::Finish(RuleNumber root) {
  if (full()) {
    return Status::InvalidArgument(
        Cat("the constraint needs more than ", kStatesMax, " states, which is more than one may have"));
  }
  root_ = root;
  const std::vector<bool> live = FindQuality(&Rule::productive, true);
  DropDeadEnds(live);
  if (!rules_[root].productive) return Status::InvalidArgument("no text at all would be allowed");
  static_cast<void>(FindQuality(&Rule::nullable, false));
  BP_RETURN_IF_ERROR(CheckBeginnings());
  for (const Repeat& r : repeats_) {
    // Empty rounds would be counted without end in sight; they count for nothing, so few are tried.
    constexpr uint32_t kEmptyRoundsMax = 256;
    if (rules_[r.rule].nullable && r.most != kUnbounded && r.most > kEmptyRoundsMax) {
      return Status::InvalidArgument(Cat("'", rules_[r.rule].name, "' may be empty and is repeated up to ", r.most,
                                         " times; what may be empty can be repeated up to ", kEmptyRoundsMax,
                                         " times"));
    }
  }
  MarkTails();
  ClassBytes();
  return Status::Ok();
}

size_t Grammar::MemoryBytes() const {
  size_t bytes = states_.capacity() * sizeof(State) + repeats_.capacity() * sizeof(Repeat);
  for (const State& s : states_) {
    bytes += s.bytes.capacity() * sizeof(ByteEdge) + s.jumps.capacity() * sizeof(StateNumber) +
             s.calls.capacity() * sizeof(Call) + s.repeats.capacity() * sizeof(uint32_t);
  }
  return bytes;
}

}  // namespace bedplate
