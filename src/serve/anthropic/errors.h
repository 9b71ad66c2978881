#pragma once
/// Errors in Anthropic's shape: {"type":"error","error":{"type","message"},"request_id"}. The SDK picks its exception
/// by the HTTP status; 529 is "overloaded". Source: https://docs.anthropic.com/en/api/errors.

#include <string>
#include <string_view>

#include "base/status.h"
#include "serve/http_message.h"

namespace bedplate::anthropic {

/// Appends the object.
void AppendError(const Status& status, std::string_view request_id, std::string& out);

/// What can't be taken now (a full queue, a model that is loading, a shutdown) is 529; a key's own limit is 429. Both
/// say when to come back.
HttpResponse ErrorResponse(const Status& status, std::string_view request_id);

}  // namespace bedplate::anthropic
