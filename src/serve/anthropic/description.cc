#include "serve/anthropic/description.h"

namespace bedplate::anthropic {
namespace {

using enum Support;
using enum Schema::Form;

constexpr std::string_view kString = R"({"type":"string"})";
constexpr std::string_view kPositive = R"({"type":"integer","minimum":1,"maximum":2147483647})";
constexpr std::string_view kShare = R"({"type":"number","minimum":0,"maximum":1})";
constexpr std::string_view kFormat = R"({"$ref":"#/components/schemas/MessagesFormat"})";

constexpr Field kModel[] = {{"model", kSupported, kString, /*required=*/true}};
constexpr Field kMaxTokensAndStream[] = {
    {"max_tokens", kSupported, kPositive, /*required=*/true},
    {"stream", kSupported, R"({"type":"boolean"})"},
};
constexpr Field kCounting[] = {{"max_tokens", kSupported, kPositive}, {"stream", kIgnored}};
constexpr Field kInvoked[] = {
    {"anthropic_version", kSupported, R"({"const":"bedrock-2023-05-31"})", /*required=*/true},
    {"max_tokens", kSupported, kPositive, /*required=*/true},
    {"model", kIgnored},
    {"stream", kIgnored},
};
constexpr Field kMessages[] = {
    {"messages", kSupported, R"({"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/MessageParam"}})",
     /*required=*/true},
    {"system", kSupported, R"({"$ref":"#/components/schemas/TextOrTextBlocks"})"},
    {"temperature", kSupported, kShare},
    {"top_p", kSupported, kShare},
    {"top_k", kSupported, R"({"type":"integer","minimum":0,"maximum":2147483647})"},
    {"stop_sequences", kSupported,
     R"({"type":"array","maxItems":16,"items":{"type":"string","pattern":"[^ \\t\\r\\n]"}})"},
    {"tools", kSupported, R"({"type":"array","items":{"$ref":"#/components/schemas/MessagesTool"}})"},
    {"tool_choice", kSupported, R"({"$ref":"#/components/schemas/MessagesToolChoice"})"},
    {"thinking", kSupported,
     R"({"type":"object","properties":{"type":{"enum":["enabled","disabled","adaptive"]}},"required":["type"]})"},
    {"output_config", kSupported, R"({"$ref":"#/components/schemas/OutputConfig"})"},
    {"output_format", kSupported, kFormat},
    {"cache_control", kIgnored},
    {"metadata", kIgnored},
    {"service_tier", kIgnored},
    {"inference_geo", kIgnored},
    {"context_management", kIgnored},
    {"container", kIgnored},
    {"mcp_servers", kRefused, R"({"type":"array","maxItems":0})"},
    {"response_format", kRefused},
};

using Group = std::span<const Field>;
constexpr Group kMessagesGroups[] = {kModel, kMaxTokensAndStream, kMessages};
constexpr Group kCountingGroups[] = {kModel, kCounting, kMessages};
constexpr Group kInvokedGroups[] = {kInvoked, kMessages};

constexpr std::string_view kExamples[] = {
    R"({"model":"smollm2-135m","max_tokens":16,"messages":[{"role":"user","content":"What is a bedplate?"}]})",
    R"({"model":"smollm2-135m","max_tokens":8,"system":[{"type":"text","text":"Be short."}],
        "messages":[{"role":"user","content":[{"type":"text","text":"What time is it?"}]},
          {"role":"assistant","content":[{"type":"thinking","thinking":"A tool.","signature":"x"},
            {"type":"text","text":"I'll look."},{"type":"tool_use","id":"toolu_1","name":"clock","input":{}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"noon","is_error":false}]}],
        "tools":[{"name":"clock","description":"The time","input_schema":{"type":"object"}}],
        "temperature":0.5,"top_k":40,"stop_sequences":["END"],"stream":true,"metadata":{"user_id":"ada"}})",
    R"({"model":"smollm2-135m","max_tokens":64,"messages":[{"role":"user","content":"Weather in Paris?"}],
        "tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string","maxLength":12}},
                  "required":["city"],"additionalProperties":false}}],
        "tool_choice":{"type":"tool","name":"weather","disable_parallel_tool_use":true},"stream":true})",
    R"({"model":"smollm2-135m","max_tokens":32,"messages":[{"role":"user","content":"Yes or no?"}],
        "output_config":{"format":{"type":"json_schema","schema":{"type":"object",
          "properties":{"yes":{"type":"boolean"}},"required":["yes"],"additionalProperties":false}}}})",
};
constexpr std::string_view kCountExamples[] = {
    R"({"model":"smollm2-135m","messages":[{"role":"user","content":"What is a bedplate?"}]})"};

constexpr Parameter kVersions[] = {
    {"anthropic-version", "header",
     "2023-06-01 (also where it is missing) or 2026-10-21, which refuses sampling parameters.",
     R"({"type":"string","default":"2023-06-01"})"},
    {"anthropic-beta", "header", "Ignored."},
};

constexpr Operation kOperations[] = {
    {.method = "POST",
     .pattern = "/v1/messages",
     .path = "/v1/messages",
     .id = "createMessage",
     .api = Api::kAnthropic,
     .summary = "Answers a conversation.",
     .parameters = kVersions,
     .body = "MessagesRequest",
     .examples = kExamples,
     .answer = "Message",
     .events = "MessageEvent"},
    {.method = "POST",
     .pattern = "/v1/messages/count_tokens",
     .path = "/v1/messages/count_tokens",
     .id = "countMessageTokens",
     .api = Api::kAnthropic,
     .summary = "How many tokens such a request's prompt has.",
     .parameters = kVersions,
     .body = "CountTokensRequest",
     .examples = kCountExamples,
     .answer = "MessageTokens"},
};

constexpr Schema kSchemas[] = {
    {.name = "TextBlock", .text = R"({"type":"object","properties":{"type":{"const":"text"},"text":{"type":"string"}},
        "required":["type","text"]})"},
    {.name = "TextOrTextBlocks",
     .text = R"({"anyOf":[{"type":"string"},{"type":"array","items":{"$ref":"#/components/schemas/TextBlock"}}]})"},
    {.name = "DocumentBlock", .text = R"({"type":"object","properties":{"type":{"const":"document"},
        "title":{"type":["string","null"]},
        "source":{"type":"object","anyOf":[
          {"properties":{"type":{"const":"text"},"data":{"$ref":"#/components/schemas/TextOrTextBlocks"}},
           "required":["type","data"]},
          {"properties":{"type":{"const":"content"},"content":{"$ref":"#/components/schemas/TextOrTextBlocks"}},
           "required":["type","content"]}]}},
        "required":["type","source"]})"},
    {.name = "UserBlock", .text = R"({"anyOf":[
        {"$ref":"#/components/schemas/TextBlock"},{"$ref":"#/components/schemas/DocumentBlock"},
        {"type":"object","properties":{"type":{"const":"tool_result"},"tool_use_id":{"type":"string"},
          "content":{"anyOf":[{"type":"string"},{"type":"null"},{"type":"array","items":{"anyOf":[
            {"$ref":"#/components/schemas/TextBlock"},{"$ref":"#/components/schemas/DocumentBlock"}]}}]},
          "is_error":{"type":["boolean","null"]}},"required":["type","tool_use_id"]}]})"},
    {.name = "AssistantBlock", .text = R"({"anyOf":[
        {"$ref":"#/components/schemas/TextBlock"},{"$ref":"#/components/schemas/DocumentBlock"},
        {"type":"object","properties":{"type":{"const":"thinking"},"thinking":{"type":"string"}},
         "required":["type","thinking"]},
        {"type":"object","properties":{"type":{"const":"redacted_thinking"}},"required":["type"]},
        {"type":"object","properties":{"type":{"const":"tool_use"},"id":{"type":"string"},"name":{"type":"string"},
          "input":{"type":["object","null"]}},"required":["type","id","name"]}]})"},
    {.name = "MessageParam", .text = R"({"type":"object","required":["role","content"],"anyOf":[
        {"properties":{"role":{"const":"user"},"content":{"anyOf":[{"type":"string"},
          {"type":"array","items":{"$ref":"#/components/schemas/UserBlock"}}]}}},
        {"properties":{"role":{"const":"assistant"},"content":{"anyOf":[{"type":"string"},
          {"type":"array","items":{"$ref":"#/components/schemas/AssistantBlock"}}]}}},
        {"properties":{"role":{"const":"system"},"content":{"$ref":"#/components/schemas/TextOrTextBlocks"}}}]})"},
    {.name = "MessagesTool", .text = R"({"type":"object","properties":{"type":{"enum":["custom",null]},
        "name":{"type":"string","pattern":"^[a-zA-Z0-9_-]{1,128}$"},"description":{"type":["string","null"]},
        "input_schema":{"type":"object"}},"required":["name","input_schema"]})"},
    {.name = "MessagesToolChoice", .text = R"({"type":"object",
        "properties":{"type":{"enum":["auto","any","tool","none"]},"disable_parallel_tool_use":{"type":["boolean","null"]}},
        "required":["type"],"if":{"properties":{"type":{"const":"tool"}}},
        "then":{"properties":{"name":{"type":"string"}},"required":["name"]}})"},
    {.name = "MessagesFormat", .text = R"({"type":"object","properties":{"type":{"const":"json_schema"},
        "schema":{"type":"object"}},"required":["type","schema"]})"},
    {.name = "OutputConfig", .text = R"({"type":"object","properties":{"effort":{"type":["string","null"]},
        "format":{"anyOf":[{"$ref":"#/components/schemas/MessagesFormat"},{"type":"null"}]}}})"},
    {.name = "MessagesRequest", .form = kFields, .fields = kMessagesGroups},
    {.name = "CountTokensRequest", .form = kFields, .fields = kCountingGroups},

    {"AnthropicError", kExact,
     R"({"type":"=error","error":{"type":"string","message":"string"},"request_id":"string"})"},
    {"AnthropicModel", kExact,
     R"({"type":"=model","id":"string","display_name":"string","created_at":"string","max_input_tokens":"integer",
         "max_tokens":"integer"})"},
    {"AnthropicModelList", kExact,
     R"({"data":["#AnthropicModel"],"has_more":"boolean","first_id":"string|null","last_id":"string|null"})"},
    {"MessageTokens", kExact, R"({"input_tokens":"integer"})"},
    {"MessageUsage", kExact,
     R"({"input_tokens":"integer","cache_creation_input_tokens":"integer","cache_read_input_tokens":"integer",
         "output_tokens":"integer","output_tokens_details":{"thinking_tokens":"integer"}})"},
    {"StopReason", kExact, R"("=end_turn|=max_tokens|=stop_sequence|=tool_use|=model_context_window_exceeded")"},
    {"AnswerText", kExact, R"({"type":"=text","text":"string"})"},
    {"AnswerThinking", kExact, R"({"type":"=thinking","thinking":"string","signature":"string"})"},
    {"AnswerToolUse", kExact, R"({"type":"=tool_use","id":"string","name":"string","input":{"*":"any"}})"},
    {"AnswerBlock", kExact, R"("#AnswerText|#AnswerThinking|#AnswerToolUse")"},
    {"Message", kExact,
     R"({"id":"string","type":"=message","role":"=assistant","model":"string","content":["#AnswerBlock"],
         "stop_reason":"#StopReason|null","stop_sequence":"string|null","bedplate_stop?":"=budget","usage":"#MessageUsage"})"},
    {"MessageStart", kExact, R"({"type":"=message_start","message":"#Message"})"},
    {"BlockStart", kExact, R"({"type":"=content_block_start","index":"integer","content_block":"#AnswerBlock"})"},
    {"TextDelta", kExact, R"({"type":"=text_delta","text":"string"})"},
    {"ThinkingDelta", kExact, R"({"type":"=thinking_delta","thinking":"string"})"},
    {"SignatureDelta", kExact, R"({"type":"=signature_delta","signature":"string"})"},
    {"InputJsonDelta", kExact, R"({"type":"=input_json_delta","partial_json":"string"})"},
    {"BlockDelta", kExact,
     R"({"type":"=content_block_delta","index":"integer","delta":"#TextDelta|#ThinkingDelta|#SignatureDelta|#InputJsonDelta"})"},
    {"BlockStop", kExact, R"({"type":"=content_block_stop","index":"integer"})"},
    {"MessageDelta", kExact,
     R"({"type":"=message_delta","delta":{"stop_reason":"#StopReason","stop_sequence":"string|null",
         "bedplate_stop?":"=budget"},"usage":"#MessageUsage"})"},
    {"MessageStop", kExact, R"({"type":"=message_stop"})"},
    {"Ping", kExact, R"({"type":"=ping"})"},
    {"MessageEvent", kExact,
     R"("#MessageStart|#BlockStart|#BlockDelta|#BlockStop|#MessageDelta|#MessageStop|#Ping|#AnthropicError")"},
};

}  // namespace

FieldTable MessagesFields() {
  return kMessagesGroups;
}
FieldTable CountTokensFields() {
  return kCountingGroups;
}
FieldTable InvokedMessagesFields() {
  return kInvokedGroups;
}

ApiDescription Description() {
  return {.operations = kOperations, .schemas = kSchemas};
}

}  // namespace bedplate::anthropic
