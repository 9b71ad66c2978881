#pragma once
/// The rows of one step: which sequences, how many tokens of each, and which rows' logits are wanted for what.
/// Drafted tokens are rows like others, behind the sequence's last known token; each wants the logits after it, which
/// count if the draws before it confirm the draft.
/// Reused from step to step; allocates only in the constructor.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/live_request.h"
#include "model/step_model.h"

namespace bedplate {

struct BatchLimits {
  uint32_t rows_max = 0;
  uint32_t sequences_max = 0;
  uint32_t logit_rows_max = 0;
  size_t groups = 1;
};

class Batch {
 public:
  /// One row of logits and what it is for: the next token, or the score of a prompt token that is known.
  struct Wish {
    Sequence* sequence = nullptr;
    uint32_t position = 0;  // of the token that the row's logits are about
    bool next = false;
    uint32_t drafted = 0;  // drafted tokens among those before the position: the draw counts if they were all drawn
  };
  struct Slice {
    Sequence* sequence = nullptr;
    uint32_t rows = 0;
    uint32_t drafted = 0;  // of the rows, the last ones
  };

  explicit Batch(const BatchLimits& limits);
  void Clear();

  /// Counts the sequence's last known token in; Add() must follow.
  void Reserve(Sequence& sequence);
  /// Takes that back.
  void Unreserve(Sequence& sequence);
  /// The sequence's next rows, whose pages it has, and behind them its draft. Logits are wished for prompt tokens that
  /// are still to be scored, and for the next token if the rows reach the end of what is known and more is to be
  /// written; then for the one after each drafted token.
  void Add(Sequence& sequence, uint32_t rows);
  /// How many of the next rows can be taken before their scores would need more than `spare` rows of logits.
  [[nodiscard]] static uint32_t RowsWithin(const Sequence& sequence, uint32_t rows, uint32_t spare);

  [[nodiscard]] bool empty() const { return slices_.empty(); }
  [[nodiscard]] uint32_t rows() const { return static_cast<uint32_t>(tokens_.size()); }
  [[nodiscard]] uint32_t rows_left() const { return limits_.rows_max - rows() - reserved_; }
  [[nodiscard]] uint32_t reserved() const { return reserved_; }
  [[nodiscard]] uint32_t wishes_left() const {
    return limits_.logit_rows_max - static_cast<uint32_t>(wishes_.size()) - reserved_;
  }
  [[nodiscard]] uint32_t scores() const { return scores_; }  // wishes that are not for a next token
  [[nodiscard]] std::span<const Slice> slices() const { return slices_; }
  [[nodiscard]] std::span<const Wish> wishes() const { return wishes_; }  // wish i is about row i of the logits
  /// Valid until the next Clear() or change of the sequences' pages.
  [[nodiscard]] BatchView View();

 private:
  const BatchLimits limits_;
  std::vector<TokenId> tokens_;
  std::vector<Slice> slices_;
  std::vector<Wish> wishes_;
  std::vector<uint32_t> logit_rows_;
  std::vector<SequenceSlice> views_;  // [sequences_max], kept so that their tables' vectors are
  uint32_t scores_ = 0;
  uint32_t reserved_ = 0;  // rows of sequences that are to be added
};

}  // namespace bedplate
