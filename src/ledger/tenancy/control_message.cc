#include "ledger/tenancy/control_message.h"

#include <optional>

#include "base/cat.h"

namespace bedplate {
namespace {

std::optional<StatusCode> CodeNamed(std::string_view name) {
  for (uint8_t code = 1; code <= static_cast<uint8_t>(StatusCode::kInternal); ++code) {
    if (StatusCodeName(static_cast<StatusCode>(code)) == name) return static_cast<StatusCode>(code);
  }
  return std::nullopt;
}

std::string TextAt(const Json& object, std::string_view name) {
  const Json* const value = object.Find(name);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

}  // namespace

std::string ControlLine(const ControlRequest& request) {
  return WriteJson(Json::Object{{"verb", request.verb}, {"arguments", request.arguments}});
}

Result<ControlRequest> ParseControlRequest(std::string_view line) {
  BP_ASSIGN_OR_RETURN(const Json said, ParseJson(line));
  const Json* const verb = said.Find("verb");
  const Json* const arguments = said.Find("arguments");
  const bool whole = verb != nullptr && verb->is_string() && arguments != nullptr && arguments->is_object() &&
                     said.as_object().size() == 2;
  if (!whole) return Status::InvalidArgument("a command says its verb, a string, and its arguments, an object");
  return ControlRequest{.verb = verb->as_string(), .arguments = *arguments};
}

std::string ControlReply(const Result<Json>& done) {
  if (done.ok()) return WriteJson(Json::Object{{"done", *done}});
  const Status& status = done.status();
  return WriteJson(Json::Object{{"error", Json::Object{{"code", std::string(StatusCodeName(status.code()))},
                                                       {"message", status.message()},
                                                       {"reason", status.reason()},
                                                       {"param", status.param()}}}});
}

Result<Json> ParseControlReply(std::string_view line) {
  const Status no_reply = Status::DataLoss("the server's answer is none of this build's; is it another version?");
  const Result<Json> said = ParseJson(line);
  if (!said.ok() || !said->is_object()) return no_reply;
  if (const Json* const done = said->Find("done")) return *done;
  const Json* const error = said->Find("error");
  const auto code = error == nullptr ? std::nullopt : CodeNamed(TextAt(*error, "code"));
  if (!code) return no_reply;
  return Status(*code, TextAt(*error, "message"))
      .WithReason(TextAt(*error, "reason"))
      .WithParam(TextAt(*error, "param"));
}

}  // namespace bedplate
