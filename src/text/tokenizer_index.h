#pragma once
/// The two hash tables of tokenization, both open addressing with linear probing, at most two thirds (strings) or
/// half (pairs) full, filled once and then only read. A table is a view of slots that lie elsewhere: in vectors while
/// they are filled, then in a tokenizer's block of tables (token_tables.h), which may be a mapped file.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace bedplate {

/// Strings by number: their bytes end to end, and where each begins. A view.
struct StringTable {
  std::string_view bytes;
  std::span<const uint32_t> offsets;  // one more than there are strings; ascending, the last one bytes.size()

  [[nodiscard]] size_t size() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  std::string_view operator[](size_t i) const { return {bytes.data() + offsets[i], offsets[i + 1] - offsets[i]}; }
};

/// Some of a table's strings to their numbers.
class TokenIndex {
 public:
  static constexpr int32_t kFree = -1;
  struct Slot {
    uint32_t tag = 0;  // of the key's hash, so that asking for keys that don't exist seldom looks at a string
    int32_t id = kFree;
  };
  static std::vector<Slot> MakeSlots(size_t keys_max);
  /// The id that has the same key already, or nothing, and then `id` has it now. keys[id] isn't empty; there is room.
  static std::optional<int32_t> Insert(std::span<Slot> slots, const StringTable& keys, int32_t id);

  /// slots: a power of two of them, some free.
  TokenIndex(std::span<const Slot> slots, const StringTable& keys) : slots_(slots), keys_(keys) {}
  /// -1: no such key. An id is never negative, and the merging loops ask for millions of keys that don't exist.
  [[nodiscard]] int32_t Find(std::string_view key) const;

 private:
  std::span<const Slot> slots_;
  StringTable keys_;
};

/// Pairs of ids to what they merge into.
class PairTable {
 public:
  static constexpr uint32_t kNoRank = UINT32_MAX;
  static constexpr uint64_t kFree = UINT64_MAX;  // ids aren't negative, so no pair has this key
  struct Merge {
    uint32_t rank = kNoRank;  // the lower, the more urgent; kNoRank: the pair doesn't merge
    int32_t merged = 0;
  };
  struct Slot {
    uint64_t key = kFree;
    Merge merge;
  };
  static std::vector<Slot> MakeSlots(size_t pairs_max);
  /// False, and nothing changes, where the pair is there already.
  static bool Insert(std::span<Slot> slots, int32_t left, int32_t right, Merge merge);

  /// slots: a power of two of them, at least 2, some free.
  explicit PairTable(std::span<const Slot> slots) : slots_(slots), shift_(ShiftOf(slots.size())) {}
  [[nodiscard]] Merge Find(int32_t left, int32_t right) const {
    const uint64_t key = Key(left, right);
    for (size_t at = Home(key, shift_);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].key == key) return slots_[at].merge;
      if (slots_[at].key == kFree) return {};
    }
  }

 private:
  static uint32_t ShiftOf(size_t slots);
  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  /// Fibonacci hashing: the top bits of the product depend on all bits of both ids.
  static size_t Home(uint64_t key, uint32_t shift) {
    return static_cast<size_t>((key * 0x9E3779B97F4A7C15u ^ key >> 29) * 0xD6E8FEB86659FD93u >> shift);
  }
  std::span<const Slot> slots_;
  uint32_t shift_;
};

}  // namespace bedplate
