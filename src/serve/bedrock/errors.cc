#include "serve/bedrock/errors.h"

#include "base/cat.h"
#include "base/json.h"
#include "serve/bedrock/event_message.h"
#include "serve/http_status.h"
#include "serve/sigv4.h"

namespace bedplate::bedrock {
namespace {

struct Exception {
  std::string_view name;
  int http_status;
};

// AWS answers 403 to all that is wrong with credentials.
Exception CredentialsException(const Status& status) {
  const std::string_view reason = status.reason();
  if (reason == kReasonIncompleteSignature) return {"IncompleteSignatureException", 403};
  if (reason == kReasonInvalidSignature) return {"InvalidSignatureException", 403};
  if (reason == kReasonInvalidToken || reason == "unknown_access_key") return {"UnrecognizedClientException", 403};
  if (reason == "missing_api_key") return {"MissingAuthenticationTokenException", 403};
  if (reason == "expired_key") return {"ExpiredTokenException", 403};
  return {"AccessDeniedException", 403};
}

Exception ExceptionOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kUnauthenticated:
    case StatusCode::kPermissionDenied:
      return CredentialsException(status);
    case StatusCode::kInvalidArgument:
      if (status.reason() == kReasonMethodNotAllowed) return {"UnknownOperationException", 404};
      return {"ValidationException", 400};
    case StatusCode::kTooLarge:
    case StatusCode::kConflict:
    case StatusCode::kUnimplemented:
      return {"ValidationException", 400};
    case StatusCode::kNotFound:
      return {status.reason() == "unknown_url" ? "UnknownOperationException" : "ResourceNotFoundException", 404};
    case StatusCode::kResourceExhausted:
      if (status.reason() == kReasonInsufficientQuota) return {"ServiceQuotaExceededException", 400};
      return {"ThrottlingException", 429};
    case StatusCode::kUnavailable:
      if (status.reason() == "model_loading") return {"ModelNotReadyException", 429};
      return {"ServiceUnavailableException", 503};
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kCancelled:
      return {"ModelTimeoutException", 408};
    case StatusCode::kOk:
    case StatusCode::kDataLoss:
    case StatusCode::kIoError:
    case StatusCode::kInternal:
      break;
  }
  return {"InternalServerException", 500};
}

std::string MessageOf(const Status& status) {
  // The words that clients look for to make their conversation shorter.
  if (status.reason() == "context_length_exceeded") {
    return Cat("Input is too long for requested model: ", status.message());
  }
  return MessageFor(status);
}

}  // namespace

HttpResponse ErrorResponse(const Status& status, std::string_view request_id) {
  const Exception exception = ExceptionOf(status);
  HttpResponse response{.status = exception.http_status,
                        .fields = {{"content-type", "application/json"},
                                   {"x-amzn-errortype", std::string(exception.name)},
                                   {"x-amzn-requestid", std::string(request_id)}},
                        .body = WriteJson(Json::Object{{"message", MessageOf(status)}})};
  AddRetryFields(status, response);
  return response;
}

void AppendStreamFailure(const Status& status, std::string& out) {
  const std::string_view name = ExceptionOf(status).name;
  std::string_view type = "modelStreamErrorException";
  if (name == "ValidationException") type = "validationException";
  if (name == "ThrottlingException") type = "throttlingException";
  if (name == "InternalServerException") type = "internalServerException";
  if (name == "ServiceUnavailableException" || name == "ModelNotReadyException") type = "serviceUnavailableException";
  AppendException(type, MessageOf(status), out);
}

}  // namespace bedplate::bedrock
