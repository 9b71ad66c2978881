#pragma once
/// What a load test found: times to the first token and between tokens, throughput, goodput; as a table, JSON and
/// plots.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/bench/load_client.h"

namespace bedplate {

/// What an answer must keep to count as good.
struct LoadTargets {
  double first_token_seconds = 2.0;
  double between_tokens_seconds = 0.2;  // the mean within an answer
};

struct Quantiles {
  double mean = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;
};
Quantiles QuantilesOf(std::vector<double> values);  // by nearest rank; zeros when there are none

struct LoadReport {
  size_t requests = 0, failed = 0;
  size_t refused = 0;  // of the failed: status 429
  std::string first_error;
  double seconds = 0;  // from the first request due to the last end
  uint64_t prompt_tokens = 0, output_tokens = 0;
  Quantiles first_token;     // seconds, from when the request was due
  Quantiles between_tokens;  // seconds between one piece of text and the next; most servers send a token in each
  Quantiles whole;           // seconds, of whole answers
  double output_tokens_per_second = 0, requests_per_second = 0;
  double good_requests_per_second = 0, good_share = 0;
};
LoadReport Summarise(std::span<const RequestRecord> records, const LoadTargets& targets);

std::string LoadTable(const LoadReport& report, std::string_view title, const LoadTargets& targets);
std::string LoadJson(const LoadReport& report, std::span<const RequestRecord> records, const LoadTargets& targets);
/// Distribution of first tokens and of times between tokens, and tokens/s over time.
std::string LoadSvg(std::span<const RequestRecord> records, std::string_view title);

}  // namespace bedplate
