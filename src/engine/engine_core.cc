#include "engine/engine_core.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/cat.h"
#include "base/caught.h"
#include "base/check.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/cache_tiers.h"
#include "engine/prepare.h"
#include "kernels/isa.h"

namespace bedplate {
namespace {

uint64_t SystemEntropy() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

SchedulerOptions SchedulerOptionsFor(const EngineOptions& options, const MemoryPlan& plan) {
  return {.step_tokens_max = options.step_tokens_max,
          .prefill_chunk_max = options.prefill_chunk_max,
          .sequences_max = std::min(options.sequences_max, options.step_tokens_max),
          .logit_rows_max = plan.limits.logit_rows_max,
          .pace_seconds = std::chrono::duration<double>(options.pace).count(),
          .speculation = options.speculation};
}

/// The draft model, if the model comes with one, and its part of the memory.
Result<std::unique_ptr<DraftModel>> TakeDraftModel(EngineOptions& options, LoadedModel& model, const Clock& clock) {
  if (model.draft == nullptr) return std::unique_ptr<DraftModel>();
  BP_RETURN_IF_ERROR(CheckSameVocabulary(model, *model.draft));
  EngineOptions draft_options = options;
  draft_options.cache_memory_bytes = 0;
  draft_options.cache_disk_bytes = 0;
  BP_ASSIGN_OR_RETURN(const TierPlan tiers, PlanTiers(options, *model.model));
  const size_t both = options.memory_bytes - std::min(options.memory_bytes, tiers.bytes);
  draft_options.memory_bytes = DraftMemory(both, *model.model, *model.draft->model);
  options.memory_bytes -= draft_options.memory_bytes;
  return DraftModel::Create(draft_options, std::move(model.draft), model.model->vocabulary(), clock);
}

}  // namespace

Result<std::unique_ptr<EngineCore>> EngineCore::Create(const EngineOptions& options, LoadedModel model,
                                                       const Clock& clock) {
  BP_CHECK(model.model != nullptr && model.tokenizer != nullptr);
  EngineOptions own = options;
  BP_ASSIGN_OR_RETURN(std::unique_ptr<DraftModel> draft_model, TakeDraftModel(own, model, clock));
  BP_ASSIGN_OR_RETURN(MemoryPlan plan, PlanMemory(own, *model.model));
  BP_RETURN_IF_ERROR(model.model->Reserve(plan.limits, plan.pages));
  const size_t logits_bytes = size_t{plan.limits.logit_rows_max} * model.model->vocabulary() * sizeof(float);
  BP_ASSIGN_OR_RETURN(Buffer logits, Buffer::Allocate(logits_bytes));
  BP_ASSIGN_OR_RETURN(std::unique_ptr<PageTiers> tiers, MakeCacheTiers(plan, model, clock));
  return std::unique_ptr<EngineCore>(new EngineCore(own, std::move(model), std::move(draft_model), std::move(tiers),
                                                    clock, std::move(plan), std::move(logits)));
}

EngineCore::EngineCore(const EngineOptions& options, LoadedModel model, std::unique_ptr<DraftModel> draft_model,
                       std::unique_ptr<PageTiers> tiers, const Clock& clock, MemoryPlan plan, Buffer logits)
    : options_(options),
      model_(std::move(model)),
      clock_(clock),
      plan_(std::move(plan)),
      seed_(options.seed.has_value() ? *options.seed : SystemEntropy()),
      constraints_(std::make_unique<ConstraintCache>(*model_.tokenizer)),
      logits_(std::move(logits)),
      sampler_(VectorKernelsFor(BestIsa()), model_.model->vocabulary(), model_.tokenizer->size()),
      draft_model_(std::move(draft_model)),
      tiers_(std::move(tiers)) {
  drawn_.reserve(plan_.limits.logit_rows_max);
  StartEmpty();
  metrics_.pages_total = kv_->capacity();
  Publish();
}

void EngineCore::StartEmpty() {
  scheduler_.reset();
  if (tiers_ != nullptr) tiers_->DropAll();
  kv_ = std::make_unique<KvPages>(KvPages::Options{.sliding_windows = SlidingWindows(*model_.model),
                                                   .capacities = plan_.pages,
                                                   .chunk_tokens = options_.prefill_chunk_max,
                                                   .prefix_cache = options_.prefix_cache,
                                                   .tiers = tiers_.get()});
  if (draft_model_ != nullptr) draft_model_->StartEmpty();
  scheduler_ = std::make_unique<Scheduler>(SchedulerOptionsFor(options_, plan_), *kv_, *model_.tokenizer, metrics_,
                                           draft_model_.get());
}

Result<PreparedRequest> EngineCore::Prepare(Request request) const {
  BP_ASSIGN_OR_RETURN(PreparedRequest prepared,
                      PrepareRequest(std::move(request), model_, context_tokens_max(), clock_.UnixSeconds()));
  if (!prepared.request.constraint.has_value()) return prepared;
  Constraint constraint = *prepared.request.constraint;
  // Where the prompt has opened the reasoning, the format is for what comes after it.
  if (prepared.output.has_value() && prepared.output->in_reasoning && constraint.after.empty()) {
    constraint.after = prepared.output->format.reasoning_close;
  }
  BP_ASSIGN_OR_RETURN(prepared.constraint, constraints_->Get(constraint));
  return prepared;
}

Result<uint32_t> EngineCore::CountPrompt(Request request) const {
  return CountPromptTokens(std::move(request), model_, clock_.UnixSeconds());
}

Status EngineCore::Submit(PreparedRequest request, std::shared_ptr<EventStream> events) {
  BP_CHECK(request.request.constraint.has_value() == (request.constraint != nullptr));
  BP_CHECK(!request.tokens.empty() && request.tokens.size() + request.output_tokens_max <= context_tokens_max());
  if (draining_.load()) return Status::Unavailable("the server is shutting down and takes no new requests");
  std::optional<TokenLookup> lookup = MakeLookup(request);  // before the lock: it reads the whole prompt
  const std::lock_guard lock(mutex_);
  const size_t waiting = inbox_.size() + unstarted_;
  if (!QueueTakes(request.request, waiting)) {
    ++refused_;
    return Status::ResourceExhausted(Cat(waiting, " requests are waiting already and the queue holds ",
                                         options_.queue_max, "; try again later"))
        .WithReason("queue_full")
        .WithRetryAfterMs(RetryAfterMs(waiting));
  }
  const uint64_t arrival = ++arrivals_;
  const uint64_t seed = request.request.sampling.seed.value_or(HashWords(seed_, arrival, 0));
  const uint64_t salt = options_.prefix_cache ? request.cache_salt : arrival;
  auto live = std::make_unique<LiveRequest>(std::move(request), std::move(events), arrival, salt, seed, clock_.Now());
  live->sequences.push_back(std::make_unique<Sequence>(*live, 0, *model_.tokenizer));
  live->sequences.back()->lookup = std::move(lookup);
  NoteWaiting(live->request());
  inbox_.push_back(std::move(live));
  live_.fetch_add(1);
  return Status::Ok();
}

/// A prediction is looked up in even if nothing is drafted: the usage says how much of it came true.
std::optional<TokenLookup> EngineCore::MakeLookup(const PreparedRequest& prepared) const {
  const bool drafts = options_.speculation.mode != Speculation::Mode::kOff && prepared.request.speculation;
  if (!drafts && prepared.prediction.empty()) return std::nullopt;
  return TokenLookup(prepared.prediction, prepared.tokens, std::min(prepared.output_tokens_max, kOutputReserve));
}

void EngineCore::NoteWaiting(const Request& request) {
  auto at = std::ranges::find(waiting_flows_, request.flow, &WaitingFlow::id);
  if (at == waiting_flows_.end()) at = waiting_flows_.insert(at, {.id = request.flow});
  at->weight = request.weight;
  ++at->requests;
}

/// A full queue still takes what a flow is short of its share of it, up to twice its length in all: or one flow could
/// keep the others out. A flow alone finds it full when it is.
bool EngineCore::QueueTakes(const Request& request, size_t waiting) const {
  if (waiting < options_.queue_max) return true;
  if (waiting >= 2 * size_t{options_.queue_max}) return false;
  uint32_t own = 0;
  double weights = request.weight;
  for (const WaitingFlow& flow : waiting_flows_) {
    if (flow.id == request.flow) {
      own = flow.requests;
    } else {
      weights += flow.weight;
    }
  }
  return own < options_.queue_max * (request.weight / weights);
}

/// The requests ahead take about the mean time so far, sequences_max at a time.
uint32_t EngineCore::RetryAfterMs(size_t waiting) const {
  const LatencyHistogram& times = published_.request_time;
  const double mean_seconds = times.count == 0 ? 1.0 : times.sum_seconds / static_cast<double>(times.count);
  const double rounds = static_cast<double>(waiting) / options_.sequences_max;
  return static_cast<uint32_t>(std::clamp(1000.0 * mean_seconds * rounds, 100.0, 60'000.0));
}

bool EngineCore::Step() {
  bool ran = false;
  try {
    ran = Compute();
  } catch (...) {
    Recover(CaughtStatus());
    return true;
  }
  Deliver(scheduler_->TakeEvents());
  return ran;
}

bool EngineCore::Compute() {
  DrainInbox();
  scheduler_->Admit(arriving_);
  if (tiers_ != nullptr) tiers_->Collect();
  Batch& batch = scheduler_->Plan(clock_.Now());
  if (!batch.empty()) {
    const Instant start = clock_.Now();
    model_.model->Forward(batch.View(), reinterpret_cast<float*>(logits_.data()));
    DrawTokens(batch);
    const Instant end = clock_.Now();
    scheduler_->NoteCost(std::chrono::duration<double>(end - start).count());
    scheduler_->Commit(drawn_, end);
    return true;
  }
  return scheduler_->restored();
}

/// Nobody knows how far the step came: what its requests shared is thrown away whole and made anew. The weights, and
/// the memory behind the pages, are as good as before.
void EngineCore::Recover(const Status& status) {
  LogError("a step failed, and with it every request that ran", {{"error", status.message()}});
  std::vector<std::unique_ptr<LiveRequest>> lost = scheduler_->TakeLive();
  for (const auto* requests : {&lost, &arriving_}) {
    for (const auto& request : *requests) {
      if (request == nullptr || request->stream->cancelled()) continue;
      std::vector<Event> end;
      end.emplace_back(RequestFailed{.status = status, .usage = request->usage});
      // One that ended in this step has its end among its events.
      request->stream->Push(request->ended ? std::move(request->events) : std::move(end));
      metrics_.requests_failed += request->ended ? 0 : 1;
    }
  }
  lost.clear();  // before the pages that they hold
  arriving_.clear();
  StartEmpty();
  Publish();
}

void EngineCore::DrainInbox() {
  const std::lock_guard lock(mutex_);
  unstarted_ += static_cast<uint32_t>(inbox_.size());
  arriving_.swap(inbox_);
}

void EngineCore::DrawTokens(const Batch& batch) {
  const size_t vocabulary = model_.model->vocabulary();
  const std::span logits(reinterpret_cast<float*>(logits_.data()), plan_.limits.logit_rows_max * vocabulary);
  drawn_.clear();
  for (size_t i = 0; i < batch.wishes().size(); ++i) {
    const Batch::Wish& wish = batch.wishes()[i];
    // The row after a drafted token means something only if that token is what the row before it gives.
    const bool confirmed = wish.drafted == 0 || drawn_.back().token == wish.sequence->draft[wish.drafted - 1];
    if (confirmed) {
      drawn_.push_back(DrawOne(wish, logits.subspan(i * vocabulary, vocabulary)));
    } else {
      drawn_.push_back({.token = {}, .scored = {}, .void_draft = true});
    }
  }
}

Drawn EngineCore::DrawOne(const Batch::Wish& wish, std::span<float> row) {
  Sequence& sequence = *wish.sequence;
  const Request& request = sequence.request.request();
  Sampler::Clean(row);
  if (!wish.next) {
    return {.token = {}, .scored = sampler_.Score(row, sequence.tokens[wish.position], *request.prompt_logprobs_top)};
  }
  std::span<const uint64_t> allowed;
  TokenMasks::Cursor* const constraint = sequence.Constrain();
  if (constraint != nullptr) {
    Result<std::span<const uint64_t>> mask = Allowed(sequence, *constraint);
    if (!mask.ok()) return {.token = {}, .scored = {}, .failure = mask.status()};
    allowed = *mask;
  }
  const DrawKey key{.seed = sequence.request.seed, .choice = sequence.choice(), .position = wish.position};
  Drawn drawn{.token = sampler_.Draw(row, request.sampling, sequence.counts, key, allowed), .scored = {}};
  // Here and not in Commit, for the same reason as the counts below.
  if (constraint != nullptr && drawn.token.has_value() && !sequence.output.IsEnd(*drawn.token)) {
    if (!constraint->Accept(*drawn.token)) return {.token = {}, .scored = {}, .failure = TooAmbiguous()};
    drawn.completes = constraint->MustEnd();
  }
  if (drawn.token.has_value() && request.logprobs_top.has_value()) {
    drawn.scored = sampler_.Score(row, *drawn.token, *request.logprobs_top);
  }
  // Here and not in Commit, since the next row of the same step may be the same sequence's.
  if (drawn.token.has_value() && !sequence.counts.entries().empty()) sequence.counts.AddOutput(*drawn.token);
  return drawn;
}

/// The constraint's tokens; and where the text may end, those that end it.
Result<std::span<const uint64_t>> EngineCore::Allowed(const Sequence& sequence, TokenMasks::Cursor& cursor) {
  BP_ASSIGN_OR_RETURN(const std::span<const uint64_t> mask, cursor.Allowed());
  mask_.assign(mask.begin(), mask.end());
  const auto set = [&](TokenId token) {
    if (!model_.tokenizer->Contains(token)) return;
    const auto id = static_cast<size_t>(token.value);
    const uint64_t bit = uint64_t{1} << (id % 64);
    mask_[id / 64] = cursor.MayEnd() ? mask_[id / 64] | bit : mask_[id / 64] & ~bit;
  };
  for (const TokenId token : model_.tokenizer->end_of_generation()) set(token);
  for (const TokenId token : sequence.request.request().stop_tokens) set(token);
  if (std::ranges::any_of(mask_, [](uint64_t word) { return word != 0; })) return std::span<const uint64_t>(mask_);
  return Status::InvalidArgument(
      "The model's vocabulary has no token that can go on with what the constraint asks for here.");
}

/// Counters first: whoever has been told the end of the last request finds the engine idle and its metrics complete.
void EngineCore::Deliver(std::vector<Delivery> deliveries) {
  Publish();
  for (Delivery& delivery : deliveries) {
    if (!delivery.stream->cancelled()) delivery.stream->Push(std::move(delivery.events));
  }
}

void EngineCore::Publish() {
  metrics_.sequences_running = scheduler_->running();
  metrics_.flows = scheduler_->flows().live();
  metrics_.pages_used = kv_->used_pages();
  metrics_.pages_cached = kv_->cached_pages();
  metrics_.pages_evicted = kv_->evicted_pages();
  if (tiers_ != nullptr) {
    metrics_.memory_tier = tiers_->counts(PageTiers::Tier::kMemory);
    metrics_.file_tier = tiers_->counts(PageTiers::Tier::kFile);
  }
  const std::lock_guard lock(mutex_);
  published_ = metrics_;
  unstarted_ = scheduler_->unstarted();
  waiting_flows_.clear();
  for (const Flow* flow : scheduler_->flows().flows()) {
    if (flow->unstarted > 0) {
      waiting_flows_.push_back({.id = flow->id, .weight = flow->weight, .requests = flow->unstarted});
    }
  }
  for (const auto& request : inbox_) NoteWaiting(request->request());
  live_.store(static_cast<uint32_t>(scheduler_->live() + inbox_.size()));
}

EngineMetrics EngineCore::Metrics() const {
  const std::lock_guard lock(mutex_);
  EngineMetrics metrics = published_;
  metrics.requests_refused = refused_;
  metrics.requests_waiting = unstarted_ + static_cast<uint32_t>(inbox_.size());
  return metrics;
}

void EngineCore::Stop(const Status& status) {
  Drain();
  DrainInbox();
  scheduler_->Admit(arriving_);
  scheduler_->FailAll(status, clock_.Now());
  Deliver(scheduler_->TakeEvents());
}

void EngineCore::CheckIntegrity() const {
  scheduler_->CheckIntegrity();
  if (tiers_ != nullptr) tiers_->CheckIntegrity();
}

}  // namespace bedplate
