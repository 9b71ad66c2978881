#pragma once
/// Numbers about one tier of the prefix cache since the start: plain values. A run is kPageTokens tokens.

#include <cstdint>

namespace bedplate {

struct TierCounts {
  uint64_t bytes = 0;     // held now
  uint64_t restored = 0;  // runs that came back
  uint64_t evicted = 0;   // runs that went to make room
  uint64_t refused = 0;   // runs that the file could not take in time
  uint64_t failed = 0;    // runs that could not be written or read
};

}  // namespace bedplate
