#include "text/tokenizer_index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>

namespace bedplate {
namespace {

uint64_t HashOf(std::string_view key) {
  return XXH3_64bits(key.data(), key.size());
}
uint32_t TagOf(uint64_t hash) {
  return static_cast<uint32_t>(hash >> 32);
}

/// The slot that holds the key, or the free one where it would go.
size_t Place(std::span<const TokenIndex::Slot> slots, const StringTable& keys, std::string_view key, uint64_t hash) {
  const size_t mask = slots.size() - 1;
  size_t at = hash & mask;
  while (slots[at].id != TokenIndex::kFree &&
         (slots[at].tag != TagOf(hash) || keys[static_cast<size_t>(slots[at].id)] != key)) {
    at = (at + 1) & mask;
  }
  return at;
}

}  // namespace

std::vector<TokenIndex::Slot> TokenIndex::MakeSlots(size_t keys_max) {
  return std::vector<Slot>(std::bit_ceil(keys_max + keys_max / 2 + 2));
}

std::optional<int32_t> TokenIndex::Insert(std::span<Slot> slots, const StringTable& keys, int32_t id) {
  const std::string_view key = keys[static_cast<size_t>(id)];
  const uint64_t hash = HashOf(key);
  Slot& slot = slots[Place(slots, keys, key, hash)];
  if (slot.id != kFree) return slot.id;
  slot = {TagOf(hash), id};
  return std::nullopt;
}

int32_t TokenIndex::Find(std::string_view key) const {
  return slots_[Place(slots_, keys_, key, HashOf(key))].id;
}

std::vector<PairTable::Slot> PairTable::MakeSlots(size_t pairs_max) {
  return std::vector<Slot>(std::bit_ceil(pairs_max * 2 + 2));
}

uint32_t PairTable::ShiftOf(size_t slots) {
  return static_cast<uint32_t>(64 - std::countr_zero(slots));
}

bool PairTable::Insert(std::span<Slot> slots, int32_t left, int32_t right, Merge merge) {
  const uint64_t key = Key(left, right);
  size_t at = Home(key, ShiftOf(slots.size()));
  for (; slots[at].key != kFree; at = (at + 1) & (slots.size() - 1)) {
    if (slots[at].key == key) return false;
  }
  slots[at] = {key, merge};
  return true;
}

}  // namespace bedplate
