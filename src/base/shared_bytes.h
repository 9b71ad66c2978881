#pragma once
/// Bytes and whoever keeps them, memory or a mapped file. Copies share the owner: tables that one thread reads may be
/// written to the disk by another that outlives the reader.

#include <cstddef>
#include <memory>
#include <span>

namespace bedplate {

struct SharedBytes {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};

}  // namespace bedplate
