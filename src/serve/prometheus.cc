#include "serve/prometheus.h"

#include <fmt/format.h>

#include <iterator>

namespace bedplate {

void PrometheusWriter::Family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void PrometheusWriter::Name(std::string_view suffix, MetricLabels labels, std::string_view upper_bound) {
  out_.append(name_).append(suffix);
  bool first = true;
  const auto append = [&](std::string_view name, std::string_view value) {
    out_ += first ? '{' : ',';
    first = false;
    out_.append(name).append("=\"");
    for (const char c : value) {
      if (c == '\n')
        out_ += "\\n";
      else if (c == '"' || c == '\\')
        (out_ += '\\') += c;
      else
        out_ += c;
    }
    out_ += '"';
  };
  for (const auto& [name, value] : labels) append(name, value);
  if (!upper_bound.empty()) append("le", upper_bound);
  if (!first) out_ += '}';
  out_ += ' ';
}

void PrometheusWriter::Sample(MetricLabels labels, uint64_t value) {
  Name("", labels, "");
  fmt::format_to(std::back_inserter(out_), "{}\n", value);
}

void PrometheusWriter::Sample(MetricLabels labels, double value) {
  Name("", labels, "");
  fmt::format_to(std::back_inserter(out_), "{}\n", value);
}

void PrometheusWriter::Sample(MetricLabels labels, const LatencyHistogram& histogram) {
  uint64_t below = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    below += histogram.counts[i];
    const bool last = i == LatencyHistogram::kUpperSeconds.size();
    Name("_bucket", labels, last ? "+Inf" : fmt::format("{}", LatencyHistogram::kUpperSeconds[i]));
    fmt::format_to(std::back_inserter(out_), "{}\n", below);
  }
  Name("_sum", labels, "");
  fmt::format_to(std::back_inserter(out_), "{}\n", histogram.sum_seconds);
  Name("_count", labels, "");
  fmt::format_to(std::back_inserter(out_), "{}\n", histogram.count);
}

}  // namespace bedplate
