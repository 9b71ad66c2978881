#pragma once
/// How many tokens to draft for each sequence of a step.
///
/// Rule: a step's worth is what it moves sequences forward: one for each prompt row and each next token, and for each
/// drafted token the chance that it and all before it are drawn. Drafts are taken in falling order of that chance, as
/// many as make the most worth per cost of the step, if that is kLeastGain better than without. So drafting stops by
/// itself when the step has many rows already (a further row then costs as much as any other, and is worth less), and
/// for sequences whose drafts are seldom right. CouldPay tells so before anything is guessed.
///
/// Threads: engine thread only. Allocates only in the constructor.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/step_cost.h"

namespace bedplate {

class DraftChoice {
 public:
  // A step is not worth a guess for less: the costs are measured, and measurements waver.
  static constexpr double kLeastGain = 0.05;

  DraftChoice(uint32_t sequences_max, uint32_t drafts_max);

  struct Step {
    uint32_t rows = 0;   // without drafts
    uint32_t spare = 0;  // drafts that fit
  };
  /// Whether drafts could be worth it if each of them were certain. Where not, as with many streams, whose rows fill
  /// the arithmetic units already, nobody needs to guess.
  [[nodiscard]] static bool CouldPay(const Step& step, const StepCost& cost);

  void Clear();
  /// One more sequence: chances[i] that its drafted token i is drawn if those before it are.
  void Offer(std::span<const double> chances);
  /// Every offer's number of drafts, in the order they were made. Valid until the next call.
  std::span<const uint32_t> Choose(const Step& step, const StepCost& cost);
  /// As many as fit, whatever they are worth.
  std::span<const uint32_t> TakeAll(uint32_t spare);

 private:
  struct Draft {
    double chance;  // that it and those before it are drawn
    uint32_t offer;
    uint32_t depth;
  };
  std::span<const uint32_t> Take(size_t count);

  std::vector<Draft> drafts_;
  std::vector<uint32_t> taken_;  // by offer
};

}  // namespace bedplate
