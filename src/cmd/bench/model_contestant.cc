#include "cmd/bench/model_contestant.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/random.h"

namespace bedplate {
namespace {

constexpr uint32_t kStepRowsMax = 512;

// Each stream has pages of its own. What a decode starts from is computed once and kept: a round overwrites only what
// the round before it generated.
class ModelContestant final : public Contestant {
 public:
  ModelContestant(StepModel& model, std::span<const Workload> workloads) : Contestant("bedplate", ""), model_(model) {
    uint32_t positions = 1;
    for (const Workload& w : workloads) {
      positions = std::max(positions, w.depth + w.tokens);
      streams_max_ = std::max(streams_max_, w.streams);
    }
    limits_.rows_max = std::max(kStepRowsMax, streams_max_);
    limits_.logit_rows_max = streams_max_;
    pages_per_stream_ = (positions + kPageTokens - 1) / kPageTokens;
    pages_.resize(size_t{streams_max_} * pages_per_stream_);
    for (uint32_t i = 0; i < pages_.size(); ++i) pages_[i] = PageId{i};
    logits_.resize(size_t{streams_max_} * model.vocabulary());
    for (uint32_t i = 0; i < std::max(positions, streams_max_); ++i) {
      tokens_.push_back(TokenId{static_cast<int32_t>(HashWords(1, 2, i) % model.vocabulary())});
    }
  }

  Status Reserve() {
    const std::vector<uint32_t> pages(model_.page_groups().size(), pages_per_stream_ * streams_max_);
    return model_.Reserve(limits_, pages);
  }

  Result<Timing> Run(const Workload& workload, std::chrono::seconds /*patience*/) override {
    if (workload.kind == Workload::Kind::kPrefill) {
      held_depth_ = held_streams_ = 0;
      const auto start = std::chrono::steady_clock::now();
      Prefill(0, workload.tokens);
      return Timing{SecondsSince(start), workload.tokens};
    }
    if (held_depth_ != workload.depth || held_streams_ < workload.streams) {
      for (uint32_t s = 0; s < workload.streams; ++s) Prefill(s, workload.depth);
      held_depth_ = workload.depth;
      held_streams_ = workload.streams;
    }
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t i = 0; i < workload.tokens; ++i) Decode(workload.streams, workload.depth + i);
    return Timing{SecondsSince(start), workload.tokens_in_all()};
  }

 private:
  static double SecondsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  SequenceSlice Slice(uint32_t stream, uint32_t start, uint32_t rows) const {
    SequenceSlice slice{rows, start, {}};
    slice.page_tables.assign(model_.page_groups().size(),
                             std::span(pages_).subspan(size_t{stream} * pages_per_stream_, pages_per_stream_));
    return slice;
  }

  void Prefill(uint32_t stream, uint32_t tokens) {
    for (uint32_t at = 0; at < tokens; at += kStepRowsMax) {
      const uint32_t rows = std::min(kStepRowsMax, tokens - at);
      const SequenceSlice slice = Slice(stream, at, rows);
      const uint32_t last = rows - 1;
      const bool ends = at + rows == tokens;
      model_.Forward({std::span(tokens_).subspan(at, rows), {&slice, 1}, {&last, ends ? 1u : 0u}}, logits_.data());
    }
  }

  void Decode(uint32_t streams, uint32_t position) {
    std::vector<SequenceSlice> slices;
    std::vector<uint32_t> rows(streams);
    std::iota(rows.begin(), rows.end(), 0u);
    for (uint32_t s = 0; s < streams; ++s) slices.push_back(Slice(s, position, 1));
    model_.Forward({std::span(tokens_).first(streams), slices, rows}, logits_.data());
  }

  StepModel& model_;
  uint32_t streams_max_ = 1;
  StepLimits limits_;
  uint32_t pages_per_stream_ = 0;
  std::vector<PageId> pages_;
  std::vector<TokenId> tokens_;
  std::vector<float> logits_;
  uint32_t held_depth_ = 0;  // of the streams below held_streams_: positions in their pages
  uint32_t held_streams_ = 0;
};

}  // namespace

Result<std::unique_ptr<Contestant>> MakeModelContestant(StepModel& model, std::span<const Workload> workloads) {
  auto contestant = std::make_unique<ModelContestant>(model, workloads);
  BP_RETURN_IF_ERROR(contestant->Reserve());
  return std::unique_ptr<Contestant>(std::move(contestant));
}

}  // namespace bedplate
