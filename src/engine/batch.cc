#include "engine/batch.h"

#include <algorithm>

#include "base/check.h"

namespace bedplate {

Batch::Batch(const BatchLimits& limits) : limits_(limits), views_(limits.sequences_max) {
  tokens_.reserve(limits.rows_max);
  slices_.reserve(limits.sequences_max);
  wishes_.reserve(limits.logit_rows_max);
  logit_rows_.reserve(limits.logit_rows_max);
  for (SequenceSlice& view : views_) view.page_tables.resize(limits.groups);
}

void Batch::Clear() {
  BP_CHECK(reserved_ == 0);
  for (const Slice& slice : slices_) {
    slice.sequence->planned = false;
    slice.sequence->draft.clear();
  }
  tokens_.clear();
  slices_.clear();
  wishes_.clear();
  logit_rows_.clear();
  scores_ = 0;
}

void Batch::Reserve(Sequence& sequence) {
  BP_CHECK(!sequence.planned && sequence.missing() == 1 && rows_left() >= 1);
  sequence.planned = true;
  ++reserved_;
}

void Batch::Unreserve(Sequence& sequence) {
  BP_CHECK(sequence.planned && reserved_ > 0);
  sequence.planned = false;
  --reserved_;
}

void Batch::Add(Sequence& sequence, uint32_t rows) {
  if (sequence.planned) --reserved_;
  BP_CHECK(rows >= 1 && rows <= sequence.missing());
  const auto drafted = static_cast<uint32_t>(sequence.draft.size());
  BP_CHECK(drafted == 0 || rows == sequence.missing());
  BP_CHECK(rows + drafted <= rows_left() && slices_.size() < limits_.sequences_max);
  const LiveRequest& request = sequence.request;
  for (uint32_t i = 0; i < rows; ++i) {
    const uint32_t position = sequence.computed + i + 1;  // the one that this row's logits are about
    const bool next = position == sequence.known() && request.prepared.output_tokens_max > 0;
    const bool score = position < request.prompt_tokens() && position >= request.prompt_scored();
    if (next || score) {
      BP_CHECK(wishes_.size() < limits_.logit_rows_max);
      wishes_.push_back({.sequence = &sequence, .position = position, .next = next, .drafted = 0});
      logit_rows_.push_back(this->rows());
      scores_ += next ? 0 : 1;
    }
    tokens_.push_back(sequence.tokens[position - 1]);
  }
  for (uint32_t i = 0; i < drafted; ++i) {
    BP_CHECK(wishes_.size() < limits_.logit_rows_max);
    wishes_.push_back({.sequence = &sequence, .position = sequence.known() + i + 1, .next = true, .drafted = i + 1});
    logit_rows_.push_back(this->rows());
    tokens_.push_back(sequence.draft[i]);
  }
  slices_.push_back({.sequence = &sequence, .rows = rows + drafted, .drafted = drafted});
  sequence.planned = true;
}

uint32_t Batch::RowsWithin(const Sequence& sequence, uint32_t rows, uint32_t spare) {
  const LiveRequest& request = sequence.request;
  // Rows computed .. prompt_scored - 2 are not scored again; then one score a row until the prompt's end.
  const uint32_t free_rows =
      request.prompt_scored() > sequence.computed + 1 ? request.prompt_scored() - sequence.computed - 1 : 0;
  if (request.prompt_scored() >= request.prompt_tokens()) return rows;
  return std::min(rows, free_rows + spare);
}

BatchView Batch::View() {
  for (size_t i = 0; i < slices_.size(); ++i) {
    const Sequence& sequence = *slices_[i].sequence;
    views_[i].rows = slices_[i].rows;
    views_[i].start = sequence.computed;
    for (size_t g = 0; g < limits_.groups; ++g) views_[i].page_tables[g] = sequence.pages.table(g);
  }
  return {.tokens = tokens_, .sequences = std::span(views_).first(slices_.size()), .logit_rows = logit_rows_};
}

}  // namespace bedplate
