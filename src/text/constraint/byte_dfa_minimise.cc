// Away with useless states, then refinement of a partition, then numbers in breadth-first order.

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "text/constraint/byte_dfa.h"

namespace bedplate {
namespace {

std::vector<bool> Useful(const std::vector<ByteDfa::State>& states) {
  std::vector<std::vector<uint32_t>> back(states.size());
  std::vector<bool> useful(states.size());
  std::vector<uint32_t> todo;
  for (uint32_t s = 0; s < states.size(); ++s) {
    for (const ByteEdge& e : states[s].edges) back[e.to].push_back(s);
    if (states[s].accepting) {
      useful[s] = true;
      todo.push_back(s);
    }
  }
  while (!todo.empty()) {
    const uint32_t s = todo.back();
    todo.pop_back();
    for (const uint32_t before : back[s]) {
      if (useful[before]) continue;
      useful[before] = true;
      todo.push_back(before);
    }
  }
  return useful;
}

/// Which states are equivalent: a state's class is its acceptance and the classes that its edges lead to (Moore 1956).
/// Only states with an edge into what left its class are looked at again, and the largest part of a class stays
/// (Hopcroft 1971), so that a state is looked at a logarithm of times for each of its edges, however long the chains.
class Refinement {
 public:
  Refinement(const std::vector<ByteDfa::State>& states, CompileBudget& budget)
      : states_(states), budget_(budget), of_(states.size()), order_(states.size()), place_(states.size()) {
    before_.resize(states.size());
    for (uint32_t s = 0; s < states.size(); ++s) {
      for (const ByteEdge& e : states[s].edges) before_[e.to].push_back(s);
    }
    uint32_t at = 0;
    for (const bool accepting : {false, true}) {
      const uint32_t first = at;
      for (uint32_t s = 0; s < states.size(); ++s) {
        if (states[s].accepting == accepting) Put(s, at++);
      }
      if (at > first) AddClass(first, at);
    }
  }

  /// A class for each state; nullopt: over the budget.
  std::optional<std::vector<uint32_t>> Run() {
    for (uint32_t s = 0; s < states_.size(); ++s) Mark(s);
    std::vector<Split> splits;
    while (!touched_.empty()) {
      splits.clear();
      for (const uint32_t c : touched_) {
        if (classes_[c].end - classes_[c].first > 1) splits.push_back(Divide(c));
        classes_[c].marked = 0;
      }
      if (budget_.spent()) return std::nullopt;
      touched_.clear();
      moved_.clear();
      for (const Split& split : splits) Apply(split);
      for (const uint32_t s : moved_) {
        for (const uint32_t before : before_[s]) Mark(before);
      }
    }
    return std::move(of_);
  }

 private:
  struct Class {
    uint32_t first = 0, end = 0;  // in order_
    uint32_t marked = 0;          // of them, from the first
  };
  struct Split {
    uint32_t of = 0;
    std::vector<std::vector<uint32_t>> parts;  // of the marked states; the last is with the unmarked, if there are any
    uint32_t unmarked = 0;
  };

  void Put(uint32_t s, uint32_t at) {
    order_[at] = s;
    place_[s] = at;
  }
  uint32_t AddClass(uint32_t first, uint32_t end) {
    const auto number = static_cast<uint32_t>(classes_.size());
    classes_.push_back({.first = first, .end = end});
    for (uint32_t i = first; i < end; ++i) of_[order_[i]] = number;
    return number;
  }
  void Mark(uint32_t s) {
    Class& c = classes_[of_[s]];
    const uint32_t to = c.first + c.marked;
    if (place_[s] < to) return;
    if (c.marked++ == 0) touched_.push_back(of_[s]);
    const uint32_t other = order_[to], from = place_[s];
    Put(s, to);
    Put(other, from);
  }

  const std::vector<uint32_t>& Signature(uint32_t s) {
    const auto& edges = states_[s].edges;
    static_cast<void>(budget_.Spend(8 + 2 * edges.size()));
    merged_.clear();
    for (const ByteEdge& e : edges) AppendEdge(merged_, {e.low, e.high, of_[e.to]});
    signature_.clear();
    for (const ByteEdge& e : merged_) {
      signature_.push_back(static_cast<uint32_t>(e.low) << 8 | e.high);
      signature_.push_back(e.to);
    }
    return signature_;
  }

  /// The marked states by their signatures. The unmarked are alike: none of their edges leads to anything new.
  Split Divide(uint32_t number) {
    const Class& c = classes_[number];
    Split split{.of = number, .parts = {}, .unmarked = c.end - c.first - c.marked};
    std::unordered_map<std::vector<uint32_t>, uint32_t, WordsHash> seen;
    for (uint32_t i = c.first; i < c.first + c.marked && !budget_.spent(); ++i) {
      const auto [at, added] = seen.emplace(Signature(order_[i]), static_cast<uint32_t>(split.parts.size()));
      if (added) split.parts.emplace_back();
      split.parts[at->second].push_back(order_[i]);
    }
    if (split.unmarked == 0) return split;
    const auto same = seen.find(Signature(order_[c.first + c.marked]));
    if (same == seen.end()) {
      split.parts.emplace_back();
    } else {
      std::swap(split.parts[same->second], split.parts.back());
    }
    return split;
  }

  /// All parts but the largest become classes of their own.
  void Apply(const Split& split) {
    if (split.parts.size() == 1) return;
    const uint32_t end = classes_[split.of].end;
    uint32_t at = classes_[split.of].first;
    const auto size = [&](size_t part) {
      return split.parts[part].size() + (part + 1 == split.parts.size() ? split.unmarked : 0);
    };
    size_t largest = 0;
    for (size_t part = 1; part < split.parts.size(); ++part) {
      if (size(part) > size(largest)) largest = part;
    }
    for (size_t part = 0; part < split.parts.size(); ++part) {
      const uint32_t first = at;
      for (const uint32_t s : split.parts[part]) Put(s, at++);
      if (part + 1 == split.parts.size()) at = end;
      if (part == largest) {
        classes_[split.of].first = first;
        classes_[split.of].end = at;
      } else {
        AddClass(first, at);
        moved_.insert(moved_.end(), order_.begin() + first, order_.begin() + at);
      }
    }
  }

  const std::vector<ByteDfa::State>& states_;
  CompileBudget& budget_;
  std::vector<uint32_t> of_;
  std::vector<uint32_t> order_, place_;  // states by class; where a state is in it
  std::vector<std::vector<uint32_t>> before_;
  std::vector<Class> classes_;
  std::vector<uint32_t> touched_, moved_;  // classes with marked states; states that have left their class
  std::vector<ByteEdge> merged_;
  std::vector<uint32_t> signature_;
};

/// Breadth-first from the start, over the classes; drops what isn't useful.
std::vector<ByteDfa::State> Renumber(const std::vector<ByteDfa::State>& states, const std::vector<bool>& useful,
                                     const std::vector<uint32_t>& classes) {
  std::vector<ByteDfa::State> out;
  if (!useful[0]) return {ByteDfa::State{}};
  std::unordered_map<uint32_t, uint32_t> number;
  std::vector<uint32_t> order{0};
  number.emplace(classes[0], 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const ByteDfa::State& state = states[order[i]];
    ByteDfa::State fresh{.edges = {}, .accepting = state.accepting};
    for (const ByteEdge& e : state.edges) {
      if (!useful[e.to]) continue;
      const auto [at, added] = number.emplace(classes[e.to], static_cast<uint32_t>(order.size()));
      if (added) order.push_back(e.to);
      AppendEdge(fresh.edges, {e.low, e.high, at->second});
    }
    out.push_back(std::move(fresh));
  }
  return out;
}

}  // namespace

bool ByteDfa::Minimise(CompileBudget& budget) {
  if (!budget.Spend(10 * states.size())) return false;
  const std::vector<bool> useful = Useful(states);
  std::vector<uint32_t> classes(states.size());
  for (uint32_t s = 0; s < states.size(); ++s) classes[s] = s;
  states = Renumber(states, useful, classes);  // a useless start is the empty language: one state
  std::optional<std::vector<uint32_t>> joined = Refinement(states, budget).Run();
  if (!joined.has_value()) return false;
  states = Renumber(states, std::vector<bool>(states.size(), true), *joined);
  return true;
}

}  // namespace bedplate
