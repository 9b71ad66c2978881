#pragma once
/// Prometheus' text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "engine/metrics.h"

namespace bedplate {

using MetricLabels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Appends families one after another; the samples of a family must be appended together.
class PrometheusWriter {
 public:
  explicit PrometheusWriter(std::string& out) : out_(out) {}
  /// type: "counter", "gauge" or "histogram".
  void Family(std::string_view name, std::string_view type, std::string_view help);
  void Sample(MetricLabels labels, uint64_t value);
  void Sample(MetricLabels labels, double value);
  void Sample(MetricLabels labels, const LatencyHistogram& histogram);

 private:
  void Name(std::string_view suffix, MetricLabels labels, std::string_view upper_bound);
  std::string& out_;
  std::string name_;
};

}  // namespace bedplate
