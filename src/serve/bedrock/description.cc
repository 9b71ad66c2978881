#include "serve/bedrock/description.h"

#include "serve/anthropic/description.h"
#include "serve/openai/fields.h"

namespace bedplate::bedrock {
namespace {

using enum Schema::Form;

constexpr std::string_view kConverseExamples[] = {
    R"({"messages":[{"role":"user","content":[{"text":"What is a bedplate?"}]}],"inferenceConfig":{"maxTokens":16}})",
    R"({"system":[{"text":"Be short."},{"cachePoint":{"type":"default"}}],
        "messages":[{"role":"user","content":[{"text":"What time is it?"},
            {"document":{"name":"notes","format":"txt","source":{"text":"Noon is twelve."}}}]},
          {"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"A tool.","signature":"x"}}},
            {"toolUse":{"toolUseId":"t1","name":"clock","input":{}}}]},
          {"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"noon"},{"json":{"h":12}}],
            "status":"success"}}]}],
        "inferenceConfig":{"maxTokens":8,"temperature":0.5,"topP":0.9,"stopSequences":["END"]},
        "toolConfig":{"tools":[{"toolSpec":{"name":"clock","description":"The time","inputSchema":{"json":{"type":"object"}}}},
          {"cachePoint":{"type":"default"}}],"toolChoice":{"auto":{}}},
        "additionalModelRequestFields":{"top_k":40,"seed":7},"additionalModelResponseFieldPaths":["/stop_sequence"],
        "requestMetadata":{"team":"a"}})",
    R"({"messages":[{"role":"user","content":[{"text":"Weather in Paris?"}]}],"inferenceConfig":{"maxTokens":64},
        "toolConfig":{"tools":[{"toolSpec":{"name":"weather","inputSchema":{"json":{"type":"object",
          "properties":{"city":{"type":"string","maxLength":12}},"required":["city"],"additionalProperties":false}}}}],
          "toolChoice":{"tool":{"name":"weather"}}}})",
    R"({"messages":[{"role":"user","content":[{"text":"Yes or no?"}]}],"inferenceConfig":{"maxTokens":32},
        "outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"answer",
          "schema":"{\"type\":\"object\",\"properties\":{\"yes\":{\"type\":\"boolean\"}},\"required\":[\"yes\"],\"additionalProperties\":false}"}}}}})",
};
constexpr std::string_view kInvokeExamples[] = {
    R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":8,"messages":[{"role":"user","content":"Hi"}]})",
    R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":8})",
    R"({"prompt":"The capital of France is","max_tokens":4})",
    R"({"prompt":"The capital of France is","max_gen_len":4,"temperature":0.5,"top_p":0.9})",
};
constexpr std::string_view kCountExamples[] = {
    R"({"input":{"converse":{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}}})",
    R"({"input":{"invokeModel":{"body":"eyJwcm9tcHQiOiJIaSJ9"}}})",
};

constexpr Parameter kModelId[] = {{"modelId", "path", "A model's id or alias, or an ARN; percent-encoded."}};
constexpr Parameter kFilters[] = {
    {"byProvider", "query", "Models of this one alone."},
    {"byOutputModality", "query", "Models here write TEXT.", R"({"enum":["TEXT","IMAGE","EMBEDDING"]})"},
    {"byInferenceType", "query", "Models here are ON_DEMAND.", R"({"enum":["ON_DEMAND","PROVISIONED"]})"},
    {"byCustomizationType", "query", "No model here has one.",
     R"({"enum":["FINE_TUNING","CONTINUED_PRE_TRAINING","DISTILLATION"]})"},
};
constexpr std::string_view kEventStream = "application/vnd.amazon.eventstream";

constexpr Operation Post(std::string_view path, std::string_view pattern, std::string_view id,
                         std::string_view summary) {
  return {.method = "POST",
          .pattern = pattern,
          .path = path,
          .id = id,
          .api = Api::kBedrock,
          .summary = summary,
          .parameters = kModelId};
}
constexpr Operation Converse(Operation operation) {
  operation.body = "ConverseRequest";
  operation.examples = kConverseExamples;
  return operation;
}
constexpr Operation Invoke(Operation operation) {
  operation.body = "InvokeRequest";
  operation.examples = kInvokeExamples;
  return operation;
}
constexpr Operation Count(Operation operation) {
  operation.body = "BedrockCountTokensRequest";
  operation.examples = kCountExamples;
  return operation;
}
constexpr Operation Answers(Operation operation, std::string_view answer) {
  operation.answer = answer;
  return operation;
}
constexpr Operation Streams(Operation operation, std::string_view events) {
  operation.events = events;
  operation.stream_type = kEventStream;
  return operation;
}

constexpr Operation kOperations[] = {
    Answers(Converse(Post("/model/{modelId}/converse", "/model/*/converse", "Converse", "Answers a conversation.")),
            "ConverseAnswer"),
    Streams(Converse(Post("/model/{modelId}/converse-stream", "/model/*/converse-stream", "ConverseStream",
                          "The same as an event stream.")),
            "ConverseEvent"),
    Answers(Invoke(Post("/model/{modelId}/invoke", "/model/*/invoke", "InvokeModel",
                        "Answers a body of one of four forms in the same form.")),
            "InvokeAnswer"),
    Streams(Invoke(Post("/model/{modelId}/invoke-with-response-stream", "/model/*/invoke-with-response-stream",
                        "InvokeModelWithResponseStream", "The same as an event stream.")),
            "InvokeEvent"),
    Answers(Count(Post("/model/{modelId}/count-tokens", "/model/*/count-tokens", "CountTokens",
                       "How many tokens such a request's prompt has.")),
            "BedrockTokens"),
    {.method = "GET",
     .pattern = "/foundation-models",
     .path = "/foundation-models",
     .id = "ListFoundationModels",
     .api = Api::kBedrock,
     .summary = "The models that are served.",
     .parameters = kFilters,
     .answer = "FoundationModels"},
    {.method = "GET",
     .pattern = "/foundation-models/*",
     .path = "/foundation-models/{modelId}",
     .id = "GetFoundationModel",
     .api = Api::kBedrock,
     .summary = "One of them.",
     .parameters = kModelId,
     .answer = "FoundationModel"},
};

constexpr std::string_view kMessage = R"({"type":"object","required":["role","content"],"anyOf":[
  {"properties":{"role":{"const":"user"},"content":{"type":"array","items":{"$ref":"#/components/schemas/ConverseUserBlock"}}}},
  {"properties":{"role":{"const":"assistant"},
                 "content":{"type":"array","items":{"$ref":"#/components/schemas/ConverseAssistantBlock"}}}},
  {"properties":{"role":{"const":"system"},
                 "content":{"type":"array","items":{"$ref":"#/components/schemas/ConverseSystemBlock"}}}}]})";
constexpr std::string_view kText = R"({"type":"object","maxProperties":1,"properties":{"text":{"type":"string"}},
  "required":["text"]})";
constexpr std::string_view kCachePoint =
    R"({"type":"object","maxProperties":1,"properties":{"cachePoint":{"type":"object",
  "properties":{"type":{"const":"default"}},"required":["type"]}},"required":["cachePoint"]})";
constexpr std::string_view kDocument = R"({"type":"object","maxProperties":1,"properties":{"document":{"type":"object",
  "properties":{"name":{"type":"string"},"format":{"type":["string","null"]},"context":{"type":["string","null"]},
    "source":{"type":"object","minProperties":1,"maxProperties":1,"additionalProperties":false,"properties":{
      "text":{"type":"string"},"content":{"type":"array","items":{"$ref":"#/components/schemas/ConverseText"}},
      "bytes":{"type":"string","contentEncoding":"base64","description":"UTF-8; formats txt, md, csv and html"}}}},
  "required":["name","source"]}},"required":["document"]})";
constexpr std::string_view kToolResult =
    R"({"type":"object","maxProperties":1,"properties":{"toolResult":{"type":"object",
  "properties":{"toolUseId":{"type":"string","pattern":"^[a-zA-Z0-9_.:-]{1,64}$"},
    "content":{"type":"array","items":{"anyOf":[{"$ref":"#/components/schemas/ConverseText"},
      {"$ref":"#/components/schemas/ConverseDocument"},
      {"type":"object","maxProperties":1,"properties":{"json":{"not":{"type":"null"}}},"required":["json"]}]}},
    "status":{"enum":["success","error",null]}},
  "required":["toolUseId","content"]}},"required":["toolResult"]})";
constexpr std::string_view kToolUse = R"({"type":"object","maxProperties":1,"properties":{"toolUse":{"type":"object",
  "properties":{"toolUseId":{"type":"string","pattern":"^[a-zA-Z0-9_.:-]{1,64}$"},
    "name":{"type":"string","pattern":"^[a-zA-Z0-9_-]{1,64}$"},"input":{"type":["object","null"]},"type":{"type":"null"}},
  "required":["toolUseId","name"]}},"required":["toolUse"]})";
constexpr std::string_view kReasoning = R"({"type":"object","maxProperties":1,"properties":{"reasoningContent":{
  "type":"object","minProperties":1,"maxProperties":1,"additionalProperties":false,"properties":{
    "reasoningText":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]},
    "redactedContent":{"not":{"type":"null"}}}}},"required":["reasoningContent"]})";
constexpr std::string_view kToolConfig = R"({"type":"object","properties":{
  "tools":{"type":"array","contains":{"required":["toolSpec"]},"items":{"anyOf":[
    {"$ref":"#/components/schemas/ConverseCachePoint"},
    {"type":"object","maxProperties":1,"properties":{"toolSpec":{"type":"object","properties":{
      "name":{"type":"string","pattern":"^[a-zA-Z0-9_-]{1,64}$"},"description":{"type":["string","null"]},
      "inputSchema":{"type":"object","properties":{"json":{"type":"object"}},"required":["json"]}},
      "required":["name","inputSchema"]}},"required":["toolSpec"]}]}},
  "toolChoice":{"anyOf":[{"type":"null"},{"type":"object","minProperties":1,"maxProperties":1,"additionalProperties":false,
    "properties":{"auto":{"not":{"type":"null"}},"any":{"not":{"type":"null"}},
      "tool":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}}]}},
  "required":["tools"]})";
constexpr std::string_view kOutputConfig = R"({"type":"object","properties":{"effort":{"type":["string","null"]},
  "textFormat":{"anyOf":[{"type":"null"},{"type":"object","properties":{"type":{"const":"json_schema"},
    "structure":{"type":"object","properties":{"jsonSchema":{"type":"object","properties":{"schema":{"type":"string",
      "description":"The text of a JSON schema."}},"required":["schema"]}},"required":["jsonSchema"]}},
    "required":["type","structure"]}]}}})";
constexpr std::string_view kInferenceConfig = R"({"type":"object","properties":{
  "maxTokens":{"type":["integer","null"],"minimum":1,"maximum":2147483647},
  "temperature":{"type":["number","null"],"minimum":0,"maximum":1},
  "topP":{"type":["number","null"],"minimum":0,"maximum":1},
  "stopSequences":{"type":["array","null"],"maxItems":16,"items":{"type":"string","minLength":1}}}})";
// The body says which form it has, as invoke.cc reads it.
constexpr std::string_view kInvokeRequest = R"({"type":"object",
  "if":{"required":["anthropic_version"]},"then":{"$ref":"#/components/schemas/InvokeMessagesRequest"},
  "else":{"if":{"required":["messages"]},"then":{"$ref":"#/components/schemas/InvokeChatRequest"},
  "else":{"if":{"required":["max_tokens"]},"then":{"$ref":"#/components/schemas/InvokeCompletionRequest"},
  "else":{"$ref":"#/components/schemas/InvokeLlamaRequest"}}}})";
constexpr std::string_view kCountTokens = R"({"type":"object","properties":{"input":{"type":"object","minProperties":1,
  "maxProperties":1,"additionalProperties":false,"properties":{
    "converse":{"$ref":"#/components/schemas/ConverseRequest"},
    "invokeModel":{"type":"object","properties":{"body":{"type":"string","contentEncoding":"base64",
      "contentSchema":{"$ref":"#/components/schemas/InvokeRequest"}}},"required":["body"]}}}},
  "required":["input"]})";

}  // namespace

ApiDescription Description() {
  static const Schema schemas[] = {
      {.name = "ConverseMessage", .text = kMessage},
      {.name = "ConverseText", .text = kText},
      {.name = "ConverseCachePoint", .text = kCachePoint},
      {.name = "ConverseDocument", .text = kDocument},
      {.name = "ConverseToolResult", .text = kToolResult},
      {.name = "ConverseToolUse", .text = kToolUse},
      {.name = "ConverseReasoning", .text = kReasoning},
      {"ConverseSystemBlock", kExact, R"("#ConverseText|#ConverseCachePoint")"},
      {"ConverseUserBlock", kExact, R"("#ConverseText|#ConverseCachePoint|#ConverseDocument|#ConverseToolResult")"},
      {"ConverseAssistantBlock", kExact, R"("#ConverseText|#ConverseCachePoint|#ConverseToolUse|#ConverseReasoning")"},
      {.name = "ToolConfig", .text = kToolConfig},
      {.name = "ConverseOutputConfig", .text = kOutputConfig},
      {.name = "InferenceConfig", .text = kInferenceConfig},
      {.name = "AdditionalModelRequestFields", .form = kClosedFields, .fields = AdditionalModelFields()},
      {.name = "ConverseRequest", .form = kFields, .fields = ConverseFields()},
      {.name = "InvokeMessagesRequest", .form = kFields, .fields = anthropic::InvokedMessagesFields()},
      {.name = "InvokeChatRequest", .form = kFields, .fields = openai::InvokedChatFields()},
      {.name = "InvokeCompletionRequest", .form = kFields, .fields = openai::InvokedCompletionsFields()},
      {.name = "InvokeLlamaRequest", .form = kFields, .fields = LlamaFields()},
      {.name = "InvokeRequest", .text = kInvokeRequest},
      {.name = "BedrockCountTokensRequest", .text = kCountTokens},

      {"BedrockError", kExact, R"({"message":"string"})"},
      {"BedrockTokens", kExact, R"({"inputTokens":"integer"})"},
      {"FoundationModelSummary", kExact,
       R"({"modelArn":"string","modelId":"string","modelName":"string","providerName":"string",
           "inputModalities":["string"],"outputModalities":["string"],"responseStreamingSupported":"boolean",
           "customizationsSupported":["string"],"inferenceTypesSupported":["string"],"modelLifecycle":{"status":"string"}})"},
      {"FoundationModels", kExact, R"({"modelSummaries":["#FoundationModelSummary"]})"},
      {"FoundationModel", kExact, R"({"modelDetails":"#FoundationModelSummary"})"},
      {"TokenUsage", kExact,
       R"({"inputTokens":"integer","outputTokens":"integer","totalTokens":"integer","cacheReadInputTokens":"integer",
           "cacheWriteInputTokens":"integer"})"},
      {"ConverseStopReason", kExact,
       R"("=end_turn|=max_tokens|=stop_sequence|=tool_use|=malformed_tool_use|=model_context_window_exceeded")"},
      {"AdditionalResponseFields", kExact, R"({"stop_sequence?":"string|null","bedplate_stop?":"=budget"})"},
      {"ConverseAnswerText", kExact, R"({"text":"string"})"},
      {"ConverseAnswerReasoning", kExact,
       R"({"reasoningContent":{"reasoningText":{"text":"string","signature":"string"}}})"},
      {"ConverseAnswerToolUse", kExact, R"({"toolUse":{"toolUseId":"string","name":"string","input":{"*":"any"}}})"},
      {"ConverseAnswer", kExact,
       R"({"output":{"message":{"role":"=assistant",
             "content":["#ConverseAnswerText|#ConverseAnswerReasoning|#ConverseAnswerToolUse"]}},
           "stopReason":"#ConverseStopReason","usage":"#TokenUsage","metrics":{"latencyMs":"integer"},
           "additionalModelResponseFields?":"#AdditionalResponseFields"})"},
      {"ConverseToolUseDelta", kExact, R"({"toolUse":{"input":"string"}})"},
      {"ConverseReasoningDelta", kExact, R"({"reasoningContent":{"text?":"string","signature?":"string"}})"},
      {"ConverseEvent", kExact,
       R"({"messageStart?":{"role":"=assistant"},
           "contentBlockStart?":{"start":{"toolUse":{"toolUseId":"string","name":"string"}},"contentBlockIndex":"integer"},
           "contentBlockDelta?":{"delta":"#ConverseAnswerText|#ConverseToolUseDelta|#ConverseReasoningDelta",
                                 "contentBlockIndex":"integer"},
           "contentBlockStop?":{"contentBlockIndex":"integer"},
           "messageStop?":{"stopReason":"#ConverseStopReason","additionalModelResponseFields?":"#AdditionalResponseFields"},
           "metadata?":{"usage":"#TokenUsage","metrics":{"latencyMs":"integer"}},
           "ping?":{"*":"any"},
           "validationException?":"#BedrockError","throttlingException?":"#BedrockError",
           "internalServerException?":"#BedrockError","serviceUnavailableException?":"#BedrockError",
           "modelStreamErrorException?":"#BedrockError"})"},
      {"LlamaCompletion", kExact,
       R"({"generation":"string","prompt_token_count":"integer|null","generation_token_count":"integer",
           "stop_reason":"string|null","bedplate_stop?":"=budget"})"},
      {"InvokeAnswer", kExact, R"("#Message|#ChatCompletion|#Completion|#LlamaCompletion")"},
      {"InvokeEvent", kExact,
       R"({"chunk?":{"bytes":"string"},"ping?":{"*":"any"},"validationException?":"#BedrockError",
           "throttlingException?":"#BedrockError","internalServerException?":"#BedrockError",
           "serviceUnavailableException?":"#BedrockError","modelStreamErrorException?":"#BedrockError"})"},
  };
  return {.operations = kOperations, .schemas = schemas};
}

}  // namespace bedplate::bedrock
