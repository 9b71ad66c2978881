#pragma once
/// Errors as values. A Status says what was wrong, what is allowed and what to do, in words for the caller's user.
/// Result<T> is a T or a Status.
///
///   Result<File> file = Open(path);
///   if (!file.ok()) return file.status();
///   BP_ASSIGN_OR_RETURN(const File file, Open(path));   // the same in one line
///   BP_RETURN_IF_ERROR(Write(file));

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace bedplate {

enum class StatusCode : uint8_t {
  kOk,
  kInvalidArgument,    // the caller's input is wrong whatever our state (HTTP 400)
  kUnauthenticated,    // no credentials, or wrong ones (401)
  kPermissionDenied,   // known, but not allowed (403)
  kNotFound,           // no such model, file, id (404)
  kConflict,           // clashes with the present state (409)
  kTooLarge,           // a body, header or field over its cap (413)
  kResourceExhausted,  // queue, pages or quota full; trying later helps (429)
  kCancelled,          // the caller went away or asked to stop (499)
  kDeadlineExceeded,   // took longer than allowed (408 or 504)
  kUnimplemented,      // a valid wish that this build can't serve (501)
  kUnavailable,        // not ready or shutting down; trying later helps (503)
  kDataLoss,           // a file is truncated, corrupt or hostile
  kIoError,            // the operating system refused: errno is in the message
  kInternal,           // our bug, reported instead of crashing (500)
};

std::string_view StatusCodeName(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return {}; }
  static Status InvalidArgument(std::string m) { return {StatusCode::kInvalidArgument, std::move(m)}; }
  static Status NotFound(std::string m) { return {StatusCode::kNotFound, std::move(m)}; }
  static Status TooLarge(std::string m) { return {StatusCode::kTooLarge, std::move(m)}; }
  static Status ResourceExhausted(std::string m) { return {StatusCode::kResourceExhausted, std::move(m)}; }
  static Status Cancelled(std::string m) { return {StatusCode::kCancelled, std::move(m)}; }
  static Status Unimplemented(std::string m) { return {StatusCode::kUnimplemented, std::move(m)}; }
  static Status Unavailable(std::string m) { return {StatusCode::kUnavailable, std::move(m)}; }
  static Status DataLoss(std::string m) { return {StatusCode::kDataLoss, std::move(m)}; }
  static Status IoError(std::string m) { return {StatusCode::kIoError, std::move(m)}; }
  static Status Internal(std::string m) { return {StatusCode::kInternal, std::move(m)}; }

  /// The field of the request that is wrong, as a path such as "messages[2].content". May be empty.
  Status&& WithParam(std::string param) && {
    param_ = std::move(param);
    return std::move(*this);
  }
  /// A stable machine-readable reason such as "context_length_exceeded". May be empty.
  Status&& WithReason(std::string reason) && {
    reason_ = std::move(reason);
    return std::move(*this);
  }
  /// When trying again may help; 0 means not stated.
  Status&& WithRetryAfterMs(uint32_t ms) && {
    retry_after_ms_ = ms;
    return std::move(*this);
  }

  [[nodiscard]] bool ok() const { return code_ == StatusCode::kOk; }
  [[nodiscard]] StatusCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const std::string& param() const { return param_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] uint32_t retry_after_ms() const { return retry_after_ms_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  uint32_t retry_after_ms_ = 0;
  std::string message_;
  std::string param_;
  std::string reason_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}        // NOLINT: implicit by design
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {  // NOLINT: implicit by design
    BP_CHECK(!std::get<1>(state_).ok());
  }
  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  [[nodiscard]] const Status& status() const& {
    static const Status kOk;
    return ok() ? kOk : std::get<1>(state_);
  }
  [[nodiscard]] Status status() && { return ok() ? Status() : std::move(std::get<1>(state_)); }
  T& value() & {
    BP_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    BP_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    BP_CHECK(ok());
    return std::move(std::get<0>(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

#define BP_RETURN_IF_ERROR(expression)            \
  do {                                            \
    ::bedplate::Status bp_status_ = (expression); \
    if (!bp_status_.ok()) return bp_status_;      \
  } while (false)

#define BP_CONCAT_INNER(a, b) a##b
#define BP_CONCAT(a, b) BP_CONCAT_INNER(a, b)
#define BP_ASSIGN_OR_RETURN(declaration, expression) \
  BP_ASSIGN_OR_RETURN_IMPL(BP_CONCAT(bp_result_, __LINE__), declaration, expression)
#define BP_ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).status();            \
  declaration = std::move(result).value()

}  // namespace bedplate
