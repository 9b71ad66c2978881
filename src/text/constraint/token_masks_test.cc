// Method: for grammars of every kind and a small vocabulary, along random texts: the mask is what trying every token
// byte by byte says, also when memory is so short that everything is forgotten again and again.
#include "text/constraint/token_masks.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "base/cat.h"
#include "base/random.h"
#include "text/constraint/gbnf.h"
#include "text/constraint/json_schema.h"
#include "text/constraint/regex.h"

namespace bedplate {
namespace {

/// Letters, digits, JSON's signs, pieces of UTF-8, long runs, and some that are spelled the same.
std::vector<std::string> Vocabulary() {
  std::vector<std::string> texts{"",       "a",    "b",    "ab",       "abc",      "\"",   "\\",
                                 "{",      "}",    "[",    "]",        ":",        ",",    "\":",
                                 "\", \"", "{\"",  "0",    "1",        "12",       "-",    ".",
                                 "e",      " ",    "\n",   "\n  ",     "  ",       "true", "false",
                                 "null",   "\xC3", "\xA9", "\xC3\xA9", "\xE2\x82", "\xAC", "\xF0\x9F\x98\x80",
                                 "\xFF",   "\"a",  "a\"",  "u00",      "\\n",      "\\u",  "ab",
                                 "a",      "\"}",  "]}",   "},{",      "\x01"};
  for (char c = 'a'; c <= 'z'; ++c) texts.emplace_back(2, c);
  for (const size_t n : {4u, 16u, 31u, 32u, 33u, 40u, 64u}) texts.emplace_back(n, 'a');
  return texts;
}

struct Source {
  const char* kind;
  const char* text;
};
constexpr Source kSources[] = {
    {"schema", "{}"},
    {"schema", R"({"type":"string"})"},
    {"schema", R"({"type":"string","maxLength":5})"},
    {"schema", R"({"type":"string","minLength":70,"maxLength":400})"},
    {"schema",
     R"({"type":"array","items":{"type":"string","minLength":3,"maxLength":40},"minItems":2,"maxItems":300})"},
    {"schema", R"({"type":"string","pattern":"^[a-c]{0,40}$"})"},
    {"schema", R"({"type":"string","pattern":"^a.{3,}b$"})"},
    {"schema",
     R"({"type":"object","properties":{"a":{"type":"integer","minimum":-3,"maximum":250},"ab":{"enum":["a","ab",1]},
        "b":{"$ref":"#"}},"required":["ab"],"additionalProperties":{"type":"boolean"}})"},
    {"schema",
     R"({"anyOf":[{"type":"string","maxLength":3},{"type":"string","pattern":"b"},{"type":"array","items":{"type":"null"}}]})"},
    {"regex", R"((a|ab)*(b|\n| ){2,50})"},
    {"regex", "[^\"]*"},
    {"gbnf", R"g(root ::= "(" root ")" | [a-c]{3,90} | "" | root "b")g"},
    {"gbnf", R"(root ::= e
                e ::= e "a" e | "b" | "\"" )"},
};

Grammar CompileSource(const Source& source) {
  Grammar grammar;
  CompileBudget budget;
  const std::string_view kind = source.kind;
  RuleNumber root = 0;
  if (kind == "schema") {
    const Result<RuleNumber> rule = AddJsonSchema(grammar, *ParseJson(source.text), {}, budget);
    EXPECT_TRUE(rule.ok()) << rule.status().message();
    root = *rule;
  } else if (kind == "gbnf") {
    const Result<RuleNumber> rule = AddGbnf(grammar, source.text, budget);
    EXPECT_TRUE(rule.ok()) << rule.status().message();
    root = *rule;
  } else {
    root = grammar.AddDfaRule("regex", *CompileRegex(source.text, {}, {.budget = budget}));
  }
  const Status finished = grammar.Finish(root);
  EXPECT_TRUE(finished.ok()) << finished.message();
  return grammar;
}

bool Has(std::span<const uint64_t> mask, size_t id) {
  return (mask[id / 64] >> (id % 64) & 1u) != 0;
}

void CheckMasksAlongTexts(const Source& source, size_t memory_max, uint64_t seed) {
  const std::vector<std::string> vocabulary = Vocabulary();
  const std::vector<std::string_view> views(vocabulary.begin(), vocabulary.end());
  const auto trie = std::make_shared<const TokenTrie>(std::span(views));
  TokenMasks masks(CompileSource(source), trie, memory_max), plain(CompileSource(source), trie);
  Prng random(seed);
  TokenMasks::Cursor waiting(masks);  // stays where it is while others make the masks forget
  const auto first = waiting.Allowed();
  ASSERT_TRUE(first.ok());
  const std::vector<uint64_t> at_start(first->begin(), first->end());
  for (int text = 0; text < 6; ++text) {
    TokenMasks::Cursor cursor(masks), bytes(plain);
    std::string so_far;
    for (int step = 0; step < 60; ++step) {
      const auto mask = cursor.Allowed();
      ASSERT_TRUE(mask.ok());
      std::vector<size_t> allowed;
      for (size_t id = 0; id < vocabulary.size(); ++id) {
        const std::vector<TokenId> one{TokenId{static_cast<int32_t>(id)}};
        const bool fits = bytes.Fits(one) == 1;
        ASSERT_EQ(Has(*mask, id), fits) << source.text << " after " << so_far << ": token " << id << " "
                                        << vocabulary[id];
        if (fits) allowed.push_back(id);
      }
      ASSERT_EQ(cursor.MayEnd(), bytes.MayEnd());
      ASSERT_TRUE(!allowed.empty() || cursor.MayEnd()) << source.text << ": a dead end after " << so_far;
      ASSERT_TRUE(!cursor.MustEnd() || allowed.empty());
      if (allowed.empty()) break;
      const auto pick = static_cast<size_t>(random.Range(0, static_cast<int64_t>(allowed.size()) - 1));
      const TokenId token{static_cast<int32_t>(allowed[pick])};
      ASSERT_TRUE(cursor.Accept(token));
      ASSERT_TRUE(bytes.Accept(vocabulary[allowed[pick]]));
      so_far += vocabulary[allowed[pick]];
    }
  }
  const auto again = waiting.Allowed();
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(std::ranges::equal(*again, at_start)) << source.text;
}

TEST(TokenMasks, AreWhatTryingEveryTokenSays) {
  for (const Source& source : kSources) {
    CheckMasksAlongTexts(source, TokenMasks::kMemoryMax, TestSeed());
    if (HasFatalFailure()) return;
  }
}

TEST(TokenMasks, AreTheSameWhenMemoryIsShort) {
  for (const Source& source : kSources) {
    CheckMasksAlongTexts(source, 30'000, TestSeed() + 1);
    if (HasFatalFailure()) return;
  }
}

TEST(TokenMasks, TokensWithoutBytesAreNeverAllowed) {
  const std::vector<std::string_view> views{"", "a", "b"};
  TokenMasks masks(CompileSource({"regex", "[^]*"}), std::make_shared<const TokenTrie>(std::span(views)));
  TokenMasks::Cursor cursor(masks);
  EXPECT_EQ((*cursor.Allowed())[0], 0b110u);
  EXPECT_FALSE(cursor.Accept(TokenId{0}));
  EXPECT_FALSE(cursor.Accept(TokenId{3}));
  EXPECT_FALSE(cursor.Accept(TokenId{-1}));
}

TEST(TokenMasks, DraftsFitUpToTheFirstThatIsNotAllowed) {
  const std::vector<std::string_view> views{"", "a", "b", "ab"};
  TokenMasks masks(CompileSource({"regex", "(ab)*"}), std::make_shared<const TokenTrie>(std::span(views)));
  TokenMasks::Cursor cursor(masks);
  const auto fits = [&](const std::vector<int32_t>& ids) {
    std::vector<TokenId> tokens;
    for (const int32_t id : ids) tokens.push_back(TokenId{id});
    return cursor.Fits(tokens);
  };
  EXPECT_EQ(fits({3, 1, 2, 3}), 4u);
  EXPECT_EQ(fits({3, 2, 1}), 1u);
  EXPECT_EQ(fits({0}), 0u);
  EXPECT_TRUE(cursor.MayEnd());
  ASSERT_TRUE(cursor.Accept(TokenId{1}));
  EXPECT_FALSE(cursor.MayEnd());
  EXPECT_EQ(fits({2, 1}), 2u);
}

TEST(TokenMasks, WhatOnlyCountsMakeTooAmbiguousIsFoundWhenATokenIsRead) {
  // Two counts that may stand in any sum, forty times over: that outgrows a step after a hundred tokens.
  std::string counts = "root ::= ";
  for (int i = 0; i < 40; ++i) counts += Cat(i > 0 ? " | " : "", "x", i, "{2000,1000000}");
  for (int i = 0; i < 40; ++i) counts += Cat("\nx", i, " ::= \"a\"{1,1000000}");
  const std::vector<std::string_view> views{"a", "b"};
  TokenMasks masks(CompileSource({"gbnf", counts.c_str()}), std::make_shared<const TokenTrie>(std::span(views)));
  TokenMasks::Cursor cursor(masks);
  int tokens = 0;
  for (bool accepted = true; accepted && tokens < 180; ++tokens) {
    const auto mask = cursor.Allowed();
    ASSERT_TRUE(mask.ok()) << "the same as ever, since counts that are far from their bounds are left out";
    ASSERT_TRUE(Has(*mask, 0));
    accepted = cursor.Accept(TokenId{0});
    ASSERT_LE(masks.automaton().work(), ByteAutomaton::kStepWorkMax + 20'000);
  }
  EXPECT_GT(tokens, 50) << "it is allowed as far as it is cheap";
  EXPECT_LT(tokens, 180);
}

TEST(TokenMasks, AMaskIsBoundedAlsoWhereReadyOnesMightDo) {
  // 2000 ways that any character goes on with: dear, and long the same, which is what ready masks are tried for.
  std::string ways = "root ::= ";
  for (int i = 0; i < 2000; ++i) ways += Cat(i > 0 ? " | " : "", ".{40,", 50 + i, "} \"b\"");
  const std::vector<std::string_view> views{"a", "b"};
  TokenMasks masks(CompileSource({"gbnf", ways.c_str()}), std::make_shared<const TokenTrie>(std::span(views)));
  TokenMasks::Cursor cursor(masks);
  EXPECT_EQ(cursor.Allowed().status().code(), StatusCode::kInvalidArgument);
  EXPECT_LE(masks.automaton().work(), TokenMasks::kMaskWorkMax + 2 * ByteAutomaton::kStepWorkMax);
}

TEST(TokenMasks, HundredsOfAlternativesThatShareTheirPartsAreCheap) {
  std::string tagged = "root ::= ";
  for (int i = 0; i < 500; ++i) tagged += Cat(i > 0 ? " | " : "", "\"{\" ws \"k\" ws n", i, " ws \"}\"");
  for (int i = 0; i < 500; ++i) tagged += Cat("\nn", i, " ::= \"", i, "\" ws \"a\" ws");
  tagged += "\nws ::= \" \"? \"\\n\"?";
  const std::vector<std::string_view> views{"{", "k", " ", "\n", "1", "7", "a", "}", "\n}"};
  TokenMasks masks(CompileSource({"gbnf", tagged.c_str()}), std::make_shared<const TokenTrie>(std::span(views)));
  TokenMasks::Cursor cursor(masks);
  for (const int32_t token : {0, 2, 1, 3, 4, 5, 5, 6, 8}) {
    const auto mask = cursor.Allowed();
    ASSERT_TRUE(mask.ok()) << mask.status().message();
    EXPECT_LT(masks.automaton().work(), 60'000u) << "a mask's; united one by one, the ways would cost their square";
    ASSERT_TRUE(cursor.Accept(TokenId{token})) << token;
  }
  EXPECT_TRUE(cursor.MayEnd());
}

TEST(TokenMasks, MemoryStaysBounded) {
  const std::vector<std::string> vocabulary = Vocabulary();
  const std::vector<std::string_view> views(vocabulary.begin(), vocabulary.end());
  constexpr size_t kMax = 300'000;
  TokenMasks masks(CompileSource({"schema", "{}"}), std::make_shared<const TokenTrie>(std::span(views)), kMax);
  Prng random(TestSeed());
  std::optional<TokenMasks::Cursor> cursor;
  for (int step = 0; step < 3000; ++step) {
    if (step % 300 == 0) cursor.emplace(masks);  // before what it stands on alone is too much
    const auto mask = cursor->Allowed();
    ASSERT_TRUE(mask.ok());
    ASSERT_LE(masks.MemoryBytes(), kMax) << step;
    for (const char* deeper : {"[", "{\"a\":", "{\"b\":"}) {
      if (random.Chance(0.4) && cursor->Accept(deeper)) break;
    }
    ASSERT_LE(masks.MemoryBytes(), kMax) << step;
  }
}

}  // namespace
}  // namespace bedplate
