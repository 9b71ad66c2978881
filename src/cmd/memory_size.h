#pragma once
/// Sizes of memory as people write them, and how much of it this process may use.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate {

/// "8GiB", "512MiB", "1.5G", "2000000000": K, M, G, T are powers of 1024, with or without "iB" or "B".
Result<size_t> ParseMemorySize(std::string_view text);
std::string MemorySizeText(size_t bytes);  // "1.5 GiB"

/// What the system says is free for us now: MemAvailable, capped by the cgroup's limit.
size_t AvailableMemory();

}  // namespace bedplate
