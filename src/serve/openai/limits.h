#pragma once
/// A key's limits in OpenAI's fields: x-ratelimit-{limit,remaining,reset}-{requests,tokens}, the reset as "12ms" or
/// "6m0s". Source: https://platform.openai.com/docs/guides/rate-limits.

#include <cstdint>
#include <vector>

#include "request/admission.h"
#include "serve/http_message.h"

namespace bedplate::openai {

void AppendLimitFields(const RateLimits& rates, int64_t unix_seconds, std::vector<HttpField>& fields);

}  // namespace bedplate::openai
