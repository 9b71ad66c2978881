#include "serve/bedrock/description.h"

namespace bedplate::bedrock {
namespace {

using enum Support;

constexpr std::string_view kShare = R"({"type":"number","minimum":0,"maximum":1})";
constexpr std::string_view kPenalty = R"({"type":"number","minimum":-2,"maximum":2})";
constexpr std::string_view kThinking =
    R"({"type":"object","properties":{"type":{"enum":["enabled","disabled","adaptive"]}},"required":["type"]})";

constexpr Field kConverse[] = {
    {"messages", kSupported, R"({"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/ConverseMessage"}})",
     /*required=*/true},
    {"system", kSupported, R"({"type":"array","items":{"$ref":"#/components/schemas/ConverseSystemBlock"}})"},
    {"inferenceConfig", kSupported, R"({"$ref":"#/components/schemas/InferenceConfig"})"},
    {"toolConfig", kSupported, R"({"$ref":"#/components/schemas/ToolConfig"})"},
    {"outputConfig", kSupported, R"({"$ref":"#/components/schemas/ConverseOutputConfig"})"},
    {"additionalModelRequestFields", kSupported, R"({"$ref":"#/components/schemas/AdditionalModelRequestFields"})"},
    {"additionalModelResponseFieldPaths", kSupported, R"({"type":"array","items":{"type":"string","pattern":"^/"}})"},
    {"guardrailConfig", kRefused},
    {"promptVariables", kRefused, R"({"type":"object","maxProperties":0})"},
    {"performanceConfig", kIgnored},
    {"serviceTier", kIgnored},
    {"requestMetadata", kIgnored},
    {"projectIdentifier", kIgnored},
};

constexpr Field kAdditional[] = {
    {"top_k", kSupported, R"({"type":"integer","minimum":-1,"maximum":2147483647})"},
    {"min_p", kSupported, kShare},
    {"typical_p", kSupported, R"({"type":"number","exclusiveMinimum":0,"maximum":1})"},
    {"repetition_penalty", kSupported, R"({"type":"number","exclusiveMinimum":0,"maximum":10})"},
    {"frequency_penalty", kSupported, kPenalty},
    {"presence_penalty", kSupported, kPenalty},
    {"logit_bias", kSupported,
     R"({"type":"object","maxProperties":1024,"propertyNames":{"pattern":"^[0-9]+$"},
         "additionalProperties":{"type":"number","minimum":-100,"maximum":100}})"},
    {"seed", kSupported, R"({"type":"integer"})"},
    {"thinking", kSupported, kThinking},
    {"reasoning_config", kSupported, kThinking},
    {"reasoning_effort", kSupported, R"({"type":"string"})"},
    {"anthropic_beta", kIgnored},
    {"temperature", kRefused},  // they have a place of their own
    {"top_p", kRefused},
};

constexpr Field kLlama[] = {
    {"prompt", kSupported, R"({"type":"string"})", /*required=*/true},
    {"max_gen_len", kSupported, R"({"type":"integer","minimum":1,"maximum":2147483647})"},
    {"temperature", kSupported, kShare},
    {"top_p", kSupported, kShare},
    {"images", kRefused, R"({"type":"array","maxItems":0})"},
};

using Group = std::span<const Field>;
constexpr Group kConverseGroups[] = {kConverse};
constexpr Group kAdditionalGroups[] = {kAdditional};
constexpr Group kLlamaGroups[] = {kLlama};

}  // namespace

FieldTable ConverseFields() {
  return kConverseGroups;
}
FieldTable AdditionalModelFields() {
  return kAdditionalGroups;
}
FieldTable LlamaFields() {
  return kLlamaGroups;
}

}  // namespace bedplate::bedrock
