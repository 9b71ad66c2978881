#include "serve/anthropic/limits.h"

#include <ctime>
#include <string>
#include <string_view>

#include "base/cat.h"

namespace bedplate::anthropic {
namespace {

// RFC 3339, UTC.
std::string TimeText(int64_t unix_seconds) {
  const auto seconds = static_cast<time_t>(unix_seconds);
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

void Append(std::string_view what, const std::optional<RateLimit>& rate, int64_t now, std::vector<HttpField>& fields) {
  if (!rate) return;
  const int64_t reset_seconds = (rate->reset.count() + 999'999'999) / 1'000'000'000;
  fields.push_back({Cat("anthropic-ratelimit-", what, "-limit"), Cat(rate->limit)});
  fields.push_back({Cat("anthropic-ratelimit-", what, "-remaining"), Cat(rate->remaining)});
  fields.push_back({Cat("anthropic-ratelimit-", what, "-reset"), TimeText(now + reset_seconds)});
}

}  // namespace

void AppendLimitFields(const RateLimits& rates, int64_t unix_seconds, std::vector<HttpField>& fields) {
  Append("requests", rates.requests, unix_seconds, fields);
  Append("tokens", rates.tokens, unix_seconds, fields);
}

}  // namespace bedplate::anthropic
