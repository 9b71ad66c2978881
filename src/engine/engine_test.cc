// Method: on/off tables (the same tokens and log-probabilities whatever the switch), the threaded engine with several
// submitters against the oracle (for TSan), shutdown, drain, refusals, and the memory split against its budget.

#include "engine/engine.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

#include "engine/sim_testing.h"

namespace bedplate {
namespace {

std::vector<PreparedRequest> ThirtyTwoRequests(uint64_t seed) {
  Prng rng(seed);
  std::vector<TokenId> shared;
  for (int i = 0; i < 200; ++i) shared.push_back(TokenId{static_cast<int32_t>(rng.Range(0, kSimLetters - 1))});
  std::vector<PreparedRequest> requests;
  for (int i = 0; i < 32; ++i) {
    PreparedRequest p;
    p.tokens.assign(shared.begin(), shared.begin() + rng.Range(0, 80));
    for (int64_t n = rng.Range(1, 40); n > 0; --n)
      p.tokens.push_back(TokenId{static_cast<int32_t>(rng.Range(0, kSimLetters - 1))});
    p.output_tokens_max = static_cast<uint32_t>(rng.Range(1, 120));
    p.request.ignore_end_of_generation = true;
    p.request.choices = i % 8 == 0 ? 3 : 1;
    p.request.logprobs_top = 2;
    p.request.sampling.seed = rng.Next();
    p.request.sampling.temperature = i % 2 == 0 ? 0.0f : 0.9f;
    if (i % 5 == 0) p.request.sampling.frequency_penalty = 0.5f;
    requests.push_back(std::move(p));
  }
  return requests;
}

EngineOptions RoomyOptions() {
  return {.memory_bytes = 600 * kSimPageBytes,
          .context_tokens_max = 300,
          .step_tokens_max = 256,
          .prefill_chunk_max = 64,
          .sequences_max = 16,
          .queue_max = 100,
          .prefix_cache = true,
          .pace = {},
          .seed = 1};
}

TEST(Engine, TheSameBitsAloneAndInAnyCompany) {
  const auto requests = ThirtyTwoRequests(TestSeed());
  SimOracle oracle;
  std::vector<RequestResult> alone;
  for (const auto& r : requests) alone.push_back(oracle.Run(r));
  uint64_t preemptions = 0;
  for (const std::vector<uint32_t>& windows : {std::vector<uint32_t>{0}, {0, 40}, {24}}) {
    for (const uint32_t chunk : {1u, 7u, 64u, 256u}) {
      for (const bool cache : {true, false}) {
        for (const bool tight : {true, false}) {
          EngineOptions options = RoomyOptions();
          options.prefill_chunk_max = chunk;
          options.prefix_cache = cache;
          if (tight) options.memory_bytes = 33 * kSimPageBytes;
          const Together got = RunTogether(options, MakeSimLoadedModel({.windows = windows}), requests,
                                           HashWords(TestSeed(), chunk, cache));
          EXPECT_EQ(got.results, alone) << "groups " << windows.size() << " chunk " << chunk << " cache " << cache
                                        << " tight " << tight;
          preemptions += got.metrics.preemptions;
          EXPECT_EQ(got.metrics.cached_tokens > 0, cache);
        }
      }
    }
  }
  EXPECT_GT(preemptions, 20u);
}

TEST(Engine, ThePrefixCacheSavesRows) {
  const auto requests = ThirtyTwoRequests(TestSeed());
  EngineOptions options = RoomyOptions();
  const uint64_t with = RunTogether(options, MakeSimLoadedModel({}), requests, 1).rows;
  options.prefix_cache = false;
  const uint64_t without = RunTogether(options, MakeSimLoadedModel({}), requests, 1).rows;
  EXPECT_LT(with, without * 3 / 4);
}

TEST(Engine, ALongPromptDelaysAShortOneByChunksOnly) {
  SimClock clock;
  EngineOptions options = RoomyOptions();
  options.context_tokens_max = 4000;
  options.step_tokens_max = options.prefill_chunk_max = 32;
  auto core = std::move(*EngineCore::Create(options, MakeSimLoadedModel({}), clock));
  PreparedRequest big, small;
  big.tokens.assign(3000, TokenId{1});
  small.tokens.assign(10, TokenId{2});
  big.output_tokens_max = small.output_tokens_max = 1;
  auto big_stream = std::make_shared<EventStream>([] {}), small_stream = std::make_shared<EventStream>([] {});
  ASSERT_TRUE(core->Submit(big, big_stream).ok());
  core->Step();
  ASSERT_TRUE(core->Submit(small, small_stream).ok());
  ResultReader reader(*small_stream, 1);
  for (int step = 0; step < 2; ++step) core->Step();
  reader.Read();
  EXPECT_TRUE(reader.ended());
  core->Stop(Status::Unavailable("test"));
}

TEST(Engine, ACancelledRequestsPagesAreFreeWithinAStep) {
  SimClock clock;
  EngineOptions options = RoomyOptions();
  options.prefix_cache = false;
  auto core = std::move(*EngineCore::Create(options, MakeSimLoadedModel({}), clock));
  PreparedRequest p;
  p.tokens.assign(100, TokenId{1});
  p.output_tokens_max = 100;
  auto stream = std::make_shared<EventStream>([] {});
  ASSERT_TRUE(core->Submit(p, stream).ok());
  core->Step();
  EXPECT_GT(core->used_pages(), 0u);
  static_cast<void>(stream->Take());
  stream->Cancel();
  EXPECT_FALSE(core->Step());
  EXPECT_EQ(core->used_pages(), 0u);
  EXPECT_TRUE(core->Idle());
  EXPECT_TRUE(stream->Take().empty());
  EXPECT_EQ(core->Metrics().requests_cancelled, 1u);
}

TEST(Engine, MemoryStaysWithinTheBudgetAndSaysWhatIsMissing) {
  Prng rng(TestSeed());
  for (int round = 0; round < 300; ++round) {
    SimModel model({.windows = rng.Chance(0.5) ? std::vector<uint32_t>{0} : std::vector<uint32_t>{0, 512},
                    .context_length = static_cast<uint32_t>(rng.Range(64, 40'000)),
                    .page_bytes = static_cast<size_t>(rng.Range(1000, 400'000))});
    EngineOptions options;
    options.memory_bytes = static_cast<size_t>(rng.Range(1 << 16, 1 << 30));
    if (rng.Chance(0.5)) options.context_tokens_max = static_cast<uint32_t>(rng.Range(1, model.context_length()));
    const auto plan = PlanMemory(options, model);
    if (!plan.ok()) {
      EXPECT_EQ(plan.status().code(), StatusCode::kResourceExhausted);
      EXPECT_NE(plan.status().message().find("needs"), std::string::npos);
      continue;
    }
    size_t pages = 0;
    for (size_t g = 0; g < plan->pages.size(); ++g) pages += plan->pages[g] * model.page_groups()[g].page_bytes;
    EXPECT_LE(pages, plan->bytes);
    EXPECT_LE(plan->bytes, options.memory_bytes);
    EXPECT_GE(plan->pages[0] * kPageTokens, plan->context_tokens_max);
    if (options.context_tokens_max > 0) EXPECT_EQ(plan->context_tokens_max, options.context_tokens_max);
  }
  SimModel model({.windows = {0}, .context_length = 100});
  EXPECT_FALSE(PlanMemory(EngineOptions(), model).ok());
  EngineOptions long_context = RoomyOptions();
  long_context.context_tokens_max = 101;
  const auto too_far = PlanMemory(long_context, model);
  ASSERT_FALSE(too_far.ok());
  EXPECT_NE(too_far.status().message().find("at most 100"), std::string::npos);
}

/// Waits on one stream from its own thread.
class Waiter {
 public:
  explicit Waiter(uint32_t choices)
      : stream(std::make_shared<EventStream>([this] {
          const std::lock_guard lock(mutex_);
          woken_ = true;
          wake_.notify_one();
        })),
        reader(*stream, choices) {}
  void WaitForEnd() {
    while (!reader.ended()) {
      {
        std::unique_lock lock(mutex_);
        if (!wake_.wait_for(lock, std::chrono::seconds(60), [this] { return std::exchange(woken_, false); })) return;
      }
      reader.Read();
    }
  }

 private:
  std::mutex mutex_;  // guards woken_
  std::condition_variable wake_;
  bool woken_ = false;

 public:
  std::shared_ptr<EventStream> stream;
  ResultReader reader;
};

TEST(Engine, ServesSeveralSubmittersFromOneThread) {
  const auto requests = ThirtyTwoRequests(TestSeed());
  SystemClock clock;
  auto engine = std::move(*Engine::Create(RoomyOptions(), MakeSimLoadedModel({.windows = {0, 40}}), clock));
  std::vector<std::thread> submitters;
  std::vector<RequestResult> results(requests.size());
  for (size_t t = 0; t < 4; ++t) {
    submitters.emplace_back([&, t] {
      for (size_t i = t; i < requests.size(); i += 4) {
        Waiter waiter(requests[i].request.choices);
        ASSERT_TRUE(engine->Submit(requests[i], waiter.stream).ok());
        static_cast<void>(engine->Metrics());
        waiter.WaitForEnd();
        results[i] = waiter.reader.result();
      }
    });
  }
  for (std::thread& thread : submitters) thread.join();
  SimOracle oracle;
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(results[i], oracle.Run(requests[i])) << i;
  EXPECT_TRUE(engine->Idle());
  EXPECT_EQ(engine->Metrics().requests_finished, requests.size());
  EXPECT_EQ(engine->Metrics().time_to_first_token.count, requests.size());
}

TEST(Engine, AStepWithoutMemoryFailsItsRequestsAndNoOthers) {
  const auto requests = ThirtyTwoRequests(TestSeed());
  SimOracle oracle;
  for (const uint64_t call : {1u, 2u, 3u, 10u}) {
    SimClock clock;
    auto core = std::move(*EngineCore::Create(RoomyOptions(), MakeSimLoadedModel({.no_memory_at = call}), clock));
    const auto run = [&](size_t first) {
      std::vector<std::shared_ptr<EventStream>> streams;
      std::vector<std::unique_ptr<ResultReader>> readers;
      for (size_t i = first; i < first + 4; ++i) {
        streams.push_back(std::make_shared<EventStream>([] {}));
        readers.push_back(std::make_unique<ResultReader>(*streams.back(), requests[i].request.choices));
        EXPECT_TRUE(core->Submit(requests[i], streams.back()).ok());
      }
      while (!core->Idle()) {
        core->Step();
        core->CheckIntegrity();
      }
      for (auto& reader : readers) reader->Read();
      return readers;
    };
    uint64_t failed = 0;
    for (const auto& reader : run(0)) {
      EXPECT_TRUE(reader->ended());
      if (!reader->failure().has_value()) continue;
      EXPECT_EQ(reader->failure()->code(), StatusCode::kInternal);
      EXPECT_EQ(reader->failure()->reason(), "out_of_memory");
      ++failed;
    }
    EXPECT_GE(failed, 1u);
    EXPECT_EQ(core->Metrics().requests_failed, failed);
    EXPECT_EQ(core->used_pages(), 0u);
    const auto after = run(4);
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(after[i]->result(), oracle.Run(requests[4 + i])) << call;
  }
}

TEST(Engine, TellsEveryoneWhenItStops) {
  SystemClock clock;
  EngineOptions options = RoomyOptions();
  options.sequences_max = 1;
  options.context_tokens_max = 0;
  options.memory_bytes = 4000 * kSimPageBytes;
  auto engine =
      std::move(*Engine::Create(options, MakeSimLoadedModel({.windows = {0}, .context_length = 60'000}), clock));
  PreparedRequest endless;
  endless.tokens = {TokenId{1}};
  endless.output_tokens_max = 50'000;
  endless.request.ignore_end_of_generation = true;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (int i = 0; i < 3; ++i) {
    waiters.push_back(std::make_unique<Waiter>(1));
    ASSERT_TRUE(engine->Submit(endless, waiters.back()->stream).ok());
  }
  EXPECT_FALSE(engine->Idle());
  engine->Drain();
  EXPECT_EQ(engine->Submit(endless, waiters[0]->stream).code(), StatusCode::kUnavailable);
  engine.reset();
  for (auto& waiter : waiters) {
    waiter->WaitForEnd();
    ASSERT_TRUE(waiter->reader.failure().has_value());
    EXPECT_EQ(waiter->reader.failure()->code(), StatusCode::kUnavailable);
  }
}

}  // namespace
}  // namespace bedplate
