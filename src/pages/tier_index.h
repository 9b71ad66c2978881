#pragma once
/// Which runs a tier of the prefix cache holds, in which of its slots, and which of them goes next. A run can go when
/// none after it is here, since a prefix is of use from its beginning; of those, the least recently used.
///
/// Owns:      slot numbers and keys; the bytes are the tier's.
/// Threads:   engine thread only.
/// Cost:      O(1) expected, but for a run that loses the last run after it: as many steps as ends are older than it.
///            Allocates only in the constructor.

#include <cstdint>
#include <optional>
#include <vector>

#include "pages/page_key.h"

namespace bedplate {

class TierIndex {
 public:
  explicit TierIndex(uint32_t slots);

  [[nodiscard]] std::optional<uint32_t> Find(const PageKey& key) const;
  /// A free slot, which is the key's from now on; none: all are taken. The key must not be here yet.
  std::optional<uint32_t> TryAdd(const PageKey& key, const PageKey& parent);
  /// That free slot.
  void AddAt(uint32_t slot, const PageKey& key, const PageKey& parent);
  /// Frees the slot, which must not be pinned.
  void Remove(uint32_t slot);
  /// What can go next.
  [[nodiscard]] std::optional<uint32_t> OldestEnd() const;
  /// It has been used now.
  void Touch(uint32_t slot);
  /// While pinned, a slot does not go.
  void Pin(uint32_t slot);
  void Unpin(uint32_t slot);
  [[nodiscard]] bool pinned(uint32_t slot) const { return entries_[slot].pins > 0; }

  [[nodiscard]] bool taken(uint32_t slot) const { return entries_[slot].taken; }
  [[nodiscard]] const PageKey& key(uint32_t slot) const { return entries_[slot].key; }
  [[nodiscard]] const PageKey& parent(uint32_t slot) const { return entries_[slot].parent; }
  [[nodiscard]] uint32_t slots() const { return static_cast<uint32_t>(entries_.size()); }
  [[nodiscard]] uint32_t used() const { return used_slots_; }
  void CheckIntegrity() const;

  /// To be charged to the memory budget.
  static size_t BytesPerSlot();

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFFu;
  struct Entry {
    PageKey key, parent;
    uint64_t used_at = 0;
    uint32_t children = 0;  // entries whose parent this is
    uint32_t pins = 0;
    uint32_t next_of_key = kNone, next_of_parent = kNone;  // in the chains of their buckets
    uint32_t older = kNone, newer = kNone;                 // in the list of ends, while in it
    bool taken = false, listed = false;
  };

  [[nodiscard]] size_t BucketOf(const PageKey& key) const { return key.Word() & (by_key_.size() - 1); }
  void ListIfEnd(uint32_t slot);
  void Unlist(uint32_t slot);
  void TakeFromChain(uint32_t& head, uint32_t slot, uint32_t Entry::* next);

  std::vector<Entry> entries_;
  std::vector<uint32_t> by_key_, by_parent_;  // heads of chains; a power of two
  std::vector<uint32_t> free_;                // the next to take is last
  std::vector<uint32_t> free_place_;          // by slot: where in free_ it is
  uint32_t oldest_ = kNone, newest_ = kNone;  // ends, in order of used_at
  uint32_t used_slots_ = 0;
  uint64_t now_ = 0;  // counts uses
};

}  // namespace bedplate
