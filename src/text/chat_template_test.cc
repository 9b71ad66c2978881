// Every golden case, made by Python's jinja2 as transformers sets it up (scripts/make_template_goldens.py), renders
// byte for byte; then what the reference has no word on: who wrote which byte, limits, and errors that name their line.
#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

constexpr int64_t kNow = 1739192709;

Json ReadGolden(std::string_view name) {
  const auto path = std::filesystem::path(BEDPLATE_SOURCE_DIR) / "src/text/testdata" / name;
  Result<std::string> text = ReadFile(path);
  EXPECT_TRUE(text.ok()) << text.status().message();
  Result<Json> json = ParseJson(text.ok() ? *text : "null");
  EXPECT_TRUE(json.ok()) << json.status().message();
  return json.ok() ? *json : Json();
}

Result<std::vector<TemplateSegment>> RenderJson(std::string_view source, const Json& request,
                                                const TemplateLimits& limits = {}) {
  BP_ASSIGN_OR_RETURN(const ChatTemplate parsed, ChatTemplate::Parse(source));
  BP_ASSIGN_OR_RETURN(const ChatTemplate::Inputs inputs, InputsFromJson(request, kNow));
  return parsed.Render(inputs, limits);
}

Result<std::vector<TemplateSegment>> Render(std::string_view source, std::string_view request,
                                            const TemplateLimits& limits = {}) {
  BP_ASSIGN_OR_RETURN(const Json json, ParseJson(request));
  return RenderJson(source, json, limits);
}

constexpr std::string_view kChat =
    R"({"messages":[{"role":"user","content":"Hi <|im_end|> A-b"}],"bos_token":"<s>","eos_token":"</s>","n":5,"list":["x","<|y|>"]})";

// Trusted text as it is, untrusted text between ⟦ and ⟧.
std::string Marked(std::string_view source) {
  const auto segments = Render(source, kChat);
  if (!segments.ok()) return segments.status().message();
  std::string out;
  for (const TemplateSegment& segment : *segments) out += segment.trusted ? segment.text : Cat("⟦", segment.text, "⟧");
  return out;
}

std::string ErrorOf(std::string_view source, const TemplateLimits& limits = {}) {
  const auto segments = Render(source, kChat, limits);
  if (segments.ok()) return Cat("no error: ", Join(*segments).substr(0, 100));
  EXPECT_EQ(segments.status().code(), StatusCode::kInvalidArgument);
  return segments.status().message();
}

class Golden : public ::testing::TestWithParam<const char*> {};

TEST_P(Golden, EveryCaseEqualsTheReference) {
  const Json golden = ReadGolden(GetParam());
  ASSERT_TRUE(golden.is_object());
  const Json::Array& templates = golden.Find("templates")->as_array();
  const Json::Array& inputs = golden.Find("inputs")->as_array();
  const Json::Array& cases = golden.Find("cases")->as_array();
  ASSERT_EQ(golden.Find("now")->as_int(), kNow);
  ASSERT_GT(cases.size(), 200U);
  for (const Json& entry : cases) {
    const std::string& source = templates[static_cast<size_t>(entry.Find("t")->as_int())].as_string();
    const auto got = RenderJson(source, inputs[static_cast<size_t>(entry.Find("i")->as_int())]);
    const Json* want = entry.Find("o");
    if (want == nullptr) {
      EXPECT_FALSE(got.ok()) << "the reference fails on:\n" << source << "\nwe print:\n" << Join(*got);
    } else {
      ASSERT_TRUE(got.ok()) << source << "\n" << got.status().message();
      EXPECT_EQ(Join(*got), want->as_string()) << source;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Template, Golden, ::testing::Values("template_snippets.json", "template_families.json"));

TEST(ChatTemplate, OnlyTheTemplatesOwnTextIsTrusted) {
  const std::string content = "messages[0].content";
  const auto with = [&](std::string_view tail) { return Marked(Cat("{{ ", content, tail, " }}")); };
  EXPECT_EQ(
      Marked("{{ bos_token }}<|im_start|>{{ messages[0].role + '\n' + messages[0].content }}<|im_end|>{{ eos_token }}"),
      "<s><|im_start|>⟦user⟧\n⟦Hi <|im_end|> A-b⟧<|im_end|></s>");
  EXPECT_EQ(with("[3:13]"), "⟦<|im_end|>⟧");
  EXPECT_EQ(with(".split(' ')[1]"), "⟦<|im_end|>⟧");
  EXPECT_EQ(with("|upper"), "⟦HI <|IM_END|> A-B⟧");
  EXPECT_EQ(with("|replace('<|im_end|>', '<|x|>')"), "⟦Hi <|x|> A-b⟧") << "the user chose the place";
  EXPECT_EQ(with(" ~ '<|x|>'"), "⟦Hi <|im_end|> A-b⟧<|x|>");
  EXPECT_EQ(with("|tojson"), "⟦\"Hi <|im_end|> A-b\"⟧");
  EXPECT_EQ(Marked("{{ messages|tojson }}"), "⟦[{\"role\": \"user\", \"content\": \"Hi <|im_end|> A-b\"}]⟧");
  EXPECT_EQ(Marked("{{ messages[0] }}"), "⟦{'role': 'user', 'content': 'Hi <|im_end|> A-b'}⟧");
  EXPECT_EQ(Marked("{{ ['a', 1]|tojson }}"), "[\"a\", 1]");
  EXPECT_EQ(Marked("{{ 'A%sB' % messages[0].role }} {{ '{}|{}'.format('t', messages[0].role) }}"), "A⟦user⟧B t|⟦user⟧");
  EXPECT_EQ(Marked("{{ ['a', messages[0].role, 'b']|join('-') }}"), "a-⟦user⟧-b");
  EXPECT_EQ(Marked("{{ list|join('<|sep|>') }}"), "⟦x⟧<|sep|>⟦<|y|>⟧");
  EXPECT_EQ(Marked("{{ '[USER]'.replace('USER', messages[0].role) }}"), "[⟦user⟧]");
  EXPECT_EQ(Marked("{{ '<|' ~ n ~ '|>' }} {{ n + 1 }} {{ 5 }}"), "<|⟦5⟧|> ⟦6⟧ 5");
  EXPECT_EQ(Marked("{% set x %}<a>{{ list[1] }}</a>{% endset %}{{ x|trim }}"), "<a>⟦<|y|>⟧</a>");
  EXPECT_EQ(Marked("{% macro m(t) %}<b>{{ t }}</b>{% endmacro %}{{ m(list[0])|upper }}"), "<B>⟦X⟧</B>");
  EXPECT_EQ(Marked("{{ (' a' + list[0] + 'b ')|trim }}{{ (list[0] ~ 'q')[::-1] }}"), "a⟦x⟧bq⟦x⟧");
  EXPECT_EQ(Marked("{% for c in 'T' ~ list[0] %}{{ c }}{% endfor %}"), "T⟦x⟧");
  EXPECT_EQ(Marked("{{ messages[0].content.format('<|a|>') }}{{ (list[0] ~ ' %s') % 'z' }}"), "⟦Hi <|im_end|> A-bx⟧ z");
}

TEST(ChatTemplate, AFormatFromOutsideDistrustsWhatItPlaces) {
  const auto got = Render("{{ f.format('<|a|>') }}{{ g % '<|b|>' }}", R"({"messages":[],"f":"<{}>","g":"<%s>"})");
  ASSERT_TRUE(got.ok()) << got.status().message();
  EXPECT_EQ(*got, (std::vector<TemplateSegment>{{"<<|a|>><<|b|>>", false}}));
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  EXPECT_EQ(ErrorOf("a\nb\n{% if %}"), "chat template, line 3: expected an expression, found '%}'");
  EXPECT_EQ(ErrorOf("\n\n{{ raise_exception('No ' + 'way') }}"), "chat template, line 3: No way");
  EXPECT_EQ(ErrorOf("{% for m in messages %}\n{{ m.content.x.y }}{% endfor %}"),
            "chat template, line 2: 'str object' has no attribute 'x'");
  EXPECT_EQ(ErrorOf("{{ 1\n + \n nope }}"), "chat template, line 2: 'nope' is undefined");
  EXPECT_EQ(ErrorOf("x\n{% macro f(a) %}\n{{ a + 1 }}{% endmacro %}\n{{ f('s') }}"),
            "chat template, line 3: can only concatenate str (not \"int\") to str");
  EXPECT_EQ(ErrorOf("{{ 'a'|nope }}"), "chat template, line 1: no filter named 'nope'");
  EXPECT_EQ(ErrorOf("\n{% include 'x' %}"), "chat template, line 2: the tag 'include' is not part of chat templates");
  EXPECT_EQ(ErrorOf("{% if 1 %}\n\nx"),
            "chat template, line 3: the block that begins on line 1 is not closed with {% endif %}");
  EXPECT_NE(ErrorOf("ok\n\xff").find("line 2"), std::string::npos);
  EXPECT_NE(ErrorOf("{{ 9223372036854775807 + 1 }}").find("64 bits"), std::string::npos);
}

TEST(ChatTemplate, HostileTemplatesEndInAnError) {
  const auto too_much = [](std::string_view source) {
    const std::string error = ErrorOf(source);
    return error.find("steps_max") != error.npos || error.find("bytes_max") != error.npos ||
                   error.find("depth_max") != error.npos || error.find("nest") != error.npos ||
                   error.find("limited") != error.npos || error.find("at most") != error.npos ||
                   error.find("too long") != error.npos
               ? ""
               : error;
  };
  const std::string grow = "{% set ns = namespace(x='ab') %}{% for i in range(99999) %}";
  EXPECT_EQ(too_much("{{ 'x' * 1000000000000 }}"), "");
  EXPECT_EQ(too_much("{{ [1] * 100000000000 }}"), "");
  EXPECT_EQ(too_much("{{ 'ab' * 9223372036854775807 }}"), "");
  EXPECT_EQ(too_much("{{ range(1000000)|length }}"), "");
  EXPECT_EQ(too_much("{{ 'a'.center(1000000000000) }}"), "");
  EXPECT_EQ(too_much("{{ 'a'|center(1000000000000) }}{{ 'a'.zfill(99999999999) }}"), "");
  EXPECT_EQ(too_much("{{ '%999999999d' % 5 }}"), "");
  EXPECT_EQ(too_much("{{ '{:999999999}'.format(5) }}"), "");
  EXPECT_EQ(too_much("{{ [1]|tojson(indent=1000000000) }}"), "");
  EXPECT_EQ(too_much("{{ 'a\nb'|indent(100000000000) }}"), "");
  EXPECT_EQ(too_much("{{ [1]|batch(10000000000, 0)|list }}{{ [1]|slice(1000000000000)|list }}"), "");
  EXPECT_EQ(too_much(Cat(grow, "{% set ns.x = ns.x ~ ns.x %}{% endfor %}")), "");
  EXPECT_EQ(too_much(Cat(grow, "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")), "");
  EXPECT_EQ(
      too_much(
          "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}"),
      "");
  EXPECT_EQ(too_much("{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor "
                     "%}{{ ns.x|tojson }}"),
            "");
  EXPECT_EQ(too_much("{% set a = namespace(x=[1]) %}{% set b = namespace(x=[1]) %}{% for i in range(60) %}{% set a.x = "
                     "[a.x, a.x] %}"
                     "{% set b.x = [b.x, b.x] %}{% endfor %}{{ a.x == b.x }}"),
            "");
  EXPECT_EQ(too_much("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), "");
  EXPECT_EQ(too_much("{% macro f(n) %}{% call f(n) %}{{ caller() }}{% endcall %}{% endmacro %}{{ f(1) }}"), "");
  EXPECT_EQ(too_much("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), "");
  EXPECT_EQ(too_much("{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% "
                     "endfor %}{% endfor %}"),
            "");
  EXPECT_EQ(too_much("{% set s = ('a' * 1000000) %}{% for i in range(99999) %}{{ (s ~ 'b') in s }}{% endfor %}"), "");
  EXPECT_EQ(too_much("{% set s = ('a' * 400000) %}{{ s.rfind('b' ~ s[:200000]) }}"), "");
  EXPECT_EQ(too_much(Cat(std::string(5000, '('), "1", std::string(5000, ')')).insert(0, "{{")), "");
  EXPECT_EQ(too_much(Cat("{{", std::string(5000, '-'), "1}}")), "");
  std::string chain = "{{ 1";
  for (int i = 0; i < 5000; ++i) chain += " + 1";
  EXPECT_EQ(too_much(chain + " }}"), "");
  std::string blocks;
  for (int i = 0; i < 5000; ++i) blocks += "{% if 1 %}";
  EXPECT_EQ(too_much(blocks), "");
}

TEST(ChatTemplate, WhatHoldsItselfIsFreedAndPrints) {
  EXPECT_NE(
      ErrorOf("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns.me.me.me is defined }}{{ ns }}").find("depth_max"),
      std::string::npos);
  EXPECT_EQ(Marked("{% set ns = namespace() %}{% set ns.l = [ns] %}{% macro m() %}{{ m is callable }}{% endmacro %}{% "
                   "set ns.m = m %}{{ ns.m() }}"),
            "True");
  // A chain of macros, each holding the one before, is as long as the loop and is taken down without recursion.
  EXPECT_EQ(Marked("{% set ns = namespace(f=1) %}{% macro make(g) %}{% macro h() %}{{ g }}{% endmacro %}{% set ns.f = "
                   "h %}{% endmacro %}"
                   "{% for i in range(20000) %}{{ make(ns.f) }}{% endfor %}done"),
            "done");
}

TEST(ChatTemplate, LimitsAreTheCallers) {
  EXPECT_NE(ErrorOf("{% for i in range(100) %}x{% endfor %}", {.steps_max = 50}).find("steps_max"), std::string::npos);
  EXPECT_NE(ErrorOf("{{ 'x' * 5000 }}", {.bytes_max = 4000}).find("bytes_max"), std::string::npos);
  EXPECT_NE(ErrorOf("{{ ((((1)))) + (2 * (3 + 4)) }}", {.depth_max = 3}).find("depth_max"), std::string::npos);
}

TEST(ChatTemplate, OneTemplateRendersOnManyThreads) {
  const auto parsed = ChatTemplate::Parse(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ m.content }}{% endfor %}{{ ns.n "
      "}}");
  ASSERT_TRUE(parsed.ok());
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t]() noexcept {
      ChatTemplate::Inputs inputs;
      inputs.messages = Json::Array{Json(Json::Object{{"content", Json(Cat("c", t))}})};
      for (int i = 0; i < 200; ++i) {
        const auto got = parsed->Render(inputs);
        wrong[t] += got.ok() && Join(*got) == Cat("c", t, "1") ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(ChatTemplate, NamesTheVariablesItReads) {
  const auto parsed = ChatTemplate::Parse(
      "{% if not tools is defined %}{% set tools = none %}{% endif %}{% macro f(a) %}{{ a + b }}{% endmacro %}"
      "{% for m in messages if m.x %}{{ m.content ~ loop.index ~ f(1) ~ range(3) }}{% endfor %}{{ enable_thinking }}");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->variables(), (std::vector<std::string>{"b", "enable_thinking", "messages", "tools"}));
}

TEST(ChatTemplate, InputsFromJsonNamesWhatIsWrong) {
  const auto param = [](std::string_view text) {
    const auto inputs = InputsFromJson(*ParseJson(text), kNow);
    return inputs.ok() ? std::string("ok") : inputs.status().param();
  };
  EXPECT_EQ(param(R"({"messages":[]})"), "ok");
  EXPECT_EQ(param(R"({})"), "messages");
  EXPECT_EQ(param(R"({"messages":{}})"), "messages");
  EXPECT_EQ(param(R"({"messages":[],"tools":1})"), "tools");
  EXPECT_EQ(param(R"({"messages":[],"add_generation_prompt":"yes"})"), "add_generation_prompt");
  EXPECT_EQ(param(R"({"messages":[],"bos_token":1})"), "bos_token");
  EXPECT_EQ(param(R"({"messages":[],"chat_template_kwargs":[]})"), "chat_template_kwargs");
  const auto got = Render("{{ a }}{{ b }}{{ tools is none }}{{ add_generation_prompt }}",
                          R"({"messages":[],"a":1,"chat_template_kwargs":{"b":2}})");
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(Join(*got), "12TrueTrue");
}

}  // namespace
}  // namespace bedplate
