#include "serve/anthropic/errors.h"

#include "base/cat.h"
#include "base/json.h"
#include "serve/http_status.h"

namespace bedplate::anthropic {
namespace {

constexpr int kOverloaded = 529;

int StatusOf(const Status& status) {
  const bool queue = status.code() == StatusCode::kResourceExhausted && status.reason() == "queue_full";
  // A spend limit that an organisation set for itself is a 400 there, which no SDK tries again.
  if (status.reason() == kReasonInsufficientQuota) return 400;
  if (queue || status.code() == StatusCode::kUnavailable) return kOverloaded;
  return HttpStatusOf(status);
}

std::string_view TypeOf(int http_status) {
  switch (http_status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 408:
      return "timeout_error";
    case 409:
      return "conflict_error";
    case 413:
    case 431:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case kOverloaded:
      return "overloaded_error";
    default:
      return http_status >= 500 ? "api_error" : "invalid_request_error";
  }
}

std::string MessageOf(const Status& status) {
  // The words that clients look for to make their conversation shorter.
  if (status.reason() == "context_length_exceeded") return Cat("prompt is too long: ", status.message());
  if (status.reason() == kReasonInsufficientQuota) {
    return Cat("You have reached your specified API usage limits: ", MessageFor(status));
  }
  return MessageFor(status);
}

}  // namespace

void AppendError(const Status& status, std::string_view request_id, std::string& out) {
  JsonWriter w(out);
  w.BeginObject();
  w.Key("type");
  w.String("error");
  w.Key("error");
  w.BeginObject();
  w.Key("type");
  w.String(TypeOf(StatusOf(status)));
  w.Key("message");
  w.String(MessageOf(status));
  w.EndObject();
  w.Key("request_id");
  w.String(request_id);
  w.EndObject();
}

HttpResponse ErrorResponse(const Status& status, std::string_view request_id) {
  HttpResponse response{.status = StatusOf(status), .fields = {{"content-type", "application/json"}}, .body = {}};
  AppendError(status, request_id, response.body);
  AddRetryFields(status, response);
  return response;
}

}  // namespace bedplate::anthropic
