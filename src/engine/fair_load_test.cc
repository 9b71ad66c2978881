// Method: the engine core by hand, on simulated time, with several flows that want more than it can: who gets the first
// token when, and how the tokens are shared. Bounds are those that are stated, with their sums.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/load_testing.h"

namespace bedplate {
namespace {

EngineOptions FairOptions() {
  return {.memory_bytes = 4000 * kSimPageBytes,
          .context_tokens_max = 2000,
          .queue_max = 1000,
          .prefix_cache = false,
          .speculation = {.mode = Speculation::Mode::kOff},
          .seed = 1};
}

PreparedRequest FlowRequest(uint64_t flow, uint32_t weight, uint32_t prompt, uint32_t output) {
  PreparedRequest p = SimRequest(prompt, output);
  p.request.flow = flow;
  p.request.weight = weight;
  return p;
}

/// As fair_share.h counts; all of the prompt when it has been read.
double ServedTo(SimClient& client) {
  return (client.begun() ? client.prompt_tokens() : 0) +
         FairShare::kOutputCost * static_cast<double>(client.output_tokens());
}

/// A tenant that has so many requests here at any time.
class Flood {
 public:
  Flood(EngineCore& core, uint64_t flow, uint32_t weight, uint32_t clients, std::function<PreparedRequest()> draw)
      : core_(core), flow_(flow), weight_(weight), clients_(clients), draw_(std::move(draw)) {}
  /// Replaces those that have ended.
  void Act() {
    for (std::unique_ptr<SimClient>& client : clients_) {
      if (client != nullptr && client->ended()) {
        served_ += ServedTo(*client);
        client.reset();
      }
      if (client != nullptr) continue;
      PreparedRequest request = draw_();
      request.request.flow = flow_;
      request.request.weight = weight_;
      client = std::make_unique<SimClient>(core_, request);
      EXPECT_TRUE(client->taken());
    }
  }
  double Served() {
    double served = served_;
    for (auto& client : clients_) served += client == nullptr ? 0 : ServedTo(*client);
    return served;
  }
  [[nodiscard]] double weight() const { return weight_; }

 private:
  EngineCore& core_;
  const uint64_t flow_;
  const uint32_t weight_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::function<PreparedRequest()> draw_;
  double served_ = 0;
};

/// As smollm2-135m on two cores: 512 prompt tokens take 0.2 s.
SimModel::Options Timed(SimClock& clock) {
  return {.clock = &clock, .step_time_ns = 6'000'000, .row_time_ns = 400'000};
}

/// Seconds to the first token of so many requests of a quiet tenant, beside a flood of so many at a time; sorted.
std::vector<double> FirstTokens(uint32_t flood_clients, int requests, EngineOptions options) {
  SimClock clock;
  auto core = MakeSimCore(options, clock, Timed(clock));
  Prng rng(TestSeed());
  Flood flood(*core, 1, 1, flood_clients, [] { return FlowRequest(1, 1, 512, 64); });
  std::vector<double> seconds;
  for (int i = 0; i < requests; ++i) {
    // It comes in the middle of whatever runs.
    const Instant due = clock.Now() + std::chrono::milliseconds(rng.Range(100, 1000));
    while (clock.Now() < due) {
      flood.Act();
      if (!core->Step()) clock.Advance(due - clock.Now());
    }
    SimClient quiet(*core, FlowRequest(2, 1, 512, 4));
    while (!quiet.begun()) {
      flood.Act();
      EXPECT_TRUE(core->Step());
      core->CheckIntegrity();
    }
    seconds.push_back(std::chrono::duration<double>(clock.Now() - due).count());
    while (!quiet.ended()) {
      flood.Act();
      core->Step();
    }
  }
  core->Stop(Status::Unavailable("test"));
  std::ranges::sort(seconds);
  return seconds;
}

TEST(FairLoad, AFloodDelaysAQuietTenantsFirstTokenLittle) {
  constexpr int kRequests = 60;
  constexpr size_t p95 = 56;
  const std::vector<double> alone = FirstTokens(0, kRequests, FairOptions());
  for (const uint32_t clients : {10u, 100u}) {  // fewer than can run, and more
    const std::vector<double> flooded = FirstTokens(clients, kRequests, FairOptions());
    std::printf("%u of another's at a time: %.3f s at p95, %.3f s alone\n", clients, flooded[p95], alone[p95]);
    EXPECT_LE(flooded[p95], 2.5 * alone[p95]) << clients;
  }
}

TEST(FairLoad, TokensAreSharedByWeight) {
  struct Case {
    uint32_t weight, sequences_max, clients;
    size_t pages;
  };
  for (const Case& c : {Case{1, 64, 40, 4000}, Case{3, 64, 40, 4000}, Case{3, 8, 40, 4000}, Case{3, 64, 40, 300},
                        Case{10, 16, 40, 4000}}) {
    SimClock clock;
    EngineOptions options = FairOptions();
    options.sequences_max = c.sequences_max;
    options.memory_bytes = c.pages * kSimPageBytes;
    auto core = MakeSimCore(options, clock, Timed(clock));
    const auto draw = [] { return FlowRequest(0, 1, 512, 32); };
    Flood heavy(*core, 1, c.weight, c.clients, draw), light(*core, 2, 1, c.clients, draw);
    double heavy_before = 0, light_before = 0;
    for (int step = 0; step < 1200; ++step) {
      heavy.Act();
      light.Act();
      ASSERT_TRUE(core->Step());
      if (step != 200) continue;
      heavy_before = heavy.Served();
      light_before = light.Served();
    }
    const double ratio = (heavy.Served() - heavy_before) / (light.Served() - light_before);
    std::printf("weight %u, %u sequences, %zu pages: %.3f to 1\n", c.weight, c.sequences_max, c.pages, ratio);
    EXPECT_NEAR(ratio / c.weight, 1, 0.1);
    core->Stop(Status::Unavailable("test"));
  }
}

/// Flows that want all the time, whatever they ask: at any step the tokens that two were served, by weight, differ by
/// no more than what either may have running. A flow starts a request when its counter, with what it has to read, is
/// the least; from then on it gets no more than that prompt and what all that runs still writes, and the other one has
/// no more to read than what runs of it.
TEST(FairLoad, ServedTokensDifferByNoMoreThanStated) {
  constexpr uint32_t kPromptMax = 300, kOutputMax = 60;
  double worst = 0;
  for (uint64_t seed = TestSeed(); seed < TestSeed() + 40; ++seed) {
    Prng rng(seed);
    SimClock clock;
    EngineOptions options = FairOptions();
    options.context_tokens_max = kPromptMax + kOutputMax;
    options.sequences_max = static_cast<uint32_t>(rng.Pick({1, 2, 4, 8, 16}));
    options.step_tokens_max = static_cast<uint32_t>(rng.Pick({32, 64, 512}));
    options.prefill_chunk_max = static_cast<uint32_t>(rng.Pick({16, 64, 256}));
    options.memory_bytes = static_cast<size_t>(rng.Pick({25, 40, 100, 1000})) * kSimPageBytes;
    auto core = MakeSimCore(options, clock, Timed(clock));
    std::vector<std::unique_ptr<Flood>> floods;
    double weight_min = 100;
    for (uint64_t flow = 1, flows = static_cast<uint64_t>(rng.Range(2, 5)); flow <= flows; ++flow) {
      const auto weight = static_cast<uint32_t>(rng.Range(1, 4));
      const auto prompt = rng.Range(1, kPromptMax), output = rng.Range(1, kOutputMax);
      weight_min = std::min<double>(weight_min, weight);
      floods.push_back(std::make_unique<Flood>(*core, flow, weight, options.sequences_max + 3, [&rng, prompt, output] {
        return FlowRequest(0, 1, static_cast<uint32_t>(rng.Range(1, prompt)),
                           static_cast<uint32_t>(rng.Range(1, output)));
      }));
    }
    const double runs = options.sequences_max;
    const double bound = ((runs + 1) * kPromptMax + runs * FairShare::kOutputCost * kOutputMax) / weight_min +
                         runs * kPromptMax / weight_min;  // this test counts a prompt when it has been read
    for (int step = 0; step < 600; ++step) {
      for (auto& flood : floods) flood->Act();
      ASSERT_TRUE(core->Step()) << "idle with work to do, seed " << seed;
      core->CheckIntegrity();
      double least = INFINITY, most = 0;
      for (auto& flood : floods) {
        least = std::min(least, flood->Served() / flood->weight());
        most = std::max(most, flood->Served() / flood->weight());
      }
      ASSERT_LE(most - least, bound) << "seed " << seed << " step " << step;
      worst = std::max(worst, (most - least) / bound);
      if (step == 599) EXPECT_GT(least, 0) << "starved, seed " << seed;
    }
    core->Stop(Status::Unavailable("test"));
  }
  std::printf("at most %.2f of the bound\n", worst);
  EXPECT_GT(worst, 0.05) << "the bound says nothing";
}

/// Tokens a second by the simulated clock, of the same requests by so many tenants.
double FairRate(uint64_t flows) {
  SimClock clock;
  EngineOptions options = FairOptions();
  options.sequences_max = 32;
  auto core = MakeSimCore(options, clock, Timed(clock));
  Prng rng(TestSeed());
  std::vector<std::unique_ptr<SimClient>> clients;
  double tokens = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    const auto prompt = static_cast<uint32_t>(rng.Range(10, 500)), output = static_cast<uint32_t>(rng.Range(10, 100));
    tokens += prompt + output;
    clients.push_back(std::make_unique<SimClient>(*core, FlowRequest(i % flows, 1, prompt, output)));
  }
  const Instant start = clock.Now();
  while (!core->Idle()) EXPECT_TRUE(core->Step()) << "idle with work to do";
  for (auto& client : clients) EXPECT_TRUE(client->ended());
  return tokens / std::chrono::duration<double>(clock.Now() - start).count();
}

TEST(FairLoad, SharingCostsHardlyAnyTokens) {
  const double one = FairRate(1);
  for (const uint64_t flows : {2u, 10u, 300u}) {
    const double rate = FairRate(flows);
    std::printf("%lu flows: %.0f tokens/s, %.0f with one\n", flows, rate, one);
    EXPECT_GT(rate, 0.92 * one);
  }
}

TEST(FairLoad, AFloodsPlacesAndPagesAreShared) {
  for (const size_t pages : {4000u, 300u}) {  // room for all that run; for a few
    SimClock clock;
    EngineOptions options = FairOptions();
    options.sequences_max = 16;
    options.memory_bytes = pages * kSimPageBytes;
    auto core = MakeSimCore(options, clock, Timed(clock));
    Flood flood(*core, 1, 1, 100, [] { return FlowRequest(1, 1, 500, 1400); });
    for (int step = 0; step < 400; ++step) {
      flood.Act();
      core->Step();
    }
    SimClient quiet(*core, FlowRequest(2, 1, 500, 20));
    int steps = 0;
    for (; !quiet.begun(); ++steps) {
      ASSERT_LT(steps, 100);
      flood.Act();
      core->Step();
      core->CheckIntegrity();
    }
    EXPECT_LE(steps, 3) << "two steps' rows, and one to begin";
    const uint64_t preempted = core->Metrics().preemptions;
    while (!quiet.ended()) {
      flood.Act();
      core->Step();
    }
    if (pages == 4000) EXPECT_EQ(preempted, 1u) << "no more than needed";
    core->Stop(Status::Unavailable("test"));
  }
}

/// Priority is a tenant's own: it puts its requests in order, and none before another tenant's.
TEST(FairLoad, PriorityDoesNotReachBeyondItsFlow) {
  SimClock clock;
  EngineOptions options = FairOptions();
  options.sequences_max = 4;
  auto core = MakeSimCore(options, clock, Timed(clock));
  Flood loud(*core, 1, 1, 20, [] {
    PreparedRequest p = FlowRequest(1, 1, 500, 50);
    p.request.priority = 1000;
    return p;
  });
  Flood quiet(*core, 2, 1, 20, [] { return FlowRequest(2, 1, 500, 50); });
  for (int step = 0; step < 1000; ++step) {
    loud.Act();
    quiet.Act();
    core->Step();
  }
  EXPECT_NEAR(loud.Served() / quiet.Served(), 1, 0.1);
  core->Stop(Status::Unavailable("test"));
}

TEST(FairLoad, AFullQueueTakesWhatAFlowIsShortOfItsShare) {
  SimClock clock;
  EngineOptions options = FairOptions();
  options.queue_max = 12;
  auto core = MakeSimCore(options, clock);
  const auto taken = [&](uint64_t flow, uint32_t weight) {
    uint32_t count = 0;
    while (count < 100 && SimClient(*core, FlowRequest(flow, weight, 10, 5)).taken()) ++count;
    return count;
  };
  EXPECT_EQ(taken(1, 1), 12u);
  EXPECT_EQ(taken(2, 1), 6u);
  EXPECT_EQ(taken(1, 1), 0u);
  EXPECT_EQ(taken(3, 2), 6u) << "half of the weights; and twice the queue, in all";
  EXPECT_EQ(taken(4, 1), 0u);
  EXPECT_EQ(core->Metrics().requests_waiting, 24u);
  core->Step();
  EXPECT_EQ(core->Metrics().flows, 3u);
  EXPECT_EQ(taken(1, 1), 12u) << "those before have started";
  core->Stop(Status::Unavailable("test"));
  EXPECT_EQ(core->Metrics().flows, 0u);
}

}  // namespace
}  // namespace bedplate
