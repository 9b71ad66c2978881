#pragma once
/// The one seam between serving and the books (ARCHITECTURE.md). serve/ calls it for every request of every dialect;
/// what stands behind it (nothing, a key file, tenants) is chosen in cmd/. Any thread.
///
///   Authenticate(credentials) → Principal;  Admit(principal, estimate) → Permit or Refusal;
///   permit.Note(usage) before each write to the client;  permit.Settle(usage) at the end.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "request/event.h"
#include "request/output_allowance.h"

namespace bedplate {

/// What one request of a key may take; 0: as much as the server allows.
struct RequestCaps {
  uint64_t body_bytes_max = 0;
  uint32_t output_tokens_max = 0;  // of each choice
  uint32_t time_ms_max = 0;        // from its head to the end of its answer
  bool operator==(const RequestCaps&) const = default;
};

/// Who asks.
struct Principal {
  std::string tenant;
  std::string project;
  std::string key;                       // its name or id, never the secret
  std::vector<std::string> models = {};  // ids or aliases that it may use; empty: all
  RequestCaps caps = {};
  /// Of its pages in the prefix cache: nobody is told, by a count or by the time taken, what another one has asked.
  uint64_t cache_salt = 0;
  bool may_use_models = true;    // ask them, see them listed, and what else is done with them
  bool may_read_metrics = true;  // which are of all tenants together
  uint32_t weight = 1;           // of its tenant, among those that wait; at least 1
  bool shares_by_key = false;    // the weight is its key's: it has no tenant to share with

  [[nodiscard]] bool MayUse(std::string_view model) const;
  bool operator==(const Principal&) const = default;
};

/// A pair that signs requests (AWS Signature Version 4). The secret is never logged.
struct AccessKey {
  std::string secret;
  Principal principal;
};

/// On whose behalf a request says that it is made, for reports and prices; nothing else depends on it. Plain values
/// that a client chose.
struct Attribution {
  std::string end_user = {};     // at most 256 bytes
  std::string tags = {};         // a JSON object of strings, or empty; at most 4096 bytes
  std::string tier = "default";  // at most 64 letters, digits, '_', '-', '.'
  bool operator==(const Attribution&) const = default;
};

struct Estimate {
  std::string model;
  uint32_t prompt_tokens = 0;
  uint32_t output_tokens_max = 0;
  std::string request = {};  // its id, as the answer's head says it
  Attribution attribution = {};
  bool streamed = false;
  uint32_t sequences = 1;  // that are computed at once: choices of all prompts
};

/// One limit over a minute, as clients are told of it.
struct RateLimit {
  uint64_t limit = 0;
  uint64_t remaining = 0;
  Duration reset{};  // until all of it remains again
};
struct RateLimits {
  std::optional<RateLimit> requests;
  std::optional<RateLimit> tokens;
};

/// Why a request may not run now.
struct Refusal {
  enum class Kind : uint8_t {
    kConcurrency,    // running requests
    kRequests,       // a minute
    kTokens,         // a minute
    kPromptTooLong,  // above what a minute may take: never admitted
    kKeyGone,        // the key was removed or has expired since Authenticate
    kBooksBusy,      // what it uses could not be written down: come back later
    kBudget,         // a budget has too little left for it
    kBudgetHeld,     // the same, while others hold what may be left of it
  };
  Kind kind = Kind::kConcurrency;
  uint64_t limit = 0;
  uint64_t used = 0;            // of the limit; kPromptTooLong: what was asked
  uint32_t retry_after_ms = 0;  // kBudget: until its period ends; 0: it has no end
  RateLimits rates = {};
  std::string budget = {};       // its name
  std::string budget_ends = {};  // its period, as "2026-12-01T00:00:00Z"; empty: never
};
/// In words, with WithReason and WithRetryAfterMs.
Status StatusOf(const Refusal& refusal);

/// Leave to run one request. Settled exactly once; destroying an unsettled permit gives the request up as one that
/// didn't run, unless something was noted: then it settles with that.
class Permit {
 public:
  virtual ~Permit() = default;
  virtual void Note(const Usage& usage) = 0;    // so far; before each write to the client
  virtual void Settle(const Usage& usage) = 0;  // idempotent
  /// The key's limits over a minute as they stand.
  [[nodiscard]] virtual RateLimits Rates() const = 0;
  /// Before each token of the answer after the first of each sequence; it may outlive the permit. none: no limit.
  [[nodiscard]] virtual std::shared_ptr<OutputAllowance> Allowance() const { return nullptr; }
};
using Admitted = std::variant<std::unique_ptr<Permit>, Refusal>;

class Admission {
 public:
  virtual ~Admission() = default;
  /// credentials: the Authorization field's value, or empty. kUnauthenticated for all that isn't "Bearer" and a key.
  virtual Result<Principal> Authenticate(std::string_view credentials) = 0;
  /// The pair of that id, for whoever verifies a signature. kUnauthenticated, reason "unknown_access_key" or
  /// "expired_key".
  virtual Result<AccessKey> FindAccessKey(std::string_view id) = 0;
  virtual Admitted Admit(const Principal& principal, const Estimate& estimate) = 0;
};

/// Everyone is "local", everything is admitted: a server on loopback without keys. It has no access keys.
std::unique_ptr<Admission> MakeOpenAdmission();

}  // namespace bedplate
