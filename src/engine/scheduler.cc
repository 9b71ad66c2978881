#include "engine/scheduler.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {
namespace {

// Each choice's look-up holds the prompt once more, up to 24 bytes a token; those of many choices go without.
constexpr uint32_t kChoicesWithLookup = 8;

double Seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

constexpr auto kByRankLastFirst = [](const Sequence* a, const Sequence* b) { return b->rank < a->rank; };

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, KvPages& kv, const Tokenizer& tokenizer, EngineMetrics& metrics,
                     DraftModel* draft_model)
    : options_(options),
      kv_(kv),
      tokenizer_(tokenizer),
      metrics_(metrics),
      draft_model_(draft_model),
      batch_({.rows_max = options.step_tokens_max,
              .sequences_max = options.sequences_max,
              .logit_rows_max = options.logit_rows_max,
              .groups = kv.groups()}),
      sharing_(options.sequences_max),
      draft_choice_(options.sequences_max, options.speculation.drafts_max),
      pace_(options.pace_seconds) {
  BP_CHECK(options.sequences_max >= 1 && options.sequences_max <= options.step_tokens_max);
  BP_CHECK(options.logit_rows_max > options.sequences_max && options.prefill_chunk_max >= 1);
  running_.reserve(options.sequences_max);
  leavers_.reserve(options.sequences_max);
  staying_.reserve(options.sequences_max);
  prompts_.reserve(options.sequences_max);
  shares_.reserve(options.sequences_max);
  decodes_.reserve(options.sequences_max);
  for_model_.reserve(options.sequences_max);
  rules_.push_back(std::make_unique<PageRule>());
}

void Scheduler::Admit(std::vector<std::unique_ptr<LiveRequest>>& arrivals) {
  for (auto& request : arrivals) {
    request->flow = &fair_.Enter(request->request().flow, request->request().weight);
    Enqueue(*request->sequences.front());
    ++request->flow->unstarted;
    live_.push_back(std::move(request));
    ++unstarted_;
  }
  arrivals.clear();
}

Batch& Scheduler::Plan(Instant now) {
  ++plans_;
  EndUnwanted(now);
  OrderFlows(now);
  StartWaiting(now);
  PlanDecodes();
  RestorePages();
  PlanPrefills();
  PlanDrafts();
  AddDecodes();
  return batch_;
}

void Scheduler::PlanDecodes() {
  for (size_t i = 0; i < running_.size();) {
    Sequence& sequence = *running_[i];
    if (sequence.missing() == 1) {
      if (GrowOrPreempt(sequence, 1) == 0) {
        Preempt(sequence);  // everyone else is more important; running_[i] is the next one now
        continue;
      }
      batch_.Reserve(sequence);
      decodes_.push_back(&sequence);
    }
    ++i;
  }
}

void Scheduler::RestorePages() {
  restored_runs_ = 0;
  for (size_t i = 0; i < running_.size(); ++i) {  // only less important ones, behind this one, may be preempted
    while (restored_runs_ < kv_.restore_runs_max() && RestoreOne(*running_[i])) ++restored_runs_;
  }
}

/// False: there is nothing to be restored, or it has to wait.
bool Scheduler::RestoreOne(Sequence& sequence) {
  if (KvPages::Restoring(sequence.pages) == 0 || GrowOrPreempt(sequence, kPageTokens) < kPageTokens) return false;
  LiveRequest& request = sequence.request;
  const auto restored = kv_.RestoreRun(sequence.pages, request.salt, sequence.tokens, sequence.computed);
  if (restored == PageTiers::Restored::kWait || restored == PageTiers::Restored::kGone) return false;
  sequence.computed += kPageTokens;
  sequence.counted = std::max(sequence.counted, sequence.computed);
  if (request.prompt_read || request.preempted) return true;
  request.usage.cached_tokens += kPageTokens;
  metrics_.cached_tokens += kPageTokens;
  (restored == PageTiers::Restored::kFromFile ? metrics_.cached_file_tokens : metrics_.cached_memory_tokens) +=
      kPageTokens;
  return true;
}

void Scheduler::PlanPrefills() {
  const uint32_t rows_max = running_.size() == 1 ? options_.step_tokens_max : options_.prefill_chunk_max;
  const uint32_t paced = decodes_.empty() ? options_.step_tokens_max : pace_.PromptRows(batch_.reserved());
  prompts_.clear();
  for (Sequence* sequence : running_) {
    if (!sequence->planned && KvPages::Restoring(sequence->pages) == 0) prompts_.push_back(sequence);
  }
  const auto place = [](const Sequence* s) { return s->flow().place; };
  if (fair_.live() > 1) {
    std::ranges::sort(prompts_, {}, [&](const Sequence* s) { return std::tuple(place(s), s->rank); });
  }
  const uint32_t longest = short_steps_ ? options_.prefill_chunk_max : options_.step_tokens_max;
  const uint32_t rows = std::min({paced, batch_.rows_left(), longest}), before = batch_.rows();
  for (auto begin = prompts_.begin(); begin != prompts_.end();) {
    const auto end =
        std::ranges::find_if(begin, prompts_.end(), [&](const Sequence* s) { return place(s) != place(*begin); });
    // Counted in what was planned, not in what was shared out: where the flow's prompts find no pages, the next one's
    // do.
    const uint32_t taken = batch_.rows() - before;
    if (taken < rows) PlanFlow({begin, end}, rows - taken, rows_max);
    begin = end;
  }
}

/// Prompts of one flow, by rank.
void Scheduler::PlanFlow(std::span<Sequence* const> prompts, uint32_t rows, uint32_t rows_max) {
  const auto preempted = [](const Sequence* s) { return s->state != Sequence::State::kRunning; };
  shares_.clear();
  for (const Sequence* s : prompts) {
    shares_.push_back(
        {.priority = s->priority(), .missing = preempted(s) ? 0 : s->missing(), .rows_max = rows_max, .rows = 0});
  }
  sharing_.Share(shares_, rows);
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (!preempted(prompts[i]) && shares_[i].rows > 0) PlanPrefill(*prompts[i], shares_[i].rows);
  }
}

void Scheduler::PlanPrefill(Sequence& sequence, uint32_t rows_max) {
  const uint32_t spare = options_.logit_rows_max - options_.sequences_max - batch_.scores();
  const uint32_t rows = Batch::RowsWithin(sequence, rows_max, spare);
  const uint32_t granted = rows == 0 ? 0 : GrowOrPreempt(sequence, rows);
  if (granted > 0) batch_.Add(sequence, granted);
}

/// Fills the draft of every sequence that gets one, with pages for it. Looking up costs next to nothing, so its drafts
/// are chosen first, and the draft model guesses for the others.
void Scheduler::PlanDrafts() {
  if (options_.speculation.mode == Speculation::Mode::kOff || decodes_.empty()) return;
  const bool always = options_.speculation.mode == Speculation::Mode::kAlways;
  const auto drafts_most = static_cast<uint32_t>(decodes_.size()) * options_.speculation.drafts_max;
  const DraftChoice::Step step{.rows = batch_.rows() + batch_.reserved(),
                               .spare = std::min({batch_.rows_left(), batch_.wishes_left(), drafts_most})};
  if (!always && !DraftChoice::CouldPay(step, step_cost_)) return;
  draft_choice_.Clear();
  for_model_.clear();
  for (Sequence* sequence : decodes_) OfferDraft(*sequence);
  const auto counts = always ? draft_choice_.TakeAll(step.spare) : draft_choice_.Choose(step, step_cost_);
  for (size_t i = 0; i < decodes_.size(); ++i) {
    decodes_[i]->draft.resize(counts[i]);
    GrowForDraft(*decodes_[i]);
  }
  if (!for_model_.empty()) PlanModelDrafts();
}

/// A guess ends before a token that would end the output, and leaves a token to be drawn after it.
void Scheduler::OfferDraft(Sequence& sequence) {
  chances_.clear();
  sequence.draft_is_models = false;
  if (sequence.lookup.has_value() && sequence.request.request().speculation && sequence.output_left() > 1) {
    ++metrics_.lookups;
    sequence.lookup->Follow(sequence.tokens);
    sequence.draft.resize(std::min(options_.speculation.drafts_max, sequence.output_left() - 1));
    uint32_t count = sequence.lookup->Guess(sequence.draft);
    for (uint32_t i = 0; i < count; ++i) {
      if (sequence.output.IsEnd(sequence.draft[i])) count = i;
    }
    if (TokenMasks::Cursor* constraint = count > 0 ? sequence.Constrain() : nullptr) {
      count = static_cast<uint32_t>(constraint->Fits(std::span(sequence.draft).first(count)));
    }
    const double chance = count == 0 ? 0 : sequence.lookup->Chance(0);
    if (draft_model_ != nullptr && chance < sequence.drafting.acceptance.Chance()) {
      for_model_.push_back(&sequence);
    } else {
      for (uint32_t i = 0; i < count; ++i) chances_.push_back(sequence.lookup->Chance(i));
    }
  }
  draft_choice_.Offer(chances_);
}

/// Without pages for all of the draft, it is cut.
void Scheduler::GrowForDraft(Sequence& sequence) {
  const auto count = static_cast<uint32_t>(sequence.draft.size());
  if (count > 0) sequence.draft.resize(kv_.Grow(sequence.pages, sequence.computed, 1 + count) - 1);
}

void Scheduler::PlanModelDrafts() {
  uint32_t rows_left = std::min(batch_.rows_left(), batch_.wishes_left());
  for (const Sequence* sequence : decodes_) rows_left -= static_cast<uint32_t>(sequence->draft.size());
  std::erase_if(for_model_,
                [&](const Sequence* s) { return draft_model_->DepthMax(*s) < options_.speculation.drafts_max; });
  if (for_model_.empty()) return;
  const uint32_t depth_max =
      std::min(options_.speculation.drafts_max, rows_left / static_cast<uint32_t>(for_model_.size()));
  const uint32_t depth = options_.speculation.mode == Speculation::Mode::kAlways ? depth_max : ModelDepth(depth_max);
  if (depth == 0) {
    for (Sequence* sequence : for_model_) sequence->drafting.acceptance.Forget();
    return;
  }
  draft_model_->Draft(for_model_, depth);
  for (Sequence* sequence : for_model_) {
    sequence->draft.resize(std::min<size_t>(sequence->draft.size(), sequence->output_left() - 1));
    if (TokenMasks::Cursor* constraint = sequence->Constrain())
      sequence->draft.resize(constraint->Fits(sequence->draft));
    sequence->draft_is_models = true;
    sequence->draft_from = sequence->known();
    GrowForDraft(*sequence);
  }
}

/// The rule of draft_choice.h, with the same depth for all and the draft model's own steps in the cost.
uint32_t Scheduler::ModelDepth(uint32_t depth_max) const {
  constexpr double kUnmeasured = 0.3;  // of a step of one row; hopeful, or it would never be measured
  const double one_row = step_cost_.OneRowSeconds(), drafting = draft_model_->step_seconds();
  const double step = one_row > 0 && drafting > 0 ? drafting / one_row : kUnmeasured;
  const auto sequences = static_cast<uint32_t>(for_model_.size());
  uint32_t rows = batch_.rows() + batch_.reserved();
  for (const Sequence* s : decodes_) rows += static_cast<uint32_t>(s->draft.size());
  double worth = rows, best = worth / step_cost_.Of(rows) * (1 + DraftChoice::kLeastGain);
  uint32_t best_depth = 0;
  for (uint32_t depth = 1; depth <= depth_max; ++depth) {
    rows += sequences;
    for (const Sequence* s : for_model_) worth += std::pow(s->drafting.acceptance.Chance(), depth);
    const double rate = worth / (step_cost_.Of(rows) + depth * step);
    if (rate <= best) continue;
    best = rate;
    best_depth = depth;
  }
  return best_depth;
}

void Scheduler::AddDecodes() {
  for (Sequence* sequence : decodes_) batch_.Add(*sequence, 1);
  decodes_.clear();
}

/// How many of the rows have pages; 0 only if no less important sequence is left to take pages from.
uint32_t Scheduler::GrowOrPreempt(Sequence& sequence, uint32_t rows) {
  uint32_t granted = kv_.Grow(sequence.pages, sequence.computed, rows);
  while (granted == 0 && MakeRoom(sequence)) granted = kv_.Grow(sequence.pages, sequence.computed, rows);
  return granted;
}

bool Scheduler::MakeRoom(const Sequence& sequence) {
  const auto victim = std::ranges::find_if(running_.rbegin(), running_.rend(),
                                           [&](const Sequence* s) { return MayYield(*s, sequence); });
  if (victim == running_.rend() || !GoesBefore(&sequence, *victim)) return false;
  Sequence& yields = **victim;
  if (yields.planned) {
    batch_.Unreserve(yields);
    std::erase(decodes_, &yields);
  }
  Preempt(yields);
  return true;
}

/// What it has in the step can still be taken back.
bool Scheduler::MayYield(const Sequence& sequence, const Sequence& to) const {
  if (!sequence.planned) return true;
  const bool may = &sequence.flow() == &to.flow() ? sequence.priority() < to.priority() : sequence.depth > to.depth;
  return may && std::ranges::find(decodes_, &sequence) != decodes_.end();
}

void Scheduler::Preempt(Sequence& sequence) {
  sequence.request.preempted = true;
  LeaveRunning(sequence, Sequence::State::kWaiting);
  Enqueue(sequence);
  ++metrics_.preemptions;
}

void Scheduler::Commit(std::span<Drawn> drawn, Instant now) {
  const auto wishes = batch_.wishes();
  BP_CHECK(drawn.size() == wishes.size());
  ++metrics_.steps;
  for (size_t i = 0; i < drawn.size(); ++i) {
    if (!wishes[i].next) CommitScore(wishes[i].sequence->request, drawn[i]);
  }
  for (const Batch::Slice& slice : batch_.slices()) CommitRows(slice, now);
  for (size_t i = 0; i < drawn.size(); ++i) {
    if (wishes[i].next && !drawn[i].void_draft) CommitToken(wishes[i], drawn[i], now);
  }
  for (const Batch::Slice& slice : batch_.slices()) CommitDraft(slice);
  batch_.Clear();
}

void Scheduler::CommitRows(const Batch::Slice& slice, Instant now) {
  Sequence& sequence = *slice.sequence;
  LiveRequest& request = sequence.request;
  if (request.ended) return;
  sequence.computed += slice.rows - slice.drafted;
  ChargePrompt(sequence);
  kv_.Settle(sequence.pages, request.salt, sequence.tokens, sequence.computed);
  if (request.prompt_read || sequence.computed < request.prompt_tokens()) return;
  ReadPrompt(request);
  if (request.prepared.output_tokens_max > 0) return StartSiblings(request);
  for (uint32_t choice = 0; choice < request.request().choices; ++choice) {
    FinishChoice(sequence, {.choice = choice, .reason = FinishReason::kLength, .stop_string = {}}, now);
  }
}

/// What was computed before, and lost, isn't charged again.
void Scheduler::ChargePrompt(Sequence& sequence) {
  const uint32_t read = std::min(sequence.computed, sequence.request.prompt_tokens());
  if (read > sequence.counted) fair_.ServePrompt(sequence.flow(), read - sequence.counted);
  sequence.counted = std::max(sequence.counted, sequence.computed);
}

void Scheduler::ReadPrompt(LiveRequest& request) {
  request.prompt_read = true;
  if (request.wants_prompt_logprobs() && request.prompt_logprobs.empty()) request.prompt_logprobs.emplace_back();
  PromptRead read{.prompt_tokens = request.usage.prompt_tokens,
                  .cached_tokens = request.usage.cached_tokens,
                  .prompt_text = {},
                  .prompt_logprobs = std::exchange(request.prompt_logprobs, {})};
  if (request.request().echo) read.prompt_text = request.prepared.prompt_text;
  request.events.emplace_back(std::move(read));
}

void Scheduler::StartSiblings(LiveRequest& request) {
  for (uint32_t choice = 1; choice < request.request().choices; ++choice) {
    request.sequences.push_back(std::make_unique<Sequence>(request, choice, tokenizer_));
    if (choice < kChoicesWithLookup) {
      request.sequences.back()->lookup = request.sequences.front()->lookup;  // which has seen only the prompt as yet
    }
    Enqueue(*request.sequences.back());
  }
}

void Scheduler::CommitScore(LiveRequest& request, const Drawn& drawn) {
  if (request.ended) return;
  if (request.prompt_logprobs.empty()) request.prompt_logprobs.emplace_back();
  request.prompt_logprobs.emplace_back(Describe(tokenizer_, *drawn.scored));
}

void Scheduler::CommitToken(const Batch::Wish& wish, const Drawn& drawn, Instant now) {
  Sequence& sequence = *wish.sequence;
  LiveRequest& request = sequence.request;
  if (sequence.state != Sequence::State::kRunning) return;  // it ended with a token before, or its request did
  if (wish.drafted > 0) {                                   // the draw before confirmed this row's token
    ++sequence.computed;
    ++metrics_.accepted_tokens;
  }
  if (!drawn.failure.ok()) return Fail(request, drawn.failure, now);
  if (!drawn.token.has_value()) {
    return Fail(request, Status::Internal(Cat("the model gave no usable logits at position ", sequence.known())), now);
  }
  NoteToken(sequence, now);
  const bool end = sequence.output.IsEnd(*drawn.token);
  ChoiceOutput::Accepted accepted =
      end ? sequence.output.End() : sequence.output.Accept(*drawn.token, drawn.scored, drawn.completes);
  if (!end) {
    sequence.tokens.push_back(*drawn.token);
    ++request.usage.output_tokens;
    ++metrics_.output_tokens;
    fair_.ServeOutput(sequence.flow());
  }
  if (!end || !accepted.delta.pieces.empty()) request.events.emplace_back(std::move(accepted.delta));
  if (accepted.finished.has_value()) FinishChoice(sequence, std::move(*accepted.finished), now);
}

/// What was drawn as drafted is computed now, as if step by step; the pages of the rest go back.
void Scheduler::CommitDraft(const Batch::Slice& slice) {
  metrics_.drafted_tokens += slice.drafted;
  Sequence& sequence = *slice.sequence;
  if (slice.drafted == 0 || sequence.state != Sequence::State::kRunning) return;
  if (sequence.draft_is_models) {
    const uint32_t accepted = sequence.computed - (sequence.draft_from - 1);
    for (uint32_t i = 0; i < std::min(accepted + 1, slice.drafted); ++i) {
      sequence.drafting.acceptance.Learn(i < accepted);
    }
  }
  kv_.Settle(sequence.pages, sequence.request.salt, sequence.tokens, sequence.computed);
  kv_.Trim(sequence.pages, sequence.known());
}

void Scheduler::NoteCost(double seconds) {
  if (batch_.rows() == batch_.wishes().size()) step_cost_.Note(batch_.rows(), seconds);
  pace_.Note(batch_.rows(), seconds);
}

void Scheduler::NoteToken(Sequence& sequence, Instant now) {
  if (sequence.last_token_at != Instant{}) {
    metrics_.time_between_tokens.Add(Seconds(now - sequence.last_token_at));
  } else if (sequence.choice() == 0) {
    metrics_.time_to_first_token.Add(Seconds(now - sequence.request.arrived_at));
  }
  sequence.last_token_at = now;
}

void Scheduler::FinishChoice(Sequence& sequence, ChoiceFinished finished, Instant now) {
  LiveRequest& request = sequence.request;
  if (sequence.state == Sequence::State::kRunning) LeaveRunning(sequence, Sequence::State::kEnded);
  NotePrediction(sequence);
  request.usage.reasoning_tokens += sequence.output.reasoning_tokens();
  request.events.emplace_back(std::move(finished));
  if (--request.choices_left > 0) return;
  request.events.emplace_back(RequestFinished{.usage = request.usage});
  ++metrics_.requests_finished;
  metrics_.request_time.Add(Seconds(now - request.arrived_at));
  End(request);
}

void Scheduler::NotePrediction(Sequence& sequence) {
  LiveRequest& request = sequence.request;
  const auto predicted = static_cast<uint32_t>(request.prepared.prediction.size());
  if (predicted == 0 || !sequence.lookup.has_value()) return;  // of many choices only the first ones are looked up
  sequence.lookup->Follow(sequence.tokens);
  const uint32_t accepted = sequence.lookup->prediction_accepted();
  request.usage.prediction_accepted_tokens += accepted;
  request.usage.prediction_rejected_tokens += predicted - std::min(predicted, accepted);
}

void Scheduler::Fail(LiveRequest& request, Status status, Instant now) {
  request.events.emplace_back(RequestFailed{.status = std::move(status), .usage = request.usage});
  ++metrics_.requests_failed;
  metrics_.request_time.Add(Seconds(now - request.arrived_at));
  End(request);
}

void Scheduler::Cancel(LiveRequest& request) {
  request.events.clear();
  ++metrics_.requests_cancelled;
  End(request);
}

/// Takes the request's sequences out of everything but live_, which TakeEvents does.
void Scheduler::End(LiveRequest& request) {
  BP_CHECK(!request.ended);
  request.ended = true;
  if (!request.started) {
    --unstarted_;
    --request.flow->unstarted;
  }
  for (const auto& sequence : request.sequences) {
    if (sequence->state == Sequence::State::kRunning) LeaveRunning(*sequence, Sequence::State::kEnded);
    if (sequence->state == Sequence::State::kWaiting) {
      std::erase(request.flow->waiting, sequence.get());
      blocked_ = nullptr;
    }
    sequence->state = Sequence::State::kEnded;
  }
  fair_.Leave(*request.flow);
}

std::vector<Delivery> Scheduler::TakeEvents() {
  std::vector<Delivery> deliveries;
  for (const auto& request : live_) {
    if (!request->events.empty()) deliveries.push_back({request->stream, std::exchange(request->events, {})});
  }
  std::erase_if(live_, [](const auto& request) { return request->ended; });
  return deliveries;
}

void Scheduler::FailAll(const Status& status, Instant now) {
  for (const auto& request : live_) {
    if (!request->ended) Fail(*request, status, now);
  }
}

void Scheduler::Enqueue(Sequence& sequence) {
  sequence.state = Sequence::State::kWaiting;
  std::vector<Sequence*>& waiting = sequence.flow().waiting;
  waiting.insert(std::ranges::upper_bound(waiting, &sequence, kByRankLastFirst), &sequence);
  if (waiting.back() == &sequence) blocked_ = nullptr;
}

void Scheduler::LeaveRunning(Sequence& sequence, Sequence::State to) {
  BP_CHECK(std::erase(running_, &sequence) == 1);
  --sequence.flow().running;
  kv_.Release(sequence.pages);
  if (draft_model_ != nullptr) draft_model_->Release(sequence);
  sequence.computed = 0;
  sequence.state = to;
  blocked_ = nullptr;
}

void Scheduler::CheckIntegrity() const {
  BP_CHECK(std::ranges::is_sorted(running_, GoesBefore));
  BP_CHECK(running_.size() <= options_.sequences_max);
  size_t running = 0, waiting = 0, unstarted = 0;
  size_t flows_running = 0, flows_waiting = 0, flows_unstarted = 0;
  for (const Flow* flow : fair_.flows()) {
    BP_CHECK(std::ranges::is_sorted(flow->waiting, kByRankLastFirst));
    flows_running += flow->running;
    flows_waiting += flow->waiting.size();
    flows_unstarted += flow->unstarted;
  }
  for (const auto& request : live_) {
    unstarted += request->started || request->ended ? 0 : 1;
    for (const auto& sequence : request->sequences) {
      running += sequence->state == Sequence::State::kRunning ? 1 : 0;
      waiting += sequence->state == Sequence::State::kWaiting ? 1 : 0;
      BP_CHECK(sequence->pages.empty() == (sequence->state != Sequence::State::kRunning));
      BP_CHECK(sequence->computed <= sequence->known());
      BP_CHECK(!sequence->planned && sequence->draft.empty() && KvPages::Within(sequence->pages, sequence->known()));
    }
  }
  BP_CHECK(running == running_.size() && waiting == flows_waiting && unstarted == unstarted_);
  BP_CHECK(running == flows_running && unstarted == flows_unstarted);
  kv_.CheckIntegrity();
  if (draft_model_ != nullptr) draft_model_->CheckIntegrity();
}

}  // namespace bedplate
