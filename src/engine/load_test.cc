// Method: the engine core by hand, on simulated time, with more to do than it can: who gets the first token when, who
// has to wait, and how many tokens a second come out as the queue grows. Bounds are the stated rules', with their sums.

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/load_testing.h"

namespace bedplate {
namespace {

EngineOptions Options() {
  return {.memory_bytes = 4000 * kSimPageBytes,
          .context_tokens_max = 4000,
          .step_tokens_max = 64,
          .prefill_chunk_max = 64,
          .sequences_max = 16,
          .queue_max = 1000,
          .prefix_cache = false,
          .pace = {},
          .speculation = {.mode = Speculation::Mode::kOff},
          .seed = 1};
}

PreparedRequest RequestOf(uint32_t prompt, uint32_t output, int32_t priority = 0) {
  PreparedRequest p = SimRequest(prompt, output);
  p.request.priority = priority;
  return p;
}

class Client : public SimClient {
 public:
  Client(EngineCore& core, const PreparedRequest& prepared) : SimClient(core, prepared) { EXPECT_TRUE(taken()); }
};

/// Steps until it is true; how many that took.
template <class Until>
uint32_t StepUntil(EngineCore& core, SimClock& clock, const Until& until) {
  for (uint32_t steps = 0; steps < 20'000; ++steps) {
    if (until()) return steps;
    core.Step();
    core.CheckIntegrity();
    clock.Advance(std::chrono::milliseconds(100));
  }
  ADD_FAILURE() << "it never came";
  return 0;
}

TEST(Load, AShortPromptIsReadSoonBesideManyLongOnes) {
  SimClock clock;
  auto core = MakeSimCore(Options(), clock);
  std::vector<std::unique_ptr<Client>> longs;
  for (int i = 0; i < 12; ++i) longs.push_back(std::make_unique<Client>(*core, RequestOf(3000, 1)));
  core->Step();
  Client brief(*core, RequestOf(50, 1));
  // Half of a step's 64 rows are its own: 50 take two steps.
  EXPECT_LE(StepUntil(*core, clock, [&] { return brief.begun(); }), 2u);
  // And the first long one is read in no more than twice the time that it takes alone, and a step for the one above.
  EXPECT_LE(StepUntil(*core, clock, [&] { return longs.front()->begun(); }), 2u * 3000 / 64 + 2);
}

/// Prompts of any length come at any time; each has its first token within the steps that prompt_share.h promises.
TEST(Load, FirstTokensComeWithinTheStatedBound) {
  for (uint64_t seed = TestSeed(); seed < TestSeed() + 200; ++seed) {
    Prng rng(seed);
    SimClock clock;
    EngineOptions options = Options();
    options.sequences_max = 24;
    options.step_tokens_max = options.prefill_chunk_max = static_cast<uint32_t>(rng.Pick({48, 64, 128}));
    auto core = MakeSimCore(options, clock);
    struct Work {
      uint32_t prompt = 0;
      int32_t priority = 0;
      uint32_t comes = 0;
      std::unique_ptr<Client> client;
      std::optional<uint32_t> begun_at;
    };
    std::vector<Work> all(20);
    for (Work& w : all) {
      w.prompt = static_cast<uint32_t>(rng.Range(2, rng.Chance(0.6) ? 100 : 2000));
      w.priority = static_cast<int32_t>(rng.Pick({0, 0, 1}));
      w.comes = static_cast<uint32_t>(rng.Range(0, 60));
    }
    for (uint32_t step = 0; step < 5000; ++step) {
      for (Work& w : all) {
        if (w.comes == step) w.client = std::make_unique<Client>(*core, RequestOf(w.prompt, 1, w.priority));
      }
      core->Step();
      for (Work& w : all) {
        if (w.client != nullptr && !w.begun_at.has_value() && w.client->begun()) w.begun_at = step;
      }
      if (std::ranges::all_of(all, [](const Work& w) { return w.begun_at.has_value(); })) break;
    }
    for (const Work& w : all) {
      ASSERT_TRUE(w.begun_at.has_value()) << "seed " << seed;
      uint64_t rows = 0;  // of those that may come before it, itself included
      for (const Work& other : all) {
        if (other.priority > w.priority || (other.priority == w.priority && other.prompt <= w.prompt))
          rows += other.prompt;
        // One that is longer may have less left.
        if (other.priority == w.priority && other.prompt > w.prompt) rows += w.prompt;
      }
      // A row of each step may be a decoding sequence's.
      const uint64_t half = (options.step_tokens_max - all.size()) / 2;
      EXPECT_LE(*w.begun_at - w.comes, rows / half + 1) << "seed " << seed << " prompt " << w.prompt;
    }
  }
}

TEST(Load, AHigherPriorityNeedsNoFreePlace) {
  SimClock clock;
  EngineOptions options = Options();
  options.sequences_max = 4;
  auto core = MakeSimCore(options, clock);
  std::vector<std::unique_ptr<Client>> low;
  for (int i = 0; i < 8; ++i) low.push_back(std::make_unique<Client>(*core, RequestOf(20, 400)));
  StepUntil(*core, clock, [&] { return low.front()->begun(); });
  Client equal(*core, RequestOf(20, 1)), high(*core, RequestOf(20, 1, 1));
  EXPECT_LE(StepUntil(*core, clock, [&] { return high.ended(); }), 2u);
  EXPECT_EQ(core->Metrics().preemptions, 1u) << "the youngest of the running ones, and no more";
  EXPECT_FALSE(equal.begun());
  StepUntil(*core, clock, [&] { return equal.ended(); });
  for (auto& client : low) {
    StepUntil(*core, clock, [&] { return client->ended(); });
    EXPECT_EQ(client->output_tokens(), 400u);
  }
}

TEST(Load, AHigherPriorityGetsTheLowersPages) {
  SimClock clock;
  EngineOptions options = Options();
  options.context_tokens_max = 640;
  options.memory_bytes = 42 * kSimPageBytes;  // one whole context and hardly more
  auto core = MakeSimCore(options, clock);
  std::vector<std::unique_ptr<Client>> low;
  for (int i = 0; i < 4; ++i) low.push_back(std::make_unique<Client>(*core, RequestOf(100, 300)));
  StepUntil(*core, clock, [&] { return low.front()->begun(); });
  Client high(*core, RequestOf(500, 20, 5));
  // 500 rows at 64 a step, 20 tokens, and a step to begin.
  EXPECT_LE(StepUntil(*core, clock, [&] { return high.ended(); }), 500u / 64 + 1 + 20 + 2);
  EXPECT_GT(core->Metrics().preemptions, 0u);
  for (auto& client : low) StepUntil(*core, clock, [&] { return client->ended(); });
}

TEST(Load, WhoWaitsLongEnoughIsFirstWhateverComes) {
  SimClock clock;
  EngineOptions options = Options();
  options.sequences_max = 1;
  auto core = MakeSimCore(options, clock);
  std::vector<std::unique_ptr<Client>> high;
  high.push_back(std::make_unique<Client>(*core, RequestOf(20, 30, 2)));
  core->Step();
  Client low(*core, RequestOf(20, 1, 0));
  const Instant came = clock.Now();
  // There is always another one of higher priority that waits.
  while (!low.ended()) {
    if (high.back()->begun()) high.push_back(std::make_unique<Client>(*core, RequestOf(20, 30, 2)));
    core->Step();
    clock.Advance(std::chrono::milliseconds(100));
    ASSERT_LT(clock.Now() - came, std::chrono::seconds(60));
  }
  // Two levels are worth 20 s; then the one that runs ends, in 31 steps of 0.1 s.
  EXPECT_GE(clock.Now() - came, std::chrono::seconds(20) - std::chrono::seconds(4));
  EXPECT_LE(clock.Now() - came, std::chrono::seconds(20) + std::chrono::seconds(4));
  core->Stop(Status::Unavailable("test"));
}

/// Tokens a simulated second, prompts and answers, when so many requests come at once.
double TokensPerSecond(uint32_t requests, size_t pages, uint64_t seed) {
  SimClock clock;
  EngineOptions options = Options();
  options.context_tokens_max = 400;
  options.step_tokens_max = 128;
  options.memory_bytes = pages * kSimPageBytes;
  auto core = MakeSimCore(options, clock, {.clock = &clock, .step_time_ns = 20'000'000, .row_time_ns = 1'000'000});
  Prng rng(seed);
  std::vector<std::unique_ptr<Client>> clients;
  double tokens = 0;
  for (uint32_t i = 0; i < requests; ++i) {
    const auto prompt = static_cast<uint32_t>(rng.Range(10, 200)), output = static_cast<uint32_t>(rng.Range(10, 120));
    tokens += prompt + output;
    clients.push_back(std::make_unique<Client>(*core, RequestOf(prompt, output)));
  }
  const Instant start = clock.Now();
  while (!core->Idle()) core->Step();
  for (auto& client : clients) EXPECT_TRUE(client->ended());
  return tokens / std::chrono::duration<double>(clock.Now() - start).count();
}

TEST(Load, ThroughputIsFlatPastSaturation) {
  for (const size_t pages : {400u, 100u, 40u}) {  // room for all that run, for most, for a few
    double best = 0;
    for (const uint32_t requests : {8u, 16u, 32u, 64u, 128u, 256u, 512u}) {
      // The lengths of a few requests are worth some hundredths by themselves: the mean of several draws.
      const uint32_t draws = std::min(512 / requests, 16u);
      double rate = 0;
      for (uint32_t i = 0; i < draws; ++i)
        rate += TokensPerSecond(requests, pages, HashWords(TestSeed(), requests, i)) / draws;
      EXPECT_GT(rate, 0.95 * best) << requests << " requests, " << pages << " pages";
      best = std::max(best, rate);
      std::printf("%zu pages, %u requests: %.0f tokens/s\n", pages, requests, rate);
    }
  }
}

}  // namespace
}  // namespace bedplate
