#include "request/admission.h"

#include <algorithm>

#include "base/cat.h"

namespace bedplate {
namespace {

class OpenPermit final : public Permit {
 public:
  void Note(const Usage&) override {}
  void Settle(const Usage&) override {}
  [[nodiscard]] RateLimits Rates() const override { return {}; }
};

class OpenAdmission final : public Admission {
 public:
  Result<Principal> Authenticate(std::string_view) override {
    return Principal{.tenant = "local", .project = "default", .key = "none"};
  }
  Result<AccessKey> FindAccessKey(std::string_view) override {
    return Status(StatusCode::kUnauthenticated,
                  "this server has no access keys, so it can't verify a signature; start it with keys")
        .WithReason("unknown_access_key");
  }
  Admitted Admit(const Principal&, const Estimate&) override { return std::make_unique<OpenPermit>(); }
};

}  // namespace

bool Principal::MayUse(std::string_view model) const {
  return models.empty() || std::ranges::find(models, model) != models.end();
}

Status StatusOf(const Refusal& refusal) {
  const auto over = [&](std::string_view what) {
    return Status::ResourceExhausted(Cat("Rate limit reached for this key on ", what, ": limit ", refusal.limit,
                                         ", used ", refusal.used, ". Please try again in ", refusal.retry_after_ms,
                                         " ms."))
        .WithReason("rate_limit_exceeded")
        .WithRetryAfterMs(refusal.retry_after_ms);
  };
  switch (refusal.kind) {
    case Refusal::Kind::kConcurrency:
      return over("requests at a time");
    case Refusal::Kind::kRequests:
      return over("requests per minute");
    case Refusal::Kind::kTokens:
      return over("tokens per minute");
    case Refusal::Kind::kPromptTooLong:
      return Status::TooLarge(Cat("the prompt has ", refusal.used, " tokens, more than this key's limit of ",
                                  refusal.limit, " tokens per minute; shorten it"))
          .WithReason("prompt_exceeds_rate_limit");
    case Refusal::Kind::kKeyGone:
      return Status(StatusCode::kUnauthenticated, "this key is no longer valid").WithReason("invalid_api_key");
    case Refusal::Kind::kBooksBusy:
      return Status::Unavailable(Cat("the server can't account for one more request now. Please try again in ",
                                     refusal.retry_after_ms, " ms."))
          .WithReason("ledger_busy")
          .WithRetryAfterMs(refusal.retry_after_ms);
    case Refusal::Kind::kBudget:
      return Status::ResourceExhausted(Cat("You exceeded your current quota: the budget '", refusal.budget,
                                           "' has too little left for this request. ",
                                           refusal.budget_ends.empty()
                                               ? "It has no end; whoever set it can raise it."
                                               : Cat("It begins anew at ", refusal.budget_ends, ".")))
          .WithReason("insufficient_quota")
          .WithRetryAfterMs(refusal.retry_after_ms);
    case Refusal::Kind::kBudgetHeld:
      return Status::ResourceExhausted(Cat("What is left of the budget '", refusal.budget,
                                           "' is held by requests that are running. Please try again in ",
                                           refusal.retry_after_ms, " ms."))
          .WithReason("rate_limit_exceeded")
          .WithRetryAfterMs(refusal.retry_after_ms);
  }
  return Status::Internal("a refusal of no kind");
}

std::unique_ptr<Admission> MakeOpenAdmission() {
  return std::make_unique<OpenAdmission>();
}

}  // namespace bedplate
