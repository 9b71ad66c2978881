#include "cmd/bench/series.h"

#include <algorithm>
#include <cmath>

namespace bedplate {
namespace {

std::vector<double> Sorted(const std::vector<Measurement>& rounds, double Measurement::* field) {
  std::vector<double> values;
  for (const Measurement& round : rounds) values.push_back(round.*field);
  std::sort(values.begin(), values.end());
  return values;
}

double Median(const std::vector<double>& sorted) {
  if (sorted.empty()) return 0;
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

Result<Measurement> MeasureSteadily(const Workload& workload, Contestant& contestant, const SeriesOptions& options) {
  for (uint32_t attempt = 0;; ++attempt) {
    const double before = options.read_speed();
    BP_ASSIGN_OR_RETURN(const Timing timing, contestant.Run(workload));
    const double after = options.read_speed();
    const bool noisy = std::abs(before - after) > options.probe_difference_max * std::max(before, after);
    if (noisy && attempt < options.repeats_max) continue;
    return Measurement{static_cast<double>(timing.tokens) / timing.seconds, (before + after) / 2, noisy};
  }
}

double Speed(const Series& series) {
  return series.rounds.empty() ? 0 : series.rounds.front().tokens_per_second;
}

void SitOut(std::vector<Series>& all, double share_min) {
  for (Series& one : all) {
    double best = 0;
    for (const Series& other : all) {
      if (other.engine == one.engine) best = std::max(best, Speed(other));
    }
    one.sat_out = one.refusal.empty() && Speed(one) < share_min * best;
  }
}

}  // namespace

double Series::median() const {
  return Median(Sorted(rounds, &Measurement::tokens_per_second));
}
double Series::low() const {
  return rounds.empty() ? 0 : Sorted(rounds, &Measurement::tokens_per_second).front();
}
double Series::high() const {
  return rounds.empty() ? 0 : Sorted(rounds, &Measurement::tokens_per_second).back();
}
double Series::read_bytes_per_second() const {
  return Median(Sorted(rounds, &Measurement::read_bytes_per_second));
}
bool Series::noisy() const {
  return std::any_of(rounds.begin(), rounds.end(), [](const Measurement& round) { return round.noisy; });
}

std::vector<Series> MeasureInTurn(const Workload& workload, const std::vector<std::unique_ptr<Contestant>>& contestants,
                                  const SeriesOptions& options) {
  std::vector<Series> all;
  for (const auto& contestant : contestants) {
    Series series{.engine = contestant->engine(), .setting = contestant->setting(), .rounds = {}, .refusal = {}};
    // Touches weights and pages once, and computes what a decode starts from.
    const Result<Timing> first = contestant->Run(workload);
    if (!first.ok()) series.refusal = first.status().message();
    all.push_back(std::move(series));
  }
  for (uint32_t round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < contestants.size(); ++i) {
      options.on_turn();
      if (!all[i].refusal.empty() || all[i].sat_out) continue;
      Result<Measurement> measured = MeasureSteadily(workload, *contestants[i], options);
      if (measured.ok()) {
        all[i].rounds.push_back(*measured);
      } else {
        all[i].refusal = measured.status().message();
        all[i].rounds.clear();
      }
    }
    if (round == 0) SitOut(all, options.setting_share_min);
  }
  return all;
}

}  // namespace bedplate
