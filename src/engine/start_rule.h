#pragma once
/// Whether a waiting sequence may start now. The scheduler asks every rule about the first in the queue; new policies
/// (weights, rate classes, adapters that must be loaded) are new rules, not branches of the step.

#include <cstdint>
#include <span>

#include "engine/kv_pages.h"
#include "engine/live_request.h"

namespace bedplate {

enum class StartAnswer : uint8_t { kYes, kLater, kNever };

/// What a rule may look at. `sequence` holds its prefix hit already.
struct StartQuestion {
  const Sequence& sequence;
  std::span<Sequence* const> running;
  std::span<Sequence* const> leaving;  // not among those: they would give up what they hold first
  const KvPages& kv;
};

class StartRule {
 public:
  virtual ~StartRule() = default;
  /// kLater: asked again after a running sequence has given pages back. kNever: the request fails.
  [[nodiscard]] virtual StartAnswer MayStart(const StartQuestion& question) const = 0;
};

/// Starts a sequence only if what it will need to catch up is free beyond what the running ones still need to catch up,
/// plus one page for each of those: else it would soon be preempted, and its work be done twice.
class PageRule final : public StartRule {
 public:
  [[nodiscard]] StartAnswer MayStart(const StartQuestion& question) const override;
};

}  // namespace bedplate
