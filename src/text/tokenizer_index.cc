#include "text/tokenizer_index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>

#include "base/check.h"

namespace bedplate {
namespace {

uint64_t HashOf(std::string_view key) {
  return XXH3_64bits(key.data(), key.size());
}
uint32_t TagOf(uint64_t hash) {
  return static_cast<uint32_t>(hash >> 32);
}
size_t PairSlots(size_t pairs_max) {
  return std::bit_ceil(pairs_max * 2 + 2);
}

}  // namespace

TokenIndex::TokenIndex(size_t keys_max) : mask_(std::bit_ceil(keys_max + keys_max / 2 + 2) - 1), slots_(mask_ + 1) {
  keys_.reserve(keys_max);
}

size_t TokenIndex::Place(std::string_view key, uint64_t hash) const {
  size_t at = hash & mask_;
  while (slots_[at].key != kFree && (slots_[at].tag != TagOf(hash) || keys_[slots_[at].key].text != key)) {
    at = (at + 1) & mask_;
  }
  return at;
}

std::optional<int32_t> TokenIndex::Insert(std::string_view key, int32_t id) {
  const uint64_t hash = HashOf(key);
  Slot& slot = slots_[Place(key, hash)];
  if (slot.key != kFree) return keys_[slot.key].id;
  BP_CHECK(keys_.size() < keys_.capacity());
  slot = {TagOf(hash), static_cast<uint32_t>(keys_.size())};
  keys_.push_back({key, id});
  return std::nullopt;
}

int32_t TokenIndex::Find(std::string_view key) const {
  const Slot& slot = slots_[Place(key, HashOf(key))];
  return slot.key == kFree ? -1 : keys_[slot.key].id;
}

PairTable::PairTable(size_t pairs_max)
    : shift_(static_cast<uint32_t>(64 - std::countr_zero(PairSlots(pairs_max)))),
      mask_(PairSlots(pairs_max) - 1),
      slots_(mask_ + 1) {}

bool PairTable::Insert(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = Key(left, right);
  size_t at = Home(key);
  for (; slots_[at].key != kFree; at = (at + 1) & mask_) {
    if (slots_[at].key == key) return false;
  }
  slots_[at] = {key, merge};
  return true;
}

}  // namespace bedplate
