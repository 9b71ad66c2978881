#include "serve/openai/description.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "serve/openai/schemas.h"

namespace bedplate::openai {
namespace {

// They name the default model, and tests send them as they are.
constexpr std::string_view kChatExamples[] = {
    R"({"model":"smollm2-135m","messages":[{"role":"user","content":"What is a bedplate?"}],"max_tokens":16})",
    R"({"model":"smollm2-135m","messages":[{"role":"system","content":"Be short."},
        {"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":null,
         "tool_calls":[{"id":"call_1","type":"function","function":{"name":"clock","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"call_1","content":"noon"}],"max_completion_tokens":8,"temperature":0.5,"seed":7,
        "n":2,"logprobs":true,"top_logprobs":2,"stop":["\n\n"],"stream":true,"stream_options":{"include_usage":true},
        "user":"ada"})",
    R"({"model":"smollm2-135m","messages":[{"role":"user","content":"Weather in Paris?"}],"max_tokens":64,
        "tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object",
          "properties":{"city":{"type":"string","maxLength":12}},"required":["city"],"additionalProperties":false}}}],
        "tool_choice":{"type":"function","function":{"name":"weather"}}})",
    R"({"model":"smollm2-135m","messages":[{"role":"user","content":"Yes or no?"}],"max_tokens":32,
        "response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object",
          "properties":{"yes":{"type":"boolean"}},"required":["yes"],"additionalProperties":false}}}})",
};
constexpr std::string_view kCompletionExamples[] = {
    R"({"model":"smollm2-135m","prompt":"The capital of France is","max_tokens":4,"logprobs":1,"echo":true})",
    R"({"model":"smollm2-135m","prompt":["One, two,","Red, green,"],"max_tokens":4,"stream":true,"temperature":0})",
    R"({"model":"smollm2-135m","prompt":"Is water wet?","max_tokens":4,"structured_outputs":{"choice":["yes","no"]}})",
};
constexpr std::string_view kResponseExamples[] = {
    R"({"model":"smollm2-135m","input":"What is a bedplate?","max_output_tokens":16})",
    R"({"model":"smollm2-135m","instructions":"Be short.","input":[{"role":"user","content":"Hi"},
        {"type":"function_call","call_id":"call_1","name":"clock","arguments":"{}"},
        {"type":"function_call_output","call_id":"call_1","output":"noon"}],
        "max_output_tokens":8,"stream":true,"store":false,"temperature":0.5,"top_logprobs":1,
        "include":["message.output_text.logprobs"],"metadata":{"team":"a"},"truncation":"auto"})",
    R"({"model":"smollm2-135m","input":"Weather in Paris?","max_output_tokens":64,"store":false,
        "tools":[{"type":"function","name":"weather","parameters":{"type":"object",
          "properties":{"city":{"type":"string","maxLength":12}},"required":["city"],"additionalProperties":false}},
          {"type":"web_search"}],"tool_choice":"required","stream":true})",
    R"({"model":"smollm2-135m","input":[{"role":"user","content":"Note it."},
        {"type":"custom_tool_call","call_id":"call_1","name":"note","input":"a word"},
        {"type":"custom_tool_call_output","call_id":"call_1","output":"noted"}],"max_output_tokens":32,"store":false,
        "tools":[{"type":"custom","name":"note","format":{"type":"text"}}],
        "tool_choice":{"type":"custom","name":"note"},"stream":true})",
    R"({"model":"smollm2-135m","input":"Yes or no?","max_output_tokens":32,"store":false,
        "text":{"format":{"type":"json_schema","name":"answer","schema":{"type":"object",
          "properties":{"yes":{"type":"boolean"}},"required":["yes"],"additionalProperties":false}}}})",
};
constexpr std::string_view kCountExamples[] = {R"({"model":"smollm2-135m","input":"What is a bedplate?"})"};

constexpr Parameter kId[] = {{"response_id", "path", "What the response's id says."}};
constexpr Parameter kRetrieve[] = {
    {"response_id", "path", "What the response's id says."},
    {"stream", "query", "true: its events, of one that was created with background and stream.",
     R"({"type":"boolean"})"},
    {"starting_after", "query", "With stream: the number of the last event that is not wanted.",
     R"({"type":"integer","minimum":-1,"maximum":2147483647})"},
};
constexpr Parameter kInputItems[] = {
    {"response_id", "path", "What the response's id says."},
    {"limit", "query", "How many items.", R"({"type":"integer","minimum":1,"maximum":100,"default":20})"},
    {"order", "query", "Which end comes first.", R"({"enum":["asc","desc"],"default":"desc"})"},
    {"after", "query", "The id of the item that the page comes after."},
};
constexpr Parameter kAnthropicVersion = {"anthropic-version", "header",
                                         "Where it is sent, Anthropic's form is answered."};
constexpr Parameter kModels[] = {
    kAnthropicVersion,
    {"limit", "query", "Of Anthropic's form.", R"({"type":"integer","minimum":1,"maximum":1000,"default":20})"},
    {"after_id", "query", "Of Anthropic's form."},
    {"before_id", "query", "Of Anthropic's form."},
};
constexpr Parameter kModel[] = {kAnthropicVersion, {"model", "path", "A model's id or alias."}};

constexpr Operation kOperations[] = {
    {.method = "POST",
     .pattern = "/v1/chat/completions",
     .path = "/v1/chat/completions",
     .id = "createChatCompletion",
     .api = Api::kOpenAi,
     .summary = "Answers a conversation.",
     .body = "ChatCompletionRequest",
     .examples = kChatExamples,
     .answer = "ChatCompletion",
     .events = "ChatEvent"},
    {.method = "POST",
     .pattern = "/v1/completions",
     .path = "/v1/completions",
     .id = "createCompletion",
     .api = Api::kOpenAi,
     .summary = "Continues a text.",
     .body = "CompletionRequest",
     .examples = kCompletionExamples,
     .answer = "Completion",
     .events = "CompletionEvent"},
    {.method = "POST",
     .pattern = "/v1/responses",
     .path = "/v1/responses",
     .id = "createResponse",
     .api = Api::kOpenAi,
     .summary = "Answers items, and keeps the answer unless store is false.",
     .body = "ResponseRequest",
     .examples = kResponseExamples,
     .answer = "Response",
     .events = "ResponseEvent"},
    {.method = "POST",
     .pattern = "/v1/responses/input_tokens",
     .path = "/v1/responses/input_tokens",
     .id = "countResponseInputTokens",
     .api = Api::kOpenAi,
     .summary = "How many tokens such a request's prompt has.",
     .body = "ResponseRequest",
     .examples = kCountExamples,
     .answer = "ResponseInputTokens"},
    {.method = "GET",
     .pattern = "/v1/responses/*",
     .path = "/v1/responses/{response_id}",
     .id = "retrieveResponse",
     .api = Api::kOpenAi,
     .summary = "A response as it stands, or its events again.",
     .parameters = kRetrieve,
     .answer = "Response",
     .events = "ResponseEvent"},
    {.method = "DELETE",
     .pattern = "/v1/responses/*",
     .path = "/v1/responses/{response_id}",
     .id = "deleteResponse",
     .api = Api::kOpenAi,
     .summary = "Forgets a response; one that runs is cancelled first.",
     .parameters = kId,
     .answer = "ResponseDeleted"},
    {.method = "POST",
     .pattern = "/v1/responses/*",
     .path = "/v1/responses/{response_id}/cancel",
     .id = "cancelResponse",
     .api = Api::kOpenAi,
     .summary = "Cancels a response in the background.",
     .parameters = kId,
     .answer = "Response"},
    {.method = "GET",
     .pattern = "/v1/responses/*",
     .path = "/v1/responses/{response_id}/input_items",
     .id = "listResponseInputItems",
     .api = Api::kOpenAi,
     .summary = "The items of a response's own input.",
     .parameters = kInputItems,
     .answer = "ResponseInputItems"},
    {.method = "GET",
     .pattern = "/v1/models",
     .path = "/v1/models",
     .id = "listModels",
     .api = Api::kOpenAiOrAnthropic,
     .summary = "The models that are served.",
     .parameters = kModels,
     .answer = "ModelListAnswer"},
    {.method = "GET",
     .pattern = "/v1/models/*",
     .path = "/v1/models/{model}",
     .id = "retrieveModel",
     .api = Api::kOpenAiOrAnthropic,
     .summary = "One of them.",
     .parameters = kModel,
     .answer = "ModelAnswer"},
};

}  // namespace

ApiDescription Description() {
  static const std::vector<Schema> schemas = [] {
    std::vector<Schema> all(RequestSchemas().begin(), RequestSchemas().end());
    std::ranges::copy(AnswerSchemas(), std::back_inserter(all));
    return all;
  }();
  return {.operations = kOperations, .schemas = schemas};
}

}  // namespace bedplate::openai
