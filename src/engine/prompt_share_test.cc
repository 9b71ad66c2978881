// Method: random sets of prompts; the rule's promises as they are stated, with the sums written out.

#include "engine/prompt_share.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace bedplate {
namespace {

TEST(PromptSharing, KeepsItsPromises) {
  Prng rng(TestSeed());
  PromptSharing sharing(40);
  for (int round = 0; round < 3000; ++round) {
    std::vector<PromptShare> prompts(static_cast<size_t>(rng.Range(1, 40)));
    const auto rows_max = static_cast<uint32_t>(rng.Pick({8, 64, 256, 10'000}));
    for (PromptShare& p : prompts) {
      p = {.priority = static_cast<int32_t>(rng.Range(-1, 1)),
           .missing = static_cast<uint32_t>(rng.Range(2, rng.Chance(0.5) ? 60 : 3000)),
           .rows_max = rows_max,
           .rows = 0};
    }
    const auto rows = static_cast<uint32_t>(rng.Range(1, 600));
    sharing.Share(prompts, rows);
    uint64_t given = 0, wanted = 0;
    for (const PromptShare& p : prompts) {
      const uint32_t most = std::min(p.missing, p.rows_max);
      ASSERT_LE(p.rows, most);
      given += p.rows;
      wanted += most;
      // Who comes before it in the second half, itself included.
      uint64_t before = 0;
      for (const PromptShare& q : prompts) {
        const bool first = q.priority > p.priority || (q.priority == p.priority && q.missing <= p.missing);
        before += first ? std::min(q.missing, q.rows_max) : 0;
      }
      if (before <= rows / 2) EXPECT_EQ(p.rows, most);
    }
    EXPECT_EQ(given, std::min<uint64_t>(wanted, rows)) << "no row is wasted";
    const PromptShare& first = prompts.front();
    EXPECT_GE(first.rows, std::min({first.missing, first.rows_max, rows - rows / 2}));
  }
}

TEST(PromptSharing, OnePromptGetsAll) {
  PromptSharing sharing(1);
  PromptShare prompt{.priority = 0, .missing = 1000, .rows_max = 512, .rows = 0};
  sharing.Share({&prompt, 1}, 512);
  EXPECT_EQ(prompt.rows, 512u);
}

}  // namespace
}  // namespace bedplate
