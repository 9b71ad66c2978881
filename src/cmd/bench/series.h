#pragma once
/// Measuring contestants in turn, so that a change of the machine's mood meets all of them, and repeating what was
/// measured while the machine changed.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cmd/bench/contestant.h"

namespace bedplate {

struct Measurement {
  double tokens_per_second = 0;
  double read_bytes_per_second = 0;  // of the machine, around it
  bool noisy = false;                // the probes before and after still differ too much after the last repeat
};

struct Series {
  std::string engine, setting;
  std::vector<Measurement> rounds;
  std::string refusal;    // why it can't; rounds is then empty
  std::string stopped{};  // why it failed in a round after these; it got no more
  bool sat_out = false;   // a slow setting or engine, measured once, be it in the run that isn't recorded of others
  [[nodiscard]] double median() const;
  [[nodiscard]] double low() const;
  [[nodiscard]] double high() const;
  [[nodiscard]] double read_bytes_per_second() const;  // median
  [[nodiscard]] bool noisy() const;                    // any round
};

struct SeriesOptions {
  uint32_t rounds = 5;
  uint32_t repeats_max = 3;            // of one measurement
  double probe_difference_max = 0.10;  // (larger - smaller) / larger
  double first_share_min = 0.5;        // of the engine's best in the unrecorded run; below it, that run is all
  double ours_share_min = 0.1;         // the same of the first contestant
  double setting_share_min = 0.8;      // of the engine's best in the first round; a setting below it sits the rest out
  double patience_ratio = 10;  // a rival's run takes that many times what the first contestant's took, or it is cut
  std::chrono::seconds patience_min{60};
  std::function<double()> read_speed;     // bytes/s, now
  std::function<void()> on_turn = [] {};  // before each contestant's turn, whether it takes it or not
};

/// One unrecorded run each, then the rounds: contestant by contestant, again and again. One series for each, in order;
/// the first is what the others are rivals of. An engine's best setting is there in all rounds, unless it is far slower
/// than the first, or fails; those clearly slower only in the first, or not even there: with three rivals of four
/// settings the slow ones took most of the time.
std::vector<Series> MeasureInTurn(const Workload& workload, const std::vector<std::unique_ptr<Contestant>>& contestants,
                                  const SeriesOptions& options);

}  // namespace bedplate
