// Method: tables of bodies: what is accepted becomes these messages and fields of the Request, what is not names its
// field.
#include "serve/anthropic/decode.h"

#include <gtest/gtest.h>

#include "base/cat.h"

namespace bedplate::anthropic {
namespace {

constexpr std::string_view kHi = R"([{"role":"user","content":"hi"}])";

Result<Call> Decode(std::string_view fields, std::string_view messages = kHi, DecodeOptions options = {}) {
  const std::string_view limit = options.counting ? "" : R"(,"max_tokens":100)";
  const Result<Json> body =
      ParseJson(Cat(R"({"model":"m")", limit, R"(,"messages":)", messages, fields.empty() ? "" : ",", fields, "}"));
  EXPECT_TRUE(body.ok()) << fields << messages;
  return DecodeMessages(*body, options);
}
ChatPrompt Chat(const Result<Call>& call) {
  EXPECT_TRUE(call.ok()) << call.status().message();
  return call.ok() ? std::get<ChatPrompt>(call->requests[0].prompt) : ChatPrompt();
}
std::string Written(const ChatPrompt& chat) {
  std::string out;
  for (const Message& message : chat.messages) {
    out += Cat(message.role, ":", message.content);
    if (!message.reasoning.empty()) out += Cat(" thinking:", message.reasoning);
    for (const ToolCall& call : message.tool_calls) out += Cat(" ", call.id, "=", call.name, call.arguments);
    if (!message.tool_call_id.empty()) out += Cat(" of ", message.tool_call_id);
    out += "|";
  }
  return out;
}

TEST(DecodeMessages, TakesEveryField) {
  const Result<Call> call = Decode(
      R"("temperature":0.5,"top_p":0.25,"top_k":40,"stop_sequences":["a","b"],"stream":true,
      "metadata":{"user_id":"u"},"service_tier":"auto","container":null,"unknown_thing":[1],"cache_control":{"type":"ephemeral"},
      "thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"effort":"high"},"mcp_servers":[],
      "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],
      "tool_choice":{"type":"auto","disable_parallel_tool_use":true})");
  const ChatPrompt chat = Chat(call);
  ASSERT_TRUE(call.ok());
  const Request& r = call->requests[0];
  EXPECT_TRUE(call->stream);
  EXPECT_FLOAT_EQ(r.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(r.sampling.top_p, 0.25f);
  EXPECT_EQ(r.sampling.top_k, 40u);
  EXPECT_EQ(r.stop_strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(r.output_tokens_max, 100u);
  EXPECT_TRUE(r.output_ends_with_context);
  EXPECT_EQ(chat.reasoning_effort, "high");
  EXPECT_FALSE(chat.parallel_tool_calls);
  EXPECT_EQ(WriteJson(chat.tools),
            R"([{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}])");
}

TEST(DecodeMessages, TurnsBecomeMessages) {
  EXPECT_EQ(Written(Chat(Decode(R"("system":"s")",
                                R"([{"role":"user","content":"a"},{"role":"user","content":[
      {"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":[
      {"type":"thinking","thinking":"hm","signature":"x"},{"type":"redacted_thinking","data":"y"},{"type":"text","text":"c"},
      {"type":"tool_use","id":"toolu_1","name":"f","input":{"x":[1]}}]},{"role":"user","content":[
      {"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"r"}]},{"type":"text","text":"d"}]}])"))),
            R"(system:s|user:a)"
            "\n"
            R"(b|assistant:c thinking:hm toolu_1=f{"x":[1]}|tool:r of toolu_1|user:d|)");
  EXPECT_EQ(Written(Chat(Decode(R"("system":[{"type":"text","text":"s"},{"type":"text","text":"t"}])",
                                R"([{"role":"user","content":"a"},{"role":"system","content":"u"}])"))),
            "system:s\nt|user:a|system:u|");
  EXPECT_EQ(Written(Chat(Decode("",
                                R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","is_error":true,
      "content":"no file"},{"type":"tool_result","tool_use_id":"2"}]}])"))),
            "tool:Error: no file of 1|tool: of 2|");
  EXPECT_EQ(Written(Chat(Decode("",
                                R"([{"role":"user","content":[{"type":"document","title":"T","source":{"type":"text",
      "media_type":"text/plain","data":"D"}},{"type":"text","text":"q"}]}])"))),
            "user:T\nD\nq|");
  EXPECT_EQ(Written(Chat(Decode("",
                                R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[
      {"type":"text","text":"r"},{"type":"document","source":{"type":"text","data":"D"}}]}]}])"))),
            "tool:r\nD of 1|");
}

TEST(DecodeMessages, AnAssistantsTurnAtTheEndBeginsTheAnswer) {
  const ChatPrompt chat =
      Chat(Decode("", R"([{"role":"user","content":"a"},{"role":"assistant","content":"{\"x\":"}])"));
  EXPECT_EQ(Written(chat), "user:a|");
  EXPECT_EQ(chat.answer_begin, "{\"x\":");
}

// Two requests that differ in nothing else must find each other in the prefix cache.
TEST(DecodeMessages, TheBillingLineIsNotPartOfThePrompt) {
  const auto system = [](std::string_view json) { return Written(Chat(Decode(Cat(R"("system":)", json)))); };
  const std::string plain = system(R"([{"type":"text","text":"s"}])");
  EXPECT_EQ(
      system(
          R"([{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1; cch=0a1b2;"},{"type":"text","text":"s"}])"),
      plain);
  EXPECT_EQ(system(R"("x-anthropic-billing-header: cch=3;\ns")"), plain);
  EXPECT_NE(system(R"([{"type":"text","text":"s"},{"type":"text","text":"x-anthropic-billing-header: 1"}])"), plain)
      << "only at the beginning";
}

TEST(DecodeMessages, ReadsTheToolChoice) {
  constexpr std::string_view kTools = R"("tools":[{"name":"f","input_schema":{}}],"tool_choice":)";
  const auto chat = [&](std::string_view choice) { return Chat(Decode(Cat(kTools, choice))); };
  EXPECT_TRUE(chat(R"({"type":"none"})").tools.is_null());
  EXPECT_EQ(chat(R"({"type":"auto"})").tool_choice.kind, ToolChoice::Kind::kAuto);
  EXPECT_EQ(chat(R"({"type":"any"})").tool_choice.kind, ToolChoice::Kind::kRequired);
  EXPECT_EQ(chat(R"({"type":"tool","name":"f"})").tool_choice.name, "f");
  EXPECT_TRUE(chat(R"({"type":"any"})").parallel_tool_calls);
  EXPECT_FALSE(chat(R"({"type":"any","disable_parallel_tool_use":true})").parallel_tool_calls);
}

TEST(DecodeMessages, AFormatIsAConstraint) {
  for (const char* fields : {R"("output_config":{"format":{"type":"json_schema","schema":{"type":"string"}}})",
                             R"("output_format":{"type":"json_schema","schema":{"type":"string"}})"}) {
    const Result<Call> call = Decode(fields);
    ASSERT_TRUE(call.ok()) << call.status().message();
    const auto& constraint = call->requests[0].constraint;
    ASSERT_TRUE(constraint.has_value());
    EXPECT_EQ(WriteJson(std::get<JsonSchemaForm>(constraint->form).schema), R"({"type":"string"})");
  }
}

TEST(DecodeMessages, CountingNeedsNoLimit) {
  EXPECT_TRUE(Decode("", kHi, {.version = Version::k2023, .counting = true}).ok());
  EXPECT_FALSE(DecodeMessages(*ParseJson(Cat(R"({"model":"m","messages":)", kHi, "}")), {}).ok());
}

TEST(DecodeMessages, TheVersionsRulesDiffer) {
  const DecodeOptions later{.version = Version::k2026, .counting = false};
  for (const char* name : {"temperature", "top_p", "top_k"}) {
    EXPECT_TRUE(Decode(Cat('"', name, "\":1")).ok()) << name;
    EXPECT_EQ(Decode(Cat('"', name, "\":1"), kHi, later).status().param(), name) << "even at its default";
    EXPECT_TRUE(Decode(Cat('"', name, "\":null"), kHi, later).ok()) << name;
  }
  constexpr std::string_view kCited = R"([{"role":"user","content":[{"type":"text","text":"a","citations":[]}]}])";
  EXPECT_TRUE(Decode("", kCited).ok());
  EXPECT_EQ(Decode("", kCited, later).status().param(), "messages[0].content[0].citations");
  constexpr std::string_view kDocument =
      R"([{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"document",
      "source":{"type":"text","data":"x"}}]},{"role":"user","content":"b"}])";
  EXPECT_TRUE(Decode("", kDocument).ok());
  EXPECT_EQ(Decode("", kDocument, later).status().param(), "messages[1].content[0].type");
  const auto version = [](std::vector<HttpField> fields) {
    HttpRequest head;
    head.fields = std::move(fields);
    return VersionOf(head);
  };
  EXPECT_EQ(version({}), Version::k2023);
  EXPECT_EQ(version({{"anthropic-version", "2023-06-01"}}), Version::k2023);
  EXPECT_EQ(version({{"anthropic-version", "2026-10-21"}}), Version::k2026);
  EXPECT_EQ(version({{"anthropic-version", "2027-01-01"}}), Version::k2026);
}

TEST(DecodeMessages, RefusalsNameTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("temperature":1.1)", "temperature"},
      {R"("top_k":-1)", "top_k"},
      {R"("stream":"yes")", "stream"},
      {R"("stop_sequences":"x")", "stop_sequences"},
      {R"("stop_sequences":["\n"])", "stop_sequences"},
      {R"("system":5)", "system"},
      {R"("system":[{"type":"image"}])", "system[0].type"},
      {R"("tools":{})", "tools"},
      {R"("tools":[{"name":"f"}])", "tools[0].input_schema"},
      {R"("tools":[{"name":"a b","input_schema":{}}])", "tools[0].name"},
      {R"("tools":[{"type":"web_search_20250305","name":"web_search"}])", "tools[0].type"},
      {R"("tool_choice":{"type":"any"})", "tool_choice"},
      {R"("tool_choice":"auto")", "tool_choice"},
      {R"("tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"some"})", "tool_choice.type"},
      {R"("tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool"})", "tool_choice.name"},
      {R"("thinking":{"type":"deep"})", "thinking.type"},
      {R"("thinking":true)", "thinking"},
      {R"("output_config":{"format":{"type":"json_schema"}})", "output_config.format.schema"},
      {R"("output_format":{"type":"xml"})", "output_format.type"},
      {R"("mcp_servers":[{"type":"url"}])", "mcp_servers"},
  };
  for (const auto& [fields, param] : cases) {
    const Result<Call> call = Decode(fields);
    EXPECT_EQ(call.status().code(), StatusCode::kInvalidArgument) << fields;
    EXPECT_EQ(call.status().param(), param) << fields;
  }
  const std::pair<const char*, const char*> messages[] = {
      {"[]", "messages"},
      {"{}", "messages"},
      {R"([5])", "messages[0]"},
      {R"([{"content":"a"}])", "messages[0].role"},
      {R"([{"role":"tool","content":"a"}])", "messages[0].role"},
      {R"([{"role":"user"}])", "messages[0].content"},
      {R"([{"role":"user","content":5}])", "messages[0].content"},
      {R"([{"role":"assistant","content":"a"}])", "messages"},
      {R"([{"role":"user","content":[{"type":"image","source":{}}]}])", "messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"type":"document","source":{"type":"base64","data":"x"}}]}])",
       "messages[0].content[0].source"},
      {R"([{"role":"user","content":[{"type":"document","source":{"type":"url","url":"x"}}]}])",
       "messages[0].content[0].source"},
      {R"([{"role":"user","content":[{"type":"tool_result"}]}])", "messages[0].content[0].tool_use_id"},
      {R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"document"}]}]}])",
       "messages[0].content[0].content[0].source"},
      {R"([{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"image"}]}]}])",
       "messages[0].content[0].content[0].type"},
      {R"([{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":"x"}]}])",
       "messages[0].content[0].input"},
  };
  for (const auto& [list, param] : messages) {
    const Result<Call> call = Decode("", list);
    EXPECT_EQ(call.status().code(), StatusCode::kInvalidArgument) << list;
    EXPECT_EQ(call.status().param(), param) << list;
  }
}

}  // namespace
}  // namespace bedplate::anthropic
