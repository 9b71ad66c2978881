#include "engine/fair_share.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/check.h"

namespace bedplate {

Flow& FairShare::Enter(uint64_t id, uint32_t weight) {
  BP_CHECK(weight >= 1);
  std::unique_ptr<Flow>& slot = flows_[id];
  if (slot == nullptr) {
    slot = std::make_unique<Flow>(id, weight);
    slot->place = static_cast<uint32_t>(order_.size());
    order_.push_back(slot.get());
  }
  slot->weight = weight;
  live_ += slot->live_++ == 0 ? 1 : 0;
  return *slot;
}

void FairShare::Leave(Flow& flow) {
  BP_CHECK(flow.live_ > 0);
  live_ -= --flow.live_ == 0 ? 1 : 0;
}

void FairShare::Serve(Flow& flow, double tokens) {
  flow.served_ += tokens / flow.weight;
  if (flow.served_ - flow.turn_ < kTurnTokens) return;
  flow.turn_ = flow.served_;
  flow.since_ = ++moments_;
}

void FairShare::Order() {
  RaiseFloor();
  for (Flow* flow : order_) {
    if (flow->Wants() && !flow->wanted_) Lift(*flow);
    flow->wanted_ = flow->Wants();
  }
  const auto key = [](const Flow* f) { return std::tuple(f->turn_, f->Asks(), f->since_, f->id); };
  if (order_.size() > 1) std::ranges::sort(order_, {}, key);
  Forget();
  for (size_t i = 0; i < order_.size(); ++i) order_[i]->place = static_cast<uint32_t>(i);
}

/// To the least turn of those that have wanted since the last time; if there are none, to the greatest of all.
void FairShare::RaiseFloor() {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  double least = kNone, most = 0;
  for (const Flow* flow : order_) {
    if (flow->Wants() && flow->wanted_) least = std::min(least, flow->turn_);
    most = std::max(most, flow->turn_);
  }
  floor_ = std::max(floor_, least != kNone ? least : most);
}

void FairShare::Lift(Flow& flow) {
  if (flow.turn_ >= floor_) return;
  flow.turn_ = floor_;
  flow.served_ = std::max(flow.served_, floor_);
  flow.since_ = ++moments_;
}

void FairShare::Forget() {
  if (live_ == 0) {
    order_.clear();
    flows_.clear();
    floor_ = 0;
    return;
  }
  size_t idle = order_.size() - live_;
  std::erase_if(order_, [&](const Flow* flow) {  // in order: of too many, those that were served least go
    if (flow->live_ > 0 || (flow->served_ > floor_ && idle <= kIdleFlowsMax)) return false;
    --idle;
    const uint64_t id = flow->id;
    flows_.erase(id);
    return true;
  });
}

Flow* FairShare::Next() const {
  const auto claim = [](const Flow* f) {
    return std::pair(f->served_ + static_cast<double>(f->unread) / f->weight, f->place);
  };
  Flow* next = nullptr;
  for (Flow* flow : order_) {
    if (!flow->waiting.empty() && (next == nullptr || claim(flow) < claim(next))) next = flow;
  }
  return next;
}

}  // namespace bedplate
