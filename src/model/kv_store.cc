#include "model/kv_store.h"

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {

static_assert(kPageTokens == kKvPagePositions);

namespace {

constexpr uint32_t kLayout = 1;  // of kv_layout.h; raised when the same type's bytes come to mean something else

}  // namespace

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

std::span<std::byte> KvStore::PageBytes(size_t group, PageId page) const {
  const size_t bytes = groups_[group].page_bytes;
  BP_CHECK(memory_[group].size() / bytes > page.value);
  return {memory_[group].data() + page.value * bytes, bytes};
}

std::string KvStore::LayoutIdentity() const {
  std::string text = Cat(KvTypeName(type_), ", layout ", kLayout, "; ", kv_heads_, " heads of ", head_dim_);
  for (const PageGroup& group : groups_)
    text += Cat("; window ", group.sliding_window, ", ", group.page_bytes, " bytes");
  return text;
}

KvLayout KvStore::Layer(uint32_t layer) const {
  const Place place = places_[layer];
  std::byte* base = memory_[place.group].data() + place.index * KvLayout::LayerBytes(type_, kv_heads_, head_dim_);
  return {base, groups_[place.group].page_bytes, kv_heads_, head_dim_};
}

}  // namespace bedplate
