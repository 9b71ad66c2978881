// Method: the same requests with and without tiers, in one process and in the next, against the oracle; steps by hand
// where the order of things matters, the threaded engine (for TSan) where it does not.

#include "engine/cache_tiers.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "base/random_access_file_testing.h"
#include "engine/sim_testing.h"

namespace bedplate {
namespace {

DiskBytes NewDisk() {
  return std::make_shared<std::vector<std::byte>>();
}

LoadedModel ModelWithFile(const SimModel::Options& options, const DiskBytes& disk, std::string content = "sim") {
  LoadedModel model = MakeSimLoadedModel(options);
  model.content = std::move(content);
  model.page_file = std::make_unique<MemoryFile>(disk);
  return model;
}

EngineOptions Options(uint32_t memory_runs, uint32_t file_runs, const SimModel::Options& model = {}) {
  EngineOptions options{.memory_bytes = 0,
                        .context_tokens_max = 300,
                        .step_tokens_max = 256,
                        .prefill_chunk_max = 64,
                        .sequences_max = 16,
                        .queue_max = 100,
                        .pace = {},
                        .speculation = {.mode = Speculation::Mode::kOff},
                        .seed = 1};
  const size_t run = model.windows.size() * kSimPageBytes;
  options.cache_memory_bytes = memory_runs * (run + 4096);
  options.cache_disk_bytes = file_runs == 0 ? 0 : file_runs * (run + 4096) + 300'000;
  options.memory_bytes = 33 * kSimPageBytes + PlanTiers(options, SimModel(model))->bytes;
  return options;
}

std::vector<TokenId> Letters(Prng& rng, int64_t count) {
  std::vector<TokenId> tokens;
  for (; count > 0; --count) tokens.push_back(TokenId{static_cast<int32_t>(rng.Range(0, kSimLetters - 1))});
  return tokens;
}

/// Half of them begin alike.
std::vector<PreparedRequest> Requests(uint64_t seed, int count) {
  Prng rng(seed);
  const std::vector<TokenId> shared = Letters(rng, 150);
  std::vector<PreparedRequest> requests;
  for (int i = 0; i < count; ++i) {
    PreparedRequest p;
    if (i % 2 == 0) p.tokens = shared;
    const auto rest = Letters(rng, rng.Range(1, 100));
    p.tokens.insert(p.tokens.end(), rest.begin(), rest.end());
    p.output_tokens_max = static_cast<uint32_t>(rng.Range(1, 40));
    p.request.choices = i % 7 == 0 ? 2 : 1;
    p.request.logprobs_top = 1;
    p.request.sampling.seed = rng.Next();
    requests.push_back(std::move(p));
  }
  return requests;
}

TEST(CacheTiers, TheSameBitsFromEveryTier) {
  auto requests = Requests(TestSeed(), 24);
  const auto again = requests;
  requests.insert(requests.end(), again.begin(), again.end());
  SimOracle oracle;
  std::vector<RequestResult> alone;
  for (const auto& r : requests) alone.push_back(oracle.Run(r));
  uint64_t prompts = 0, from_file = 0;
  for (const std::vector<uint32_t>& windows : {std::vector<uint32_t>{0}, {0, 40}, {24}}) {
    const SimModel::Options sim{.windows = windows};
    for (const auto& [memory_runs, file_runs] : {std::pair{300u, 0u}, {0u, 500u}, {10u, 500u}, {3u, 12u}}) {
      const DiskBytes disk = NewDisk();
      for (const bool restarted : {false, true}) {
        for (const uint32_t chunk : {7u, 64u}) {
          EngineOptions options = Options(memory_runs, file_runs, sim);
          options.prefill_chunk_max = chunk;
          LoadedModel model = file_runs == 0 ? MakeSimLoadedModel(sim) : ModelWithFile(sim, disk);
          const Together got =
              RunTogether(options, std::move(model), requests, HashWords(TestSeed(), chunk, restarted));
          EXPECT_EQ(got.results, alone) << "groups " << windows.size() << " memory " << memory_runs << " file "
                                        << file_runs << " chunk " << chunk << " restarted " << restarted;
          const EngineMetrics& m = got.metrics;
          if (memory_runs == 300) EXPECT_GT(m.cached_memory_tokens, 0u);
          if (file_runs == 500 && restarted) {
            EXPECT_GT(m.cached_tokens, m.prompt_tokens * 2 / 3) << "nearly all was computed before";
            prompts += m.prompt_tokens;
            from_file += m.cached_file_tokens;
          }
          EXPECT_LE(m.memory_tier.bytes / PageTiers::BytesPerRun(std::vector<size_t>(windows.size(), 384)),
                    memory_runs);
          EXPECT_EQ(m.memory_tier.failed + m.file_tier.failed, 0u);
        }
      }
    }
  }
  // What the pool still holds is not read back, more or less of it with the seed; so the runs are taken together.
  EXPECT_GT(from_file, prompts / 3);
}

class Asked {
 public:
  Asked(EngineCore& core, PreparedRequest prepared)
      : stream_(std::make_shared<EventStream>([] {})), reader(*stream_, prepared.request.choices) {
    EXPECT_TRUE(core.Submit(std::move(prepared), stream_).ok());
  }
  void Cancel() { stream_->Cancel(); }

 private:
  std::shared_ptr<EventStream> stream_;

 public:
  ResultReader reader;
};

void StepUntilIdle(EngineCore& core, bool with_file = true) {
  while (!core.Idle()) {
    core.Step();
    core.CheckIntegrity();
    while (with_file && core.tiers()->Work()) {
    }
  }
}

PreparedRequest Prompt(std::vector<TokenId> tokens, uint32_t output = 3) {
  PreparedRequest p;
  p.tokens = std::move(tokens);
  p.output_tokens_max = output;
  p.request.sampling.seed = 5;
  p.request.ignore_end_of_generation = true;
  return p;
}

TEST(CacheTiers, ARequestThatWaitsForTheFileHoldsNobodyUp) {
  Prng rng(TestSeed());
  const DiskBytes disk = NewDisk();
  const PreparedRequest kept = Prompt(Letters(rng, 200)), other = Prompt(Letters(rng, 100));
  SimClock clock;
  {
    auto core = std::move(*EngineCore::Create(Options(0, 100), ModelWithFile({}, disk), clock));
    const Asked asked(*core, kept);
    StepUntilIdle(*core);
  }
  auto core = std::move(*EngineCore::Create(Options(0, 100), ModelWithFile({}, disk), clock));
  Asked waiting(*core, kept), running(*core, other);
  for (int step = 0; step < 20; ++step) core->Step();  // the file's thread does nothing
  running.reader.Read();
  waiting.reader.Read();
  EXPECT_TRUE(running.reader.ended());
  EXPECT_FALSE(waiting.reader.prompt().has_value());
  EXPECT_EQ(core->Metrics().sequences_running, 1u);
  StepUntilIdle(*core);
  waiting.reader.Read();
  ASSERT_TRUE(waiting.reader.ended());
  EXPECT_EQ(waiting.reader.result(), SimOracle().Run(kept));
  EXPECT_EQ(waiting.reader.usage()->cached_tokens, 192u);
  EXPECT_EQ(core->Metrics().cached_file_tokens, 192u);
  EXPECT_EQ(static_cast<const SimModel&>(*core->model().model).rows(), 100u + 8 + 2 * 2);
}

TEST(CacheTiers, ARequestThatGoesWhileItWaitsLeavesNothing) {
  Prng rng(TestSeed());
  const DiskBytes disk = NewDisk();
  const PreparedRequest kept = Prompt(Letters(rng, 200));
  SimClock clock;
  auto core = std::move(*EngineCore::Create(Options(0, 100), ModelWithFile({}, disk), clock));
  {
    const Asked asked(*core, kept);
    StepUntilIdle(*core);
  }
  core = std::move(*EngineCore::Create(Options(0, 100), ModelWithFile({}, disk), clock));
  for (int round = 0; round < 30; ++round) {  // more than there are buffers
    Asked asked(*core, kept);
    core->Step();
    if (round % 3 == 0) core->tiers()->Work();
    if (round % 2 == 0) core->Step();
    asked.Cancel();
    core->Step();
    core->CheckIntegrity();
    EXPECT_EQ(core->used_pages(), 0u);
  }
  Asked asked(*core, kept);
  StepUntilIdle(*core);
  asked.reader.Read();
  EXPECT_EQ(asked.reader.usage()->cached_tokens, 192u);
}

TEST(CacheTiers, AnotherModelsPagesAreNotUsed) {
  Prng rng(TestSeed());
  const DiskBytes disk = NewDisk();
  const PreparedRequest kept = Prompt(Letters(rng, 200));
  SimClock clock;
  for (const char* content : {"one", "another", "one"}) {
    auto core = std::move(*EngineCore::Create(Options(0, 100), ModelWithFile({}, disk, content), clock));
    Asked asked(*core, kept);
    StepUntilIdle(*core);
    asked.reader.Read();
    EXPECT_EQ(asked.reader.usage()->cached_tokens, 0u);
  }
}

TEST(CacheTiers, AStepWithoutMemoryLeavesThemInOrder) {
  Prng rng(TestSeed());
  const DiskBytes disk = NewDisk();
  const PreparedRequest kept = Prompt(Letters(rng, 200));
  SimClock clock;
  auto core = std::move(*EngineCore::Create(Options(4, 100), ModelWithFile({.no_memory_at = 3}, disk), clock));
  {
    Asked asked(*core, kept);
    StepUntilIdle(*core);
  }
  EXPECT_EQ(core->Metrics().requests_failed, 1u);
  Asked asked(*core, kept);
  StepUntilIdle(*core);
  asked.reader.Read();
  EXPECT_EQ(asked.reader.result(), SimOracle().Run(kept));
  EXPECT_GT(asked.reader.usage()->cached_tokens, 0u) << "what had been written before the failure";
}

TEST(CacheTiers, WhatIsTooSmallForAnythingIsRefused) {
  EngineOptions options = Options(0, 0);
  options.cache_memory_bytes = 1000;
  SimClock clock;
  const auto made = EngineCore::Create(options, MakeSimLoadedModel({}), clock);
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.status().message().find("16 tokens of this model take"), std::string::npos);
  options = Options(0, 0);
  options.cache_disk_bytes = kSimPageBytes;
  EXPECT_FALSE(EngineCore::Create(options, MakeSimLoadedModel({}), clock).ok());
  options = Options(4, 0);
  options.prefix_cache = false;
  EXPECT_FALSE(EngineCore::Create(options, MakeSimLoadedModel({}), clock).ok());
}

TEST(CacheTiers, TheThreadedEngineReadsBackWhatTheOneBeforeItComputed) {
  Prng rng(TestSeed());
  const DiskBytes disk = NewDisk();
  const SystemClock clock;
  const PreparedRequest kept = Prompt(Letters(rng, 250));
  for (const uint32_t cached : {0u, 240u}) {
    auto engine = std::move(*Engine::Create(Options(2, 100), ModelWithFile({}, disk), clock));
    std::mutex mutex;
    std::condition_variable wake;
    bool woken = false;
    const auto stream = std::make_shared<EventStream>([&] {
      const std::lock_guard lock(mutex);
      woken = true;
      wake.notify_one();
    });
    ResultReader reader(*stream, 1);
    ASSERT_TRUE(engine->Submit(kept, stream).ok());
    while (!reader.ended()) {
      {
        std::unique_lock lock(mutex);
        ASSERT_TRUE(wake.wait_for(lock, std::chrono::seconds(60), [&] { return std::exchange(woken, false); }));
      }
      reader.Read();
    }
    EXPECT_EQ(reader.usage()->cached_tokens, cached);
    EXPECT_EQ(reader.result(), SimOracle().Run(kept));
  }  // what is still to be written is written as the engine ends
}

}  // namespace
}  // namespace bedplate
