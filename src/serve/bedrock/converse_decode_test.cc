// Method: tables of bodies: what is accepted becomes these messages and fields of the Request, what is not names its
// field.
#include "serve/bedrock/converse_decode.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "serve/bedrock/model_id.h"

namespace bedplate::bedrock {
namespace {

constexpr std::string_view kHi = R"([{"role":"user","content":[{"text":"hi"}]}])";
constexpr std::string_view kTool = R"({"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}})";

Result<Call> Decode(std::string_view fields, std::string_view messages = kHi) {
  const Result<Json> body = ParseJson(Cat(R"({"messages":)", messages, fields.empty() ? "" : ",", fields, "}"));
  EXPECT_TRUE(body.ok()) << fields << messages;
  return DecodeConverse(*body, {.model = "m", .stream = true});
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

TEST(DecodeConverse, TakesEveryField) {
  const Result<Call> call = Decode(
      R"("system":[{"text":"Be brief."},{"cachePoint":{"type":"default"}}],
      "inferenceConfig":{"maxTokens":100,"temperature":0.5,"topP":0.25,"stopSequences":["a","\n"]},
      "additionalModelRequestFields":{"top_k":40,"seed":7,"logit_bias":{"3":-100},"anthropic_beta":["x"],"nothing":null},
      "additionalModelResponseFieldPaths":["/stop_sequence","/other"],"requestMetadata":{"a":"b"},"promptVariables":{},
      "performanceConfig":{"latency":"optimized"},"serviceTier":{"type":"flex"},"guardrailConfig":null,"newThing":[1],
      "outputConfig":{"effort":"high","textFormat":{"type":"json_schema","structure":{"jsonSchema":
          {"name":"n","schema":"{\"type\":\"object\"}"}}}},
      "toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d","strict":true,
          "inputSchema":{"json":{"type":"object"}}}},{"cachePoint":{"type":"default"}}],"toolChoice":{"tool":{"name":"f"}}})");
  const ChatPrompt chat = Chat(call);
  ASSERT_TRUE(call.ok());
  const Request& r = call->requests[0];
  EXPECT_TRUE(call->stream);
  EXPECT_EQ(call->model, "m");
  EXPECT_EQ(Written(chat), "system:Be brief.|user:hi|");
  EXPECT_EQ(r.output_tokens_max, 100u);
  EXPECT_TRUE(r.output_ends_with_context);
  EXPECT_FLOAT_EQ(r.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(r.sampling.top_p, 0.25f);
  EXPECT_EQ(r.sampling.top_k, 40u);
  EXPECT_EQ(r.sampling.seed, 7u);
  EXPECT_EQ(r.sampling.logit_bias.size(), 1u);
  EXPECT_EQ(r.stop_strings, (std::vector<std::string>{"a", "\n"}));
  EXPECT_EQ(chat.reasoning_effort, "high");
  EXPECT_EQ(chat.tool_choice.kind, ToolChoice::Kind::kNamed);
  EXPECT_EQ(chat.tool_choice.name, "f");
  EXPECT_EQ(WriteJson(chat.tools),
            R"([{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}])");
  ASSERT_TRUE(r.constraint.has_value());
  const auto& form = std::get<JsonSchemaForm>(r.constraint->form);
  EXPECT_EQ(WriteJson(form.schema), R"({"type":"object"})");
  EXPECT_EQ(form.param, "outputConfig.textFormat.structure.jsonSchema.schema");
}

TEST(DecodeConverse, TurnsBecomeMessages) {
  EXPECT_EQ(Written(Chat(Decode("", R"([
    {"role":"user","content":[{"text":"a"},{"text":"b"},{"cachePoint":{"type":"default","ttl":"5m"}}]},
    {"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}},
      {"reasoningContent":{"redactedContent":"AA=="}},{"text":"c"},
      {"toolUse":{"toolUseId":"t.1","name":"f","input":{"x":1}}}]},
    {"role":"user","content":[{"toolResult":{"toolUseId":"t.1","content":[{"json":{"y":2}},{"text":"z"}]}},
      {"toolResult":{"toolUseId":"t.2","status":"error","content":[{"text":"no"}]}},{"text":"d"}]},
    {"role":"system","content":[{"text":"now"}]},
    {"role":"user","content":[{"text":"e"}]}])"))),
            "user:a\nb|assistant:c thinking:hm t.1=f{\"x\":1}|tool:{\"y\":2}\nz of t.1|tool:Error: no of t.2|user:d|"
            "system:now|user:e|");
}

TEST(DecodeConverse, ATrailingAssistantTurnBeginsTheAnswer) {
  const ChatPrompt chat = Chat(
      Decode("", R"([{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"text":"It is"}]}])"));
  EXPECT_EQ(Written(chat), "user:a|");
  EXPECT_EQ(chat.answer_begin, "It is");
}

TEST(DecodeConverse, ReadsDocumentsThatAreText) {
  const auto user = [](std::string_view document) {
    return Written(Chat(Decode("", Cat(R"([{"role":"user","content":[{"text":"a"},{"document":)", document, "}]}]"))));
  };
  EXPECT_EQ(user(R"({"format":"md","name":"n","source":{"bytes":"IyBI"}})"), "user:a\nn\n# H|");
  EXPECT_EQ(user(R"({"name":"n","context":"c","source":{"text":"t"}})"), "user:a\nn\nc\nt|");
  EXPECT_EQ(user(R"({"name":"n","source":{"content":[{"text":"t"},{"text":"u"}]}})"), "user:a\nn\nt\nu|");
}

TEST(DecodeConverse, WhatIsWrongIsNamed) {
  const std::pair<std::string_view, std::string_view> fields[] = {
      {R"("system":"Be brief.")", "system"},
      {R"("inferenceConfig":[])", "inferenceConfig"},
      {R"("inferenceConfig":{"maxTokens":0})", "inferenceConfig.maxTokens"},
      {R"("inferenceConfig":{"temperature":1.5})", "inferenceConfig.temperature"},
      {R"("inferenceConfig":{"topP":-1})", "inferenceConfig.topP"},
      {R"("inferenceConfig":{"stopSequences":[""]})", "inferenceConfig.stopSequences"},
      {R"("guardrailConfig":{"guardrailIdentifier":"g","guardrailVersion":"1"})", "guardrailConfig"},
      {R"("promptVariables":{"a":{"text":"b"}})", "promptVariables"},
      {R"("additionalModelRequestFields":{"n":2})", "additionalModelRequestFields.n"},
      {R"("additionalModelRequestFields":{"top_k":"x"})", "additionalModelRequestFields.top_k"},
      {R"("additionalModelRequestFields":{"thinking":{"type":"x"}})", "additionalModelRequestFields.thinking.type"},
      {R"("additionalModelResponseFieldPaths":["stop_sequence"])", "additionalModelResponseFieldPaths"},
      {R"("toolConfig":{"tools":[]})", "toolConfig.tools"},
      {R"("toolConfig":{"tools":[{"systemTool":{"name":"x"}}]})", "toolConfig.tools[0].systemTool"},
      {R"("toolConfig":{"tools":[{"toolSpec":{"name":"a b","inputSchema":{"json":{}}}}]})",
       "toolConfig.tools[0].toolSpec.name"},
      {R"("toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]})", "toolConfig.tools[0].toolSpec.inputSchema.json"},
      {R"("outputConfig":{"textFormat":{"type":"xml"}})", "outputConfig.textFormat.type"},
      {R"("outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{"}}}})",
       "outputConfig.textFormat.structure.jsonSchema.schema"},
  };
  for (const auto& [field, param] : fields) {
    const Status status = Decode(field).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << field;
    EXPECT_EQ(status.param(), param) << field;
    EXPECT_NE(status.message().find(param), std::string::npos) << status.message();
  }
  for (const std::string_view choice : {R"({"none":{}})", R"({"tool":{}})", "{}", R"({"auto":{},"any":{}})"}) {
    const auto call = Decode(Cat(R"("toolConfig":{"tools":[)", kTool, R"(],"toolChoice":)", choice, "}"));
    EXPECT_TRUE(call.status().param().starts_with("toolConfig.toolChoice")) << choice;
  }
}

TEST(DecodeConverse, BlocksThatCantBeReadAreNamed) {
  const std::pair<std::string_view, std::string_view> blocks[] = {
      {R"({"image":{"format":"png","source":{"bytes":"AA=="}}})", "messages[0].content[0].image"},
      {R"({"video":{}})", "messages[0].content[0].video"},
      {R"({"guardContent":{"text":{"text":"a"}}})", "messages[0].content[0].guardContent"},
      {R"({"toolUse":{"toolUseId":"a","name":"f","input":{}}})", "messages[0].content[0].toolUse"},
      {R"({"newKind":{}})", "messages[0].content[0].newKind"},
      {R"({"text":"a","image":{}})", "messages[0].content[0]"},
      {R"({"text":1})", "messages[0].content[0].text"},
      {R"({"cachePoint":{"type":"other"}})", "messages[0].content[0].cachePoint.type"},
      {R"({"document":{"format":"pdf","name":"n","source":{"bytes":"AA=="}}})",
       "messages[0].content[0].document.source.bytes"},
      {R"({"document":{"format":"txt","name":"n","source":{"bytes":"/w=="}}})",
       "messages[0].content[0].document.source.bytes"},
      {R"({"document":{"format":"txt","name":"n","source":{"s3Location":{}}}})",
       "messages[0].content[0].document.source.s3Location"},
      {R"({"toolResult":{"toolUseId":"a b","content":[]}})", "messages[0].content[0].toolResult.toolUseId"},
      {R"({"toolResult":{"toolUseId":"a","content":[{"image":{}}]}})",
       "messages[0].content[0].toolResult.content[0].image"},
      {R"({"toolResult":{"toolUseId":"a","content":[],"status":"odd"}})", "messages[0].content[0].toolResult.status"},
  };
  for (const auto& [block, param] : blocks) {
    const Status status = Decode("", Cat(R"([{"role":"user","content":[)", block, "]}]")).status();
    EXPECT_EQ(status.param(), param) << block << status.message();
  }
  for (const std::string_view messages :
       {"[]", "null", R"([{"role":"user","content":[]}])", R"([{"role":"assistant","content":[{"text":"a"}]}])"}) {
    EXPECT_EQ(Decode("", messages).status().param(), "messages") << messages;
  }
  EXPECT_EQ(Decode("", R"([{"role":"tool","content":[]}])").status().param(), "messages[0].role");
}

TEST(ModelId, IsInThePath) {
  const std::pair<std::string_view, std::string_view> paths[] = {
      {"/model/smollm2-135m/converse", "smollm2-135m"},
      {"/model/a.b-v1%3A0/invoke-with-response-stream", "a.b-v1:0"},
      {"/model/a.b-v1:0/invoke", "a.b-v1:0"},
      {"/model/org%2Fname/converse", "org/name"},
      {"/model/org/name/converse", "org/name"},
      {"/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A%3Afoundation-model%2Fa.b%3A0/converse", "a.b:0"},
      {"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.a.b/converse", "us.a.b"},
      {"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aimported-model%2Fab/converse",
       "arn:aws:bedrock:us-east-1:123456789012:imported-model/ab"},
      {"/foundation-models/a.b%3A0", "a.b:0"},
  };
  for (const auto& [path, id] : paths) EXPECT_EQ(*ModelIdOf(path), id) << path;
  EXPECT_FALSE(ModelIdOf("/model/a%4/converse").ok());
  EXPECT_FALSE(ModelIdOf("/foundation-models/").ok());
}

}  // namespace
}  // namespace bedplate::bedrock
