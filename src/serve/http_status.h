#pragma once
/// The one place where a Status becomes an HTTP status code.

#include "base/status.h"
#include "serve/http_message.h"

namespace bedplate {

inline constexpr std::string_view kReasonMethodNotAllowed = "method_not_allowed";
inline constexpr std::string_view kReasonContentEncoding = "unsupported_content_encoding";
inline constexpr std::string_view kReasonInsufficientQuota = "insufficient_quota";  // a budget is used up

int HttpStatusOf(const Status& status);

/// What a client is told in words. What of it repeats what the client sent shows no key.
std::string MessageFor(const Status& status);

/// When to come back, for an answer that says "not now": retry-after (s), retry-after-ms, x-should-retry. At most a
/// minute: one SDK gives up on waits over 120 s, another waits as long as it is told. SDKs would also try a 408 again:
/// where the time that passed was the answer's, they are told not to; so they are where a budget is used up for longer
/// than that.
void AddRetryFields(const Status& status, HttpResponse& response);

}  // namespace bedplate
