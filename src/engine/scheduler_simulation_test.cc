// Method: deterministic simulation, after TigerBeetle's. The real engine core on a simulated clock and model; one seed
// draws options, arrivals, tenants, lengths, parameters, cancels, deadlines and faults, of the disk too; where the
// cache has a file, a second process follows the first, which was killed. Integrity after each step; at the end every
// request has ended exactly once, with the tokens it gets alone, and every page is back. A failing seed prints;
// TEST_SEED=<seed> replays it as the first run.

#include <gtest/gtest.h>

#include <functional>

#include "base/random_access_file_testing.h"
#include "engine/sim_testing.h"

namespace bedplate {
namespace {

constexpr uint64_t kRuns = 10'000;

struct Client {
  PreparedRequest prepared;
  std::shared_ptr<EventStream> stream;
  std::unique_ptr<ResultReader> reader;
  int32_t submit_at = 0;             // in steps
  std::optional<int32_t> cancel_at;  // in steps
  bool submitted = false, refused = false, cancelled = false;
};

/// Counts over all runs, to show that the simulation reaches what it is for.
struct Coverage {
  uint64_t requests = 0, refused = 0, cancelled = 0, expired = 0, failed = 0, finished = 0;
  uint64_t preemptions = 0, between_flows = 0, cached_tokens = 0, sliding_runs = 0, shared_choices = 0,
           scored_prompts = 0;
  uint64_t drafted = 0, accepted = 0, foretold = 0, draft_model_runs = 0;
  uint64_t memory_tokens = 0, file_tokens = 0, tier_evictions = 0, file_failures = 0, file_refusals = 0;
  uint64_t found_after_restart = 0;
};

class Simulation {
 public:
  Simulation(uint64_t seed, Coverage& coverage)
      : rng_(seed), repetition_(rng_.Pick({0.0f, 10.0f, 30.0f, 100.0f})), oracle_(repetition_), coverage_(coverage) {
    DrawOptions();
    DrawClients();
  }

  void Run() {
    Serve();
    if (HasFailure() || options_.cache_disk_bytes == 0) return;
    KillProcess();
    clients_.clear();
    const uint64_t before = coverage_.file_tokens;
    DrawClients();
    Serve();
    coverage_.found_after_restart += coverage_.file_tokens - before;
  }

 private:
  static bool HasFailure() { return testing::Test::HasFailure(); }

  void Serve() {
    LoadedModel model = MakeSimLoadedModel(model_options_);
    if (options_.cache_disk_bytes > 0) {
      model.content = "sim";
      model.page_file = std::make_unique<MemoryFile>(disk_, [this] { return DrawFault(); });
    }
    if (draft_noise_.has_value()) {
      SimModel::Options draft = model_options_;
      draft.noise = *draft_noise_;
      model.draft = std::make_unique<LoadedModel>(MakeSimLoadedModel(draft));
    }
    auto made = EngineCore::Create(options_, std::move(model), clock_);
    ASSERT_TRUE(made.ok()) << made.status().message();
    core_ = std::move(*made);
    for (int32_t step = 0; step < 20'000 && !testing::Test::HasFailure(); ++step) {
      for (Client& client : clients_) Act(client, step);
      const bool ran = core_->Step();
      core_->CheckIntegrity();
      WorkOnCacheFile(*core_, rng_);
      clock_.Advance(std::chrono::milliseconds(rng_.Range(0, 20)));
      for (Client& client : clients_) client.reader->Read();
      if (!ran && core_->Idle() && std::ranges::all_of(clients_, &Client::submitted)) break;
    }
    CheckEnds();
  }

  /// In the middle of whatever its file thread does: of some writes only a half has been made.
  void KillProcess() {
    const double rate = std::exchange(fault_rate_, 0.4);
    WorkOnCacheFile(*core_, rng_);
    core_.reset();
    fault_rate_ = rate;
    if (rng_.Chance(0.3)) DamageDisk();
  }

  MemoryFile::Fault DrawFault() {
    if (!rng_.Chance(fault_rate_)) return MemoryFile::Fault::kNone;
    return rng_.Pick({MemoryFile::Fault::kIo, MemoryFile::Fault::kFull});
  }

  /// Cuts the file or turns some of its bits.
  void DamageDisk() {
    if (disk_->empty()) return;
    if (rng_.Chance(0.3)) return disk_->resize(static_cast<size_t>(rng_.Range(0, static_cast<int64_t>(disk_->size()))));
    for (int64_t n = rng_.Range(1, 200); n > 0; --n) {
      const auto at = static_cast<size_t>(rng_.Range(0, static_cast<int64_t>(disk_->size()) - 1));
      (*disk_)[at] ^= std::byte{static_cast<unsigned char>(1 << rng_.Range(0, 7))};
    }
  }

  /// From room for hardly anything to room for all; the memory of the tiers comes on top.
  void DrawTiers() {
    const size_t run = model_options_.windows.size() * model_options_.page_bytes;
    if (rng_.Chance(0.6)) {
      options_.cache_memory_bytes = static_cast<size_t>(rng_.Pick({1, 2, 5, 30})) * (run + 1000);
    }
    if (rng_.Chance(0.6)) {
      options_.cache_disk_bytes = static_cast<uint64_t>(rng_.Pick({1, 2, 5, 30})) * (run + 4096) + 300'000;
      fault_rate_ = rng_.Pick({0.0, 0.0, 0.0, 0.01, 0.2});
    }
    options_.memory_bytes += PlanTiers(options_, SimModel(model_options_))->bytes;
  }

  void DrawOptions() {
    const int64_t groups = rng_.Range(0, 9);
    if (groups < 4)
      model_options_.windows = {0};
    else if (groups < 8)
      model_options_.windows = {0, static_cast<uint32_t>(rng_.Range(2, 50))};
    else if (groups < 9)
      model_options_.windows = {static_cast<uint32_t>(rng_.Range(2, 50))};
    else
      model_options_.windows = {static_cast<uint32_t>(rng_.Range(2, 20)), 0, static_cast<uint32_t>(rng_.Range(20, 40))};
    coverage_.sliding_runs += model_options_.windows.size() > 1 ? 1 : 0;
    model_options_.repetition = repetition_;
    options_.speculation.mode = rng_.Pick({Speculation::Mode::kOff, Speculation::Mode::kWhenItPays,
                                           Speculation::Mode::kAlways, Speculation::Mode::kAlways});
    options_.speculation.drafts_max = static_cast<uint32_t>(rng_.Pick({1, 4, 15, 15, 40}));
    options_.context_tokens_max = static_cast<uint32_t>(rng_.Range(20, 110));
    options_.sequences_max = static_cast<uint32_t>(rng_.Pick({1, 2, 4, 8}));
    options_.step_tokens_max = static_cast<uint32_t>(rng_.Pick({3, 8, 17, 40, 64}));
    options_.prefill_chunk_max = static_cast<uint32_t>(rng_.Pick({1, 5, 16, 33}));
    options_.pace = std::chrono::milliseconds(rng_.Pick({0, 250}));
    options_.queue_max = static_cast<uint32_t>(rng_.Pick({1, 3, 100}));
    options_.prefix_cache = rng_.Chance(0.7);
    options_.seed = rng_.Next();
    flows_ = rng_.Pick({1, 1, 2, 3, 8});
    // From hardly more than one sequence's pages to enough for all; a page is 1 MiB and a bit.
    size_t pages = static_cast<size_t>(rng_.Pick({1, 1, 2, 4, 8, 40}));
    for (const uint32_t window : model_options_.windows) {
      pages += window == 0 ? (options_.context_tokens_max + kPageTokens - 1) / kPageTokens
                           : KvPages::WindowPages(window, kPageTokens);
    }
    options_.memory_bytes = pages * 1'100'000;
    if (rng_.Chance(0.3)) {
      draft_noise_ = rng_.Pick({0.0f, 2.0f});
      options_.memory_bytes *= 2;  // half of it is the draft model's
      ++coverage_.draft_model_runs;
    }
    if (options_.prefix_cache && rng_.Chance(0.6)) DrawTiers();
  }

  std::vector<TokenId> DrawTokens(size_t count, int32_t letters) {
    std::vector<TokenId> tokens;
    for (size_t i = 0; i < count; ++i) tokens.push_back(TokenId{static_cast<int32_t>(rng_.Range(0, letters - 1))});
    return tokens;
  }

  void DrawClients() {
    if (shared_.empty()) shared_ = DrawTokens(60, kSimLetters);
    const int64_t count = rng_.Range(1, 8);
    for (int64_t i = 0; i < count; ++i) {
      Client client;
      client.submit_at = static_cast<int32_t>(rng_.Range(0, 30));
      if (rng_.Chance(0.2)) client.cancel_at = client.submit_at + static_cast<int32_t>(rng_.Range(0, 25));
      client.prepared = DrawRequest(shared_);
      client.stream = std::make_shared<EventStream>([] {});
      client.reader = std::make_unique<ResultReader>(*client.stream, client.prepared.request.choices);
      clients_.push_back(std::move(client));
    }
  }

  PreparedRequest DrawRequest(const std::vector<TokenId>& shared) {
    PreparedRequest p;
    const uint32_t context = options_.context_tokens_max;
    const auto prompt = static_cast<size_t>(rng_.Range(1, rng_.Chance(0.5) ? context - 1 : context / 3));
    const auto begin =
        static_cast<std::ptrdiff_t>(std::min({shared.size(), prompt, static_cast<size_t>(rng_.Range(0, 60))}));
    p.tokens.assign(shared.begin(), shared.begin() + begin);
    const auto rest = DrawTokens(prompt - p.tokens.size(), kSimLetters);
    p.tokens.insert(p.tokens.end(), rest.begin(), rest.end());
    if (rng_.Chance(0.02)) p.tokens.back() = TokenId{kSimPoison};
    p.output_tokens_max = static_cast<uint32_t>(rng_.Range(1, std::min<int64_t>(context - prompt, 70)));
    p.cache_salt = rng_.Chance(0.2) ? 1 : 0;
    if (rng_.Chance(0.05)) p.deadline = clock_.Now() + std::chrono::milliseconds(rng_.Range(1, 400));
    Request& r = p.request;
    r.choices = rng_.Chance(0.2) ? static_cast<uint32_t>(rng_.Range(2, 4)) : 1;
    r.priority = static_cast<int32_t>(rng_.Pick({0, 0, 0, 0, 1, -1, 1000}));
    r.flow = static_cast<uint64_t>(rng_.Range(1, flows_));
    r.weight = static_cast<uint32_t>(rng_.Range(1, 3));
    r.ignore_end_of_generation = rng_.Chance(0.5);
    r.sampling = DrawSampling();
    if (rng_.Chance(0.3)) r.logprobs_top = static_cast<uint32_t>(rng_.Range(0, 3));
    if (rng_.Chance(0.15)) {
      r.prompt_logprobs_top = 2;
      if (rng_.Chance(0.5)) p.output_tokens_max = 0;
    }
    if (rng_.Chance(0.2)) r.stop_tokens = {TokenId{3}};
    if (rng_.Chance(0.2)) r.stop_strings = {"ab", "buv", "é"};
    if (rng_.Chance(0.3)) p.prediction = DrawPrediction(p);
    r.speculation = rng_.Chance(0.9);
    return p;
  }

  /// What the request will get, more or less.
  std::vector<TokenId> DrawPrediction(const PreparedRequest& p) {
    std::vector<TokenId> prediction = oracle_.Run(p).choices.front().tokens;
    for (TokenId& token : prediction) {
      if (rng_.Chance(0.1)) token = DrawTokens(1, kSimLetters).front();
    }
    if (rng_.Chance(0.3)) prediction.insert(prediction.begin(), TokenId{5});
    return prediction;
  }

  SamplingParams DrawSampling() {
    SamplingParams s;
    s.seed = rng_.Next();
    s.temperature = rng_.Pick({0.0f, 0.7f, 1.0f, 1.5f});
    if (rng_.Chance(0.2)) s.top_k = 5;
    if (rng_.Chance(0.2)) s.top_p = 0.8f;
    if (rng_.Chance(0.1)) s.min_p = 0.1f;
    if (rng_.Chance(0.1)) s.typical_p = 0.7f;
    if (rng_.Chance(0.2)) s.repetition_penalty = 1.3f;
    if (rng_.Chance(0.1)) s.frequency_penalty = 0.5f;
    if (rng_.Chance(0.1)) s.logit_bias = {{TokenId{1}, 2.0f}, {TokenId{kSimEos}, -100.0f}};
    return s;
  }

  void Act(Client& client, int32_t step) {
    if (!client.submitted && client.submit_at <= step) {
      client.submitted = true;
      const Status status = core_->Submit(client.prepared, client.stream);
      client.refused = !status.ok();
      if (client.refused) {
        EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
        EXPECT_EQ(status.reason(), "queue_full");
        EXPECT_GE(status.retry_after_ms(), 100u);
      }
    }
    if (client.cancel_at.has_value() && *client.cancel_at <= step && !client.cancelled && client.submitted) {
      client.reader->Read();
      client.cancelled = !client.refused && !client.reader->ended();
      if (client.cancelled) client.stream->Cancel();
    }
  }

  void CheckEnds() {
    ASSERT_TRUE(core_->Idle()) << "requests hang";
    uint64_t finished = 0, failed = 0, cancelled = 0, refused = 0;
    for (const Client& client : clients_) {
      ASSERT_TRUE(client.submitted);
      refused += client.refused ? 1 : 0;
      cancelled += client.cancelled ? 1 : 0;
      if (client.refused || client.cancelled) {
        EXPECT_FALSE(client.reader->ended());
        continue;
      }
      ASSERT_TRUE(client.reader->ended()) << "a client is left waiting";
      (client.reader->failure().has_value() ? failed : finished) += 1;
      CheckResult(client);
    }
    CheckMetrics(finished, failed, cancelled, refused);
  }

  void CheckResult(const Client& client) {
    if (const auto& failure = client.reader->failure(); failure.has_value()) {
      if (failure->code() == StatusCode::kDeadlineExceeded) {
        ++coverage_.expired;
        EXPECT_TRUE(client.prepared.deadline.has_value());
      } else {
        ++coverage_.failed;
        EXPECT_EQ(failure->code(), StatusCode::kInternal);
        EXPECT_TRUE(oracle_.Run(client.prepared).failed);
      }
      return;
    }
    const RequestResult alone = oracle_.Run(client.prepared);
    EXPECT_FALSE(alone.failed);
    EXPECT_EQ(client.reader->result(), alone);
    EXPECT_EQ(client.reader->usage()->prompt_tokens, client.prepared.tokens.size());
    CheckPrediction(client, alone);
    if (!options_.prefix_cache) EXPECT_EQ(client.reader->usage()->cached_tokens, 0u);
    coverage_.shared_choices += client.prepared.request.choices > 1 ? 1 : 0;
    if (client.prepared.request.prompt_logprobs_top.has_value()) {
      ++coverage_.scored_prompts;
      EXPECT_EQ(client.reader->usage()->cached_tokens, 0u);
    }
  }

  /// A function of the tokens alone, whatever was drafted.
  void CheckPrediction(const Client& client, const RequestResult& alone) {
    uint32_t accepted = 0;
    for (const ChoiceResult& choice : alone.choices) {
      TokenLookup lookup(client.prepared.prediction, client.prepared.tokens, 0);
      for (const TokenId token : choice.tokens) lookup.Append(token);
      accepted += lookup.prediction_accepted();
    }
    EXPECT_EQ(client.reader->usage()->prediction_accepted_tokens, accepted);
    coverage_.foretold += accepted;
  }

  void CheckMetrics(uint64_t finished, uint64_t failed, uint64_t cancelled, uint64_t refused) {
    const EngineMetrics m = core_->Metrics();
    EXPECT_EQ(m.requests_finished, finished);
    EXPECT_EQ(m.requests_failed, failed);
    EXPECT_EQ(m.requests_cancelled, cancelled);
    EXPECT_EQ(m.requests_refused, refused);
    EXPECT_EQ(m.requests_waiting + m.sequences_running + m.pages_used, 0u) << "something was not given back";
    EXPECT_EQ(m.request_time.count, finished + failed);
    EXPECT_LE(m.cached_tokens, m.prompt_tokens);
    if (!options_.prefix_cache) EXPECT_EQ(m.pages_cached, 0u);
    coverage_.requests += clients_.size();
    coverage_.refused += refused;
    coverage_.cancelled += cancelled;
    coverage_.finished += finished;
    coverage_.preemptions += m.preemptions;
    coverage_.between_flows += flows_ > 1 ? m.preemptions : 0;
    coverage_.cached_tokens += m.cached_tokens;
    EXPECT_LE(m.cached_memory_tokens + m.cached_file_tokens, m.cached_tokens);
    coverage_.memory_tokens += m.cached_memory_tokens;
    coverage_.file_tokens += m.cached_file_tokens;
    coverage_.tier_evictions += m.memory_tier.evicted + m.file_tier.evicted;
    coverage_.file_failures += m.file_tier.failed;
    coverage_.file_refusals += m.file_tier.refused;
    EXPECT_LE(m.accepted_tokens, m.drafted_tokens);
    EXPECT_EQ(core_->used_pages(), 0u);
    if (options_.speculation.mode == Speculation::Mode::kOff) EXPECT_EQ(m.drafted_tokens, 0u);
    coverage_.drafted += m.drafted_tokens;
    coverage_.accepted += m.accepted_tokens;
  }

  Prng rng_;
  const float repetition_;
  SimOracle oracle_;
  Coverage& coverage_;
  SimClock clock_;
  EngineOptions options_;
  SimModel::Options model_options_;
  int64_t flows_ = 1;
  std::optional<float> draft_noise_;  // none: no draft model
  DiskBytes disk_ = std::make_shared<std::vector<std::byte>>();
  double fault_rate_ = 0;        // of calls to the disk
  std::vector<TokenId> shared_;  // many prompts begin with a part of it
  std::vector<Client> clients_;
  std::unique_ptr<EngineCore> core_;
};

TEST(EngineSimulation, EveryRequestEndsOnceWithTheTokensItGetsAlone) {
  Coverage coverage;
  for (uint64_t run = 0; run < kRuns; ++run) {
    const uint64_t seed = TestSeed() + run;
    Simulation(seed, coverage).Run();
    ASSERT_FALSE(HasFailure()) << "replay with TEST_SEED=" << seed;
  }
  std::printf(
      "%lu requests: %lu finished, %lu cancelled, %lu refused, %lu expired, %lu failed; %lu preemptions, %lu of them "
      "where there are "
      "several flows, %lu cached "
      "tokens, %lu runs with sliding groups, %lu with several choices, %lu scored prompts; %lu tokens drafted, %lu of "
      "them accepted, %lu foretold by a prediction, %lu runs with a draft model; %lu tokens restored from memory, %lu "
      "from the file, %lu of these after a restart, %lu runs evicted from the tiers, %lu refused by the file, %lu "
      "failed "
      "to be written or read\n",
      coverage.requests, coverage.finished, coverage.cancelled, coverage.refused, coverage.expired, coverage.failed,
      coverage.preemptions, coverage.between_flows, coverage.cached_tokens, coverage.sliding_runs,
      coverage.shared_choices, coverage.scored_prompts, coverage.drafted, coverage.accepted, coverage.foretold,
      coverage.draft_model_runs, coverage.memory_tokens, coverage.file_tokens, coverage.found_after_restart,
      coverage.tier_evictions, coverage.file_refusals, coverage.file_failures);
  for (const uint64_t count : {coverage.finished,       coverage.cancelled,      coverage.refused,
                               coverage.expired,        coverage.failed,         coverage.preemptions,
                               coverage.between_flows,  coverage.cached_tokens,  coverage.sliding_runs,
                               coverage.shared_choices, coverage.scored_prompts, coverage.drafted,
                               coverage.accepted,       coverage.foretold,       coverage.draft_model_runs,
                               coverage.memory_tokens,  coverage.file_tokens,    coverage.found_after_restart,
                               coverage.tier_evictions, coverage.file_failures}) {
    EXPECT_GE(count, kRuns / 100);
  }
}

}  // namespace
}  // namespace bedplate
