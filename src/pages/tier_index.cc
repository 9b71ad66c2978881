// Invariants, checked by CheckIntegrity(): an entry is in the list exactly if it has neither children nor pins, and the
// list is in order of use; children counts the entries that name it as parent, whichever of the two came first.

#include "pages/tier_index.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace bedplate {

TierIndex::TierIndex(uint32_t slots) : entries_(slots), free_place_(slots) {
  by_key_.assign(std::bit_ceil(size_t{slots} * 2 + 1), kNone);
  by_parent_ = by_key_;
  free_.reserve(slots);
  for (uint32_t i = slots; i > 0; --i) {
    free_place_[i - 1] = static_cast<uint32_t>(free_.size());
    free_.push_back(i - 1);
  }
}

size_t TierIndex::BytesPerSlot() {
  return sizeof(Entry) + (2 * 4 + 2) * sizeof(uint32_t);  // at most four buckets of each kind
}

std::optional<uint32_t> TierIndex::Find(const PageKey& key) const {
  for (uint32_t slot = by_key_[BucketOf(key)]; slot != kNone; slot = entries_[slot].next_of_key) {
    if (entries_[slot].key == key) return slot;
  }
  return std::nullopt;
}

std::optional<uint32_t> TierIndex::TryAdd(const PageKey& key, const PageKey& parent) {
  if (free_.empty()) return std::nullopt;
  const uint32_t slot = free_.back();
  AddAt(slot, key, parent);
  return slot;
}

void TierIndex::AddAt(uint32_t slot, const PageKey& key, const PageKey& parent) {
  BP_CHECK(!entries_[slot].taken && !Find(key).has_value());
  const uint32_t last = free_.back();
  free_[free_place_[slot]] = last;
  free_place_[last] = free_place_[slot];
  free_.pop_back();
  ++used_slots_;
  Entry& entry = entries_[slot];
  entry = {};
  entry.key = key;
  entry.parent = parent;
  entry.taken = true;
  entry.used_at = ++now_;
  if (const auto above = Find(parent); above.has_value()) {
    Unlist(*above);
    ++entries_[*above].children;
  }
  for (uint32_t s = by_parent_[BucketOf(key)]; s != kNone; s = entries_[s].next_of_parent) {
    entry.children += entries_[s].parent == key ? 1 : 0;
  }
  entry.next_of_key = std::exchange(by_key_[BucketOf(key)], slot);
  entry.next_of_parent = std::exchange(by_parent_[BucketOf(parent)], slot);
  ListIfEnd(slot);
}

void TierIndex::Remove(uint32_t slot) {
  Entry& entry = entries_[slot];
  BP_CHECK(entry.taken && entry.pins == 0);
  Unlist(slot);
  TakeFromChain(by_key_[BucketOf(entry.key)], slot, &Entry::next_of_key);
  TakeFromChain(by_parent_[BucketOf(entry.parent)], slot, &Entry::next_of_parent);
  entry.taken = false;
  free_place_[slot] = static_cast<uint32_t>(free_.size());
  free_.push_back(slot);
  --used_slots_;
  if (const auto above = Find(entry.parent); above.has_value()) {
    --entries_[*above].children;
    ListIfEnd(*above);
  }
}

void TierIndex::TakeFromChain(uint32_t& head, uint32_t slot, uint32_t Entry::* next) {
  uint32_t* link = &head;
  while (*link != slot) link = &(entries_[*link].*next);
  *link = entries_[slot].*next;
}

std::optional<uint32_t> TierIndex::OldestEnd() const {
  if (oldest_ == kNone) return std::nullopt;
  return oldest_;
}

void TierIndex::Touch(uint32_t slot) {
  Unlist(slot);
  entries_[slot].used_at = ++now_;
  ListIfEnd(slot);
}

void TierIndex::Pin(uint32_t slot) {
  Unlist(slot);
  ++entries_[slot].pins;
}

void TierIndex::Unpin(uint32_t slot) {
  BP_CHECK(entries_[slot].pins > 0);
  --entries_[slot].pins;
  ListIfEnd(slot);
}

/// Puts it where its last use belongs. One that was used last is at once in its place.
void TierIndex::ListIfEnd(uint32_t slot) {
  Entry& entry = entries_[slot];
  if (entry.listed || entry.children > 0 || entry.pins > 0) return;
  uint32_t newer = kNone;
  if (newest_ != kNone && entries_[newest_].used_at > entry.used_at) {
    newer = oldest_;
    while (entries_[newer].used_at < entry.used_at) newer = entries_[newer].newer;
  }
  entry.newer = newer;
  entry.older = newer == kNone ? newest_ : entries_[newer].older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = slot;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = slot;
  entry.listed = true;
}

void TierIndex::Unlist(uint32_t slot) {
  Entry& entry = entries_[slot];
  if (!entry.listed) return;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  entry.older = entry.newer = kNone;
  entry.listed = false;
}

void TierIndex::CheckIntegrity() const {
  uint32_t used = 0, ends = 0, listed = 0;
  std::vector<uint32_t> children(entries_.size(), 0);
  for (uint32_t s = 0; s < entries_.size(); ++s) {
    const Entry& entry = entries_[s];
    if (!entry.taken) {
      BP_CHECK(!entry.listed && free_[free_place_[s]] == s);
      continue;
    }
    ++used;
    BP_CHECK(Find(entry.key) == s);
    BP_CHECK(entry.listed == (entry.children == 0 && entry.pins == 0));
    ends += entry.listed ? 1 : 0;
    if (const auto above = Find(entry.parent); above.has_value()) ++children[*above];
  }
  for (uint32_t s = 0; s < entries_.size(); ++s) BP_CHECK(!entries_[s].taken || entries_[s].children == children[s]);
  for (uint32_t s = oldest_; s != kNone; s = entries_[s].newer) {
    const Entry& entry = entries_[s];
    BP_CHECK(entry.listed);
    BP_CHECK(entry.newer == kNone ? newest_ == s
                                  : entries_[entry.newer].older == s && entry.used_at < entries_[entry.newer].used_at);
    ++listed;
  }
  BP_CHECK(used == used_slots_ && used + free_.size() == entries_.size() && listed == ends);
}

}  // namespace bedplate
