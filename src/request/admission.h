#pragma once
/// The one seam between serving and the books (ARCHITECTURE.md). serve/ calls it for every request of every dialect;
/// what stands behind it (nothing yet, a key file, the ledger) is chosen in cmd/. Any thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "request/event.h"

namespace bedplate {

struct Principal {
  std::string tenant;
  std::string project;
  std::string key;
};

struct Estimate {
  std::string model;
  uint32_t prompt_tokens = 0;
  uint32_t output_tokens_max = 0;
};

/// Leave to run one request. Settled exactly once; destroying an unsettled permit settles it with what was noted.
class Permit {
 public:
  virtual ~Permit() = default;
  virtual void Note(const Usage& usage) = 0;    // before each write to the client
  virtual void Settle(const Usage& usage) = 0;  // idempotent
};

class Admission {
 public:
  virtual ~Admission() = default;
  /// credentials: the Authorization header's value, or empty.
  virtual Result<Principal> Authenticate(std::string_view credentials) = 0;
  /// A refusal carries the limit in words, WithReason(kind) and WithRetryAfterMs.
  virtual Result<std::unique_ptr<Permit>> Admit(const Principal& principal, const Estimate& estimate) = 0;
};

/// Everyone is "local", everything is admitted: a server on loopback without keys.
std::unique_ptr<Admission> MakeOpenAdmission();

}  // namespace bedplate
