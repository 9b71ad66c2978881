#include "base/cat.h"
#include "serve/openai/decode.h"
#include "serve/openai/decode_common.h"
#include "serve/openai/encode.h"
#include "serve/openai/errors.h"
#include "serve/openai/fields.h"
#include "serve/openai/limits.h"

namespace bedplate::openai {
namespace {

constexpr std::string_view kPromptForms = "a string, an array of strings, an array of token ids or an array of those";
constexpr uint32_t kOutputTokensDefault = 16;  // OpenAI's

Result<Prompt> ReadTokens(const Json& list, const std::string& path) {
  TokenPrompt prompt;
  prompt.tokens.reserve(list.as_array().size());
  for (const Json& item : list.as_array()) {
    if (!item.is_int()) return WrongType(path, "an array of token ids", item);
    if (item.as_int() < 0 || item.as_int() > INT32_MAX) {
      return Status::InvalidArgument(Cat("Invalid '", path, "': ", item.as_int(), " is not a token id."))
          .WithParam(path);
    }
    prompt.tokens.push_back(TokenId{static_cast<int32_t>(item.as_int())});
  }
  return Prompt(std::move(prompt));
}

Result<std::vector<Prompt>> ReadPrompts(const FieldReader& fields, const CompletionsLimits& limits) {
  const Json* prompt = fields.Get("prompt");
  if (prompt == nullptr) {
    return Status::InvalidArgument("Missing required parameter: 'prompt'.")
        .WithParam("prompt")
        .WithReason("missing_required_parameter");
  }
  std::vector<Prompt> prompts;
  if (prompt->is_string()) {
    prompts.emplace_back(TextPrompt{prompt->as_string()});
    return prompts;
  }
  if (!prompt->is_array()) return fields.WrongType("prompt", kPromptForms, *prompt);
  const Json::Array& list = prompt->as_array();
  if (list.empty()) return Status::InvalidArgument("Invalid 'prompt': empty array.").WithParam("prompt");
  if (list[0].is_number()) {
    BP_ASSIGN_OR_RETURN(Prompt tokens, ReadTokens(*prompt, "prompt"));
    prompts.push_back(std::move(tokens));
    return prompts;
  }
  if (list.size() > limits.prompts_max) {
    return Status::InvalidArgument(
               Cat("Invalid 'prompt': ", list.size(), " prompts in one request; allowed: ", limits.prompts_max, "."))
        .WithParam("prompt");
  }
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string path = Cat("prompt[", i, "]");
    if (list[i].is_string() && list[0].is_string()) {
      prompts.emplace_back(TextPrompt{list[i].as_string()});
    } else if (list[i].is_array() && list[0].is_array()) {
      BP_ASSIGN_OR_RETURN(Prompt tokens, ReadTokens(list[i], path));
      prompts.push_back(std::move(tokens));
    } else {
      return WrongType(path, kPromptForms, list[i]);
    }
  }
  return prompts;
}

Status ReadCompletionLimits(const FieldReader& fields, Request& request) {
  BP_ASSIGN_OR_RETURN(const auto echo, fields.Bool("echo"));
  request.echo = echo.value_or(false);
  BP_ASSIGN_OR_RETURN(const auto most, fields.Int("max_tokens", request.echo ? 0 : 1, INT32_MAX));
  request.output_tokens_max = most ? static_cast<uint32_t>(*most) : kOutputTokensDefault;
  BP_ASSIGN_OR_RETURN(const auto logprobs, fields.Int("logprobs", 0, kLogprobsMax));
  if (logprobs) {
    request.logprobs_top = static_cast<uint32_t>(*logprobs);
    if (request.echo) request.prompt_logprobs_top = request.logprobs_top;
  }
  return Status::Ok();
}

Status RefuseUnsupported(const FieldReader& fields, const Request& request) {
  BP_ASSIGN_OR_RETURN(const std::string* suffix, fields.String("suffix"));
  if (suffix != nullptr && !suffix->empty()) {
    return Unsupported("suffix",
                       "'suffix' is not supported: write the model's own fill-in-the-middle tokens into 'prompt'.");
  }
  BP_ASSIGN_OR_RETURN(const auto best_of, fields.Int("best_of", 1, 128));
  if (best_of && *best_of != request.choices) {
    return Unsupported("best_of", Cat("'best_of' is ", *best_of, " and 'n' is ", request.choices,
                                      "; this build only supports equal values."));
  }
  return Status::Ok();
}

}  // namespace

Result<Call> DecodeCompletions(const Json& body, const CompletionsLimits& limits) {
  BP_RETURN_IF_ERROR(CheckIsObject(body));
  const FieldReader fields(body, "", CompletionsFields());
  Call call;
  BP_ASSIGN_OR_RETURN(call.model, fields.RequiredString("model"));
  BP_ASSIGN_OR_RETURN(std::vector<Prompt> prompts, ReadPrompts(fields, limits));
  Request request;
  BP_RETURN_IF_ERROR(ReadCommon(fields, request));
  BP_RETURN_IF_ERROR(ReadChoices(fields, request));
  BP_RETURN_IF_ERROR(ReadCompletionLimits(fields, request));
  BP_RETURN_IF_ERROR(RefuseUnsupported(fields, request));
  BP_RETURN_IF_ERROR(ReadConstraint(fields, request));
  // Every choice carries the prompt's text and log-probabilities again, so their number bounds the answer's size.
  constexpr size_t kChoicesInAllMax = 128;
  if (prompts.size() * request.choices > kChoicesInAllMax) {
    return Status::InvalidArgument(Cat("'prompt' holds ", prompts.size(), " and 'n' is ", request.choices,
                                       "; together at most ", kChoicesInAllMax, " choices in one request."))
        .WithParam("n")
        .WithReason("invalid_value");
  }
  if (request.prompt_logprobs_top && request.choices > 1) {
    return Unsupported(
        "n",
        "'n' above 1 together with 'echo' and 'logprobs' is not supported: every choice would repeat the prompt's.");
  }
  BP_ASSIGN_OR_RETURN(const StreamChoice stream, ReadStream(fields));
  const CompletionsReplyOptions reply{.stream = stream.stream,
                                      .include_usage = stream.include_usage,
                                      .logprobs = request.logprobs_top.has_value(),
                                      .prompts = static_cast<uint32_t>(prompts.size()),
                                      .choices = request.choices};
  for (Prompt& prompt : prompts) {
    call.requests.push_back(request);
    call.requests.back().prompt = std::move(prompt);
  }
  call.stream = stream.stream;
  call.make_encoder = [reply](const ReplyIdentity& identity) { return MakeCompletionsEncoder(reply, identity); };
  return call;
}

Dialect CompletionsDialect(CompletionsLimits limits) {
  return {.decode = [limits](const Json& body, const HttpRequest&) { return DecodeCompletions(body, limits); },
          .error_response = &ErrorResponse,
          .limit_fields = &AppendLimitFields};
}

}  // namespace bedplate::openai
