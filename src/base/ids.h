#pragma once
/// Identities are types, so that mixing them fails to compile. An Id never adds.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace bedplate {

template <class Tag, class Rep>
struct Id {
  Rep value{};
  auto operator<=>(const Id&) const = default;
};

using TokenId = Id<struct TokenTag, int32_t>;         // an entry of one model's vocabulary
using PageId = Id<struct PageTag, uint32_t>;          // a KV page of one page group
using SequenceId = Id<struct SequenceTag, uint64_t>;  // one stream of tokens being computed

}  // namespace bedplate

template <class Tag, class Rep>
struct std::hash<bedplate::Id<Tag, Rep>> {
  size_t operator()(const bedplate::Id<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value); }
};
