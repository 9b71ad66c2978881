#include "serve/openai/limits.h"

#include <string>
#include <string_view>

#include "base/cat.h"

namespace bedplate::openai {
namespace {

// "0s", "12ms", "7.66s", "6m0s": whole milliseconds, rounded up.
std::string DurationText(Duration time) {
  const int64_t ms = (time.count() + 999'999) / 1'000'000;
  if (ms == 0) return "0s";
  if (ms < 1000) return Cat(ms, "ms");
  std::string seconds = Cat(ms / 1000 % 60);
  if (ms % 1000 != 0) {
    seconds += fmt::format(".{:03}", ms % 1000);
    seconds.erase(seconds.find_last_not_of('0') + 1);
  }
  return ms < 60'000 ? Cat(seconds, "s") : Cat(ms / 60'000, "m", seconds, "s");
}

void Append(std::string_view what, const std::optional<RateLimit>& rate, std::vector<HttpField>& fields) {
  if (!rate) return;
  fields.push_back({Cat("x-ratelimit-limit-", what), Cat(rate->limit)});
  fields.push_back({Cat("x-ratelimit-remaining-", what), Cat(rate->remaining)});
  fields.push_back({Cat("x-ratelimit-reset-", what), DurationText(rate->reset)});
}

}  // namespace

void AppendLimitFields(const RateLimits& rates, int64_t, std::vector<HttpField>& fields) {
  Append("requests", rates.requests, fields);
  Append("tokens", rates.tokens, fields);
}

}  // namespace bedplate::openai
