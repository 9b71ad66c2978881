#pragma once
/// How many rows of prompts may join a step that running streams wait for, so that the time between their tokens keeps
/// to a bound: as many as such rows took in the last steps, moving mean of seconds a row. At least kRowsLeast, or a
/// prompt would never be read; so the promise is: a step with streams in it is expected to take no longer than the
/// bound, or than their own rows and kRowsLeast more, whichever is longer. How prompts are cut changes no bits.
///
/// Threads: engine thread only.

#include <algorithm>
#include <cstdint>

namespace bedplate {

class StepPace {
 public:
  static constexpr uint32_t kRowsLeast = 16;  // a tile of the kernels; fewer cost nearly as much

  /// bound: seconds between a stream's tokens; 0: none.
  explicit StepPace(double bound) : bound_(bound) {}

  /// A step of so many rows took this long. Few rows say nothing of many: their cost is reading the weights.
  void Note(uint32_t rows, double seconds) {
    if (rows < kRowsLeast || seconds <= 0) return;
    const double measured = seconds / rows;
    row_seconds_ = row_seconds_ == 0 ? measured : row_seconds_ + kNewest * (measured - row_seconds_);
  }

  /// What a row has taken lately, in seconds; 0: not measured yet.
  [[nodiscard]] double row_seconds() const { return row_seconds_; }

  /// Rows of prompts beside `rows` others. Before anything is measured: no more than the first measurement needs.
  [[nodiscard]] uint32_t PromptRows(uint32_t rows) const {
    if (bound_ == 0) return UINT32_MAX;
    if (row_seconds_ == 0) return kRowsLeast;
    const double fit = std::min(bound_ / row_seconds_, 1e9);
    return std::max(kRowsLeast, fit > rows ? static_cast<uint32_t>(fit) - rows : 0);
  }

 private:
  static constexpr double kNewest = 1.0 / 4;  // weight of the newest measurement

  const double bound_;
  double row_seconds_ = 0;
};

}  // namespace bedplate
