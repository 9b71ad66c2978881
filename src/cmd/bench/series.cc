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

double SpeedOf(const Timing& timing) {
  return static_cast<double>(timing.tokens) / timing.seconds;
}

Result<Measurement> MeasureSteadily(const Workload& workload, Contestant& contestant, std::chrono::seconds patience,
                                    const SeriesOptions& options) {
  for (uint32_t attempt = 0;; ++attempt) {
    const double before = options.read_speed();
    BP_ASSIGN_OR_RETURN(const Timing timing, contestant.Run(workload, patience));
    const double after = options.read_speed();
    const bool noisy = std::abs(before - after) > options.probe_difference_max * std::max(before, after);
    if (noisy && attempt < options.repeats_max) continue;
    return Measurement{SpeedOf(timing), (before + after) / 2, noisy};
  }
}

double Speed(const Series& series) {
  return series.rounds.empty() ? 0 : series.rounds.front().tokens_per_second;
}

/// speeds: of each series' last turn; 0: it can't. Those clearly slower than their engine's best, or far slower than
/// the first contestant, need no more turns.
void SitOut(const std::vector<double>& speeds, double engine_share_min, double ours_share_min,
            std::vector<Series>& all) {
  for (size_t i = 1; i < all.size(); ++i) {
    double best = 0;
    for (size_t other = 1; other < all.size(); ++other) {
      if (all[other].engine == all[i].engine) best = std::max(best, speeds[other]);
    }
    const double least = std::max(engine_share_min * best, ours_share_min * speeds[0]);
    if (all[i].refusal.empty() && speeds[i] < least) all[i].sat_out = true;
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
  std::vector<double> speeds;
  std::chrono::seconds patience = options.patience_min;
  for (const auto& contestant : contestants) {
    Series series{.engine = contestant->engine(), .setting = contestant->setting(), .rounds = {}, .refusal = {}};
    // Touches weights and pages once, and computes what a decode starts from.
    const auto start = std::chrono::steady_clock::now();
    const Result<Timing> first = contestant->Run(workload, patience);
    if (all.empty()) {
      const auto taken = options.patience_ratio * (std::chrono::steady_clock::now() - start);
      patience = std::max(patience, std::chrono::ceil<std::chrono::seconds>(taken));
    }
    if (!first.ok()) series.refusal = first.status().message();
    speeds.push_back(first.ok() ? SpeedOf(*first) : 0);
    all.push_back(std::move(series));
  }
  SitOut(speeds, options.first_share_min, options.ours_share_min, all);
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].sat_out) all[i].rounds.push_back({speeds[i], options.read_speed(), false});
  }
  for (uint32_t round = 0; round < options.rounds; ++round) {
    for (size_t i = 0; i < contestants.size(); ++i) {
      options.on_turn();
      if (!all[i].refusal.empty() || !all[i].stopped.empty() || all[i].sat_out) continue;
      Result<Measurement> measured = MeasureSteadily(workload, *contestants[i], patience, options);
      if (measured.ok()) {
        all[i].rounds.push_back(*measured);
      } else {
        (round == 0 ? all[i].refusal : all[i].stopped) = measured.status().message();
      }
    }
    if (round != 0) continue;
    for (size_t i = 0; i < all.size(); ++i) speeds[i] = Speed(all[i]);
    SitOut(speeds, options.setting_share_min, 0, all);
  }
  return all;
}

}  // namespace bedplate
