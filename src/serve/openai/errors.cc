#include "serve/openai/errors.h"

#include "base/cat.h"
#include "base/json.h"
#include "ledger/tenancy/key_text.h"
#include "serve/http_status.h"

namespace bedplate::openai {
namespace {

std::string_view TypeOf(const Status& status, int http_status) {
  if (status.reason() == kReasonInsufficientQuota) return kReasonInsufficientQuota;
  switch (http_status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return http_status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string_view CodeOf(const Status& status, int http_status) {
  if (!status.reason().empty()) return status.reason();
  switch (http_status) {
    case 401:
      return "invalid_api_key";
    case 429:
      return "rate_limit_exceeded";
    default:
      return "";
  }
}

std::string MessageOf(const Status& status) {
  // OpenAI's SDK for Python gives the message alone as an error's text, and LangChain looks for the code in that.
  if (status.reason() == "context_length_exceeded") return Cat(status.message(), " (context_length_exceeded)");
  return MessageFor(status);
}

}  // namespace

void AppendError(const Status& status, std::string& out) {
  const int http_status = HttpStatusOf(status);
  const std::string_view code = CodeOf(status, http_status);
  JsonWriter w(out);
  const auto string_or_null = [&](std::string_view value) { value.empty() ? w.Null() : w.String(value); };
  w.BeginObject();
  w.Key("error");
  w.BeginObject();
  w.Key("message");
  w.String(MessageOf(status));
  w.Key("type");
  w.String(TypeOf(status, http_status));
  w.Key("param");
  string_or_null(WithoutKeys(status.param()));
  w.Key("code");
  string_or_null(code);
  w.EndObject();
  w.EndObject();
}

HttpResponse ErrorResponse(const Status& status, std::string_view) {
  HttpResponse response{.status = HttpStatusOf(status), .fields = {{"content-type", "application/json"}}, .body = {}};
  AppendError(status, response.body);
  AddRetryFields(status, response);
  return response;
}

}  // namespace bedplate::openai
