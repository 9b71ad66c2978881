#pragma once
/// The two hash tables of tokenization, both open addressing with linear probing, at most two thirds (strings) or
/// half (pairs) full, filled once and then only read.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace bedplate {

/// Strings to ids. Keys are views: what they view must outlive the table.
class TokenIndex {
 public:
  explicit TokenIndex(size_t keys_max);
  /// The id that has this key already, or nothing, and then `id` has it now. The key isn't empty.
  std::optional<int32_t> Insert(std::string_view key, int32_t id);
  /// -1: no such key. An id is never negative, and the merging loops ask for millions of keys that don't exist.
  int32_t Find(std::string_view key) const;

 private:
  struct Slot {
    uint32_t tag = 0;
    uint32_t key = kFree;  // an index into keys_
  };
  struct Key {
    std::string_view text;
    int32_t id;
  };
  static constexpr uint32_t kFree = UINT32_MAX;
  /// The slot that holds the key, or the free one where it would go.
  size_t Place(std::string_view key, uint64_t hash) const;
  size_t mask_;
  std::vector<Slot> slots_;  // 8 bytes each, so that asking for keys that don't exist stays in the cache
  std::vector<Key> keys_;
};

/// Pairs of ids to what they merge into.
class PairTable {
 public:
  static constexpr uint32_t kNoRank = UINT32_MAX;
  struct Merge {
    uint32_t rank = kNoRank;  // the lower, the more urgent; kNoRank: the pair doesn't merge
    int32_t merged = 0;
  };
  explicit PairTable(size_t pairs_max);
  /// False, and nothing changes, where the pair is there already.
  bool Insert(int32_t left, int32_t right, Merge merge);
  Merge Find(int32_t left, int32_t right) const {
    const uint64_t key = Key(left, right);
    for (size_t at = Home(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return slots_[at].merge;
      if (slots_[at].key == kFree) return {};
    }
  }

 private:
  struct Slot {
    uint64_t key = kFree;
    Merge merge;
  };
  static constexpr uint64_t kFree = UINT64_MAX;  // ids aren't negative, so no pair has this key
  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  /// Fibonacci hashing: the top bits of the product depend on all bits of both ids.
  size_t Home(uint64_t key) const {
    return static_cast<size_t>((key * 0x9E3779B97F4A7C15u ^ key >> 29) * 0xD6E8FEB86659FD93u >> shift_);
  }
  uint32_t shift_;
  size_t mask_;
  std::vector<Slot> slots_;
};

}  // namespace bedplate
