// Method: speculation on and off give the same tokens, log-probabilities, ends and usage: real models of every
// architecture in company and short of memory, and the simulated model against its oracle where an end falls inside a
// draft. Beside that, that drafting happens, saves steps, and can be switched off.

#include <gtest/gtest.h>

#include "engine/sim_testing.h"
#include "model/tiny_model_testing.h"

namespace bedplate {
namespace {

using Mode = Speculation::Mode;

constexpr float kRepetition = 100;

LoadedModel MakeTinyLoadedModel(const TinyModel& tiny, KvType kv_type = kDefaultKvType) {
  LoadedModel loaded;
  loaded.id = "tiny";
  loaded.model = tiny.Load(1, BestIsa(), kv_type);
  loaded.tokenizer = MakeSimTokenizer();
  return loaded;
}

std::vector<TokenId> DrawLetters(Prng& rng, int64_t count) {
  std::vector<TokenId> tokens;
  tokens.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) tokens.push_back(TokenId{static_cast<int32_t>(rng.Range(0, kSimLetters - 1))});
  return tokens;
}

/// Everything that could be drawn or ended wrongly: penalties, stops, several choices, log-probabilities, seeds.
std::vector<PreparedRequest> MixedRequests(uint64_t seed, int count) {
  Prng rng(seed);
  const auto shared = DrawLetters(rng, 60);
  std::vector<PreparedRequest> requests;
  for (int i = 0; i < count; ++i) {
    PreparedRequest p;
    p.tokens.assign(shared.begin(), shared.begin() + rng.Range(0, 50));
    for (const TokenId t : DrawLetters(rng, rng.Range(1, 12))) p.tokens.push_back(t);
    p.output_tokens_max = static_cast<uint32_t>(rng.Range(1, 80));
    Request& r = p.request;
    r.ignore_end_of_generation = rng.Chance(0.7);
    r.choices = i % 6 == 0 ? 3 : 1;
    if (rng.Chance(0.5)) r.logprobs_top = 2;
    if (rng.Chance(0.2)) r.prompt_logprobs_top = 1;
    r.sampling.seed = rng.Next();
    r.sampling.temperature = rng.Pick({0.0f, 0.0f, 0.3f, 0.8f});
    if (i % 4 == 1) r.sampling.frequency_penalty = 0.2f;
    if (i % 4 == 2) r.sampling.repetition_penalty = 1.1f;
    if (rng.Chance(0.2)) r.stop_strings = {"ab", "uv", "dc"};
    if (rng.Chance(0.3)) p.prediction = DrawLetters(rng, 20);
    requests.push_back(std::move(p));
  }
  return requests;
}

class SpeculationBits : public testing::TestWithParam<KvType> {};

TEST_P(SpeculationBits, SameOnAndOffForEveryArchitecture) {
  constexpr TinyShape kShapes[] = {{"llama", 64, 16, 96, 0, false},
                                   {"qwen2", 256, 64, 256, 0, true},
                                   {"qwen3", 64, 32, 96, 0, false},
                                   {"gemma3", 256, 64, 256, 24, true}};
  uint64_t preemptions = 0;
  for (const TinyShape& shape : kShapes) {
    const TinyModel tiny(shape, TestSeed());
    const auto requests = MixedRequests(TestSeed(), 12);
    const auto probe = tiny.Load(1, BestIsa(), GetParam());
    size_t page_bytes = 0;
    for (const PageGroup& g : probe->page_groups()) page_bytes += g.page_bytes;
    EngineOptions options{.memory_bytes = 0,
                          .context_tokens_max = 150,
                          .step_tokens_max = 48,
                          .prefill_chunk_max = 20,
                          .sequences_max = 4,
                          .queue_max = 100,
                          .prefix_cache = true,
                          .speculation = {.mode = Mode::kOff},
                          .seed = 1};
    const size_t scratch =
        probe->ScratchBytes({.rows_max = 48, .logit_rows_max = 260}) + (260 * sizeof(float) + 100) * kTinyVocabulary;
    options.memory_bytes = scratch + 200 * (page_bytes + 1000);
    const Together off = RunTogether(options, MakeTinyLoadedModel(tiny, GetParam()), requests, TestSeed());
    EXPECT_EQ(off.metrics.drafted_tokens, 0u);
    for (const Mode mode : {Mode::kWhenItPays, Mode::kAlways}) {
      for (const bool tight : {false, true}) {
        options.speculation.mode = mode;
        options.memory_bytes = scratch + (tight ? 14 : 200) * (page_bytes + 1000);
        Together on =
            RunTogether(options, MakeTinyLoadedModel(tiny, GetParam()), requests, TestSeed() + (tight ? 1 : 0));
        EXPECT_EQ(on.results, off.results) << shape.architecture << " tight " << tight;
        for (size_t i = 0; i < requests.size(); ++i) {
          on.usages[i].cached_tokens = off.usages[i].cached_tokens;  // the cache's affair
          EXPECT_EQ(on.usages[i], off.usages[i]) << shape.architecture << " request " << i;
        }
        EXPECT_GT(on.metrics.accepted_tokens, 20u) << shape.architecture;
        preemptions += on.metrics.preemptions;
      }
    }
  }
  EXPECT_GT(preemptions, 0u);
}

INSTANTIATE_TEST_SUITE_P(KvTypes, SpeculationBits, testing::ValuesIn(kKvTypes),
                         [](const auto& tested) { return std::string(KvTypeName(tested.param)); });

EngineOptions SimOptions(Mode mode) {
  return {.memory_bytes = 400u << 20,
          .context_tokens_max = 300,
          .step_tokens_max = 256,
          .prefill_chunk_max = 64,
          .sequences_max = 16,
          .queue_max = 300,
          .prefix_cache = true,
          .speculation = {.mode = mode},
          .seed = 1};
}

TEST(Speculation, ADraftModelGuessesAndChangesNothing) {
  constexpr TinyShape kShapes[] = {{"llama", 64, 16, 96, 0, false}, {"gemma3", 64, 32, 96, 24, false}};
  for (const TinyShape& shape : kShapes) {
    const TinyModel tiny(shape, TestSeed()), other(shape, TestSeed() + 1);
    const auto requests = MixedRequests(TestSeed(), 12);
    EngineOptions options = SimOptions(Mode::kOff);
    options.context_tokens_max = 200;
    const Together off = RunTogether(options, MakeTinyLoadedModel(tiny), requests, TestSeed());
    options.speculation.mode = Mode::kAlways;
    for (const bool good : {true, false}) {
      LoadedModel model = MakeTinyLoadedModel(tiny);
      model.draft = std::make_unique<LoadedModel>(MakeTinyLoadedModel(good ? tiny : other));
      const Together on = RunTogether(options, std::move(model), requests, TestSeed());
      EXPECT_EQ(on.results, off.results) << shape.architecture << " good " << good;
      EXPECT_GT(on.metrics.drafted_tokens, 100u);
      if (good) EXPECT_LT(on.metrics.steps, off.metrics.steps / 2) << shape.architecture;
    }
  }
}

TEST(Speculation, ADraftModelOfTheSameDistributionIsAlwaysRight) {
  PreparedRequest p;
  p.tokens = {TokenId{1}, TokenId{2}, TokenId{3}};
  p.output_tokens_max = 161;  // the first token, then ten drafts of fifteen and the token after each
  p.request.ignore_end_of_generation = true;
  p.request.sampling.seed = 7;  // and a temperature of 1: the random numbers are shared
  LoadedModel model = MakeSimLoadedModel({});
  model.draft = std::make_unique<LoadedModel>(MakeSimLoadedModel({}));
  const Together got = RunTogether(SimOptions(Mode::kAlways), std::move(model), {p}, 1);
  SimOracle oracle;
  EXPECT_EQ(got.results[0], oracle.Run(p));
  EXPECT_GT(got.metrics.accepted_tokens, got.metrics.drafted_tokens * 8 / 10);
  EXPECT_LT(got.metrics.steps, 40u);
}

/// Sampled, so that nothing is found by looking up.
PreparedRequest Sampled(size_t prompt, uint32_t output_tokens_max) {
  PreparedRequest p;
  Prng rng(TestSeed());
  p.tokens = DrawLetters(rng, static_cast<int64_t>(prompt));
  p.output_tokens_max = output_tokens_max;
  p.request.ignore_end_of_generation = true;
  p.request.sampling.seed = 7;
  return p;
}

TEST(Speculation, ADraftModelOfAShorterContextDraftsAsFarAsItReaches) {
  SimOracle oracle;
  const auto run = [&](const PreparedRequest& p) {
    LoadedModel model = MakeSimLoadedModel({});
    model.draft = std::make_unique<LoadedModel>(MakeSimLoadedModel({.context_length = 64}));
    const Together got = RunTogether(SimOptions(Mode::kAlways), std::move(model), {p}, 1);
    EXPECT_EQ(got.results[0], oracle.Run(p));
    return got.metrics;
  };
  const EngineMetrics within = run(Sampled(3, 40)), beyond = run(Sampled(3, 200)), never = run(Sampled(70, 100));
  EXPECT_GT(within.accepted_tokens, 25u);
  EXPECT_LT(within.steps, 15u);
  EXPECT_GT(beyond.accepted_tokens, 40u);  // up to there
  EXPECT_GT(beyond.steps, 203u - 64u);     // and one by one from there
  EXPECT_LT(beyond.steps, 203u - 64u + 25u);
  EXPECT_LT(never.accepted_tokens, 20u);  // what look-up finds by chance
}

TEST(Speculation, ADraftModelMustHaveTheSameVocabulary) {
  struct Case {
    const char* what;
    void (*change)(TokenizerSpec&);
  };
  const Case cases[] = {
      {"same vocabulary, but token 7 is 'other' in one and 'h' in the other",
       [](TokenizerSpec& s) { s.tokens[7] = "other"; }},
      {"same vocabulary, but they have 24 and 25 tokens", [](TokenizerSpec& s) { s.tokens.pop_back(); }},
      {"same vocabulary, but they have 26 and 25 tokens", [](TokenizerSpec& s) { s.tokens.emplace_back("more"); }},
  };
  for (const Case& c : cases) {
    SimClock clock;
    LoadedModel model = MakeSimLoadedModel({});
    model.draft = std::make_unique<LoadedModel>(MakeSimLoadedModel({}));
    model.draft->id = "drafter";
    TokenizerSpec spec;
    spec.model = "gpt2";
    spec.pre = "default";
    for (int32_t i = 0; i <= kSimEos; ++i) spec.tokens.emplace_back(model.tokenizer->TokenText(TokenId{i}));
    c.change(spec);
    spec.kinds.assign(spec.tokens.size(), TokenKind::kNormal);
    auto tokenizer = Tokenizer::Create(spec);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
    model.draft->tokenizer = std::move(*tokenizer);
    const Status status = EngineCore::Create(SimOptions(Mode::kAlways), std::move(model), clock).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("'drafter' can't draft for 'sim'"), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(c.what), std::string::npos) << status.message();
  }
}

TEST(Speculation, ADraftModelIsAskedWhereItsOwnTimeIsWorthIt) {
  // A step takes 10 ms and a row 0.2: fifteen certain guesses in one step are worth a good dozen steps, unless the
  // draft model takes as long for them.
  const PreparedRequest p = Sampled(3, 250);
  SimOracle oracle;
  const auto run = [&](Mode mode, int64_t draft_step_us, float noise) {
    SimClock clock;
    const SimModel::Options own{.clock = &clock, .step_time_ns = 10'000'000, .row_time_ns = 200'000};
    LoadedModel model = MakeSimLoadedModel(own);
    if (mode != Mode::kOff) {
      model.draft = std::make_unique<LoadedModel>(
          MakeSimLoadedModel({.clock = &clock, .step_time_ns = draft_step_us * 1000, .noise = noise}));
    }
    Together got = RunTogether(SimOptions(mode), std::move(model), {p}, std::nullopt, &clock);
    EXPECT_EQ(got.results[0], oracle.Run(p));
    return got;
  };
  const double off = run(Mode::kOff, 0, 0).seconds;
  const Together cheap = run(Mode::kWhenItPays, 500, 0), dear = run(Mode::kWhenItPays, 10'000, 0),
                 wrong = run(Mode::kWhenItPays, 500, 40);
  EXPECT_LT(cheap.seconds, off / 3);
  EXPECT_GT(cheap.metrics.accepted_tokens, 200u);
  EXPECT_LT(dear.seconds, off * 1.03);
  EXPECT_LT(dear.metrics.drafted_tokens, 20u);  // until its time was known
  EXPECT_LT(wrong.seconds, off * 1.15);         // it was hopeful at first
}

PreparedRequest Repetitive(uint32_t output_tokens_max) {
  PreparedRequest p;
  Prng rng(TestSeed());
  p.tokens = DrawLetters(rng, 20);
  p.output_tokens_max = output_tokens_max;
  p.request.sampling.temperature = 0;
  p.request.sampling.seed = 1;
  p.request.ignore_end_of_generation = true;
  p.request.logprobs_top = 0;
  return p;
}

TEST(Speculation, AnOutputMayEndAnywhereInADraft) {
  SimOracle oracle(kRepetition);
  const std::string text = oracle.Run(Repetitive(60)).choices[0].text;
  std::vector<PreparedRequest> requests;
  for (uint32_t most = 1; most <= 60; ++most) requests.push_back(Repetitive(most));
  for (size_t at = 0; at + 3 < text.size(); ++at) {
    for (const size_t length : {1u, 2u, 3u}) {
      PreparedRequest p = Repetitive(60);
      p.request.stop_strings = {text.substr(at, length)};
      // The oracle looks among bytes: not for what stands in place of half a character.
      if (std::ranges::all_of(p.request.stop_strings[0], [](char c) { return c > 0; })) requests.push_back(p);
    }
  }
  for (int32_t token = 0; token < kSimEos; ++token) {
    PreparedRequest p = Repetitive(60);
    p.request.stop_tokens = {TokenId{token}};
    requests.push_back(p);
  }
  const Together got =
      RunTogether(SimOptions(Mode::kAlways), MakeSimLoadedModel({.repetition = kRepetition}), requests, TestSeed());
  for (size_t i = 0; i < requests.size(); ++i)
    EXPECT_EQ(got.results[i], oracle.Run(requests[i])) << i << " of " << text;
  EXPECT_GT(got.metrics.accepted_tokens, 200u);
}

TEST(Speculation, SavesStepsWhenTheOutputRepeatsAndNotOtherwise) {
  const std::vector<PreparedRequest> one = {Repetitive(200)};
  const auto run = [&](Mode mode, float repetition) {
    return RunTogether(SimOptions(mode), MakeSimLoadedModel({.repetition = repetition}), one, 1).metrics;
  };
  const EngineMetrics off = run(Mode::kOff, 1000), on = run(Mode::kWhenItPays, 1000);
  EXPECT_LT(on.steps, off.steps / 2);
  const EngineMetrics random = run(Mode::kWhenItPays, 0);
  EXPECT_LT(random.drafted_tokens, 60u);  // learned that it doesn't pay
}

TEST(Speculation, NobodyIsAskedWhileTheLoadLeavesNothingToGain) {
  std::vector<PreparedRequest> requests;
  for (int i = 0; i < 32; ++i) {
    requests.push_back(Repetitive(i == 0 ? 200 : 60));
    requests.back().request.sampling.seed = i;
    requests.back().tokens[19] = TokenId{i % kSimLetters};
  }
  EngineOptions options = SimOptions(Mode::kWhenItPays);
  options.sequences_max = 32;
  options.step_tokens_max = 1024;  // all prompts in one step, so that they go on and end together
  SimOracle oracle(kRepetition);
  for (const bool draft_model : {false, true}) {
    const auto run = [&](const std::vector<PreparedRequest>& some) {
      LoadedModel model = MakeSimLoadedModel({.repetition = kRepetition});
      if (draft_model) model.draft = std::make_unique<LoadedModel>(MakeSimLoadedModel({.repetition = kRepetition}));
      const Together got = RunTogether(options, std::move(model), some, std::nullopt);
      for (size_t i = 0; i < some.size(); ++i) EXPECT_EQ(got.results[i], oracle.Run(some[i])) << i;
      return got.metrics;
    };
    std::vector<PreparedRequest> alike = requests;
    alike[0] = Repetitive(60);
    const EngineMetrics loaded = run(alike);
    EXPECT_EQ(loaded.lookups, 0u);
    EXPECT_EQ(loaded.drafted_tokens, 0u);
    // The one that outlives the others is looked up from then on, in all that it wrote before.
    const EngineMetrics lonely = run(requests);
    EXPECT_GT(lonely.lookups, 5u);
    EXPECT_LT(lonely.steps, 165u);
    EXPECT_GT(lonely.accepted_tokens, 40u);
  }
}

TEST(Speculation, CanBeSwitchedOffByTheRequest) {
  PreparedRequest p = Repetitive(100);
  p.request.speculation = false;
  const Together got = RunTogether(SimOptions(Mode::kAlways), MakeSimLoadedModel({.repetition = kRepetition}), {p}, 1);
  EXPECT_EQ(got.metrics.drafted_tokens, 0u);
  EXPECT_EQ(got.metrics.lookups, 0u);
  SimOracle oracle(kRepetition);
  EXPECT_EQ(got.results[0], oracle.Run(p));
}

TEST(Speculation, APredictionIsCountedWhateverTheSwitch) {
  SimOracle oracle;
  PreparedRequest p = Repetitive(100);
  p.prediction = oracle.Run(p).choices[0].tokens;
  p.prediction[50] = TokenId{(p.prediction[50].value + 1) % kSimLetters};
  p.request.choices = 2;
  for (const Mode mode : {Mode::kOff, Mode::kWhenItPays, Mode::kAlways}) {
    const Together got = RunTogether(SimOptions(mode), MakeSimLoadedModel({}), {p}, 1);
    EXPECT_EQ(got.results[0], oracle.Run(p));
    EXPECT_GE(got.usages[0].prediction_accepted_tokens, 2 * 90u);
    EXPECT_EQ(got.usages[0].prediction_accepted_tokens + got.usages[0].prediction_rejected_tokens, 200u);
    if (mode != Mode::kOff) EXPECT_LT(got.metrics.steps, 30u);
  }
}

TEST(Speculation, OfManyChoicesThoseWithoutLookupCountNoPrediction) {
  SimOracle oracle;
  PreparedRequest p = Repetitive(30);
  p.prediction = oracle.Run(p).choices[0].tokens;
  p.request.choices = 12;
  const Together got = RunTogether(SimOptions(Mode::kAlways), MakeSimLoadedModel({}), {p}, 1);
  EXPECT_EQ(got.results[0], oracle.Run(p));
  EXPECT_EQ(got.usages[0].prediction_accepted_tokens + got.usages[0].prediction_rejected_tokens, 8 * 30u);
}

}  // namespace
}  // namespace bedplate
