#pragma once
/// Decides which tokens the next step computes, and what follows from what it drew.
///
/// One rule: a sequence has known tokens and computed tokens, and a step lets the second catch up with the first.
/// Prefill, decode, prefix hits and resuming after a preemption are that rule. A sequence catches up by computing rows,
/// or where its next tokens are in a tier of the prefix cache, by getting their pages back.
///   Flows       share by weight, the least served first (fair_share.h); rank orders the sequences of one.
///   Step        sequences that miss one token first; then the others share what the pace of the first allows
///               (step_pace.h), flow by flow, in a flow as prompt_share.h says, each at most prefill_chunk_max rows
///               (all of the step if it runs alone). While there are several flows, and for kShortStepsFor after, a
///               step has at most prefill_chunk_max rows of prompts: whose prompt comes next waits for the step.
///   Start       the first in rank of the flow whose turn it is, when the StartRules agree. One that finds no place may
///               take that of running ones: of its flow, of those of lower priority, the least important first; else
///               of flows that run at least twice what its own flow would, by weight. Only if it can start then. A
///               request's choices after the first start when the prompt is computed, and share its whole pages through
///               the prefix tree.
///   Restore     a sequence that is being restored has no rows in the step; it waits for pages and for the tier, others
///               go on. A step copies no more than some milliseconds' worth. When a tier has no more, it computes.
///   Drafts      what is left of the step's rows may go to guesses of what those that miss one token will write next
///               (draft_choice.h says how many). They take only pages that nobody in the step needs, and those of
///               guesses that weren't drawn go back with the step, before anyone can see them.
///   Preemption  a sequence without a page takes those of the last one (GoesBefore) not yet in the step, or, of lower
///               priority or of a flow that runs more, without prompt rows in it, which keeps its tokens and computes
///               or restores them later; if it is the last itself, it is the one to wait.
///               The first sequence proceeds as soon as another one ends or yields, and who is first changes only with
///               tokens that were served, so there is neither deadlock nor livelock.
///   Cancel      looked for at the start of every step; pages are free before the step is planned.
///
/// Owns:    the live requests. Threads: engine thread only. Time comes in as arguments.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "engine/batch.h"
#include "engine/draft_choice.h"
#include "engine/draft_model.h"
#include "engine/engine.h"
#include "engine/fair_share.h"
#include "engine/kv_pages.h"
#include "engine/live_request.h"
#include "engine/metrics.h"
#include "engine/prompt_share.h"
#include "engine/start_rule.h"
#include "engine/step_pace.h"

namespace bedplate {

struct SchedulerOptions {
  uint32_t step_tokens_max = 0;
  uint32_t prefill_chunk_max = 0;
  uint32_t sequences_max = 0;   // <= step_tokens_max
  uint32_t logit_rows_max = 0;  // > sequences_max: what is left over scores prompts and drafts
  double pace_seconds = 0;      // step_pace.h
  Speculation speculation{};
};

/// What the sampler made of one wish: a token to go on with (none: the row was not usable), and its score if asked.
/// A token has been counted in its sequence's counts.
struct Drawn {
  std::optional<TokenId> token;
  std::optional<ScoredToken> scored;
  bool completes = false;   // the token makes the output all that its constraint asks for; nothing can follow
  Status failure{};         // not ok: why nothing could be drawn
  bool void_draft = false;  // a drafted token before it was not drawn: nothing follows from the row
};

/// Events of one request, on their way to its stream.
struct Delivery {
  std::shared_ptr<EventStream> stream;
  std::vector<Event> events;
};

class Scheduler {
 public:
  /// draft_model: none where there is none. All outlive the scheduler.
  Scheduler(const SchedulerOptions& options, KvPages& kv, const Tokenizer& tokenizer, EngineMetrics& metrics,
            DraftModel* draft_model);

  void AddRule(std::unique_ptr<StartRule> rule) { rules_.push_back(std::move(rule)); }

  /// Takes them all and leaves the vector empty; if memory runs out, what it has not taken stays there.
  void Admit(std::vector<std::unique_ptr<LiveRequest>>& arrivals);
  /// The batch is valid until Commit(), which must follow if it is not empty.
  [[nodiscard]] Batch& Plan(Instant now);
  /// The last Plan() restored pages from a tier: there may be more, so the loop should go on without a wait.
  [[nodiscard]] bool restored() const { return restored_runs_ > 0; }
  /// The batch was computed and drawn from in this time.
  void NoteCost(double seconds);
  /// drawn[i] answers the batch's wish i.
  void Commit(std::span<Drawn> drawn, Instant now);
  /// The events since the last call. Requests that have ended are forgotten with it.
  [[nodiscard]] std::vector<Delivery> TakeEvents();
  /// Every live request fails with this.
  void FailAll(const Status& status, Instant now);
  /// After an exception: the requests as they are; nothing else of the scheduler may be used any more.
  [[nodiscard]] std::vector<std::unique_ptr<LiveRequest>> TakeLive() { return std::move(live_); }

  [[nodiscard]] uint32_t live() const { return static_cast<uint32_t>(live_.size()); }
  [[nodiscard]] uint32_t unstarted() const { return unstarted_; }  // live requests that have never had pages
  [[nodiscard]] uint32_t running() const { return static_cast<uint32_t>(running_.size()); }
  [[nodiscard]] const FairShare& flows() const { return fair_; }
  void CheckIntegrity() const;

 private:
  // Before the step (scheduler_start.cc).
  void EndUnwanted(Instant now);
  void OrderFlows(Instant now);
  void OrderRunning();
  void StartWaiting(Instant now);
  [[nodiscard]] bool TryStart(Sequence& sequence, Instant now);
  [[nodiscard]] static uint32_t CachedMax(const Sequence& sequence);
  [[nodiscard]] StartAnswer Ask(const Sequence& sequence, size_t leaving);
  [[nodiscard]] bool MakePlace(Sequence& sequence);
  void FindLowerOfFlow(const Sequence& sequence);
  void FindOfFlowsThatRunMore(const Flow& flow);
  [[nodiscard]] size_t LeaversFor(Sequence& sequence);
  void NoteStart(Sequence& sequence, uint32_t cached, Instant now);

  // The step.
  void PlanDecodes();
  void RestorePages();
  [[nodiscard]] bool RestoreOne(Sequence& sequence);
  void PlanPrefills();
  void PlanFlow(std::span<Sequence* const> prompts, uint32_t rows, uint32_t rows_max);
  void PlanPrefill(Sequence& sequence, uint32_t rows_max);
  void PlanDrafts();
  void OfferDraft(Sequence& sequence);
  void PlanModelDrafts();
  [[nodiscard]] uint32_t ModelDepth(uint32_t depth_max) const;
  void GrowForDraft(Sequence& sequence);
  void AddDecodes();
  [[nodiscard]] uint32_t GrowOrPreempt(Sequence& sequence, uint32_t rows);
  [[nodiscard]] bool MakeRoom(const Sequence& sequence);
  [[nodiscard]] bool MayYield(const Sequence& sequence, const Sequence& to) const;
  void Preempt(Sequence& sequence);

  // After the step.
  void CommitRows(const Batch::Slice& slice, Instant now);
  void ChargePrompt(Sequence& sequence);
  void ReadPrompt(LiveRequest& request);
  void StartSiblings(LiveRequest& request);
  void CommitScore(LiveRequest& request, const Drawn& drawn);
  void CommitToken(const Batch::Wish& wish, const Drawn& drawn, Instant now);
  void CommitDraft(const Batch::Slice& slice);
  void NoteToken(Sequence& sequence, Instant now);
  static void NotePrediction(Sequence& sequence);
  void FinishChoice(Sequence& sequence, ChoiceFinished finished, Instant now);

  // Ends.
  void Fail(LiveRequest& request, Status status, Instant now);
  void Cancel(LiveRequest& request);
  void End(LiveRequest& request);

  void Enqueue(Sequence& sequence);
  void LeaveRunning(Sequence& sequence, Sequence::State to);

  const SchedulerOptions options_;
  KvPages& kv_;
  const Tokenizer& tokenizer_;
  EngineMetrics& metrics_;
  DraftModel* const draft_model_;
  std::vector<std::unique_ptr<StartRule>> rules_;
  std::vector<std::unique_ptr<LiveRequest>> live_;  // in order of arrival
  FairShare fair_;                                  // and what waits, by flow
  std::vector<Sequence*> running_;                  // as GoesBefore says
  std::vector<Sequence*> leavers_;     // scratch of MakePlace: who may yield its place, the first to go first
  std::vector<Sequence*> staying_;     // scratch of Ask
  std::vector<Sequence*> prompts_;     // scratch of PlanPrefills
  std::vector<PromptShare> shares_;    // of prompts_
  std::vector<Sequence*> decodes_;     // of the step being planned: they miss one token
  std::vector<double> chances_;        // scratch of OfferDraft
  std::vector<Sequence*> for_model_;   // of decodes_: those that the draft model may guess for
  const Sequence* blocked_ = nullptr;  // was told "later" when it was to start, and nothing has been given back since
  uint64_t plans_ = 0;
  std::optional<Instant> several_at_;  // when there was more than one flow, the last time
  bool short_steps_ = false;           // since that is not long ago
  uint32_t unstarted_ = 0;
  uint32_t restored_runs_ = 0;  // of the step being planned
  Batch batch_;
  PromptSharing sharing_;
  DraftChoice draft_choice_;
  StepCost step_cost_;
  StepPace pace_;
};

}  // namespace bedplate
