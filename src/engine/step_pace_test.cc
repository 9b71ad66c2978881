// The rule by hand, and the engine with a clock that a simulated model moves by so much a row: the time between the
// tokens of a running stream while a long prompt is read.
#include "engine/step_pace.h"

#include <gtest/gtest.h>

#include "engine/sim_testing.h"

namespace bedplate {
namespace {

TEST(StepPace, FitsTheBoundByWhatRowsTook) {
  StepPace pace(0.25);
  EXPECT_EQ(pace.PromptRows(4), StepPace::kRowsLeast);
  pace.Note(1, 5.0);  // reading weights, not rows
  EXPECT_EQ(pace.PromptRows(4), StepPace::kRowsLeast);
  pace.Note(100, 0.2);
  EXPECT_EQ(pace.PromptRows(4), 125u - 4u);
  EXPECT_EQ(pace.PromptRows(125), StepPace::kRowsLeast);
  pace.Note(100, 2.0);
  EXPECT_LT(pace.PromptRows(4), 60u);
  EXPECT_EQ(StepPace(0).PromptRows(4), UINT32_MAX);
}

struct Gaps {
  double longest_s = 0;
  int tokens = 0;
  uint64_t steps = 0;  // until the long prompt was read
};

/// One stream runs; a prompt of 2,000 tokens comes; a row takes a millisecond.
Gaps GapsWhileAPromptIsRead(Duration pace) {
  SimClock clock;
  EngineOptions options{.memory_bytes = size_t{600} << 20,
                        .context_tokens_max = 4000,
                        .step_tokens_max = 512,
                        .prefill_chunk_max = 256,
                        .sequences_max = 8,
                        .queue_max = 10,
                        .pace = pace,
                        .speculation = {.mode = Speculation::Mode::kOff},
                        .seed = 1};
  auto core =
      std::move(*EngineCore::Create(options, MakeSimLoadedModel({.clock = &clock, .row_time_ns = 1'000'000}), clock));
  PreparedRequest stream, prompt;
  stream.tokens.assign(20, TokenId{1});
  stream.output_tokens_max = 3000;
  stream.request.ignore_end_of_generation = true;
  prompt.tokens.assign(2000, TokenId{2});
  prompt.output_tokens_max = 1;
  auto stream_events = std::make_shared<EventStream>([] {}), prompt_events = std::make_shared<EventStream>([] {});
  EXPECT_TRUE(core->Submit(stream, stream_events).ok());
  for (int i = 0; i < 5; ++i) core->Step();
  EXPECT_TRUE(core->Submit(prompt, prompt_events).ok());
  ResultReader streamed(*stream_events, 1), read(*prompt_events, 1);
  streamed.Read();
  Gaps gaps;
  Instant last = clock.Now();
  while (!read.ended() && gaps.steps < 10'000) {
    const size_t before = streamed.result().choices[0].tokens.size();
    core->Step();
    ++gaps.steps;
    streamed.Read();
    read.Read();
    if (streamed.result().choices[0].tokens.size() == before) continue;
    gaps.longest_s = std::max(gaps.longest_s, std::chrono::duration<double>(clock.Now() - last).count());
    last = clock.Now();
    ++gaps.tokens;
  }
  core->Stop(Status::Unavailable("test"));
  return gaps;
}

TEST(StepPace, AStreamKeepsItsPaceWhileALongPromptIsRead) {
  const Gaps bounded = GapsWhileAPromptIsRead(std::chrono::milliseconds(100));
  EXPECT_LE(bounded.longest_s, 0.101);
  EXPECT_GE(bounded.tokens, 20);
  EXPECT_LE(bounded.steps, 30u);  // and the prompt is read at nearly full speed
  const Gaps free = GapsWhileAPromptIsRead({});
  EXPECT_GT(free.longest_s, 0.25);
}

}  // namespace
}  // namespace bedplate
