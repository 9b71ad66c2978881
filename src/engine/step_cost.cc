#include "engine/step_cost.h"

#include <algorithm>
#include <span>
#include <utility>

namespace bedplate {
namespace {

constexpr double kNewest = 1.0 / 8;            // weight of the newest measurement
constexpr double kOutlier = 3;                 // one slow step (another program's) counts no more than this
constexpr uint64_t kForgottenAfter = 1 << 13;  // steps: a cost that was once measured wrongly gets another chance

// Rows and relative cost to begin with, of the size that two AVX2 cores and a model of 1.5 billion parameters suggest;
// linear between. Measurements soon take its place.
constexpr std::pair<uint32_t, double> kTypical[] = {{1, 1.0}, {2, 1.15}, {4, 1.5}, {8, 2.3}, {16, 4.2}, {32, 8.0}};

}  // namespace

double StepCost::Typical(uint32_t rows) {
  const std::span table(kTypical);
  size_t i = 1;
  while (i + 1 < table.size() && rows > table[i].first) ++i;  // beyond the table as its last part
  const auto [r0, c0] = table[i - 1];
  const auto [r1, c1] = table[i];
  return c0 + (c1 - c0) * (double{1} * rows - r0) / (r1 - r0);
}

size_t StepCost::IndexOf(uint32_t rows) {
  if (rows <= 32) return rows - 1;
  if (rows <= 64) return 32 + (rows - 33) / 8;
  if (rows <= 128) return 36 + (rows - 65) / 16;
  return 40 + std::min((rows - 129) / 32, 3u);
}

uint32_t StepCost::RowsOf(size_t index) {
  const auto i = static_cast<uint32_t>(index);
  if (i < 32) return i + 1;
  if (i < 36) return 36 + (i - 32) * 8;
  if (i < 40) return 72 + (i - 36) * 16;
  return 144 + (i - 40) * 32;
}

void StepCost::Note(uint32_t rows, double seconds) {
  if (seconds <= 0) return;
  ++steps_;
  Entry& entry = entries_[IndexOf(rows)];
  const double measured = seconds / rows;
  if (!Fresh(IndexOf(rows))) {
    entry.row_seconds = measured;
  } else {
    entry.row_seconds += kNewest * (std::min(measured, kOutlier * entry.row_seconds) - entry.row_seconds);
  }
  entry.noted_at = steps_;
}

bool StepCost::Fresh(size_t index) const {
  return entries_[index].row_seconds > 0 && steps_ - entries_[index].noted_at < kForgottenAfter;
}

double StepCost::Seconds(uint32_t rows) const {
  const size_t at = IndexOf(rows);
  if (Fresh(at)) return entries_[at].row_seconds * rows;
  for (size_t distance = 1; distance < kEntries; ++distance) {
    for (const size_t near : {at - distance, at + distance}) {  // below 0 wraps around, and is no entry
      if (near >= kEntries || !Fresh(near)) continue;
      return entries_[near].row_seconds * RowsOf(near) * Typical(rows) / Typical(RowsOf(near));
    }
  }
  return Typical(rows);
}

double StepCost::Of(uint32_t rows) const {
  return Seconds(rows) / Seconds(1);
}

}  // namespace bedplate
