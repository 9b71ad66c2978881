#pragma once
/// One forward pass over a batch of sequences, each with its keys and values in pages: what the engine needs of a
/// model. The real one is transformer.h; tests and simulations bring their own.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "pages/page.h"

namespace bedplate {

/// Consecutive rows of a batch that belong to one sequence: its next tokens, at consecutive positions.
struct SequenceSlice {
  uint32_t rows = 0;   // >= 1
  uint32_t start = 0;  // position of the first row; positions before it are in pages already
  /// One table per page group: entry i is the page of positions [16 i, 16 i + 16). Covers start + rows positions.
  /// In a sliding group, entries wholly before start - window + 1 may be kNoPage.
  std::vector<std::span<const PageId>> page_tables;
};

struct BatchView {
  std::span<const TokenId> tokens;  // [rows], the slices' rows one after another
  std::span<const SequenceSlice> sequences;
  std::span<const uint32_t> logit_rows;  // ascending: the rows whose logits are wanted
};

/// Layers that keep the same positions share page tables.
struct PageGroup {
  uint32_t sliding_window = 0;  // 0: every position is kept; else each query sees this many positions, itself included
  size_t page_bytes = 0;        // over all layers of the group
};

struct StepLimits {
  uint32_t rows_max = 512;       // tokens in one step
  uint32_t logit_rows_max = 64;  // positions whose logits one step returns
};

/// Threads: one caller at a time (the engine thread). Never fails after Reserve: memory is taken there.
class StepModel {
 public:
  virtual ~StepModel() = default;
  [[nodiscard]] virtual uint32_t vocabulary() const = 0;
  [[nodiscard]] virtual uint32_t context_length() const = 0;
  [[nodiscard]] virtual std::span<const PageGroup> page_groups() const = 0;
  /// Bytes that Reserve takes for everything but pages.
  [[nodiscard]] virtual size_t ScratchBytes(const StepLimits& limits) const = 0;
  /// Called once: pages_per_group[g] pages of group g, and scratch for the limits.
  virtual Status Reserve(const StepLimits& limits, std::span<const uint32_t> pages_per_group) = 0;
  /// The bytes of a page, after Reserve: all that Forward keeps of its positions, and where it looks for them. Those of
  /// a page whose positions are all computed can be copied, and serve as well in any page of the group, and in any
  /// process whose model has the same weights and the same KvIdentity.
  [[nodiscard]] virtual std::span<std::byte> PageBytes(size_t group, PageId page) = 0;
  /// Says what the bytes of a page depend on besides weights and tokens: numerics, type and layout.
  [[nodiscard]] virtual std::string KvIdentity() const = 0;
  /// Computes keys and values of every row into its page, and logits [logit_rows x vocabulary]. A row's results are the
  /// same bits whatever else is in the batch and however its sequence was cut into steps.
  virtual void Forward(const BatchView& batch, float* logits) = 0;
};

}  // namespace bedplate
