#pragma once
/// Errors in OpenAI's shape: {"error":{"message","type","param","code"}}, code a string or null. The SDK picks its
/// exception by the HTTP status. Source: https://platform.openai.com/docs/guides/error-codes.

#include <string>
#include <string_view>

#include "base/status.h"
#include "serve/http_message.h"

namespace bedplate::openai {

/// Appends {"error":{...}}.
void AppendError(const Status& status, std::string& out);

/// Body, content type, and for 429 and 503 when to come back: retry-after (s), retry-after-ms, x-should-retry.
HttpResponse ErrorResponse(const Status& status, std::string_view request_id);

}  // namespace bedplate::openai
