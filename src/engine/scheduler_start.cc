// What comes before a step's rows: who is no longer wanted, whose turn it is, and who starts.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <ranges>
#include <utility>

#include "base/cat.h"
#include "base/check.h"
#include "engine/scheduler.h"

namespace bedplate {
namespace {

/// Somebody who asks now and then finds short steps when coming.
constexpr std::chrono::seconds kShortStepsFor{60};

double SecondsOf(Duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

void Scheduler::EndUnwanted(Instant now) {
  for (const auto& request : live_) {
    if (request->ended) continue;
    if (request->stream->cancelled()) {
      Cancel(*request);
    } else if (request->prepared.deadline.has_value() && *request->prepared.deadline <= now) {
      Fail(*request,
           Status(StatusCode::kDeadlineExceeded,
                  Cat("the request's deadline passed ", SecondsOf(now - request->arrived_at), " s after it arrived"))
               .WithReason("deadline_passed"),
           now);
    }
  }
}

void Scheduler::OrderFlows(Instant now) {
  if (fair_.live() > 1) several_at_ = now;
  short_steps_ = several_at_.has_value() && now - *several_at_ < kShortStepsFor;
  for (Flow* flow : fair_.flows()) flow->unread = 0;
  for (const Sequence* s : running_) s->flow().unread += s->missing() > 1 ? s->missing() : 0;
  fair_.Order();
  OrderRunning();
}

void Scheduler::OrderRunning() {
  std::ranges::sort(running_, {}, &Sequence::rank);
  for (Flow* flow : fair_.flows()) flow->counted = 0;
  for (Sequence* s : running_) s->depth = fair_.live() > 1 ? (s->flow().counted++ + 0.5) / s->flow().weight : 0;
  std::ranges::sort(running_, GoesBefore);
}

void Scheduler::StartWaiting(Instant now) {
  for (Flow* flow = fair_.Next(); flow != nullptr; flow = fair_.Next()) {
    Sequence& first = *flow->waiting.back();
    // What gave up its place for another flow doesn't take it back in the same step: so this comes to an end.
    if (&first == blocked_ || first.yielded_in == plans_) return;
    while (running_.size() >= options_.sequences_max || !TryStart(first, now)) {
      if (MakePlace(first)) continue;
      blocked_ = &first;
      break;
    }
  }
}

/// The last known token is always computed, for its logits; so is the one before each token that is to be scored.
uint32_t Scheduler::CachedMax(const Sequence& sequence) {
  const LiveRequest& request = sequence.request;
  const bool scores_pending = request.prompt_scored() < request.prompt_tokens();
  return (scores_pending ? request.prompt_scored() : sequence.known()) - 1;
}

/// False: later. Otherwise the sequence has left the queue.
bool Scheduler::TryStart(Sequence& sequence, Instant now) {
  const LiveRequest& request = sequence.request;
  const uint32_t cached_max = CachedMax(sequence);
  sequence.computed = kv_.Start(sequence.pages, request.salt, sequence.tokens, cached_max);
  const StartAnswer answer = Ask(sequence, 0);
  if (answer != StartAnswer::kYes) {
    kv_.Release(sequence.pages);
    sequence.computed = 0;
  }
  if (answer == StartAnswer::kLater) return false;
  if (answer == StartAnswer::kNever) {
    Fail(sequence.request, Status::ResourceExhausted("the request can't be served with this server's settings"), now);
    return true;
  }
  Flow& flow = sequence.flow();
  flow.waiting.pop_back();
  flow.unread += sequence.missing() > 1 ? sequence.missing() : 0;
  ++flow.running;
  sequence.state = Sequence::State::kRunning;
  sequence.counted = std::max(sequence.counted, sequence.computed);
  running_.push_back(&sequence);
  OrderRunning();
  kv_.PlanRestore(sequence.pages, request.salt, sequence.tokens, cached_max, pace_.row_seconds());
  NoteStart(sequence, sequence.computed, now);
  return true;
}

/// leaving: how many of leavers_ are to be thought away.
StartAnswer Scheduler::Ask(const Sequence& sequence, size_t leaving) {
  const std::span<Sequence* const> leavers = std::span(leavers_).first(leaving);
  staying_.clear();
  std::ranges::remove_copy_if(running_, std::back_inserter(staying_),
                              [&](const Sequence* s) { return std::ranges::find(leavers, s) != leavers.end(); });
  const StartQuestion question{.sequence = sequence, .running = staying_, .leaving = leavers, .kv = kv_};
  StartAnswer worst = StartAnswer::kYes;
  for (const auto& rule : rules_) worst = std::max(worst, rule->MayStart(question));
  return worst;
}

/// Preempts as few as will do for the sequence to start, none if it would not. True: it may be tried again.
bool Scheduler::MakePlace(Sequence& sequence) {
  FindLowerOfFlow(sequence);
  size_t leaving = LeaversFor(sequence);
  if (leaving == 0 && fair_.live() > 1) {
    FindOfFlowsThatRunMore(sequence.flow());
    leaving = LeaversFor(sequence);
  }
  for (Sequence* yields : std::span(leavers_).first(leaving)) {
    if (&yields->flow() != &sequence.flow()) yields->yielded_in = plans_;
    Preempt(*yields);
  }
  return leaving > 0;
}

/// Those of lower priority, from the least important one on.
void Scheduler::FindLowerOfFlow(const Sequence& sequence) {
  leavers_.clear();
  for (Sequence* last : std::views::reverse(running_)) {
    if (&last->flow() != &sequence.flow()) continue;
    if (last->priority() >= sequence.priority() || !(sequence.rank < last->rank)) return;
    leavers_.push_back(last);
  }
}

/// Places are taken only from flows that run twice as many, by weight, as this one would then, and never the last one.
/// So what is taken can't be taken back, and a small difference, as chance brings it, costs nobody what was computed.
void Scheduler::FindOfFlowsThatRunMore(const Flow& flow) {
  leavers_.clear();
  for (Flow* other : fair_.flows()) other->counted = other->running;
  const double own = (flow.running + 1.0) / flow.weight;
  for (Sequence* last : std::views::reverse(running_)) {
    Flow& other = last->flow();
    if (&other == &flow || other.counted < 2 || 2 * own * other.weight > other.counted) continue;
    leavers_.push_back(last);
    --other.counted;
  }
}

size_t Scheduler::LeaversFor(Sequence& sequence) {
  if (leavers_.empty()) return 0;
  sequence.computed = kv_.Start(sequence.pages, sequence.request.salt, sequence.tokens, CachedMax(sequence));
  size_t leaving = 1;
  while (leaving <= leavers_.size() && Ask(sequence, leaving) != StartAnswer::kYes) ++leaving;
  kv_.Release(sequence.pages);
  sequence.computed = 0;
  return leaving <= leavers_.size() ? leaving : 0;
}

void Scheduler::NoteStart(Sequence& sequence, uint32_t cached, Instant now) {
  LiveRequest& request = sequence.request;
  if (std::exchange(request.started, true)) return;
  --unstarted_;
  --request.flow->unstarted;
  request.usage.cached_tokens = cached;
  if (request.wants_prompt_logprobs()) request.prompt_logprobs.reserve(request.prompt_tokens());
  metrics_.prompt_tokens += request.prompt_tokens();
  metrics_.cached_tokens += cached;
  metrics_.queue_time.Add(SecondsOf(now - request.arrived_at));
}

}  // namespace bedplate
