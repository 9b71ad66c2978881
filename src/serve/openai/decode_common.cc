#include "serve/openai/decode_common.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/cat.h"

namespace bedplate::openai {
namespace {

constexpr size_t kStopStringsMax = 16;
constexpr size_t kStopTokensMax = 64;
constexpr size_t kLogitBiasMax = 1024;
constexpr int64_t kTokenMax = std::numeric_limits<int32_t>::max();

Status OutOfRange(std::string path, std::string_view what) {
  return Status::InvalidArgument(Cat("Invalid '", path, "': ", what)).WithParam(std::move(path));
}

// Absent leaves the default that the Request has.
Status ReadFloat(const FieldReader& fields, std::string_view name, double low, double high, float& out) {
  BP_ASSIGN_OR_RETURN(const auto value, fields.Number(name, low, high));
  if (value) out = static_cast<float>(*value);
  return Status::Ok();
}

// (0, high]; zero_means is what 0 stands for, or nothing where 0 is an error.
Status ReadPositive(const FieldReader& fields, std::string_view name, double high, std::optional<float> zero_means,
                    float& out) {
  BP_ASSIGN_OR_RETURN(const auto value, fields.Number(name, 0, high));
  if (!value) return Status::Ok();
  out = static_cast<float>(*value);
  if (out > 0) return Status::Ok();
  if (!zero_means) return OutOfRange(fields.PathOf(name), Cat("it must be above 0 and at most ", high, "."));
  out = *zero_means;
  return Status::Ok();
}

Status ReadLogitBias(const FieldReader& fields, SamplingParams& sampling) {
  const Json* bias = fields.Get("logit_bias");
  if (bias == nullptr) return Status::Ok();
  if (!bias->is_object()) return fields.WrongType("logit_bias", "an object", *bias);
  if (bias->as_object().size() > kLogitBiasMax) {
    return OutOfRange("logit_bias", Cat(bias->as_object().size(), " entries; allowed: ", kLogitBiasMax, "."));
  }
  for (const auto& [name, value] : bias->as_object()) {
    int32_t token = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), token);
    if (error != std::errc() || end != name.data() + name.size() || token < 0) {
      return OutOfRange("logit_bias", Cat("'", name.substr(0, 50), "' is not a token id."));
    }
    if (!value.is_number()) return WrongType(Cat("logit_bias.", name), "a number", value);
    if (!(value.as_double() >= -100 && value.as_double() <= 100)) {
      return OutOfRange(Cat("logit_bias.", name), Cat(value.as_double(), " is out of range; allowed: -100 to 100."));
    }
    sampling.logit_bias.emplace_back(TokenId{token}, static_cast<float>(value.as_double()));
  }
  return Status::Ok();
}

Status AddStopString(std::string path, const Json& value, Request& request) {
  if (!value.is_string()) return WrongType(std::move(path), "a string or an array of strings", value);
  if (value.as_string().empty()) return OutOfRange(std::move(path), "a stop string must not be empty.");
  if (request.stop_strings.size() == kStopStringsMax) {
    return OutOfRange("stop", Cat("more than ", kStopStringsMax, " stop strings."));
  }
  request.stop_strings.push_back(value.as_string());
  return Status::Ok();
}

Status ReadStops(const FieldReader& fields, Request& request) {
  if (const Json* stop = fields.Get("stop"); stop != nullptr && stop->is_array()) {
    for (size_t i = 0; i < stop->as_array().size(); ++i) {
      BP_RETURN_IF_ERROR(AddStopString(Cat("stop[", i, "]"), stop->as_array()[i], request));
    }
  } else if (stop != nullptr) {
    BP_RETURN_IF_ERROR(AddStopString("stop", *stop, request));
  }
  const Json* tokens = fields.Get("stop_token_ids");
  if (tokens == nullptr) return Status::Ok();
  if (!tokens->is_array()) return fields.WrongType("stop_token_ids", "an array of integers", *tokens);
  if (tokens->as_array().size() > kStopTokensMax) {
    return OutOfRange("stop_token_ids", Cat(tokens->as_array().size(), " entries; allowed: ", kStopTokensMax, "."));
  }
  for (const Json& token : tokens->as_array()) {
    if (!token.is_int()) return WrongType("stop_token_ids", "an array of integers", token);
    if (token.as_int() < 0 || token.as_int() > kTokenMax) {
      return OutOfRange("stop_token_ids", Cat(token.as_int(), " is not a token id."));
    }
    request.stop_tokens.push_back(TokenId{static_cast<int32_t>(token.as_int())});
  }
  return Status::Ok();
}

}  // namespace

Status CheckIsObject(const Json& body) {
  if (body.is_object()) return Status::Ok();
  return Status::InvalidArgument(Cat("The request's body must be a JSON object, but is ", body.kind(), "."));
}

Status ReadSampling(const FieldReader& fields, SamplingParams& sampling) {
  BP_RETURN_IF_ERROR(ReadFloat(fields, "temperature", 0, 2, sampling.temperature));
  // top_p 0 is legal at OpenAI: the smallest set of tokens, which is one.
  BP_RETURN_IF_ERROR(ReadPositive(fields, "top_p", 1, std::numeric_limits<float>::min(), sampling.top_p));
  BP_RETURN_IF_ERROR(ReadFloat(fields, "min_p", 0, 1, sampling.min_p));
  BP_RETURN_IF_ERROR(ReadPositive(fields, "typical_p", 1, std::nullopt, sampling.typical_p));
  BP_RETURN_IF_ERROR(ReadPositive(fields, "repetition_penalty", 10, std::nullopt, sampling.repetition_penalty));
  BP_RETURN_IF_ERROR(ReadFloat(fields, "frequency_penalty", -2, 2, sampling.frequency_penalty));
  BP_RETURN_IF_ERROR(ReadFloat(fields, "presence_penalty", -2, 2, sampling.presence_penalty));
  // Elsewhere -1 (vLLM) and 0 (llama.cpp) both stand for "all".
  BP_ASSIGN_OR_RETURN(const auto top_k, fields.Int("top_k", -1, kTokenMax));
  if (top_k) sampling.top_k = *top_k < 0 ? 0 : static_cast<uint32_t>(*top_k);
  BP_ASSIGN_OR_RETURN(const auto seed,
                      fields.Int("seed", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()));
  if (seed) sampling.seed = static_cast<uint64_t>(*seed);
  return ReadLogitBias(fields, sampling);
}

Status ReadCommon(const FieldReader& fields, Request& request) {
  BP_RETURN_IF_ERROR(ReadSampling(fields, request.sampling));
  BP_RETURN_IF_ERROR(ReadStops(fields, request));
  BP_ASSIGN_OR_RETURN(const auto ignore_eos, fields.Bool("ignore_eos"));
  request.ignore_end_of_generation = ignore_eos.value_or(false);
  BP_ASSIGN_OR_RETURN(const auto speculation, fields.Bool("speculation"));
  request.speculation = speculation.value_or(true);
  BP_ASSIGN_OR_RETURN(const std::string* cache_salt, fields.String("cache_salt"));
  if (cache_salt != nullptr) request.cache_salt = *cache_salt;
  BP_ASSIGN_OR_RETURN(const auto priority, fields.Int("priority", -1000, 1000));
  if (priority) request.priority = -static_cast<int32_t>(*priority);  // vLLM's goes first where it is lower
  return Status::Ok();
}

Status ReadAllowedTools(const FieldReader& allowed, ChatPrompt& prompt) {
  BP_ASSIGN_OR_RETURN(const std::string mode, allowed.RequiredString("mode"));
  if (mode != "auto" && mode != "required") {
    return OutOfRange(allowed.PathOf("mode"), Cat("'", mode.substr(0, 50), "'; allowed: auto, required."));
  }
  const Json* names = allowed.Get("tools");
  if (names == nullptr || !names->is_array()) {
    return allowed.WrongType("tools", "an array of tools", names == nullptr ? Json() : *names);
  }
  Json::Array tools;
  for (size_t i = 0; prompt.tools.is_array() && i < prompt.tools.as_array().size(); ++i) {
    const Json& tool = prompt.tools.as_array()[i];
    const Json& name_of_tool = *tool.Find("function")->Find("name");
    const auto names_it = [&](const Json& one) {
      const Json* function = one.Find("function");
      const Json* name = function == nullptr ? one.Find("name") : function->Find("name");
      return name != nullptr && *name == name_of_tool;
    };
    if (std::ranges::any_of(names->as_array(), names_it)) tools.push_back(tool);
  }
  prompt.tools = tools.empty() ? Json() : Json(std::move(tools));
  if (mode == "required") prompt.tool_choice.kind = ToolChoice::Kind::kRequired;
  return Status::Ok();
}

Status ReadChoices(const FieldReader& fields, Request& request) {
  BP_ASSIGN_OR_RETURN(const auto choices, fields.Int("n", 1, 128));
  if (choices) request.choices = static_cast<uint32_t>(*choices);
  return Status::Ok();
}

Result<StreamChoice> ReadStream(const FieldReader& fields) {
  StreamChoice choice;
  BP_ASSIGN_OR_RETURN(const auto stream, fields.Bool("stream"));
  choice.stream = stream.value_or(false);
  const Json* options = fields.Get("stream_options");
  if (options == nullptr) return choice;
  if (!options->is_object()) return fields.WrongType("stream_options", "an object", *options);
  if (!choice.stream) {
    return Status::InvalidArgument("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
        .WithParam("stream_options");
  }
  BP_ASSIGN_OR_RETURN(const auto usage, FieldReader(*options, "stream_options").Bool("include_usage"));
  choice.include_usage = usage.value_or(false);
  return choice;
}

}  // namespace bedplate::openai
