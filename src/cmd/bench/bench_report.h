#pragma once
/// What `bedplate bench MODEL` found, as a table for people, JSON for programs and an SVG plot.

#include <string>
#include <vector>

#include "cmd/bench/model_cost.h"
#include "cmd/bench/series.h"

namespace bedplate {

struct WorkloadReport {
  Workload workload;
  std::vector<Series> series;  // bedplate's first
  double limit = 0;            // tokens/s, at the bandwidth that was probed around bedplate's rounds

  [[nodiscard]] const Series& ours() const { return series.front(); }
  [[nodiscard]] double share() const { return limit > 0 ? ours().median() / limit : 0; }
  /// The fastest setting of an engine; nullptr when it refused with all of them.
  [[nodiscard]] const Series* Best(const std::string& engine) const;
};

struct BenchReport {
  std::string model, isa;
  std::string kv_type;  // of keys and values
  uint32_t threads = 1, rounds = 1;
  MachineSpeed machine;
  std::vector<std::string> rivals;                               // engines
  std::vector<std::pair<std::string, std::string>> not_started;  // a rival, and why it could not be
  std::vector<WorkloadReport> workloads;
};

/// What one workload gave, in a line without its end: said as soon as it is measured, since the rest may take an hour.
std::string WorkloadLine(const WorkloadReport& report, const std::vector<std::string>& rivals);
std::string BenchTable(const BenchReport& report);
std::string BenchJson(const BenchReport& report);
std::string BenchSvg(const BenchReport& report);

}  // namespace bedplate
