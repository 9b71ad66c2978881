#pragma once
/// The engine without its thread: whoever calls Step() is the engine thread. The threaded engine (engine.cc) does so in
/// a loop; tests and simulations do it by hand, with their own clock, and are deterministic.
///
/// Threads: Prepare, Submit, Drain, Idle, Metrics from any; Step, Stop and CheckIntegrity from one at a time.

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "base/buffer.h"
#include "engine/constraint.h"
#include "engine/draft_model.h"
#include "engine/engine.h"
#include "engine/kv_pages.h"
#include "engine/live_request.h"
#include "engine/memory_plan.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "pages/page_tiers.h"

namespace bedplate {

class EngineCore {
 public:
  static Result<std::unique_ptr<EngineCore>> Create(const EngineOptions& options, LoadedModel model,
                                                    const Clock& clock);

  [[nodiscard]] const LoadedModel& model() const { return model_; }
  [[nodiscard]] uint32_t context_tokens_max() const { return plan_.context_tokens_max; }
  Result<PreparedRequest> Prepare(Request request) const;
  Result<uint32_t> CountPrompt(Request request) const;
  Status Submit(PreparedRequest request, std::shared_ptr<EventStream> events);
  void Drain() { draining_.store(true); }
  [[nodiscard]] bool Idle() const { return live_.load() == 0; }
  [[nodiscard]] EngineMetrics Metrics() const;

  /// One step of everything that runs. False: nothing ran, the caller may wait for a Submit.
  /// A library's exception in it (no memory, most likely) fails every live request with kInternal, and the engine goes
  /// on with empty pages; one that comes while they are told, or while starting anew, leaves Step.
  bool Step();
  /// Every request that has not ended fails with this.
  void Stop(const Status& status);

  /// For the thread that reads and writes the cache's file; none: it has none.
  [[nodiscard]] PageTiers* tiers() const { return tiers_.get(); }
  [[nodiscard]] const MemoryPlan& memory_plan() const { return plan_; }
  [[nodiscard]] uint32_t used_pages() const {
    return kv_->used_pages() + (draft_model_ == nullptr ? 0 : draft_model_->used_pages());
  }
  void CheckIntegrity() const;

 private:
  EngineCore(const EngineOptions& options, LoadedModel model, std::unique_ptr<DraftModel> draft_model,
             std::unique_ptr<PageTiers> tiers, const Clock& clock, MemoryPlan plan, Buffer logits);

  void StartEmpty();  // makes kv_ and scheduler_
  void DrainInbox();
  bool Compute();
  void Recover(const Status& status);
  [[nodiscard]] std::optional<TokenLookup> MakeLookup(const PreparedRequest& prepared) const;
  void DrawTokens(const Batch& batch);
  [[nodiscard]] Drawn DrawOne(const Batch::Wish& wish, std::span<float> row);
  [[nodiscard]] Result<std::span<const uint64_t>> Allowed(const Sequence& sequence, TokenMasks::Cursor& cursor);
  void Deliver(std::vector<Delivery> deliveries);
  void Publish();
  void NoteWaiting(const Request& request);
  [[nodiscard]] bool QueueTakes(const Request& request, size_t waiting) const;
  [[nodiscard]] uint32_t RetryAfterMs(size_t waiting) const;

  const EngineOptions options_;
  const LoadedModel model_;
  const Clock& clock_;
  const MemoryPlan plan_;
  const uint64_t seed_;
  const std::unique_ptr<ConstraintCache> constraints_;  // has a lock of its own

  // The engine thread's.
  EngineMetrics metrics_;
  Buffer logits_;  // [logit_rows_max, vocabulary]
  Sampler sampler_;
  TokenMask mask_;  // of the row being drawn from, with the tokens that end an output
  std::vector<Drawn> drawn_;
  std::unique_ptr<DraftModel> draft_model_;  // none where there is none; as kv_, before the scheduler
  const std::unique_ptr<PageTiers> tiers_;   // none where there are none; before kv_, whose evicted pages it takes
  std::unique_ptr<KvPages> kv_;
  std::unique_ptr<Scheduler> scheduler_;                // after kv_: its requests give their pages back
  std::vector<std::unique_ptr<LiveRequest>> arriving_;  // out of the inbox and not yet the scheduler's

  struct WaitingFlow {
    uint64_t id = 0;
    uint32_t weight = 1;
    uint32_t requests = 0;
  };

  mutable std::mutex mutex_;  // guards inbox_, arrivals_, unstarted_, waiting_flows_, published_, refused_
  std::vector<std::unique_ptr<LiveRequest>> inbox_;
  uint64_t arrivals_ = 0;
  uint32_t unstarted_ = 0;                  // the scheduler's, as of the last step
  std::vector<WaitingFlow> waiting_flows_;  // of those and of what is in the inbox
  EngineMetrics published_;
  uint64_t refused_ = 0;

  std::atomic<uint32_t> live_{0};  // submitted and not yet told their end
  std::atomic<bool> draining_{false};
};

}  // namespace bedplate
