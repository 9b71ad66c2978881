// Plan. Compute() takes a position's items over a byte, follows jumps, calls and returns until nothing new is reached
// (Reach, Follow), and makes the set a position (Settle). What reaches a state waits there until its turn, so that many
// ways to one state (hundreds of alternatives that share a rule) are united once. A state that is reached again under
// more stacks is followed again; stacks only grow, and no rule begins with itself, so that ends.
//
// Whoever finds that the work is beyond its bound returns something wrong at once, and keeps nothing of it: Settle()
// throws the whole closure away.

#include "text/constraint/byte_automaton.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"

namespace bedplate {
namespace {

uint64_t Mix(uint64_t h, uint64_t word) {
  h = (h ^ word) * 0xFF51AFD7ED558CCDu;
  return h ^ (h >> 32);
}

}  // namespace

ByteAutomaton::ByteAutomaton(const Grammar& grammar, uint32_t reach)
    : grammar_(grammar),
      reach_(reach),
      classes_(grammar.byte_classes()),
      class_of_(grammar.byte_class()),
      stacks_of_(grammar.states().size(), kNoStacks),
      arrived_at_(grammar.states().size(), kUnknown) {
  Clear();
}

void ByteAutomaton::Restart() {
  std::ranges::fill(stacks_of_, kNoStacks);
  std::ranges::fill(arrived_at_, kUnknown);
  arrivals_.clear();
  reached_.clear();
  todo_.clear();
  accepts_ = false;
  Clear();
}

void ByteAutomaton::Clear() {
  frames_ = {};  // not clear(): what they had is given back
  stacks_ = std::vector<StackSet>{StackSet{}, StackSet{.has_empty = true}};
  clamped_stacks_ = std::vector<uint32_t>{kNoStacks, kEmptyStack};
  items_ = {};
  positions_ = {};
  steps_ = {};
  stacks_by_hash_ = {};
  positions_by_hash_ = {};
  unions_ = {};
  work_ = 0;
  Reach(grammar_.start(grammar_.root()), kEmptyStack);
  start_ = Settle();
}

PositionNumber ByteAutomaton::Compute(PositionNumber at, uint8_t byte) {
  work_ = 0;
  for (uint32_t i = positions_[at].items; i < positions_[at].items_end && !gave_up(); ++i) {
    const Item item = items_[i];
    const std::vector<ByteEdge>& edges = grammar_.states()[item.state].bytes;
    work_ += 1 + edges.size();
    for (const ByteEdge& e : edges) {
      if (e.low <= byte && byte <= e.high) Reach(e.to, item.stacks);
    }
  }
  const PositionNumber next = Settle();
  work_taken_ += work_ + 20;
  steps_[size_t{at} * classes_ + class_of_[byte]] = next;
  return next;
}

void ByteAutomaton::Reach(StateNumber state, uint32_t stacks) {
  if (stacks == kNoStacks || stacks == stacks_of_[state]) return;
  uint32_t& newest = arrived_at_[state];
  if (newest == kUnknown) todo_.push_back(state);
  arrivals_.push_back({stacks, std::exchange(newest, static_cast<uint32_t>(arrivals_.size()))});
}

/// All stacks that the state has been reached under.
uint32_t ByteAutomaton::TakeArrived(StateNumber state) {
  std::vector<uint32_t> sets;
  if (stacks_of_[state] != kNoStacks) sets.push_back(stacks_of_[state]);
  for (uint32_t a = std::exchange(arrived_at_[state], kUnknown); a != kUnknown; a = arrivals_[a].next) {
    sets.push_back(arrivals_[a].stacks);
  }
  return UniteAll(sets);
}

void ByteAutomaton::Follow(StateNumber number) {
  const Grammar::State& state = grammar_.states()[number];
  const uint32_t stacks = stacks_of_[number];
  work_ += 1 + state.jumps.size() + state.calls.size() + state.repeats.size();
  for (const StateNumber to : state.jumps) Reach(to, stacks);
  for (const Grammar::Call& call : state.calls) {
    Reach(grammar_.start(call.rule), call.tail ? stacks : Push(call.to, 0, stacks));
  }
  for (const uint32_t r : state.repeats) {
    const Grammar::Repeat& repeat = grammar_.repeats()[r];
    if (repeat.least == 0) Reach(repeat.to, stacks);
    Reach(grammar_.start(repeat.rule), Push(r | kRepeatBit, 0, stacks));
  }
  if (!state.final) return;
  accepts_ = accepts_ || stacks_[stacks].has_empty;
  for (uint32_t f = stacks_[stacks].frames; f < stacks_[stacks].frames_end && !gave_up(); ++f) {
    Return(Frame(frames_[f]));
  }
}

void ByteAutomaton::Return(const Frame& frame) {
  ++work_;
  if ((frame.symbol & kRepeatBit) == 0) return Reach(frame.symbol, frame.below);
  const Grammar::Repeat& repeat = grammar_.repeats()[frame.symbol & ~kRepeatBit];
  const bool unbounded = repeat.most == Grammar::kUnbounded;
  const uint32_t done = unbounded ? std::min(frame.count + 1, repeat.least) : frame.count + 1;
  if (done >= repeat.least) Reach(repeat.to, frame.below);
  if (unbounded || done < repeat.most) Reach(grammar_.start(repeat.rule), Push(frame.symbol, done, frame.below));
}

/// What has been reached becomes a position; the scratch is clean again.
PositionNumber ByteAutomaton::Settle() {
  for (size_t i = 0; i < todo_.size() && !gave_up(); ++i) {
    const StateNumber state = todo_[i];
    const uint32_t stacks = TakeArrived(state);
    uint32_t& known = stacks_of_[state];
    if (stacks == known) continue;
    if (known == kNoStacks) reached_.push_back(state);
    known = stacks;
    Follow(state);
  }
  for (const StateNumber state : todo_) arrived_at_[state] = kUnknown;
  todo_.clear();
  arrivals_.clear();
  std::vector<Item> items;
  std::ranges::sort(reached_);
  for (const StateNumber state : reached_) {
    const uint32_t stacks = std::exchange(stacks_of_[state], kNoStacks);
    if (!grammar_.states()[state].bytes.empty()) items.push_back({state, stacks});
  }
  reached_.clear();
  const bool accepts = std::exchange(accepts_, false);
  if (gave_up()) return kTooAmbiguous;
  if (items.empty() && !accepts) return kDead;
  return InternPosition(items, accepts);
}

uint32_t ByteAutomaton::Push(uint32_t symbol, uint32_t count, uint32_t below) {
  if (below == kNoStacks || stacks_[below].depth >= kDepthMax) return kNoStacks;
  std::vector<Frame> frames{{symbol, count, below}};
  return InternStacks(frames, false);
}

uint32_t ByteAutomaton::Unite(uint32_t a, uint32_t b) {
  if (a == b || b == kNoStacks) return a;
  if (a == kNoStacks) return b;
  if (a > b) std::swap(a, b);
  const uint64_t key = uint64_t{a} << 32 | b;
  if (const auto known = unions_.find(key); known != unions_.end()) return known->second;
  if (gave_up()) return a;
  const StackSet x = stacks_[a], y = stacks_[b];
  work_ += x.frames_end - x.frames + y.frames_end - y.frames + 4;
  std::vector<Frame> frames;
  uint32_t i = x.frames, j = y.frames;
  const auto order = [](const Frame& f) { return std::pair(f.symbol, f.count); };
  while (i < x.frames_end || j < y.frames_end) {
    if (j == y.frames_end || (i < x.frames_end && order(frames_[i]) < order(frames_[j]))) {
      frames.push_back(frames_[i++]);
    } else if (i == x.frames_end || order(frames_[j]) < order(frames_[i])) {
      frames.push_back(frames_[j++]);
    } else {
      Frame frame = frames_[i];
      frame.below = Unite(frames_[i].below, frames_[j].below);
      frames.push_back(frame);
      ++i;
      ++j;
    }
  }
  if (gave_up()) return a;  // what is below may be wrong
  const uint32_t both = InternStacks(frames, x.has_empty || y.has_empty);
  unions_.emplace(key, both);
  return both;
}

/// At once: set after set, the unions in between would cost the square of what there is.
uint32_t ByteAutomaton::UniteAll(std::vector<uint32_t>& sets) {
  std::ranges::sort(sets);
  const auto [same, end] = std::ranges::unique(sets);
  sets.erase(same, end);
  if (sets.size() < 3) return sets.size() == 2 ? Unite(sets[0], sets[1]) : sets.empty() ? kNoStacks : sets[0];
  std::vector<Frame> frames;
  bool has_empty = false;
  for (const uint32_t set : sets) {
    const StackSet& stacks = stacks_[set];
    frames.insert(frames.end(), frames_.begin() + stacks.frames, frames_.begin() + stacks.frames_end);
    has_empty = has_empty || stacks.has_empty;
  }
  work_ += frames.size() + sets.size();
  std::ranges::sort(frames, {}, [](const Frame& f) { return std::tuple(f.symbol, f.count, f.below); });
  size_t kept = 0;
  for (size_t i = 1; i < frames.size(); ++i) {
    if (frames[kept].symbol == frames[i].symbol && frames[kept].count == frames[i].count) {
      frames[kept].below = Unite(frames[kept].below, frames[i].below);
    } else {
      frames[++kept] = frames[i];
    }
  }
  frames.resize(std::min(frames.size(), kept + 1));
  return gave_up() ? sets[0] : InternStacks(frames, has_empty);
}

uint32_t ByteAutomaton::InternStacks(std::vector<Frame>& frames, bool has_empty) {
  uint64_t hash = has_empty ? 1 : 2;
  for (const Frame& f : frames) hash = Mix(Mix(hash, uint64_t{f.symbol} << 32 | f.count), f.below);
  const auto [first, last] = stacks_by_hash_.equal_range(hash);
  for (auto at = first; at != last; ++at) {
    const StackSet& known = stacks_[at->second];
    const auto its = std::span(frames_).subspan(known.frames, known.frames_end - known.frames);
    if (known.has_empty == has_empty && std::ranges::equal(its, frames)) return at->second;
  }
  const auto number = static_cast<uint32_t>(stacks_.size());
  const auto begin = static_cast<uint32_t>(frames_.size());
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  uint32_t depth = 0;
  for (const Frame& f : frames) depth = std::max(depth, stacks_[f.below].depth + 1);
  stacks_.push_back(
      {.frames = begin, .frames_end = static_cast<uint32_t>(frames_.size()), .has_empty = has_empty, .depth = depth});
  clamped_stacks_.push_back(kUnknown);
  stacks_by_hash_.emplace(hash, number);
  return number;
}

PositionNumber ByteAutomaton::InternPosition(const std::vector<Item>& items, bool accepts) {
  uint64_t hash = accepts ? 3 : 4;
  for (const Item& item : items) hash = Mix(hash, uint64_t{item.state} << 32 | item.stacks);
  const auto [first, last] = positions_by_hash_.equal_range(hash);
  for (auto at = first; at != last; ++at) {
    if (positions_[at->second].accepts == accepts && std::ranges::equal(Items(at->second), items)) return at->second;
  }
  const auto number = static_cast<PositionNumber>(positions_.size());
  const auto begin = static_cast<uint32_t>(items_.size());
  items_.insert(items_.end(), items.begin(), items.end());
  positions_.push_back({.items = begin, .items_end = static_cast<uint32_t>(items_.size()), .accepts = accepts});
  steps_.resize(steps_.size() + classes_, kUnknown);
  positions_by_hash_.emplace(hash, number);
  return number;
}

/// Counts are alike if within `reach` more rounds none of them meets a bound that the other doesn't.
uint32_t ByteAutomaton::ClampCount(const Grammar::Repeat& repeat, uint32_t count) const {
  const bool far_from_most = repeat.most == Grammar::kUnbounded || repeat.most - count > reach_ + 1;
  if (count >= repeat.least) return far_from_most ? repeat.least : count;
  return repeat.least - count > reach_ + 1 ? 0 : count;
}

uint32_t ByteAutomaton::ClampStacks(uint32_t stacks) {
  if (clamped_stacks_[stacks] != kUnknown) return clamped_stacks_[stacks];
  // Bottom up, without recursion: a stack may be as deep as the text is long.
  std::vector<uint32_t> order{stacks};
  while (!order.empty()) {
    const uint32_t at = order.back();
    if (clamped_stacks_[at] != kUnknown) {
      order.pop_back();
      continue;
    }
    bool ready = true;
    for (uint32_t f = stacks_[at].frames; f < stacks_[at].frames_end; ++f) {
      if (clamped_stacks_[frames_[f].below] != kUnknown) continue;
      order.push_back(frames_[f].below);
      ready = false;
    }
    if (!ready) continue;
    std::vector<uint32_t> parts;
    if (stacks_[at].has_empty) parts.push_back(kEmptyStack);
    for (uint32_t f = stacks_[at].frames; f < stacks_[at].frames_end; ++f) {
      Frame frame = frames_[f];
      frame.below = clamped_stacks_[frame.below];
      if ((frame.symbol & kRepeatBit) != 0) {
        frame.count = ClampCount(grammar_.repeats()[frame.symbol & ~kRepeatBit], frame.count);
      }
      parts.push_back(Push(frame.symbol, frame.count, frame.below));
    }
    const uint32_t out = UniteAll(parts);
    work_ += 1 + parts.size();
    if (gave_up()) return stacks;
    clamped_stacks_[at] = out;
    clamped_stacks_[out] = out;
    order.pop_back();
  }
  return clamped_stacks_[stacks];
}

PositionNumber ByteAutomaton::Clamped(PositionNumber at) {
  if (positions_[at].clamped != kUnknown) return positions_[at].clamped;
  work_ = 0;
  std::vector<Item> items(Items(at).begin(), Items(at).end());
  for (Item& item : items) item.stacks = ClampStacks(item.stacks);
  work_taken_ += work_;
  const PositionNumber clamped = gave_up() ? at : InternPosition(items, positions_[at].accepts);
  positions_[at].clamped = clamped;
  positions_[clamped].clamped = clamped;
  return clamped;
}

size_t ByteAutomaton::MemoryBytes() const {
  constexpr size_t kTableEntry = 40;  // of the hash tables, with their nodes
  return frames_.capacity() * sizeof(Frame) + stacks_.capacity() * sizeof(StackSet) +
         clamped_stacks_.capacity() * sizeof(uint32_t) + items_.capacity() * sizeof(Item) +
         positions_.capacity() * sizeof(Position) + steps_.capacity() * sizeof(uint32_t) +
         (stacks_by_hash_.size() + positions_by_hash_.size() + unions_.size()) * kTableEntry +
         (stacks_of_.capacity() + arrived_at_.capacity()) * sizeof(uint32_t);
}

void ByteAutomaton::Compact(std::span<PositionNumber* const> held) {
  const std::vector<Frame> frames = std::exchange(frames_, {});
  const std::vector<StackSet> stacks = stacks_;
  const std::vector<Item> items = std::exchange(items_, {});
  const std::vector<Position> positions = std::exchange(positions_, {});
  steps_ = {};
  Clear();
  std::vector<uint32_t> moved(stacks.size(), kUnknown);
  moved[kNoStacks] = kNoStacks;
  moved[kEmptyStack] = kEmptyStack;
  const auto move = [&](uint32_t wanted) {
    std::vector<uint32_t> order{wanted};
    while (!order.empty()) {
      const uint32_t at = order.back();
      bool ready = true;
      for (uint32_t f = stacks[at].frames; f < stacks[at].frames_end; ++f) {
        if (moved[frames[f].below] != kUnknown) continue;
        order.push_back(frames[f].below);
        ready = false;
      }
      if (!ready) continue;
      order.pop_back();
      if (moved[at] != kUnknown) continue;
      std::vector<Frame> fresh(frames.begin() + stacks[at].frames, frames.begin() + stacks[at].frames_end);
      for (Frame& frame : fresh) frame.below = moved[frame.below];
      moved[at] = InternStacks(fresh, stacks[at].has_empty);
    }
    return moved[wanted];
  };
  for (PositionNumber* position : held) {
    if (*position >= kUnknown) continue;
    const Position& old = positions[*position];
    std::vector<Item> fresh(items.begin() + old.items, items.begin() + old.items_end);
    for (Item& item : fresh) item.stacks = move(item.stacks);
    *position = InternPosition(fresh, old.accepts);
  }
}

}  // namespace bedplate
