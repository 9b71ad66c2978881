#include "serve/server_metrics.h"

#include <chrono>

#include "base/cat.h"
#include "serve/prometheus.h"

namespace bedplate {
namespace {

struct Snapshot {
  std::string model;
  EngineMetrics metrics;
};

void AppendEngines(const std::vector<Snapshot>& engines, PrometheusWriter& w) {
  w.Family("bedplate_requests_total", "counter", "Requests that ended, by how.");
  for (const auto& [model, m] : engines) {
    w.Sample({{"model", model}, {"outcome", "finished"}}, m.requests_finished);
    w.Sample({{"model", model}, {"outcome", "failed"}}, m.requests_failed);
    w.Sample({{"model", model}, {"outcome", "cancelled"}}, m.requests_cancelled);
    w.Sample({{"model", model}, {"outcome", "refused"}}, m.requests_refused);
  }
  w.Family("bedplate_tokens_total", "counter",
           "Tokens, by kind: prompt_computed and prompt_cached add up to the prompts, output is what was generated.");
  for (const auto& [model, m] : engines) {
    w.Sample({{"model", model}, {"kind", "prompt_computed"}}, m.prompt_tokens - m.cached_tokens);
    w.Sample({{"model", model}, {"kind", "prompt_cached"}}, m.cached_tokens);
    w.Sample({{"model", model}, {"kind", "output"}}, m.output_tokens);
  }
  const auto counter = [&](std::string_view name, std::string_view help, auto field) {
    w.Family(name, "counter", help);
    for (const auto& [model, m] : engines) w.Sample({{"model", model}}, uint64_t{m.*field});
  };
  const auto gauge = [&](std::string_view name, std::string_view help, auto field) {
    w.Family(name, "gauge", help);
    for (const auto& [model, m] : engines) w.Sample({{"model", model}}, uint64_t{m.*field});
  };
  const auto histogram = [&](std::string_view name, std::string_view help, auto field) {
    w.Family(name, "histogram", help);
    for (const auto& [model, m] : engines) w.Sample({{"model", model}}, m.*field);
  };
  w.Family("bedplate_draft_tokens_total", "counter",
           "Tokens computed on a guess, by outcome: accepted ones were drawn, so that their step gave several tokens.");
  for (const auto& [model, m] : engines) {
    w.Sample({{"model", model}, {"outcome", "accepted"}}, m.accepted_tokens);
    w.Sample({{"model", model}, {"outcome", "rejected"}}, m.drafted_tokens - m.accepted_tokens);
  }
  counter("bedplate_draft_lookups_total", "Guesses asked for; none while the load leaves nothing to gain by them.",
          &EngineMetrics::lookups);
  w.Family("bedplate_prefix_cache_tokens_total", "counter",
           "Prompt tokens that were not computed, by the tier of the prefix cache that had them; they add up to "
           "prompt_cached.");
  for (const auto& [model, m] : engines) {
    const uint64_t restored = m.cached_memory_tokens + m.cached_file_tokens;
    w.Sample({{"model", model}, {"tier", "pages"}}, m.cached_tokens - restored);
    w.Sample({{"model", model}, {"tier", "memory"}}, m.cached_memory_tokens);
    w.Sample({{"model", model}, {"tier", "file"}}, m.cached_file_tokens);
  }
  const auto tiers = [&](std::string_view name, std::string_view type, std::string_view help, auto field) {
    w.Family(name, type, help);
    for (const auto& [model, m] : engines) {
      w.Sample({{"model", model}, {"tier", "memory"}}, m.memory_tier.*field);
      w.Sample({{"model", model}, {"tier", "file"}}, m.file_tier.*field);
    }
  };
  tiers("bedplate_prefix_cache_bytes", "gauge", "Keys and values held beyond the pages, by tier.", &TierCounts::bytes);
  tiers("bedplate_prefix_cache_restored_total", "counter", "Runs of 16 tokens that came back into pages, by tier.",
        &TierCounts::restored);
  tiers("bedplate_prefix_cache_evicted_total", "counter", "Runs of 16 tokens that made room for others, by tier.",
        &TierCounts::evicted);
  tiers("bedplate_prefix_cache_refused_total", "counter",
        "Runs of 16 tokens that a tier did not take since it was full of newer ones or busy writing, by tier.",
        &TierCounts::refused);
  tiers("bedplate_prefix_cache_failed_total", "counter",
        "Runs of 16 tokens that could not be written, or came back damaged or not at all, by tier.",
        &TierCounts::failed);
  counter("bedplate_pages_evicted_total", "Cached pages that were given to other tokens.",
          &EngineMetrics::pages_evicted);
  counter("bedplate_preemptions_total", "Sequences whose pages were taken away, to be computed again.",
          &EngineMetrics::preemptions);
  counter("bedplate_steps_total", "Forward passes over a batch.", &EngineMetrics::steps);
  gauge("bedplate_requests_waiting", "Requests in the queue.", &EngineMetrics::requests_waiting);
  gauge("bedplate_sequences_running", "Sequences being computed.", &EngineMetrics::sequences_running);
  gauge("bedplate_flows", "Tenants (or keys without one) whose requests run or wait.", &EngineMetrics::flows);
  w.Family("bedplate_pages", "gauge", "KV pages, by state: used by running sequences, cached for prefixes, or free.");
  for (const auto& [model, m] : engines) {
    w.Sample({{"model", model}, {"state", "used"}}, uint64_t{m.pages_used});
    w.Sample({{"model", model}, {"state", "cached"}}, uint64_t{m.pages_cached});
    const uint32_t taken = m.pages_used + m.pages_cached;
    w.Sample({{"model", model}, {"state", "free"}}, uint64_t{m.pages_total - std::min(m.pages_total, taken)});
  }
  histogram("bedplate_time_to_first_token_seconds", "From submission to the first output token.",
            &EngineMetrics::time_to_first_token);
  histogram("bedplate_time_between_tokens_seconds", "Between two output tokens of a sequence.",
            &EngineMetrics::time_between_tokens);
  histogram("bedplate_queue_seconds", "From submission to the first step.", &EngineMetrics::queue_time);
  histogram("bedplate_generation_seconds", "From submission to the end.", &EngineMetrics::request_time);
}

}  // namespace

void ServerMetrics::CountRequest(std::string_view route, int status, Duration taken) {
  const std::lock_guard lock(mutex_);
  ++requests_[{std::string(route), status}];
  request_seconds_[std::string(route)].Add(std::chrono::duration<double>(taken).count());
}

std::string ServerMetrics::Page(const std::vector<ServedModel>& models, bool ready) const {
  std::vector<Snapshot> engines;
  for (const ServedModel& model : models) engines.push_back({model.engine->model().id, model.engine->Metrics()});
  std::string out;
  PrometheusWriter w(out);
  w.Family("bedplate_ready", "gauge", "1 when every model is loaded and the server is not shutting down.");
  w.Sample({}, uint64_t{ready});
  w.Family("bedplate_http_connections", "gauge", "Open connections.");
  w.Sample({}, uint64_t{connections_open_.load()});
  w.Family("bedplate_http_connections_total", "counter", "Connections accepted.");
  w.Sample({}, connections_total_.load());
  w.Family("bedplate_http_connections_refused_total", "counter", "Connections beyond the limit.");
  w.Sample({}, connections_refused_.load());
  w.Family("bedplate_http_sent_bytes_total", "counter", "Bytes written to clients.");
  w.Sample({}, bytes_sent_.load());
  {
    const std::lock_guard lock(mutex_);
    w.Family("bedplate_http_requests_total", "counter", "HTTP requests answered, by route and status.");
    for (const auto& [key, count] : requests_) w.Sample({{"route", key.first}, {"status", Cat(key.second)}}, count);
    w.Family("bedplate_http_request_seconds", "histogram", "From a request's head to the last byte of its answer.");
    for (const auto& [route, histogram] : request_seconds_) w.Sample({{"route", route}}, histogram);
  }
  AppendEngines(engines, w);
  return out;
}

}  // namespace bedplate
