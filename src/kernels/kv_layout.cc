#include "kernels/kv_layout.h"

namespace bedplate {
namespace {

constexpr std::array<std::string_view, kKvTypes.size()> kKvTypeNames = {"f16", "q8", "bf16"};

}  // namespace

std::string_view KvTypeName(KvType type) {
  return kKvTypeNames[static_cast<size_t>(type)];
}

std::optional<KvType> ParseKvType(std::string_view name) {
  for (size_t i = 0; i < kKvTypeNames.size(); ++i) {
    if (kKvTypeNames[i] == name) return static_cast<KvType>(i);
  }
  return std::nullopt;
}

}  // namespace bedplate
