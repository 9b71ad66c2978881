#include "serve/openai/fields.h"

namespace bedplate::openai {
namespace {

using enum Support;

constexpr std::string_view kBoolean = R"({"type":"boolean"})";
constexpr std::string_view kString = R"({"type":"string"})";
constexpr std::string_view kPositive = R"({"type":"integer","minimum":1,"maximum":2147483647})";
constexpr std::string_view kTopLogprobs = R"({"type":"integer","minimum":0,"maximum":20})";
constexpr std::string_view kPenalty = R"({"type":"number","minimum":-2,"maximum":2})";
constexpr std::string_view kShare = R"({"type":"number","minimum":0,"maximum":1})";

constexpr Field kSampling[] = {
    {"temperature", kSupported, R"({"type":"number","minimum":0,"maximum":2})"},
    {"top_p", kSupported, kShare},
    {"frequency_penalty", kSupported, kPenalty},
    {"presence_penalty", kSupported, kPenalty},
    {"seed", kSupported, R"({"type":"integer"})"},
    {"logit_bias", kSupported,
     R"({"type":"object","maxProperties":1024,"propertyNames":{"pattern":"^[0-9]+$"},
         "additionalProperties":{"type":"number","minimum":-100,"maximum":100}})"},
    {"top_k", kSupported, R"({"type":"integer","minimum":-1,"maximum":2147483647})"},
    {"min_p", kSupported, kShare},
    {"typical_p", kSupported, R"({"type":"number","exclusiveMinimum":0,"maximum":1})"},
    {"repetition_penalty", kSupported, R"({"type":"number","exclusiveMinimum":0,"maximum":10})"},
};

constexpr Field kGeneration[] = {
    {"stop", kSupported,
     R"({"anyOf":[{"type":"string","minLength":1},
                  {"type":"array","items":{"type":"string","minLength":1},"maxItems":16}]})"},
    {"stop_token_ids", kSupported,
     R"({"type":"array","items":{"type":"integer","minimum":0,"maximum":2147483647},"maxItems":64})"},
    {"ignore_eos", kSupported, kBoolean},
    {"speculation", kSupported, kBoolean},
    {"cache_salt", kSupported, kString},
    {"priority", kSupported, R"({"type":"integer","minimum":-1000,"maximum":1000})"},
};

constexpr Field kConstraints[] = {
    {"structured_outputs", kSupported, R"({"$ref":"#/components/schemas/StructuredOutputs"})"},
    {"guided_json", kSupported, R"({"type":["object","boolean","string"]})"},
    {"guided_regex", kSupported, kString},
    {"guided_choice", kSupported, R"({"type":"array","items":{"type":"string"}})"},
    {"guided_grammar", kSupported, kString},
    {"guided_whitespace_pattern", kRefused},
    {"grammar", kSupported, kString},
    {"json_schema", kSupported, R"({"type":["object","boolean","string"]})"},
    {"regex", kSupported, kString},
    {"ebnf", kSupported, kString},
    {"output_config", kRefused},
    {"output_format", kRefused},
    {"format", kRefused},
};

/// Of chats and completions.
constexpr Field kChoices[] = {
    {"n", kSupported, R"({"type":"integer","minimum":1,"maximum":128})"},
    {"response_format", kSupported, R"({"$ref":"#/components/schemas/ResponseFormat"})"},
    {"text", kRefused},
};
constexpr Field kModelAndStream[] = {
    {"model", kSupported, kString, /*required=*/true},
    {"stream", kSupported, kBoolean},
};
constexpr Field kPathSaysModelAndStream[] = {{"model", kIgnored}, {"stream", kIgnored}};
constexpr Field kStreamOptions[] = {
    {"stream_options", kSupported, R"({"type":"object","properties":{"include_usage":{"type":["boolean","null"]}}})"},
};

constexpr Field kChat[] = {
    {"messages", kSupported, R"({"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/ChatMessage"}})",
     /*required=*/true},
    {"tools", kSupported, R"({"type":"array","items":{"$ref":"#/components/schemas/ChatTool"}})"},
    {"tool_choice", kSupported, R"({"$ref":"#/components/schemas/ChatToolChoice"})"},
    {"parallel_tool_calls", kSupported, kBoolean},
    {"function_call", kRefused},
    {"functions", kRefused},
    {"reasoning_effort", kSupported, kString},
    {"chat_template_kwargs", kSupported,
     R"({"type":"object","propertyNames":{"not":{"enum":["messages","tools","bos_token","eos_token"]}}})"},
    {"max_completion_tokens", kSupported, kPositive},
    {"max_tokens", kSupported, kPositive},
    {"max_output_tokens", kRefused},
    {"logprobs", kSupported, kBoolean},
    {"top_logprobs", kSupported, kTopLogprobs},
    {"prediction", kSupported, R"({"$ref":"#/components/schemas/Prediction"})"},
    {"modalities", kRefused, R"({"type":"array","items":{"const":"text"}})"},
    {"audio", kRefused},
    {"web_search_options", kRefused},
    {"user", kIgnored},
    {"safety_identifier", kIgnored},
    {"metadata", kIgnored},
    {"store", kIgnored},
    {"service_tier", kIgnored},
    {"prompt_cache_key", kIgnored},
    {"prompt_cache_retention", kIgnored},
    {"verbosity", kIgnored},
};

constexpr Field kCompletions[] = {
    {"prompt", kSupported, R"({"$ref":"#/components/schemas/CompletionPrompt"})", /*required=*/true},
    {"echo", kSupported, kBoolean},
    {"logprobs", kSupported, kTopLogprobs},
    {"max_tokens", kSupported, R"({"type":"integer","minimum":0,"maximum":2147483647})"},
    {"suffix", kRefused, R"({"const":""})"},
    {"best_of", kRefused, R"({"type":"integer","minimum":1,"maximum":128})"},
    {"user", kIgnored},
};

constexpr Field kResponseBody[] = {
    {"input", kSupported,
     R"({"anyOf":[{"type":"string"},
                  {"type":"array","maxItems":10000,"items":{"$ref":"#/components/schemas/ResponseInputItem"}}]})"},
    {"instructions", kSupported, kString},
    {"previous_response_id", kSupported, kString},
    {"store", kSupported, kBoolean},
    {"background", kSupported, kBoolean},
    {"metadata", kSupported,
     R"({"type":"object","maxProperties":16,"additionalProperties":{"type":"string","maxLength":512}})"},
    {"tools", kSupported, R"({"type":"array","items":{"$ref":"#/components/schemas/ResponseTool"}})"},
    {"tool_choice", kSupported, R"({"$ref":"#/components/schemas/ResponseToolChoice"})"},
    {"parallel_tool_calls", kSupported, kBoolean},
    {"text", kSupported, R"({"$ref":"#/components/schemas/ResponseText"})"},
    {"response_format", kRefused},
    {"reasoning", kSupported, R"({"type":"object","properties":{"effort":{"type":["string","null"]}}})"},
    {"max_output_tokens", kSupported, kPositive},
    {"max_tokens", kRefused},
    {"max_completion_tokens", kRefused},
    {"truncation", kSupported, R"({"enum":["auto","disabled"]})"},
    {"top_logprobs", kSupported, kTopLogprobs},
    {"include", kSupported, R"({"type":"array","items":{"type":"string"}})"},
    {"conversation", kRefused},
    {"prompt", kRefused},
    {"moderation", kRefused},
    {"max_tool_calls", kIgnored},
    {"stream_options", kIgnored},
    {"context_management", kIgnored},
    {"user", kIgnored},
    {"safety_identifier", kIgnored},
    {"service_tier", kIgnored},
    {"prompt_cache_key", kIgnored},
};

using Group = std::span<const Field>;
constexpr Group kChatGroups[] = {kModelAndStream, kChat,     kStreamOptions, kChoices,
                                 kGeneration,     kSampling, kConstraints};
constexpr Group kCompletionsGroups[] = {kModelAndStream, kCompletions, kStreamOptions, kChoices,
                                        kGeneration,     kSampling,    kConstraints};
constexpr Group kResponseGroups[] = {kModelAndStream, kResponseBody, kGeneration, kSampling, kConstraints};
constexpr Group kInvokedChatGroups[] = {
    kPathSaysModelAndStream, kChat, kStreamOptions, kChoices, kGeneration, kSampling, kConstraints};
constexpr Group kInvokedCompletionsGroups[] = {
    kPathSaysModelAndStream, kCompletions, kStreamOptions, kChoices, kGeneration, kSampling, kConstraints};

}  // namespace

FieldTable ChatFields() {
  return kChatGroups;
}
FieldTable CompletionsFields() {
  return kCompletionsGroups;
}
FieldTable ResponseFields() {
  return kResponseGroups;
}
FieldTable InvokedChatFields() {
  return kInvokedChatGroups;
}
FieldTable InvokedCompletionsFields() {
  return kInvokedCompletionsGroups;
}

}  // namespace bedplate::openai
