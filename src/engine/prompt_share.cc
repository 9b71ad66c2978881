#include "engine/prompt_share.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace bedplate {
namespace {

/// How many of the rows the prompt takes.
uint32_t Take(PromptShare& prompt, uint32_t rows) {
  const uint32_t taken = std::min(rows, std::min(prompt.missing, prompt.rows_max) - prompt.rows);
  prompt.rows += taken;
  return taken;
}

}  // namespace

void PromptSharing::Share(std::span<PromptShare> prompts, uint32_t rows) {
  uint32_t by_rank = rows - rows / 2;
  rows -= by_rank;
  for (PromptShare& prompt : prompts) by_rank -= Take(prompt, by_rank);
  rows += by_rank;
  order_.resize(prompts.size());
  std::iota(order_.begin(), order_.end(), 0u);
  std::ranges::sort(order_, [&](uint32_t a, uint32_t b) {
    return std::tuple(-int64_t{prompts[a].priority}, prompts[a].missing, a) <
           std::tuple(-int64_t{prompts[b].priority}, prompts[b].missing, b);
  });
  for (const uint32_t i : order_) rows -= Take(prompts[i], rows);
}

}  // namespace bedplate
