#pragma once
/// Which requests a load test sends, and when: a number of streams that each ask again when answered, arrivals at a
/// rate, or a trace.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace bedplate {

struct PlannedRequest {
  double at = 0;  // seconds from the start, not before; 0: as soon as a stream is free
  std::string prompt;
  uint32_t output_tokens = 0;
};

struct LoadPlan {
  std::vector<PlannedRequest> requests;                         // ascending in at
  uint32_t streams_max = std::numeric_limits<uint32_t>::max();  // requests that may be open together
};

/// `requests` requests over `streams` streams, prompts of about prompt_tokens tokens (common words, each a token of its
/// own in most vocabularies), no two with the same beginning.
struct LoadShape {
  uint32_t streams = 1;
  uint32_t requests = 0;
  uint32_t prompt_tokens = 128;
  uint32_t output_tokens = 128;
  uint64_t seed = 1;
};
LoadPlan PlanStreams(const LoadShape& shape);
/// Arrivals as a Poisson process with `rate` requests a second; nobody waits for anyone.
LoadPlan PlanRate(const LoadShape& shape, double rate);
/// One JSON object a line: {"at": seconds, "prompt": text or "prompt_tokens": n, "output_tokens": n}. Errors:
/// kInvalidArgument with the line.
Result<LoadPlan> PlanTrace(std::string_view text, const LoadShape& shape);

}  // namespace bedplate
