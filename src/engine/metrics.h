#pragma once
/// Numbers about an engine since its start, as /metrics shows them. A snapshot: plain values.

#include <array>
#include <cstddef>
#include <cstdint>

#include "pages/tier_counts.h"

namespace bedplate {

/// Counts of durations by upper bound; the last bucket has none. Fixed bounds, so that histograms of nodes add up.
struct LatencyHistogram {
  static constexpr std::array<double, 16> kUpperSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                           0.5,   1,      2.5,   5,    10,    30,   60,  120};
  std::array<uint64_t, kUpperSeconds.size() + 1> counts{};
  uint64_t count = 0;
  double sum_seconds = 0;

  void Add(double seconds) {
    size_t i = 0;
    while (i < kUpperSeconds.size() && seconds > kUpperSeconds[i]) ++i;
    ++counts[i];
    ++count;
    sum_seconds += seconds;
  }
};

struct EngineMetrics {
  uint64_t requests_finished = 0;
  uint64_t requests_failed = 0;
  uint64_t requests_cancelled = 0;
  uint64_t requests_refused = 0;      // queue full
  uint64_t prompt_tokens = 0;         // includes cached
  uint64_t cached_tokens = 0;         // of the prompt tokens, not computed: from the pool or a tier of the cache
  uint64_t cached_memory_tokens = 0;  // of these, restored from memory beyond the pool
  uint64_t cached_file_tokens = 0;    // and from the file
  uint64_t output_tokens = 0;
  uint64_t drafted_tokens = 0;   // computed on the guess that they would be drawn
  uint64_t accepted_tokens = 0;  // of those, drawn and part of the output
  uint64_t lookups = 0;          // times that a sequence was asked what it may write next
  uint64_t preemptions = 0;
  uint64_t steps = 0;
  uint32_t requests_waiting = 0;
  uint32_t sequences_running = 0;
  uint32_t flows = 0;          // with requests here
  uint32_t pages_total = 0;    // over all groups
  uint32_t pages_used = 0;     // by running sequences
  uint32_t pages_cached = 0;   // held only by the prefix tree
  uint64_t pages_evicted = 0;  // cached ones that were given to others
  TierCounts memory_tier, file_tier;
  LatencyHistogram time_to_first_token;
  LatencyHistogram time_between_tokens;
  LatencyHistogram queue_time;
  LatencyHistogram request_time;
};

}  // namespace bedplate
