#include "kernels/kv_layout.h"

#include <array>

namespace bedplate {
namespace {

constexpr std::array<std::string_view, kKvTypes> kNames = {"f16", "q8"};

}  // namespace

std::string_view KvTypeName(KvType type) {
  return kNames[static_cast<size_t>(type)];
}

std::optional<KvType> ParseKvType(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<KvType>(i);
  }
  return std::nullopt;
}

}  // namespace bedplate
