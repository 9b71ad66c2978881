#pragma once
/// A key's limits in Anthropic's fields: anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}, the reset as a
/// time. Source: https://docs.anthropic.com/en/api/rate-limits.

#include <cstdint>
#include <vector>

#include "request/admission.h"
#include "serve/http_message.h"

namespace bedplate::anthropic {

void AppendLimitFields(const RateLimits& rates, int64_t unix_seconds, std::vector<HttpField>& fields);

}  // namespace bedplate::anthropic
