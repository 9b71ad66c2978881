#pragma once
/// What a step of so many rows costs, relative to a step of one row: a table that the engine fills while it runs. Rows
/// that were never measured, or not for a long time, are taken from the nearest measured ones by a typical curve.
///
/// Threads: engine thread only.

#include <array>
#include <cstddef>
#include <cstdint>

namespace bedplate {

class StepCost {
 public:
  /// A step of so many rows, each with logits, took this long. 0 or less (a clock that stands still) teaches nothing.
  void Note(uint32_t rows, double seconds);
  /// In units of a step of one row. rows >= 1.
  [[nodiscard]] double Of(uint32_t rows) const;
  /// How long a step of one row takes; 0 while nothing is measured.
  [[nodiscard]] double OneRowSeconds() const { return steps_ == 0 ? 0 : Seconds(1); }
  /// The curve of an engine that has measured nothing yet.
  [[nodiscard]] static double Typical(uint32_t rows);

 private:
  // One entry a row count up to 32, where tiles of rows make steps; then one for each 8, 16 and 32 rows up to 256.
  static constexpr size_t kEntries = 32 + 4 + 4 + 4;
  struct Entry {
    double row_seconds = 0;  // a step's time over its rows, mean of the last few; 0: never measured
    uint64_t noted_at = 0;
  };
  [[nodiscard]] static size_t IndexOf(uint32_t rows);
  [[nodiscard]] static uint32_t RowsOf(size_t index);
  [[nodiscard]] bool Fresh(size_t index) const;
  [[nodiscard]] double Seconds(uint32_t rows) const;  // in units of Typical() while nothing is measured

  std::array<Entry, kEntries> entries_{};
  uint64_t steps_ = 0;
};

}  // namespace bedplate
