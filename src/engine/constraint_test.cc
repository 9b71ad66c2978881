// Method: the simulated model's random logits, under constraints of every form, beside the oracle that draws alone:
// speculation on and off, several choices, penalties, stops, pages so few that sequences are preempted. Whatever ends
// by itself belongs to the language. Then the cache, and what is refused.
#include "engine/constraint.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "engine/sim_testing.h"
#include "text/constraint/regex.h"

namespace bedplate {
namespace {

Constraint Regex(std::string pattern) {
  return {.form = RegexForm{.pattern = std::move(pattern), .param = "guided_regex"}};
}

EngineOptions OptionsWith(size_t memory_mib, Speculation::Mode mode = Speculation::Mode::kOff) {
  EngineOptions options;
  options.memory_bytes = memory_mib << 20;
  options.context_tokens_max = 160;
  options.speculation.mode = mode;
  return options;
}

std::shared_ptr<const TokenTrie> SimTrie() {
  return std::make_shared<const TokenTrie>(*MakeSimTokenizer());
}

struct Formed {
  Constraint constraint;
  const char* pattern;  // the same language as a regular expression
};
std::vector<Formed> Forms() {
  return {
      {Regex("(ab|c)*uv"), "(ab|c)*uv"},
      {Regex("[a-t]{3,70}\xC3\xA9?"), "[a-t]{3,70}\xC3\xA9?"},
      {Regex("(a|b)+"), "(a|b)+"},
      {Regex("[a-t]{60,90}"), "[a-t]{60,90}"},  // long enough to outgrow the pages that it started with
      {{.form = ChoiceForm{.choices = {"abc", "abd", "uv", "\xC3\xA9"}, .param = "guided_choice"}},
       "abc|abd|uv|\xC3\xA9"},
      {{.form = GrammarForm{.text = R"(root ::= [a-c] root | "d" | "e" "f")", .param = "grammar"}}, "[a-c]*(d|ef)"},
      {{.form = RegexForm{.pattern = "a{2}", .param = "r"}, .after = "uv"}, "([^u]|u[^v])*uvaa"},
      {{.form = JsonSchemaForm{.schema = Json::Object{{"const", nullptr}}, .param = "s"}}, "null"},
      {{.form =
            StructuralForm{
                .prefix = "a",
                .alternatives = {{.begin = "b", .content = {.schema = Json::Object{{"type", "null"}}}, .end = "c"},
                                 {.begin = "d", .content = {.schema = Json::Object{{"const", nullptr}}}, .end = ""}},
                .separator = "e",
                .least = 1,
                .most = 3,
                .suffix = "f"}},
       "a(bnullc|dnull)(e(bnullc|dnull)){0,2}f"},
      {{.form = RegexForm{.pattern = "(ab)*c", .param = "r"},
        .or_calls =
            StructuralForm{
                .alternatives = {{.begin = "ad", .content = {.schema = Json::Object{{"type", "null"}}}, .end = "e"}},
                .separator = "f",
                .most = 0}},
       "(ab)*c|adnulle(fadnulle)*"},
  };
}

/// The simulated vocabulary has no u, so that "null" is spelled with letters that it lacks: those forms need a language
/// that it can write.
bool Writable(const Formed& form) {
  return std::string_view(form.pattern).find("null") == std::string_view::npos;
}

std::vector<PreparedRequest> ConstrainedRequests(uint64_t seed, int count) {
  Prng rng(seed);
  std::vector<Formed> forms = Forms();
  std::erase_if(forms, [](const Formed& form) { return !Writable(form); });
  std::vector<PreparedRequest> requests;
  for (int i = 0; i < count; ++i) {
    PreparedRequest p;
    for (int64_t n = rng.Range(1, 40); n > 0; --n)
      p.tokens.push_back(TokenId{static_cast<int32_t>(rng.Range(0, kSimLetters - 1))});
    p.output_tokens_max = static_cast<uint32_t>(rng.Range(1, 90));
    Request& r = p.request;
    r.choices = i % 5 == 0 ? 3 : 1;
    r.sampling.seed = rng.Next();
    r.sampling.temperature = rng.Pick({0.0f, 0.5f, 1.0f, 2.0f});
    if (rng.Chance(0.3)) r.sampling.top_k = 2;
    if (rng.Chance(0.3)) r.sampling.top_p = 0.5f;
    if (i % 4 == 1) r.sampling.frequency_penalty = 0.5f;
    if (rng.Chance(0.3)) r.logprobs_top = 1;
    if (rng.Chance(0.2)) r.stop_strings = {"ba"};
    if (rng.Chance(0.2)) r.stop_tokens = {TokenId{2}};
    if (rng.Chance(0.8)) {
      const Formed& form = forms[static_cast<size_t>(rng.Range(0, static_cast<int64_t>(forms.size()) - 1))];
      r.constraint = form.constraint;
      p.constraint = *CompileConstraint(form.constraint, SimTrie());
    }
    requests.push_back(std::move(p));
  }
  return requests;
}

TEST(Constraint, TheSameTokensAsAloneWhateverElseRuns) {
  uint64_t preemptions = 0;
  for (const Speculation::Mode mode : {Speculation::Mode::kOff, Speculation::Mode::kAlways}) {
    for (const float repetition : {0.0f, 30.0f}) {
      for (uint64_t round = 0; round < 6; ++round) {
        const auto requests = ConstrainedRequests(TestSeed() + round, 24);
        const Together got =
            RunTogether(OptionsWith(14, mode), MakeSimLoadedModel({.repetition = repetition}), requests, round);
        SimOracle oracle(repetition);
        for (size_t i = 0; i < requests.size(); ++i) {
          const RequestResult alone = oracle.Run(requests[i]);
          ASSERT_EQ(got.results[i].failed, alone.failed) << "request " << i << " of round " << round;
          if (!alone.failed) {
            ASSERT_EQ(got.results[i], alone) << "request " << i << " of round " << round;
          }
        }
        if (mode == Speculation::Mode::kAlways && repetition > 0) {
          EXPECT_GT(got.metrics.accepted_tokens, 0u);
        }
        preemptions += got.metrics.preemptions;
      }
    }
  }
  EXPECT_GT(preemptions, 0u);
}

TEST(Constraint, WhatEndsByItselfBelongsToTheLanguage) {
  const std::vector<Formed> forms = Forms();
  size_t ended = 0;
  for (size_t f = 0; f < forms.size(); ++f) {
    if (!Writable(forms[f])) continue;
    CompileBudget budget;
    const ByteDfa language = *CompileRegex(forms[f].pattern, {}, {.budget = budget});
    std::vector<PreparedRequest> requests;
    for (uint64_t i = 0; i < 30; ++i) {
      PreparedRequest p;
      p.tokens = {TokenId{static_cast<int32_t>(i % 20)}};
      p.output_tokens_max = 90;
      p.request.sampling.seed = i;
      p.request.constraint = forms[f].constraint;
      p.constraint = *CompileConstraint(forms[f].constraint, SimTrie());
      requests.push_back(std::move(p));
    }
    const Together got = RunTogether(OptionsWith(400), MakeSimLoadedModel({}), requests, 1);
    for (const RequestResult& result : got.results) {
      if (result.failed) continue;  // the simulated model's poison
      const ChoiceResult& choice = result.choices[0];
      if (choice.reason == FinishReason::kLength) continue;
      ++ended;
      EXPECT_TRUE(language.Accepts(choice.text)) << forms[f].pattern << " gave " << choice.text;
    }
  }
  EXPECT_GT(ended, 60u);
}

TEST(Constraint, EveryFormAllowsItsLanguageByteByByte) {
  std::vector<std::string> letters;
  for (int c = 0; c < 256; ++c) letters.emplace_back(1, static_cast<char>(c));
  const std::vector<std::string_view> views(letters.begin(), letters.end());
  for (const Formed& form : Forms()) {
    const auto masks = CompileConstraint(form.constraint, std::make_shared<const TokenTrie>(std::span(views)));
    ASSERT_TRUE(masks.ok()) << form.pattern << masks.status().message();
    CompileBudget budget;
    const ByteDfa language = *CompileRegex(form.pattern, {}, {.budget = budget});
    Prng random(TestSeed());
    for (int round = 0; round < 50; ++round) {
      TokenMasks::Cursor cursor(**masks);
      uint32_t at = 0;
      std::string text;
      for (int step = 0; step < 80 && !cursor.MustEnd(); ++step) {
        ASSERT_EQ(cursor.MayEnd(), language.states[at].accepting) << form.pattern << " after " << text;
        std::vector<char> next;
        for (const std::string& byte : letters) {
          const bool in = language.Walk(at, byte).has_value();
          const auto mask = cursor.Allowed();
          const auto id = static_cast<uint8_t>(byte[0]);
          ASSERT_EQ(((*mask)[id / 64] >> (id % 64) & 1u) != 0, in)
              << form.pattern << " after " << text << ": " << int{id};
          if (in) next.push_back(byte[0]);
        }
        if (next.empty()) break;
        const std::string byte(1, next[static_cast<size_t>(random.Range(0, static_cast<int64_t>(next.size()) - 1))]);
        ASSERT_TRUE(cursor.Accept(byte));
        at = *language.Walk(at, byte);
        text += byte;
      }
    }
  }
}

TEST(Constraint, RefusalsNameTheFieldAndThePlace) {
  const auto status = [](Constraint::Form form) {
    return CompileConstraint({.form = std::move(form)}, SimTrie()).status();
  };
  const Status schema = status(JsonSchemaForm{.schema = *ParseJson(R"({"type":"array","items":{"uniqueItems":true}})"),
                                              .param = "response_format.json_schema.schema"});
  EXPECT_EQ(schema.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(schema.param(), "response_format.json_schema.schema");
  EXPECT_NE(schema.message().find("#/items/uniqueItems"), std::string::npos) << schema.message();
  EXPECT_EQ(status(RegexForm{.pattern = "(", .param = "guided_regex"}).param(), "guided_regex");
  EXPECT_EQ(status(RegexForm{.pattern = "[]", .param = "guided_regex"}).param(), "guided_regex");
  EXPECT_EQ(status(GrammarForm{.text = "x", .param = "grammar"}).param(), "grammar");
  EXPECT_EQ(status(ChoiceForm{.choices = {}, .param = "guided_choice"}).param(), "guided_choice");
  EXPECT_EQ(status(ChoiceForm{.choices = {"a", ""}, .param = "guided_choice"}).param(), "guided_choice");
  EXPECT_EQ(status(RegexForm{.pattern = "Z", .param = "r"}).param(), "r") << "no token can begin it";
  EXPECT_FALSE(status(StructuralForm{}).ok());
}

TEST(Constraint, TheCacheKeepsWhatWasCompiledAndForgetsTheOldest) {
  const auto tokenizer = MakeSimTokenizer();
  ConstraintCache cache(*tokenizer);
  const auto first = *cache.Get(Regex("a+"));
  EXPECT_EQ(*cache.Get(Regex("a+")), first);
  EXPECT_NE(*cache.Get(Regex("b+")), first);
  EXPECT_NE(*cache.Get({.form = Regex("a+").form, .after = "uv"}), first);
  const StructuralForm calls{.alternatives = {{.begin = "b", .content = {.schema = Json::Object{{"const", 1}}}}}};
  EXPECT_NE(*cache.Get({.form = Regex("a+").form, .or_calls = calls}), first);
  const TokenMasks* gone = cache.Get(Regex("c"))->get();
  std::weak_ptr<TokenMasks> watched = *cache.Get(Regex("c"));
  ASSERT_EQ(watched.lock().get(), gone);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cache.Get(Regex("a{" + std::to_string(i + 1) + "}")).ok());
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(*cache.Get(Regex("a+")), first) << "in use, so kept";
  std::vector<std::shared_ptr<TokenMasks>> used;
  Status full;
  for (int i = 0; i < 200 && full.ok(); ++i) {
    auto masks = cache.Get(Regex("b{" + std::to_string(i + 1) + "}"));
    full = masks.status();
    if (masks.ok()) used.push_back(*std::move(masks));
  }
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  used.clear();
  EXPECT_TRUE(cache.Get(Regex("d")).ok());
}

TEST(Constraint, OneThatTurnsOutTooAmbiguousFailsItsRequestAlone) {
  // Two counts that may stand in any sum, forty times over: that outgrows a step after a hundred tokens.
  std::string counts = "root ::= ";
  for (int i = 0; i < 40; ++i) counts += Cat(i > 0 ? " | " : "", "x", i, "{2000,1000000}");
  for (int i = 0; i < 40; ++i) counts += Cat("\nx", i, " ::= \"a\"{1,1000000}");
  const Constraint ambiguous{.form = GrammarForm{.text = counts, .param = "grammar"}};
  for (const Speculation::Mode mode : {Speculation::Mode::kOff, Speculation::Mode::kAlways}) {
    EngineOptions options = OptionsWith(400, mode);
    options.context_tokens_max = 200;
    std::vector<PreparedRequest> requests;
    for (uint64_t i = 0; i < 3; ++i) {
      PreparedRequest p;
      p.tokens = {TokenId{static_cast<int32_t>(i)}};
      p.output_tokens_max = i == 1 ? 190 : 90;
      p.request.sampling.seed = i;
      p.request.constraint = i == 1 ? ambiguous : Regex("[a-t]{3,70}");
      p.constraint = *CompileConstraint(*p.request.constraint, SimTrie());
      requests.push_back(std::move(p));
    }
    const Together got = RunTogether(options, MakeSimLoadedModel({.repetition = 30}), requests, {});
    SimOracle oracle(30);
    ASSERT_TRUE(got.results[1].failed);
    for (const size_t other : {0u, 2u}) EXPECT_EQ(got.results[other], oracle.Run(requests[other]));
  }
}

TEST(Constraint, WhatBeginsTooDeepIsRefused) {
  std::string deep = "root ::= r0 \"a\"\n";
  for (int i = 0; i < 6000; ++i) deep += Cat("r", i, " ::= r", i + 1, " \"a\"\n");
  const Status status =
      CompileConstraint({.form = GrammarForm{.text = deep + "r6000 ::= \"a\"", .param = "grammar"}}, SimTrie())
          .status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.param(), "grammar");
  EXPECT_NE(status.message().find("deep"), std::string::npos) << status.message();
}

TEST(Constraint, PrepareCompilesIt) {
  SimClock clock;
  auto core = EngineCore::Create(OptionsWith(64), MakeSimLoadedModel({}), clock);
  ASSERT_TRUE(core.ok());
  Request request;
  request.prompt = TokenPrompt{{TokenId{1}}};
  request.output_tokens_max = 5;
  request.constraint = Regex("[a-c]+");
  const auto prepared = (*core)->Prepare(request);
  ASSERT_TRUE(prepared.ok());
  EXPECT_NE(prepared->constraint, nullptr);
  request.constraint = Regex("(");
  EXPECT_EQ((*core)->Prepare(request).status().param(), "guided_regex");
  request.constraint = Regex("a");
  request.ignore_end_of_generation = true;
  EXPECT_EQ((*core)->Prepare(request).status().param(), "ignore_eos");
}

}  // namespace
}  // namespace bedplate
