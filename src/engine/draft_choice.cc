#include "engine/draft_choice.h"

#include <algorithm>
#include <tuple>

namespace bedplate {

DraftChoice::DraftChoice(uint32_t sequences_max, uint32_t drafts_max) {
  drafts_.reserve(size_t{sequences_max} * drafts_max);
  taken_.reserve(sequences_max);
}

bool DraftChoice::CouldPay(const Step& step, const StepCost& cost) {
  const double least = step.rows / cost.Of(step.rows) * (1 + kLeastGain);
  for (uint32_t drafts = std::min(1u, step.spare); drafts > 0;) {
    const uint32_t rows = step.rows + drafts;
    if (rows > least * cost.Of(rows)) return true;
    if (drafts == step.spare) break;
    drafts = std::min(drafts + (rows < 32 ? 1 : 8), step.spare);  // the cost's own steps
  }
  return false;
}

void DraftChoice::Clear() {
  drafts_.clear();
  taken_.clear();
}

void DraftChoice::Offer(std::span<const double> chances) {
  const auto offer = static_cast<uint32_t>(taken_.size());
  taken_.push_back(0);
  double all = 1;
  for (uint32_t depth = 0; depth < chances.size(); ++depth) {
    all *= chances[depth];
    drafts_.push_back({.chance = all, .offer = offer, .depth = depth});
  }
}

std::span<const uint32_t> DraftChoice::Choose(const Step& step, const StepCost& cost) {
  // A sequence's chances never rise with depth, so that any beginning of this order takes each one's drafts in order.
  std::ranges::sort(drafts_, [](const Draft& a, const Draft& b) {
    return std::tuple(-a.chance, a.depth, a.offer) < std::tuple(-b.chance, b.depth, b.offer);
  });
  double worth = step.rows, best = worth / cost.Of(step.rows) * (1 + kLeastGain);
  size_t best_count = 0;
  for (uint32_t i = 0; i < std::min<size_t>(drafts_.size(), step.spare); ++i) {
    worth += drafts_[i].chance;
    const double rate = worth / cost.Of(step.rows + i + 1);
    if (rate <= best) continue;
    best = rate;
    best_count = i + 1;
  }
  return Take(best_count);
}

std::span<const uint32_t> DraftChoice::TakeAll(uint32_t spare) {
  std::ranges::sort(drafts_, {}, [](const Draft& d) { return std::tuple(d.depth, d.offer); });
  return Take(std::min<size_t>(drafts_.size(), spare));
}

std::span<const uint32_t> DraftChoice::Take(size_t count) {
  for (size_t i = 0; i < count; ++i) ++taken_[drafts_[i].offer];
  return taken_;
}

}  // namespace bedplate
