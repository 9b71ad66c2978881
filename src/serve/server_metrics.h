#pragma once
/// What the HTTP side counts, and the page that /metrics shows: its own numbers and each engine's. Any thread.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/metrics.h"
#include "serve/server.h"

namespace bedplate {

class ServerMetrics {
 public:
  void CountConnection() {
    connections_total_.fetch_add(1, std::memory_order_relaxed);
    connections_open_.fetch_add(1, std::memory_order_relaxed);
  }
  void CountClosed() { connections_open_.fetch_sub(1, std::memory_order_relaxed); }
  void CountRefused() { connections_refused_.fetch_add(1, std::memory_order_relaxed); }
  /// route: the pattern that matched, from a fixed set, so that clients can't make new series.
  void CountRequest(std::string_view route, int status, Duration taken);
  void CountSent(size_t bytes) { bytes_sent_.fetch_add(bytes, std::memory_order_relaxed); }

  [[nodiscard]] uint32_t connections_open() const { return connections_open_.load(std::memory_order_relaxed); }

  [[nodiscard]] std::string Page(const std::vector<ServedModel>& models, bool ready) const;

 private:
  std::atomic<uint64_t> connections_total_{0};
  std::atomic<uint32_t> connections_open_{0};
  std::atomic<uint64_t> connections_refused_{0};
  std::atomic<uint64_t> bytes_sent_{0};
  mutable std::mutex mutex_;                                  // guards the maps
  std::map<std::pair<std::string, int>, uint64_t> requests_;  // by route and status
  std::map<std::string, LatencyHistogram> request_seconds_;   // by route
};

}  // namespace bedplate
