#include "model/kv_store.h"

#include "base/check.h"

namespace bedplate {

static_assert(kPageTokens == kKvPagePositions);

KvStore::KvStore(const ModelConfig& config, KvType type)
    : type_(type), kv_heads_(config.kv_heads), head_dim_(config.head_dim) {
  std::vector<uint32_t> counts;
  for (const bool sliding : {false, true}) {
    uint32_t count = 0;
    for (const bool layer : config.layer_is_sliding) count += layer == sliding ? 1u : 0u;
    if (count == 0) continue;
    groups_.push_back({sliding ? config.sliding_window : 0, count * KvLayout::LayerBytes(type_, kv_heads_, head_dim_)});
  }
  counts.assign(groups_.size(), 0);
  for (const bool sliding : config.layer_is_sliding) {
    const uint32_t group = sliding && groups_.size() == 2 ? 1 : 0;
    places_.push_back({group, counts[group]++});
  }
}

Status KvStore::Allocate(std::span<const uint32_t> pages_per_group) {
  BP_CHECK(pages_per_group.size() == groups_.size() && memory_.empty());
  for (size_t g = 0; g < groups_.size(); ++g) {
    BP_ASSIGN_OR_RETURN(Buffer memory, Buffer::Allocate(pages_per_group[g] * groups_[g].page_bytes));
    memory_.push_back(std::move(memory));
  }
  return Status::Ok();
}

KvLayout KvStore::Layer(uint32_t layer) const {
  const Place place = places_[layer];
  std::byte* base = memory_[place.group].data() + place.index * KvLayout::LayerBytes(type_, kv_heads_, head_dim_);
  return {base, groups_[place.group].page_bytes, kv_heads_, head_dim_};
}

}  // namespace bedplate
