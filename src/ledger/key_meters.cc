#include "ledger/key_meters.h"

#include <algorithm>
#include <utility>

#include "ledger/rate_meter.h"

namespace bedplate {
namespace {

constexpr uint32_t kConcurrencyRetryMs = 1000;  // when a running request ends is anybody's guess

uint32_t Millis(Duration time) {  // rounded up: a client that comes back then is let in
  return static_cast<uint32_t>((time.count() + 999'999) / 1'000'000);
}

}  // namespace

// What one key uses. Its limits are the key's, now.
class KeyMeters::Meter {
 public:
  void SetLimits(const KeyLimits& limits) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
  }

  std::optional<Refusal> TryBegin(const KeyLimits& limits, uint64_t prompt_tokens, Instant now) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
    if (auto refusal = Refuse(prompt_tokens, now)) return refusal;
    ++running_;
    if (limits_.requests_per_minute != 0) requests_.Take(1, limits_.requests_per_minute, now);
    if (limits_.tokens_per_minute != 0) tokens_.Take(prompt_tokens, limits_.tokens_per_minute, now);
    return std::nullopt;
  }
  void Charge(uint64_t tokens, Instant now) {
    const std::lock_guard lock(mutex_);
    if (limits_.tokens_per_minute != 0) tokens_.Take(tokens, limits_.tokens_per_minute, now);
  }
  void End() {
    const std::lock_guard lock(mutex_);
    --running_;
  }
  void GiveUp(uint64_t prompt_tokens) {
    const std::lock_guard lock(mutex_);
    --running_;
    if (limits_.requests_per_minute != 0) requests_.GiveBack(1, limits_.requests_per_minute);
    if (limits_.tokens_per_minute != 0) tokens_.GiveBack(prompt_tokens, limits_.tokens_per_minute);
  }
  [[nodiscard]] RateLimits Rates(Instant now) const {
    const std::lock_guard lock(mutex_);
    return RatesLocked(now);
  }

 private:
  [[nodiscard]] RateLimits RatesLocked(Instant now) const {
    RateLimits rates;
    if (limits_.requests_per_minute != 0) rates.requests = requests_.At(limits_.requests_per_minute, now);
    if (limits_.tokens_per_minute != 0) rates.tokens = tokens_.At(limits_.tokens_per_minute, now);
    return rates;
  }

  // What can never be goes first; of the others, the one that takes longest to pass.
  [[nodiscard]] std::optional<Refusal> Refuse(uint64_t prompt_tokens, Instant now) const {
    using Kind = Refusal::Kind;
    const uint64_t tokens_max = limits_.tokens_per_minute;
    const uint64_t requests_max = limits_.requests_per_minute;
    if (tokens_max != 0 && prompt_tokens > tokens_max) {
      return Refusal{
          .kind = Kind::kPromptTooLong, .limit = tokens_max, .used = prompt_tokens, .rates = RatesLocked(now)};
    }
    std::optional<Refusal> worst;
    const auto consider = [&](Kind kind, uint64_t limit, uint64_t used, uint32_t retry_ms) {
      if (retry_ms == 0 || (worst && worst->retry_after_ms >= retry_ms)) return;
      worst =
          Refusal{.kind = kind, .limit = limit, .used = used, .retry_after_ms = retry_ms, .rates = RatesLocked(now)};
    };
    if (limits_.concurrent_requests != 0 && running_ >= limits_.concurrent_requests) {
      consider(Kind::kConcurrency, limits_.concurrent_requests, running_, kConcurrencyRetryMs);
    }
    if (requests_max != 0) {
      consider(Kind::kRequests, requests_max, requests_.Used(requests_max, now),
               Millis(requests_.TimeUntil(1, requests_max, now)));
    }
    if (tokens_max != 0) {  // at least one token must be left, or a key in debt could go on with empty prompts
      consider(Kind::kTokens, tokens_max, tokens_.Used(tokens_max, now),
               Millis(tokens_.TimeUntil(std::max<uint64_t>(prompt_tokens, 1), tokens_max, now)));
    }
    return worst;
  }

  mutable std::mutex mutex_;  // guards the rest
  KeyLimits limits_;
  uint32_t running_ = 0;
  RateMeter requests_;
  RateMeter tokens_;
};

class KeyMeters::KeyPermit final : public Permit {
 public:
  KeyPermit(std::shared_ptr<Meter> meter, const Clock& clock, uint64_t prompt_tokens)
      : meter_(std::move(meter)), clock_(clock), charged_(prompt_tokens) {}
  KeyPermit(const KeyPermit&) = delete;
  KeyPermit& operator=(const KeyPermit&) = delete;
  ~KeyPermit() override {
    if (settled_) return;
    noted_ ? meter_->End() : meter_->GiveUp(charged_);
  }

  void Note(const Usage& usage) override {
    if (settled_) return;
    noted_ = true;
    const uint64_t tokens = uint64_t{usage.prompt_tokens} + usage.output_tokens;
    if (tokens > charged_) meter_->Charge(tokens - std::exchange(charged_, tokens), clock_.Now());
  }
  void Settle(const Usage& usage) override {
    Note(usage);
    if (!std::exchange(settled_, true)) meter_->End();
  }
  [[nodiscard]] RateLimits Rates() const override { return meter_->Rates(clock_.Now()); }

 private:
  const std::shared_ptr<Meter> meter_;  // shared with the meters: a key may be removed while its requests run
  const Clock& clock_;
  uint64_t charged_;  // tokens
  bool noted_ = false;
  bool settled_ = false;
};

Admitted KeyMeters::Admit(std::string_view key, const KeyLimits& limits, const Estimate& estimate) {
  std::shared_ptr<Meter> meter;
  {
    const std::lock_guard lock(mutex_);
    auto found = meters_.find(key);
    if (found == meters_.end()) found = meters_.emplace(key, std::make_shared<Meter>()).first;
    meter = found->second;
  }
  if (auto refusal = meter->TryBegin(limits, estimate.prompt_tokens, clock_.Now())) return *refusal;
  return std::make_unique<KeyPermit>(std::move(meter), clock_, estimate.prompt_tokens);
}

void KeyMeters::SetLimits(std::string_view key, const KeyLimits& limits) {
  const std::lock_guard lock(mutex_);
  if (const auto found = meters_.find(key); found != meters_.end()) found->second->SetLimits(limits);
}

void KeyMeters::KeepOnly(const std::function<bool(std::string_view key)>& is_key) {
  const std::lock_guard lock(mutex_);
  std::erase_if(meters_, [&](const auto& entry) { return !is_key(entry.first); });
}

}  // namespace bedplate
