#include "serve/bedrock/dialects.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/cat.h"
#include "serve/bedrock/converse_content.h"
#include "serve/bedrock/converse_decode.h"
#include "serve/bedrock/errors.h"
#include "serve/bedrock/invoke.h"
#include "serve/bedrock/model_id.h"

namespace bedplate::bedrock {
namespace {

Status RefuseGuardrails(const HttpRequest& head) {
  for (const std::string_view name : {"x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-guardrailversion"}) {
    if (head.Find(name) == nullptr) continue;
    return Unsupported(std::string(name), Cat(name, ": not supported: there are no guardrails here."));
  }
  return Status::Ok();
}

Dialect Converse(bool stream) {
  return {.decode = [stream](const Json& body, const HttpRequest& head) -> Result<Call> {
            BP_ASSIGN_OR_RETURN(std::string model, ModelIdOf(head.path));
            return DecodeConverse(body, {.model = std::move(model), .stream = stream});
          },
          .error_response = &ErrorResponse};
}

Dialect Invoke(bool stream) {
  return {.decode = [stream](const Json& body, const HttpRequest& head) -> Result<Call> {
            BP_RETURN_IF_ERROR(RefuseGuardrails(head));
            BP_ASSIGN_OR_RETURN(std::string model, ModelIdOf(head.path));
            return DecodeInvoke(body, {.model = std::move(model), .stream = stream});
          },
          .error_response = &ErrorResponse};
}

// {"input": {"converse": {...}}} or {"input": {"invokeModel": {"body": base64}}}.
Result<Call> DecodeCounting(const Json& body, const HttpRequest& head) {
  BP_ASSIGN_OR_RETURN(std::string model, ModelIdOf(head.path));
  const Json* input = body.Find("input");
  if (input == nullptr) return Status::InvalidArgument("input: required.").WithParam("input");
  BP_ASSIGN_OR_RETURN(const auto member, ReadUnion(*input, "input"));
  if (*member.first == "converse") return DecodeConverse(*member.second, {.model = std::move(model)});
  if (*member.first != "invokeModel") {
    return Status::InvalidArgument("input: allowed: converse or invokeModel.").WithParam("input");
  }
  const Json* encoded = member.second->Find("body");
  const auto text = encoded != nullptr && encoded->is_string() ? DecodeBase64(encoded->as_string()) : std::nullopt;
  const Result<Json> inner = text ? ParseJson(*text) : Result<Json>(Status::InvalidArgument("it is no base64"));
  if (!inner.ok()) {
    return Status::InvalidArgument(Cat("input.invokeModel.body: ", inner.status().message())).WithParam("input");
  }
  return DecodeInvoke(*inner, {.model = std::move(model), .counting = true});
}

}  // namespace

Dialects MakeDialects() {
  return {.converse = Converse(false),
          .converse_stream = Converse(true),
          .invoke = Invoke(false),
          .invoke_stream = Invoke(true),
          .count_tokens = {.decode = &DecodeCounting, .error_response = &ErrorResponse}};
}

bool IsBedrockPath(std::string_view path) {
  if (path == "/foundation-models" || path == "/async-invoke") return true;
  constexpr std::string_view kBeginnings[] = {"/model/", "/foundation-models/", "/async-invoke/", "/guardrail/",
                                              "/guardrail-checks/"};
  return std::ranges::any_of(kBeginnings, [&](std::string_view beginning) { return path.starts_with(beginning); });
}

}  // namespace bedplate::bedrock
