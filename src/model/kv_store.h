#pragma once
/// The bytes behind page numbers: keys and values of every layer, one allocation per page group. A page holds its
/// positions for all layers of its group, layer after layer; inside a layer as kv_layout.h lays out their type.
///
/// Owns the memory; whose page is whose is the page pool's business. Threads: disjoint pages may be written at once.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "kernels/kv_layout.h"
#include "model/model_config.h"
#include "model/step_model.h"

namespace bedplate {

class KvStore {
 public:
  KvStore(const ModelConfig& config, KvType type);

  /// Full layers first, then sliding ones; a model with one kind has one group.
  [[nodiscard]] std::span<const PageGroup> groups() const { return groups_; }
  [[nodiscard]] KvType type() const { return type_; }
  Status Allocate(std::span<const uint32_t> pages_per_group);
  /// Of all layers; a page is one piece.
  [[nodiscard]] std::span<std::byte> PageBytes(size_t group, PageId page) const;
  /// Type and layout in words: equal ones mean that a page's bytes mean the same.
  [[nodiscard]] std::string LayoutIdentity() const;
  [[nodiscard]] uint32_t GroupOf(uint32_t layer) const { return places_[layer].group; }
  [[nodiscard]] KvLayout Layer(uint32_t layer) const;

 private:
  struct Place {
    uint32_t group;
    uint32_t index;
  };  // the index-th layer of its group
  KvType type_;
  uint32_t kv_heads_;
  uint32_t head_dim_;
  std::vector<PageGroup> groups_;
  std::vector<Place> places_;   // by layer
  std::vector<Buffer> memory_;  // by group
};

}  // namespace bedplate
