#pragma once
/// A grammar made deterministic, byte by byte, as far as texts go there.
///
/// A position is what may come next after the bytes read so far: a set of pairs of a grammar state and the stacks of
/// calls it may stand under. Stacks are kept as sets too (a StackSet is a trie of stacks, from the top), shared and
/// made once, so that equal positions have equal numbers, and however ambiguous a grammar is, a position has each state
/// once. A step from a position with a byte is computed once and then looked up.
///
/// Counted repetition keeps its count on the stack. For what the next bytes may be, a count matters only near a bound:
/// Clamped() gives the position that stands for all of those alike within `reach` bytes.
///
/// Owns:    what it has learned; bounded: at TooLarge(), Compact() forgets all but the positions that are held.
/// Threads: one at a time. The grammar is finished and outlives it.
/// Errors:  a step may cost more than kStepWorkMax: a grammar so ambiguous is no use, and Next() says so with
///          kTooAmbiguous. After an exception (no memory) only Restart() is allowed.

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/constraint/grammar.h"

namespace bedplate {

using PositionNumber = uint32_t;

class ByteAutomaton {
 public:
  static constexpr PositionNumber kDead = UINT32_MAX;  // no text goes on so
  static constexpr PositionNumber kTooAmbiguous = UINT32_MAX - 1;
  static constexpr size_t kStepWorkMax = 200'000;  // elementary steps of one closure, about 4 ms
  static constexpr uint32_t kDepthMax = 5000;      // calls inside calls; about 1500 levels of JSON. Deeper is kDead

  /// reach: bytes that a token may have at most.
  ByteAutomaton(const Grammar& grammar, uint32_t reach);

  /// kTooAmbiguous, if even what may begin a text can't be found; kDead, if every text begins beyond kDepthMax.
  [[nodiscard]] PositionNumber start() const { return start_; }
  /// A position, kDead or kTooAmbiguous. `at` is a position.
  [[nodiscard]] PositionNumber Next(PositionNumber at, uint8_t byte) {
    const uint32_t known = steps_[size_t{at} * classes_ + class_of_[byte]];
    return known != kUnknown ? known : Compute(at, byte);
  }
  /// The text may end here.
  [[nodiscard]] bool Accepts(PositionNumber at) const { return positions_[at].accepts; }
  /// No byte can follow.
  [[nodiscard]] bool Ends(PositionNumber at) const { return positions_[at].items == positions_[at].items_end; }
  /// The position itself where finding another would cost too much.
  [[nodiscard]] PositionNumber Clamped(PositionNumber at);

  /// Pairs of a grammar state that has bytes, and its stacks.
  struct Item {
    StateNumber state = 0;
    uint32_t stacks = 0;
    bool operator==(const Item&) const = default;
  };
  [[nodiscard]] std::span<const Item> Items(PositionNumber at) const {
    return std::span(items_).subspan(positions_[at].items, positions_[at].items_end - positions_[at].items);
  }
  /// Elementary steps since ForgetWork(): what TokenMasks may spend is bounded by them.
  [[nodiscard]] size_t work() const { return work_taken_; }
  void ForgetWork() { work_taken_ = 0; }

  [[nodiscard]] size_t positions() const { return positions_.size(); }
  [[nodiscard]] size_t MemoryBytes() const;
  [[nodiscard]] bool TooLarge(size_t bytes_max) const { return MemoryBytes() > bytes_max; }
  /// Forgets everything but these positions, whose numbers it changes.
  void Compact(std::span<PositionNumber* const> held);
  /// Forgets everything, whatever state it is in; no position is valid any more.
  void Restart();

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX - 2;
  static constexpr uint32_t kNoStacks = 0;    // the empty set
  static constexpr uint32_t kEmptyStack = 1;  // the set of the empty stack alone
  static constexpr uint32_t kRepeatBit = 1u << 31;

  /// A stack's top: a state to return to, or a repetition and how often it has been done before.
  struct Frame {
    uint32_t symbol = 0;
    uint32_t count = 0;
    uint32_t below = 0;  // StackSet
    bool operator==(const Frame&) const = default;
  };
  struct StackSet {
    uint32_t frames = 0, frames_end = 0;  // sorted by (symbol, count)
    bool has_empty = false;
    uint32_t depth = 0;
  };
  struct Position {
    uint32_t items = 0, items_end = 0;
    bool accepts = false;
    PositionNumber clamped = kUnknown;
  };
  [[nodiscard]] PositionNumber Compute(PositionNumber at, uint8_t byte);
  void Reach(StateNumber state, uint32_t stacks);
  void Follow(StateNumber state);
  void Return(const Frame& frame);
  [[nodiscard]] PositionNumber Settle();
  [[nodiscard]] uint32_t Push(uint32_t symbol, uint32_t count, uint32_t below);
  [[nodiscard]] uint32_t Unite(uint32_t a, uint32_t b);
  [[nodiscard]] uint32_t UniteAll(std::vector<uint32_t>& sets);
  [[nodiscard]] uint32_t TakeArrived(StateNumber state);
  [[nodiscard]] uint32_t InternStacks(std::vector<Frame>& frames, bool has_empty);
  [[nodiscard]] PositionNumber InternPosition(const std::vector<Item>& items, bool accepts);
  [[nodiscard]] uint32_t ClampStacks(uint32_t stacks);
  [[nodiscard]] uint32_t ClampCount(const Grammar::Repeat& repeat, uint32_t count) const;
  void Clear();
  [[nodiscard]] bool gave_up() const { return work_ > kStepWorkMax; }

  const Grammar& grammar_;
  const uint32_t reach_;
  const uint32_t classes_;
  const std::array<uint8_t, 256> class_of_;
  PositionNumber start_ = 0;

  std::vector<Frame> frames_;
  std::vector<StackSet> stacks_;
  std::vector<uint32_t> clamped_stacks_;
  std::vector<Item> items_;
  std::vector<Position> positions_;
  std::vector<uint32_t> steps_;  // [positions][classes]
  std::unordered_multimap<uint64_t, uint32_t> stacks_by_hash_, positions_by_hash_;
  std::unordered_map<uint64_t, uint32_t> unions_;

  // Of the closure being computed.
  struct Arrival {
    uint32_t stacks = 0;
    uint32_t next = 0;  // an index into arrivals_
  };
  std::vector<uint32_t> stacks_of_;   // by grammar state; kNoStacks: not followed yet
  std::vector<uint32_t> arrived_at_;  // by grammar state: the newest of what has come since; kUnknown: nothing
  std::vector<Arrival> arrivals_;
  std::vector<StateNumber> reached_, todo_;  // todo_: first come, first followed
  bool accepts_ = false;
  size_t work_ = 0;
  size_t work_taken_ = 0;
};

}  // namespace bedplate
