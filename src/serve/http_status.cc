#include "serve/http_status.h"

#include <algorithm>

#include "base/cat.h"
#include "ledger/tenancy/key_text.h"
#include "serve/http_codec.h"

namespace bedplate {
namespace {

constexpr uint32_t kRetryMsMax = 60'000;

}  // namespace

int HttpStatusOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return 200;
    case StatusCode::kInvalidArgument:
      if (status.reason() == kReasonMethodNotAllowed) return 405;
      if (status.reason() == kReasonExpectation) return 417;
      if (status.reason() == kReasonContentEncoding) return 415;
      return 400;
    case StatusCode::kUnauthenticated:
      return 401;
    case StatusCode::kPermissionDenied:
      return 403;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kConflict:
      return 409;
    case StatusCode::kTooLarge:
      return status.reason() == kReasonHeadTooLarge ? 431 : 413;
    case StatusCode::kResourceExhausted:
      return status.reason() == "disk_full" ? 503 : 429;  // not what the client has used up
    case StatusCode::kCancelled:
      return 499;
    case StatusCode::kDeadlineExceeded:
      return 408;
    case StatusCode::kUnimplemented:
      return status.reason() == kReasonHttpVersion ? 505 : 501;
    case StatusCode::kUnavailable:
      return 503;
    case StatusCode::kDataLoss:
    case StatusCode::kIoError:
    case StatusCode::kInternal:
      return 500;
  }
  return 500;
}

std::string MessageFor(const Status& status) {
  return WithoutKeys(status.message().empty() ? StatusCodeName(status.code()) : std::string_view(status.message()));
}

void AddRetryFields(const Status& status, HttpResponse& response) {
  if (status.reason() == "deadline_passed") response.fields.push_back({"x-should-retry", "false"});
  const bool used_up = status.reason() == kReasonInsufficientQuota;
  if (used_up && (status.retry_after_ms() == 0 || status.retry_after_ms() > kRetryMsMax)) {
    response.fields.push_back({"x-should-retry", "false"});
    return;
  }
  const bool not_now = response.status == 429 || response.status == 503 || response.status == 529;
  if (!not_now) return;
  const uint32_t ms = status.retry_after_ms() == 0 ? 1000 : std::min(status.retry_after_ms(), kRetryMsMax);
  response.fields.push_back({"retry-after", Cat((ms + 999) / 1000)});
  response.fields.push_back({"retry-after-ms", Cat(ms)});
  response.fields.push_back({"x-should-retry", "true"});
}

}  // namespace bedplate
