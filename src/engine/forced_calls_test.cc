// Method: for every syntax of calls, random walks through what a forced call's constraint allows, read by the parser
// that reads a model's output: always exactly one call, of an allowed tool, with arguments that its schema allows. Then
// a table of what can't be forced.

#include "engine/forced_calls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/cat.h"
#include "base/random.h"
#include "engine/constraint.h"

namespace bedplate {
namespace {

/// Printable ASCII, space and line feed, a few longer tokens, and markers of the given kind.
std::unique_ptr<Tokenizer> MakeTokenizer(TokenKind markers) {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "default";
  for (char c = '!'; c <= '~'; ++c) spec.tokens.emplace_back(1, c);
  for (const char* more : {"Ġ", "Ċ", "{\"", "\":", "name", "Paris", "}}"}) spec.tokens.emplace_back(more);
  spec.kinds.assign(spec.tokens.size(), TokenKind::kNormal);
  for (const char* marker : {"<tool_call>", "</tool_call>", "</think>", "[TOOL_CALLS]"}) {
    spec.tokens.emplace_back(marker);
    spec.kinds.push_back(markers);
  }
  spec.tokens.emplace_back("<eos>");
  spec.kinds.push_back(TokenKind::kControl);
  spec.eos = TokenId{static_cast<int32_t>(spec.tokens.size()) - 1};
  auto made = Tokenizer::Create(spec);
  BP_CHECK(made.ok());
  return *std::move(made);
}

constexpr std::string_view kTools = R"([
  {"type":"function","function":{"name":"get_weather","parameters":{"type":"object",
    "properties":{"city":{"type":"string","maxLength":5},"days":{"type":"integer","minimum":1,"maximum":9}},
    "required":["city"],"additionalProperties":false}}},
  {"type":"function","function":{"name":"say \"hi\"","parameters":{
    "properties":{"to":{"enum":["a","b"]}},"required":["to"],"additionalProperties":false}}},
  {"type":"function","function":{"name":"nothing","parameters":{"type":["object","null"],"maxProperties":0}}},
  {"type":"function","function":{"name":"by_reference","parameters":{"$ref":"#/$defs/p",
    "$defs":{"p":{"properties":{"n":{"type":"null"}},"additionalProperties":false}}}}}])";

ChatPrompt Prompt(std::string_view tools = kTools,
                  ToolChoice choice = {.kind = ToolChoice::Kind::kRequired, .name = {}}) {
  ChatPrompt prompt;
  prompt.tools = *ParseJson(tools);
  prompt.tool_choice = std::move(choice);
  return prompt;
}

OutputParserOptions Output(CallSyntax calls, const ChatPrompt& prompt) {
  OutputParserOptions output;
  output.format.calls = calls;
  output.tools = true;
  for (const Json& tool : prompt.tools.as_array()) {
    output.tool_names.push_back(tool.Find("function")->Find("name")->as_string());
  }
  return output;
}

/// A text that the masks allow, up to where nothing can follow, or (with that chance) where it may end.
std::string Walk(TokenMasks& masks, const Tokenizer& tokenizer, Prng& rng, double ends_early = 0) {
  std::string text;
  TokenMasks::Cursor cursor(masks);
  while (!cursor.MustEnd() && !(cursor.MayEnd() && rng.Chance(ends_early))) {
    const auto allowed = cursor.Allowed();
    BP_CHECK(allowed.ok());
    std::vector<TokenId> tokens;
    for (uint32_t id = 0; id < tokenizer.size(); ++id) {
      if (((*allowed)[id / 64] >> (id % 64) & 1) != 0) tokens.push_back(TokenId{static_cast<int32_t>(id)});
    }
    BP_CHECK(!tokens.empty());
    const TokenId token = tokens[static_cast<size_t>(rng.Range(0, static_cast<int64_t>(tokens.size()) - 1))];
    text += tokenizer.TokenBytes(token);
    BP_CHECK(cursor.Accept(token));
  }
  return text;
}

struct ReadCall {
  std::string name, arguments, text;
  int calls = 0, ends = 0;
};
ReadCall Read(const OutputParserOptions& options, std::string_view text) {
  std::vector<ParsedPiece> pieces;
  const auto parser = MakeOutputParser(options);
  for (const char c : text) parser->Feed(std::string_view(&c, 1), pieces);
  parser->Finish(pieces);
  ReadCall read;
  for (const ParsedPiece& piece : pieces) {
    using Kind = ParsedPiece::Kind;
    if (piece.kind == Kind::kCallBegin) read.name += piece.text, ++read.calls;
    if (piece.kind == Kind::kCallArguments) read.arguments += piece.text;
    if (piece.kind == Kind::kCallEnd) ++read.ends;
    if (piece.kind == Kind::kText) read.text += piece.text;
  }
  return read;
}

bool Fits(const std::string& arguments, const Json& schema, const std::shared_ptr<const TokenTrie>& trie) {
  const auto masks = CompileConstraint({.form = JsonSchemaForm{.schema = schema}, .after = {}}, trie);
  BP_CHECK(masks.ok());
  TokenMasks::Cursor cursor(**masks);
  return cursor.Accept(arguments) && cursor.MayEnd();
}

TEST(ForcedCalls, WhateverIsDrawnIsOneCallThatFits) {
  const ChatPrompt prompt = Prompt();
  for (const TokenKind kind : {TokenKind::kUserDefined, TokenKind::kControl}) {
    const auto tokenizer = MakeTokenizer(kind);
    const auto trie = std::make_shared<const TokenTrie>(*tokenizer);
    for (const CallSyntax syntax : {CallSyntax::kHermes, CallSyntax::kLlama, CallSyntax::kJson, CallSyntax::kMistral,
                                    CallSyntax::kDeepSeek, CallSyntax::kGemma, CallSyntax::kFunctionGemma}) {
      const OutputParserOptions output = Output(syntax, prompt);
      const Result<Constraint> constraint = ForcedCall(prompt, output, *tokenizer);
      ASSERT_TRUE(constraint.ok()) << constraint.status().message();
      const auto masks = CompileConstraint(*constraint, trie);
      ASSERT_TRUE(masks.ok()) << masks.status().message();
      Prng rng(TestSeed());
      std::set<std::string> called;
      for (int round = 0; round < 40; ++round) {
        const std::string text = Walk(**masks, *tokenizer, rng);
        const bool marked = syntax == CallSyntax::kHermes && kind == TokenKind::kUserDefined;
        ASSERT_EQ(text.starts_with("<tool_call>\n"), marked) << text;
        const ReadCall read = Read(output, text);
        ASSERT_EQ(read.calls, 1) << text;
        ASSERT_EQ(read.ends, 1) << text;
        ASSERT_EQ(read.text, "") << text;
        const auto at = std::ranges::find(output.tool_names, read.name);
        ASSERT_NE(at, output.tool_names.end()) << text;
        const Json& tool = prompt.tools.as_array()[static_cast<size_t>(at - output.tool_names.begin())];
        EXPECT_TRUE(Fits(read.arguments, *tool.Find("function")->Find("parameters"), trie)) << text;
        EXPECT_TRUE(ParseJson(read.arguments)->is_object()) << text;
        called.insert(read.name);
      }
      EXPECT_EQ(called.size(), 4u) << "every tool may be called";
    }
  }
}

// The walks take either way, and what is read is a call of a tool, with a marker or without, or the form's text.
TEST(ForcedCalls, CallsByChoiceStandBesideAForm) {
  const ChatPrompt prompt = Prompt(kTools, {});
  for (const TokenKind kind : {TokenKind::kUserDefined, TokenKind::kControl}) {
    const auto tokenizer = MakeTokenizer(kind);
    for (const CallSyntax syntax : {CallSyntax::kHermes, CallSyntax::kLlama, CallSyntax::kJson}) {
      const OutputParserOptions output = Output(syntax, prompt);
      Constraint constraint{.form = RegexForm{.pattern = "[{]\"a\": [0-9][}]", .param = "r"}, .after = {}};
      auto calls = CallsByChoice(prompt, output, *tokenizer);
      ASSERT_TRUE(calls.ok()) << calls.status().message();
      constraint.or_calls = *std::move(calls);
      const auto masks = CompileConstraint(constraint, std::make_shared<const TokenTrie>(*tokenizer));
      ASSERT_TRUE(masks.ok()) << masks.status().message();
      Prng rng(TestSeed());
      int texts = 0, called = 0, unmarked = 0;
      for (int round = 0; round < 60; ++round) {
        const std::string text = Walk(**masks, *tokenizer, rng, /*ends_early=*/0.3);
        const ReadCall read = Read(output, text);
        if (read.calls == 0) {
          EXPECT_EQ(read.text, text);
          EXPECT_EQ(text.size(), 8u) << text;
          ++texts;
          continue;
        }
        EXPECT_EQ(read.text, "") << text;
        EXPECT_EQ(read.calls, 1) << text;
        EXPECT_EQ(read.ends, 1) << text;
        ++called;
        unmarked += text.starts_with("{") ? 1 : 0;
      }
      EXPECT_GT(texts, 0);
      EXPECT_GT(called, 0);
      EXPECT_GT(unmarked, 0);
      const bool marked = syntax == CallSyntax::kHermes && kind == TokenKind::kUserDefined;
      EXPECT_EQ(unmarked < called, marked);
    }
  }
}

TEST(ForcedCalls, ANamedToolIsTheOnlyOne) {
  const auto tokenizer = MakeTokenizer(TokenKind::kUserDefined);
  const ChatPrompt prompt = Prompt(kTools, {.kind = ToolChoice::Kind::kNamed, .name = "nothing"});
  const auto constraint = ForcedCall(prompt, Output(CallSyntax::kLlama, prompt), *tokenizer);
  ASSERT_TRUE(constraint.ok());
  const auto masks = CompileConstraint(*constraint, std::make_shared<const TokenTrie>(*tokenizer));
  Prng rng(TestSeed());
  const std::string text = Walk(**masks, *tokenizer, rng);
  EXPECT_TRUE(text.starts_with(R"({"name": "nothing", "parameters": {)")) << text;
}

TEST(ForcedCalls, WhatCannotBeForcedIsRefused) {
  const auto control = MakeTokenizer(TokenKind::kControl);
  struct Case {
    ChatPrompt prompt;
    CallSyntax syntax;
    std::string param, words;
  };
  const Case cases[] = {
      {Prompt(), CallSyntax::kHarmony, "tool_choice", "harmony"},
      {Prompt(kTools, {.kind = ToolChoice::Kind::kNamed, .name = "no_tool"}), CallSyntax::kJson, "tool_choice",
       "'no_tool'"},
      {Prompt("[]"), CallSyntax::kJson, "tool_choice", "no 'tools'"},
      {Prompt(R"([{"type":"function","function":{"name":"f"}},
                  {"type":"function","function":{"name":"g","parameters":{"type":"string"}}}])"),
       CallSyntax::kJson, "tools[1].function.parameters", "'g'"},
      {Prompt(R"([{"type":"function","function":{"name":"f","parameters":false}}])"), CallSyntax::kJson,
       "tools[0].function.parameters", "'f'"},
  };
  for (const Case& c : cases) {
    const auto constraint = ForcedCall(c.prompt, Output(c.syntax, c.prompt), *control);
    ASSERT_FALSE(constraint.ok()) << c.words;
    EXPECT_EQ(constraint.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(constraint.status().param(), c.param);
    EXPECT_NE(constraint.status().message().find(c.words), std::string::npos) << constraint.status().message();
  }
}

TEST(ForcedCalls, ASchemaThatCannotBeEnforcedIsRefusedByItsTool) {
  const auto tokenizer = MakeTokenizer(TokenKind::kUserDefined);
  const ChatPrompt prompt = Prompt(R"([{"type":"function","function":{"name":"f","parameters":{"type":"object",
      "properties":{"a":{"type":"array","uniqueItems":true}}}}}])");
  const auto constraint = ForcedCall(prompt, Output(CallSyntax::kHermes, prompt), *tokenizer);
  ASSERT_TRUE(constraint.ok());
  const auto masks = CompileConstraint(*constraint, std::make_shared<const TokenTrie>(*tokenizer));
  ASSERT_FALSE(masks.ok());
  EXPECT_EQ(masks.status().param(), "tools[0].function.parameters");
  for (const char* word : {"'tools[0].function.parameters'", "#/properties/a/uniqueItems"}) {
    EXPECT_NE(masks.status().message().find(word), std::string::npos) << masks.status().message();
  }
}

}  // namespace
}  // namespace bedplate
