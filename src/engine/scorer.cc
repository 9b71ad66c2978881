#include "engine/scorer.h"

#include <algorithm>
#include <numeric>

#include "base/cat.h"

namespace bedplate {
namespace {
constexpr uint32_t kRowsAtOnce = 256;
constexpr uint32_t kLogitRowsAtOnce = 32;  // 32 rows of a 150,000-token vocabulary are 19 MB
}  // namespace

Scorer::Scorer(StepModel& model, uint32_t tokens_max)
    : model_(&model), limits_{kRowsAtOnce, kLogitRowsAtOnce}, tokens_max_(tokens_max) {
  for (size_t g = 0; g < model.page_groups().size(); ++g) {
    std::vector<PageId> table((tokens_max + kPageTokens - 1) / kPageTokens);
    for (uint32_t i = 0; i < table.size(); ++i) table[i] = PageId{i};
    page_tables_.push_back(std::move(table));
  }
  logits_.resize(size_t{kLogitRowsAtOnce} * model.vocabulary());
}

Result<Scorer> Scorer::Create(StepModel& model, uint32_t tokens_max) {
  Scorer scorer(model, tokens_max);
  const std::vector<uint32_t> pages(model.page_groups().size(), (tokens_max + kPageTokens - 1) / kPageTokens);
  BP_RETURN_IF_ERROR(model.Reserve(scorer.limits_, pages));
  return scorer;
}

Status Scorer::Score(std::span<const TokenId> tokens, uint32_t first_position,
                     const std::function<void(uint32_t, std::span<const float>)>& visit) {
  if (tokens.size() > tokens_max_) {
    return Status::InvalidArgument(Cat("the sequence has ", tokens.size(), " tokens; allowed here: ", tokens_max_));
  }
  for (const TokenId token : tokens) {
    if (token.value < 0 || static_cast<uint32_t>(token.value) >= model_->vocabulary()) {
      return Status::InvalidArgument(
          Cat("token id ", token.value, " is outside the vocabulary (0 to ", model_->vocabulary() - 1, ")"));
    }
  }
  const auto count = static_cast<uint32_t>(tokens.size());
  SequenceSlice slice;
  for (const auto& table : page_tables_) slice.page_tables.emplace_back(table);
  for (uint32_t start = 0; start < count;) {
    // Rows that show logits come a few at a time, so that the logits stay small.
    const bool shows = start + 1 > first_position;
    const uint32_t before_shown = first_position > start ? first_position - start : kRowsAtOnce;
    slice.start = start;
    slice.rows = std::min({count - start, shows ? kLogitRowsAtOnce : kRowsAtOnce, shows ? count : before_shown});
    std::vector<uint32_t> logit_rows(shows ? slice.rows : 0);
    std::iota(logit_rows.begin(), logit_rows.end(), 0u);
    model_->Forward({tokens.subspan(start, slice.rows), {&slice, 1}, logit_rows}, logits_.data());
    for (uint32_t i = 0; i < logit_rows.size(); ++i) {
      visit(start + i, {logits_.data() + size_t{i} * model_->vocabulary(), model_->vocabulary()});
    }
    start += slice.rows;
  }
  return Status::Ok();
}

}  // namespace bedplate
