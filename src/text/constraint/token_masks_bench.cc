// One mask over 150,000 tokens: where any character may come, at a structure's places, and where a bound is near; first
// time and kept. The limits that docs/structured-output.md states are for a mix of these.
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "base/random.h"
#include "text/constraint/json_schema.h"
#include "text/constraint/token_masks.h"

namespace bedplate {
namespace {

constexpr size_t kTokens = 150'000;

/// Words of letters with and without a space in front, as vocabularies are made of, numbers, signs and pieces of UTF-8.
std::shared_ptr<const TokenTrie> Trie() {
  static const std::shared_ptr<const TokenTrie> kTrie = [] {
    Prng random(1);
    std::vector<std::string> texts;
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    while (texts.size() < kTokens) {
      std::string text = random.Chance(0.5) ? " " : "";
      const std::string_view from = random.Chance(0.85)  ? "etaoinshrdlucmfwypvbgkjqxz"
                                    : random.Chance(0.5) ? "0123456789"
                                                         : "\"{}[]:,\\/.-_()\n\t";
      for (int64_t n = random.Range(1, 9); n > 0; --n) {
        text += from[static_cast<size_t>(random.Range(0, static_cast<int64_t>(from.size()) - 1))];
      }
      texts.push_back(std::move(text));
    }
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    return std::make_shared<const TokenTrie>(std::span(views));
  }();
  return kTrie;
}

std::unique_ptr<TokenMasks> Masks(std::string_view schema) {
  Grammar grammar;
  CompileBudget budget;
  const Result<RuleNumber> rule = AddJsonSchema(grammar, *ParseJson(schema), {}, budget);
  BP_CHECK(rule.ok() && grammar.Finish(*rule).ok());
  return std::make_unique<TokenMasks>(std::move(grammar), Trie());
}

struct Case {
  const char* name;
  const char* schema;
  const char* before;  // the text at whose end the mask is wanted
};
constexpr Case kCases[] = {
    {"InString", R"({"type":"string"})", "\"abc"},
    {"InBoundedString", R"({"type":"string","maxLength":40})", "\"abc"},
    {"InPattern", R"({"type":"string","pattern":"^[a-z ]+$"})", "\"abc"},
    {"AtProperty", R"({"type":"object","properties":{"name":{},"age":{}},"additionalProperties":false})", "{"},
    {"AtAnyProperty", R"({"type":"object","properties":{"name":{},"age":{}}})", "{"},
    {"AtAnyValue", "{}", "{\"a\":"},
    {"InNumber", R"({"type":"integer","minimum":0,"maximum":100000})", "1"},
};

void First(benchmark::State& state) {
  const Case& c = kCases[state.range(0)];
  for (auto _ : state) {
    state.PauseTiming();
    const auto masks = Masks(c.schema);
    TokenMasks::Cursor cursor(*masks);
    BP_CHECK(cursor.Accept(c.before));
    state.ResumeTiming();
    benchmark::DoNotOptimize(cursor.Allowed());
  }
  state.SetLabel(c.name);
}
BENCHMARK(First)->DenseRange(0, std::size(kCases) - 1)->Unit(benchmark::kMicrosecond);

void Kept(benchmark::State& state) {
  const Case& c = kCases[state.range(0)];
  const auto masks = Masks(c.schema);
  TokenMasks::Cursor cursor(*masks);
  BP_CHECK(cursor.Accept(c.before));
  for (auto _ : state) benchmark::DoNotOptimize(cursor.Allowed());
  state.SetLabel(c.name);
}
BENCHMARK(Kept)->DenseRange(0, std::size(kCases) - 1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace bedplate
