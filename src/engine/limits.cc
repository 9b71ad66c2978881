// The ranges of a request's numbers, as OpenAI's API documents and words them.

#include <cmath>
#include <string_view>
#include <variant>

#include "base/cat.h"
#include "engine/prepare.h"

namespace bedplate {
namespace {

constexpr uint32_t kChoicesMost = 128;
constexpr size_t kStopStringsMost = 16;
constexpr size_t kStopTokensMost = 1024;
constexpr size_t kStopStringBytesMost = 4096;
constexpr uint32_t kLogprobsTopMost = 20;

struct Range {
  std::string_view name;
  float least, most;
  bool least_excluded = false;
};

Status BadParameter(std::string_view name, std::string_view what, std::string reason) {
  return Status::InvalidArgument(Cat("Invalid '", name, "': ", what))
      .WithParam(std::string(name))
      .WithReason(std::move(reason));
}

Status CheckDecimal(const Range& range, float value) {
  if (std::isnan(value)) return BadParameter(range.name, "not a number.", "invalid_value");
  if (value > range.most) {
    return BadParameter(
        range.name,
        Cat("decimal above maximum value. Expected a value <= ", range.most, ", but got ", value, " instead."),
        "decimal_above_max_value");
  }
  if (value < range.least || (range.least_excluded && value == range.least)) {
    return BadParameter(range.name,
                        Cat("decimal below minimum value. Expected a value ",
                            range.least_excluded ? "> " : ">= ", range.least, ", but got ", value, " instead."),
                        "decimal_below_min_value");
  }
  return Status::Ok();
}

Status CheckInteger(std::string_view name, uint64_t value, uint64_t least, uint64_t most) {
  if (value > most) {
    return BadParameter(
        name, Cat("integer above maximum value. Expected a value <= ", most, ", but got ", value, " instead."),
        "integer_above_max_value");
  }
  if (value < least) {
    return BadParameter(
        name, Cat("integer below minimum value. Expected a value >= ", least, ", but got ", value, " instead."),
        "integer_below_min_value");
  }
  return Status::Ok();
}

Status CheckToken(std::string_view name, TokenId token, uint32_t vocabulary) {
  if (token.value >= 0 && static_cast<uint32_t>(token.value) < vocabulary) return Status::Ok();
  return BadParameter(
      name, Cat("token id ", token.value, " is not in the model's vocabulary; ids are 0 to ", vocabulary - 1, "."),
      "invalid_value");
}

Status CheckSampling(const SamplingParams& p, uint32_t vocabulary) {
  BP_RETURN_IF_ERROR(CheckDecimal({"temperature", 0, 2}, p.temperature));
  BP_RETURN_IF_ERROR(CheckDecimal({"top_p", 0, 1, true}, p.top_p));
  BP_RETURN_IF_ERROR(CheckDecimal({"min_p", 0, 1}, p.min_p));
  BP_RETURN_IF_ERROR(CheckDecimal({"typical_p", 0, 1, true}, p.typical_p));
  BP_RETURN_IF_ERROR(CheckDecimal({"repetition_penalty", 0, 10, true}, p.repetition_penalty));
  BP_RETURN_IF_ERROR(CheckDecimal({"frequency_penalty", -2, 2}, p.frequency_penalty));
  BP_RETURN_IF_ERROR(CheckDecimal({"presence_penalty", -2, 2}, p.presence_penalty));
  for (const auto& [token, bias] : p.logit_bias) {
    BP_RETURN_IF_ERROR(CheckToken("logit_bias", token, vocabulary));
    BP_RETURN_IF_ERROR(CheckDecimal({"logit_bias", -100, 100}, bias));
  }
  return Status::Ok();
}

Status CheckStops(const Request& request, uint32_t vocabulary) {
  if (request.stop_strings.size() > kStopStringsMost) {
    return BadParameter("stop",
                        Cat("array too long. Expected an array with maximum length ", kStopStringsMost,
                            ", but got an array with length ", request.stop_strings.size(), " instead."),
                        "array_above_max_length");
  }
  for (const std::string& stop : request.stop_strings) {
    if (stop.empty())
      return BadParameter("stop", "a stop string is empty; each must have at least one character.", "empty_string");
    if (stop.size() > kStopStringBytesMost) {
      return BadParameter(
          "stop",
          Cat("string too long. Expected at most ", kStopStringBytesMost, " bytes, but got ", stop.size(), " instead."),
          "string_above_max_length");
    }
  }
  if (request.stop_tokens.size() > kStopTokensMost) {
    return BadParameter("stop_token_ids",
                        Cat("array too long. Expected an array with maximum length ", kStopTokensMost,
                            ", but got an array with length ", request.stop_tokens.size(), " instead."),
                        "array_above_max_length");
  }
  for (const TokenId token : request.stop_tokens) BP_RETURN_IF_ERROR(CheckToken("stop_token_ids", token, vocabulary));
  return Status::Ok();
}

bool ForcesCall(const Request& request) {
  const auto* chat = std::get_if<ChatPrompt>(&request.prompt);
  return chat != nullptr && chat->tool_choice.kind != ToolChoice::Kind::kAuto;
}

}  // namespace

Status CheckLimits(const Request& request, uint32_t vocabulary) {
  BP_RETURN_IF_ERROR(CheckSampling(request.sampling, vocabulary));
  BP_RETURN_IF_ERROR(CheckInteger("n", request.choices, 1, kChoicesMost));
  BP_RETURN_IF_ERROR(CheckStops(request, vocabulary));
  if (request.ignore_end_of_generation && (request.constraint.has_value() || ForcesCall(request))) {
    return BadParameter("ignore_eos", "an output that is held to a format ends where the format does.",
                        "invalid_value");
  }
  if (request.logprobs_top.has_value()) {
    BP_RETURN_IF_ERROR(CheckInteger("top_logprobs", *request.logprobs_top, 0, kLogprobsTopMost));
  }
  if (request.prompt_logprobs_top.has_value()) {
    BP_RETURN_IF_ERROR(CheckInteger("prompt_logprobs", *request.prompt_logprobs_top, 0, kLogprobsTopMost));
  }
  return Status::Ok();
}

}  // namespace bedplate
