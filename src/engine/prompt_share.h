#pragma once
/// Who gets how many of a step's prompt rows, when several prompts are being read. The rule: one half goes in order of
/// rank, the other in order of what is left to read, the least first, after those of higher priority; what one half
/// leaves over is the other's. So
///   - the first in rank always gets half of the rows, or what it can take: whoever is first (everybody in time, see
///     Rank) is read at half speed at least, whatever comes after it;
///   - a prompt with m tokens left gets its first token as soon as half of the steps' rows have added up to m and to
///     what others of its priority with less left, and all of higher priority, have left: however long the others are.
/// How prompts are cut changes no bits.

#include <cstdint>
#include <span>
#include <vector>

namespace bedplate {

struct PromptShare {
  int32_t priority = 0;
  uint32_t missing = 0;   // rows that it needs to be read
  uint32_t rows_max = 0;  // rows that it may have in this step
  uint32_t rows = 0;      // the answer
};

/// Reused from step to step; allocates only in the constructor. Threads: engine thread only.
class PromptSharing {
 public:
  explicit PromptSharing(uint32_t prompts_max) { order_.reserve(prompts_max); }
  /// prompts: in order of rank, the most important first; their `rows` are 0.
  void Share(std::span<PromptShare> prompts, uint32_t rows);

 private:
  std::vector<uint32_t> order_;
};

}  // namespace bedplate
