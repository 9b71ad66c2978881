// Method: a table of transcripts, one or more a family, each fed whole, byte by byte, and cut in two at every byte: the
// same pieces every time, written as T(text) R(reasoning) B(name) A(arguments) E. Then generated noise around calls:
// nothing of it is lost.
#include "text/output_parser.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "base/json.h"
#include "base/random.h"

namespace bedplate {
namespace {

using Kind = ParsedPiece::Kind;

OutputFormat Format(CallSyntax calls, std::string open = {}, std::string close = {}) {
  return {.calls = calls, .reasoning_open = std::move(open), .reasoning_close = std::move(close)};
}
OutputFormat Thinking(CallSyntax calls) {
  return Format(calls, "<think>", "</think>");
}

std::string Write(const std::vector<ParsedPiece>& pieces) {
  std::string out;
  for (const ParsedPiece& piece : pieces) {
    switch (piece.kind) {
      case Kind::kText:
        out += Cat("T(", piece.text, ")");
        break;
      case Kind::kReasoning:
        out += Cat("R(", piece.text, ")");
        break;
      case Kind::kCallBegin:
        out += Cat("B(", piece.text, ")");
        break;
      case Kind::kCallArguments:
        out += Cat("A(", piece.text, ")");
        break;
      case Kind::kCallEnd:
        out += "E";
        break;
    }
  }
  return out;
}

// Pieces are taken after each feed, as the engine does, and joined as a client would.
std::string Parse(const OutputParserOptions& options, const std::vector<std::string_view>& feeds) {
  const auto parser = MakeOutputParser(options);
  std::vector<ParsedPiece> all;
  const auto take = [&](const std::vector<ParsedPiece>& pieces) {
    for (const ParsedPiece& piece : pieces) {
      if (piece.text.empty()) {
        all.push_back(piece);
      } else {
        AppendPiece(piece.kind, piece.text, all);
      }
    }
  };
  for (const std::string_view feed : feeds) {
    std::vector<ParsedPiece> pieces;
    if (parser) {
      parser->Feed(feed, pieces);
    } else {
      AppendPiece(Kind::kText, feed, pieces);
    }
    take(pieces);
  }
  std::vector<ParsedPiece> rest;
  if (parser) parser->Finish(rest);
  take(rest);
  return Write(all);
}

struct Transcript {
  const char* name;
  OutputParserOptions options;
  std::string output;
  std::string pieces;
};

OutputParserOptions With(OutputFormat format) {
  return {.format = std::move(format), .tools = true, .tool_names = {"f", "get_weather"}, .in_reasoning = false};
}
OutputParserOptions WithoutTools(OutputFormat format) {
  OutputParserOptions options = With(std::move(format));
  options.tools = false;
  return options;
}
OutputParserOptions InReasoning(OutputFormat format) {
  OutputParserOptions options = With(std::move(format));
  options.in_reasoning = true;
  return options;
}

std::vector<Transcript> Transcripts() {
  const OutputParserOptions hermes = With(Format(CallSyntax::kHermes));
  const OutputParserOptions llama = With(Format(CallSyntax::kLlama));
  const OutputParserOptions mistral = With(Format(CallSyntax::kMistral));
  const OutputParserOptions deepseek = With(Thinking(CallSyntax::kDeepSeek));
  const OutputParserOptions gemma = With(Format(CallSyntax::kGemma, "<|channel>thought", "<channel|>"));
  const OutputParserOptions function_gemma = With(Format(CallSyntax::kFunctionGemma));
  const OutputParserOptions harmony = With(Format(CallSyntax::kHarmony));
  const OutputParserOptions json = With(Format(CallSyntax::kJson));
  return {
      {"plain text", hermes, " Hi, <b>you</b>.\n", "T( Hi, <b>you</b>.\n)"},
      {"hermes", hermes, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": {\"b\": \"}\"}}}\n</tool_call>",
       "B(f)A({\"a\": {\"b\": \"}\"}})E"},
      {"hermes, text and two calls", hermes,
       "Let me look.\n\n<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>\n<tool_call>\n"
       "{\"arguments\": {\"x\": [1, -2.5e3, null]}, \"name\": \"g\"}\n</tool_call>\n",
       "T(Let me look.)B(f)A({})EB(g)A({\"x\": [1, -2.5e3, null]})E"},
      {"hermes, text behind", hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n\nDone.",
       "B(f)A({})ET(Done.)"},
      {"hermes, no closing tag", hermes,
       "<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n<tool_call>\n{\"name\":\"f\",\"arguments\":{\"a\":1}}",
       "B(f)A({})EB(f)A({\"a\":1})E"},
      {"hermes, a brace too few and one too many", hermes,
       "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":1}\n</tool_call><tool_call>{\"name\":\"f\",\"arguments\":{}}}\n"
       "</tool_call>",
       "B(f)A({\"a\":1})EB(f)A({})E"},
      {"hermes, a line break in a string", hermes,
       "<tool_call>{\"name\":\"f\",\"arguments\":{\"code\":\"a\n\tb\"}}</tool_call>",
       "B(f)A({\"code\":\"a\\n\\tb\"})E"},
      {"hermes, arguments as a string", hermes,
       R"(<tool_call>{"name":"f","arguments":"{\"a\": \"\u00e9\"}"}</tool_call>)", "B(f)A({\"a\": \"é\"})E"},
      {"hermes, no arguments", hermes, "<tool_call>{\"name\":\"f\"}</tool_call>", "B(f)A({})E"},
      {"hermes, null arguments", hermes, "<tool_call>{\"arguments\":null,\"name\":\"f\"}</tool_call>", "B(f)A({})E"},
      {"hermes, other members", hermes,
       R"(<tool_call>{"id":17,"type":"function","name":"f","arguments":{"name":"x"},"n":[{"name":2}]}</tool_call>)",
       "B(f)A({\"name\":\"x\"})E"},
      {"hermes, no JSON", hermes, "A <tool_call> is a tag.", "T(A <tool_call> is a tag.)"},
      {"hermes, no name", hermes, "<tool_call>{\"arguments\":{\"a\":1}}</tool_call>",
       "T(<tool_call>{\"arguments\":{\"a\":1}}</tool_call>)"},
      {"hermes, cut in the name", hermes, "x\n<tool_call>\n{\"name\": \"get_", "T(x\n<tool_call>\n{\"name\": \"get_)"},
      {"hermes, cut in the arguments", hermes, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"b",
       "B(f)A({\"a\": \"b)E"},
      {"hermes, arguments that stop being JSON", hermes,
       "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": True}}</tool_call> ok", "B(f)A({\"a\": True}})ET(ok)"},
      {"hermes, without the marker", hermes, "{\"name\": \"get_weather\", \"arguments\": {\"a\": 1}}",
       "B(get_weather)A({\"a\": 1})E"},
      {"hermes, in a fence", hermes, "```json\n{\"name\": \"f\", \"arguments\": {}}\n```\n", "B(f)A({})E"},
      {"hermes, a fence of something else", hermes, "```json\n{\"city\": \"Rome\"}\n```",
       "T(```json\n{\"city\": \"Rome\"}\n```)"},
      {"hermes, JSON that calls no tool", hermes, "{\"name\": \"Ada\", \"age\": 36}",
       "T({\"name\": \"Ada\", \"age\": 36})"},
      {"hermes, a code answer", hermes, "```python\nprint(1)\n```", "T(```python\nprint(1)\n```)"},
      {"hermes, half a marker", hermes, "a <tool_ca", "T(a <tool_ca)"},
      {"no tools, no calls", WithoutTools(Thinking(CallSyntax::kHermes)),
       "<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>",
       "T(<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>)"},
      {"reasoning", WithoutTools(Thinking(CallSyntax::kHermes)), "<think>\nHm < 3.\n\nYes.\n</think>\n\nHi.\n",
       "R(Hm < 3.\n\nYes.)T(Hi.\n)"},
      {"reasoning, empty", WithoutTools(Thinking(CallSyntax::kHermes)), "<think>\n\n</think>\n\nHi.", "T(Hi.)"},
      {"reasoning, opened by the prompt", InReasoning(Thinking(CallSyntax::kHermes)),
       "Hm.</think>\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "R(Hm.)B(f)A({})E"},
      {"reasoning, never closed", InReasoning(Thinking(CallSyntax::kHermes)), "Hm. </thi", "R(Hm. </thi)"},
      {"reasoning, only at the beginning", hermes, "Use <think> tags.", "T(Use <think> tags.)"},
      {"reasoning, then a bare call", With(Thinking(CallSyntax::kHermes)),
       "<think>a</think>\n\n{\"name\": \"f\", \"arguments\": {}}", "R(a)B(f)A({})E"},
      {"reasoning, then other JSON", With(Thinking(CallSyntax::kHermes)), "<think>a</think>\n\n{\"b\": 1}",
       "R(a)T({\"b\": 1})"},
      {"mistral's reasoning", WithoutTools(Format(CallSyntax::kMistral, "[THINK]", "[/THINK]")), "[THINK]a[/THINK]b",
       "R(a)T(b)"},
      {"llama", llama, "{\"name\": \"f\", \"parameters\": {\"q\": \"x; y\"}}", "B(f)A({\"q\": \"x; y\"})E"},
      {"llama, typed, two", llama,
       "{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}; {\"name\": \"get_weather\", \"parameters\": {}}",
       "B(f)A({})EB(get_weather)A({})E"},
      {"llama, tagged", llama, "<|python_tag|>{\"name\": \"anything\", \"parameters\": {\"a\": 1}}",
       "B(anything)A({\"a\": 1})E"},
      {"llama, python", llama, "<|python_tag|>print(1)", "T(<|python_tag|>print(1))"},
      {"json, an array", json, "[{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"f\", \"arguments\": {\"a\": []}}]",
       "B(f)A({})EB(f)A({\"a\": []})E"},
      {"json, a link", json, "[a](http://b)", "T([a](http://b))"},
      {"json, text first", json, "Sure: {\"name\": \"f\", \"arguments\": {}}",
       "T(Sure: {\"name\": \"f\", \"arguments\": {}})"},
      {"mistral, array", mistral,
       R"([TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}, "id": "123456789"}, {"name": "g", "arguments": {}}])",
       "B(f)A({\"a\": 1})EB(g)A({})E"},
      {"mistral, named", mistral, "Ok.[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[CALL_ID]123456789[ARGS]{}",
       "T(Ok.)B(f)A({\"a\": 1})EB(g)A({})E"},
      {"mistral, no call", mistral, "[TOOL_CALLS] no name here {", "T([TOOL_CALLS] no name here {)"},
      {"mistral, a bracket", mistral, "[TOOLS] are good", "T([TOOLS] are good)"},
      {"deepseek v3", deepseek,
       "Ok.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": "
       "1}\n```<｜tool▁call▁end｜>\n"
       "<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "T(Ok.)B(f)A({\"a\": 1})EB(g)A({})E"},
      {"deepseek v3.1", deepseek,
       "<think>Hm</think><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": \"`\"}<｜tool▁call▁end｜>"
       "<｜tool▁calls▁end｜>",
       "R(Hm)B(f)A({\"a\": \"`\"})E"},
      {"deepseek, no section", deepseek, "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>", "B(f)A({})E"},
      {"deepseek, no call", deepseek, "<｜tool▁calls▁begin｜> none", "T(<｜tool▁calls▁begin｜> none)"},
      {"deepseek, no separator", deepseek, "<｜tool▁call▁begin｜>f{}", "T(<｜tool▁call▁begin｜>f{})"},
      {"gemma", gemma,
       "<|tool_call>call:f{city:<|\"|>São \"P\"\\<|\"|>,n:[1,2.5,-3],deep:{t:true,u:null},e:[]}<tool_call|>",
       "B(f)A({\"city\":\"São \\\"P\\\"\\\\\",\"n\":[1,2.5,-3],\"deep\":{\"t\":true,\"u\":null},\"e\":[]})E"},
      {"gemma, thought", gemma, "<|channel>thought\nHm.<channel|>Hi.", "R(Hm.)T(Hi.)"},
      {"gemma, two calls and no arguments", gemma, "<|tool_call>call:f{}<tool_call|><|tool_call>call:g{ }<tool_call|>",
       "B(f)A({})EB(g)A({})E"},
      {"function gemma", function_gemma,
       "<start_function_call>call:f{a:<escape>x, {y}<escape>,unit:celsius}<end_function_call>",
       "B(f)A({\"a\":\"x, {y}\",\"unit\":\"celsius\"})E"},
      {"function gemma, no call", function_gemma, "<start_function_call>cats", "T(<start_function_call>cats)"},
      {"function gemma, cut off", function_gemma, "<start_function_call>call:f{a:<escape>x", "B(f)A({\"a\":\"x)E"},
      {"harmony", harmony,
       "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hi <b>.",
       "R(Hm.)T(Hi <b>.)"},
      {"harmony, a call", harmony,
       "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.f "
       "<|constrain|>json<|message|>{\"a\": 1}",
       "R(Hm.)B(f)A({\"a\": 1})E"},
      {"harmony, the recipient first", harmony, " to=functions.f<|channel|>commentary json<|message|>{}", "B(f)A({})E"},
      {"harmony, a preamble", harmony,
       "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>final<|message|>There.",
       "T(I look.\n\nThere.)"},
      {"harmony, no tools", WithoutTools(Format(CallSyntax::kHarmony)),
       "<|channel|>commentary to=functions.f<|message|>{}", "T({})"},
      {"harmony, no header", harmony, "to be or not", "T(to be or not)"},
      {"harmony, cut in a header", harmony, "<|channel|>fin", ""},
  };
}

TEST(OutputParser, EveryCutGivesTheSamePieces) {
  for (const Transcript& t : Transcripts()) {
    const std::string_view output = t.output;
    EXPECT_EQ(Parse(t.options, {output}), t.pieces) << t.name;
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < output.size(); ++i) bytes.push_back(output.substr(i, 1));
    EXPECT_EQ(Parse(t.options, bytes), t.pieces) << t.name << ", byte by byte";
    for (size_t cut = 1; cut < output.size(); ++cut) {
      EXPECT_EQ(Parse(t.options, {output.substr(0, cut), output.substr(cut)}), t.pieces)
          << t.name << ", cut at " << cut;
    }
  }
}

TEST(OutputParser, TellsArgumentsAsTheyCome) {
  const auto parser = MakeOutputParser(With(Format(CallSyntax::kHermes)));
  std::vector<ParsedPiece> pieces;
  parser->Feed("<tool_call>\n{\"name\": \"f\", \"arguments\": {", pieces);
  EXPECT_EQ(Write(pieces), "B(f)A({)");
  pieces.clear();
  parser->Feed("\"a\": \"long", pieces);
  EXPECT_EQ(Write(pieces), "A(\"a\": \"long)");
}

TEST(OutputParser, HoldsNoTextBackThatCanBeNoMarker) {
  const auto parser = MakeOutputParser(With(Thinking(CallSyntax::kHermes)));
  std::vector<ParsedPiece> pieces;
  parser->Feed("Hel", pieces);
  parser->Feed("lo <", pieces);
  EXPECT_EQ(Write(pieces), "T(Hello)");
  parser->Feed("b>", pieces);
  EXPECT_EQ(Write(pieces), "T(Hello <b>)");
}

TEST(OutputParser, CountsReasoning) {
  const auto parser = MakeOutputParser(WithoutTools(Thinking(CallSyntax::kHermes)));
  std::vector<ParsedPiece> pieces;
  EXPECT_FALSE(parser->in_reasoning());
  parser->Feed("<think>", pieces);
  EXPECT_TRUE(parser->in_reasoning());
  parser->Feed("a</think>", pieces);
  EXPECT_FALSE(parser->in_reasoning());
}

TEST(OutputParser, IsNotNeededWhereNothingIsLookedFor) {
  EXPECT_EQ(MakeOutputParser(WithoutTools(Format(CallSyntax::kHermes))), nullptr);
}

// Random bytes and markers: what was no call comes out as it went in, but for white space around calls.
TEST(OutputParser, LosesNothing) {
  Prng rng(TestSeed());
  for (const CallSyntax syntax : {CallSyntax::kHermes, CallSyntax::kLlama, CallSyntax::kJson, CallSyntax::kMistral,
                                  CallSyntax::kDeepSeek, CallSyntax::kGemma, CallSyntax::kFunctionGemma}) {
    std::vector<std::string> parts = MarkersOf(Format(syntax));
    for (const char* part : {"{", "}", "[", "]", "x", "\"", ":", "name", "`", "```json\n", "call:"})
      parts.emplace_back(part);
    for (int round = 0; round < 400; ++round) {
      std::string output = "x";
      const int64_t count = rng.Range(0, 12);
      for (int64_t i = 0; i < count; ++i) output += parts[rng.Next() % parts.size()];
      const auto parser = MakeOutputParser(With(Format(syntax)));
      std::vector<ParsedPiece> pieces;
      parser->Feed(output, pieces);
      parser->Finish(pieces);
      std::string text;
      bool calls = false;
      for (const ParsedPiece& piece : pieces) {
        calls = calls || piece.kind == Kind::kCallBegin;
        text += piece.text;
      }
      if (!calls) EXPECT_EQ(text, output) << static_cast<int>(syntax);
    }
  }
}

TEST(OutputFormat, IsToldByTheTemplatesText) {
  const struct {
    std::string_view source;
    bool reads_tools;
    OutputFormat format;
  } cases[] = {
      {"{{ messages }}", false, Format(CallSyntax::kHermes)},
      {"{{ tools }}", true, Format(CallSyntax::kJson)},
      {"<tool_call> {{ tools }}", true, Format(CallSyntax::kHermes)},
      {"<tool_call> <think>", true, Thinking(CallSyntax::kHermes)},
      {"<|start_header_id|> {{ tools }}", true, Format(CallSyntax::kLlama)},
      {"<|start_header_id|>", false, Format(CallSyntax::kHermes)},
      {"<|python_tag|>", true, Format(CallSyntax::kLlama)},
      {"[TOOL_CALLS] [THINK]", true, Format(CallSyntax::kMistral, "[THINK]", "[/THINK]")},
      {"<｜tool▁calls▁begin｜> </think>", true, Thinking(CallSyntax::kDeepSeek)},
      {"<start_function_call>", true, Format(CallSyntax::kFunctionGemma)},
      {"<|tool_call> <|channel>", true, Format(CallSyntax::kGemma, "<|channel>thought", "<channel|>")},
      {"<|channel|> <|message|> <|start|>", true, Format(CallSyntax::kHarmony)},
  };
  for (const auto& c : cases) EXPECT_EQ(FormatOfTemplate(c.source, c.reads_tools), c.format) << c.source;
  EXPECT_TRUE(PromptOpensReasoning(Thinking(CallSyntax::kHermes), "<|im_start|>assistant\n<think>\n"));
  EXPECT_FALSE(PromptOpensReasoning(Thinking(CallSyntax::kHermes), "<think>\n\n</think>\n\n"));
}

}  // namespace
}  // namespace bedplate
