#pragma once
/// The page tables of running sequences, over all page groups: prefix hits, growth, publication of complete pages in
/// the prefix tree, giving back what has left a sliding window, release.
///
/// Threads: engine thread only.
/// Errors:  no page left is normal: Grow() reports how many positions fit.
/// Cost:    O(1) a page.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/ids.h"
#include "model/step_model.h"
#include "pages/page_pool.h"
#include "pages/page_tiers.h"
#include "pages/prefix_tree.h"

namespace bedplate {

/// By group of the model's pages: its sliding window, 0 where there is none; KvPages::Options asks for them.
std::vector<uint32_t> SlidingWindows(const StepModel& model);

/// What one sequence holds. Filled and emptied by KvPages; empty unless the sequence runs.
class SequencePages {
 public:
  /// By group: entry i is the page of positions [16 i, 16 i + 16), kNoPage where it has left the window.
  [[nodiscard]] std::span<const PageId> table(size_t group) const { return groups_[group].table; }
  [[nodiscard]] bool empty() const { return groups_.empty(); }

 private:
  friend class KvPages;
  struct Held {
    PageLease own;               // not in the tree (yet)
    PrefixTree::PageUse shared;  // in the tree; exactly one of the two, or none once left behind
  };
  struct Group {
    std::vector<PageId> table;
    std::vector<Held> held;   // as long as table
    uint32_t first_held = 0;  // entries before it have been given back
  };
  std::vector<Group> groups_;
  PrefixTree::Cursor cursor_;  // behind the last published run; empty when publication has stopped
  uint32_t published_runs_ = 0;
  PageRestore restore_;  // what comes next from a tier
};

class KvPages {
 public:
  struct Options {
    std::vector<uint32_t> sliding_windows;  // by group; 0: full
    std::vector<uint32_t> capacities;       // pages, by group
    uint32_t chunk_tokens = 0;   // rows a sequence usually adds in one step: sizes its need in sliding groups
    bool prefix_cache = true;    // off: pages are shared only while in use
    PageTiers* tiers = nullptr;  // none: what is evicted is gone. Outlives this
  };
  explicit KvPages(const Options& options);

  /// Makes empty pages ready for a sequence of these tokens and takes what the tree has of its first cached_max tokens.
  /// Returns how many tokens need no computing: a multiple of kPageTokens.
  uint32_t Start(SequencePages& pages, uint64_t salt, std::span<const TokenId> tokens, uint32_t cached_max);

  /// Sees how far the tiers have what comes after the hit of Start(), within the first cached_max tokens.
  void PlanRestore(SequencePages& pages, uint64_t salt, std::span<const TokenId> tokens, uint32_t cached_max,
                   double row_seconds);
  /// Positions that are to come from a tier, from the computed ones on; nothing may be computed before them.
  [[nodiscard]] static uint32_t Restoring(const SequencePages& pages) { return pages.restore_.left() * kPageTokens; }
  /// Fills the kPageTokens positions after `computed` from a tier; they have pages. Unless it waits or all is gone they
  /// are computed then, and settled.
  [[nodiscard]] PageTiers::Restored RestoreRun(SequencePages& pages, uint64_t salt, std::span<const TokenId> tokens,
                                               uint32_t computed);
  /// The rest will be computed.
  void EndRestore(SequencePages& pages);
  /// Runs that one step may restore.
  [[nodiscard]] uint32_t restore_runs_max() const { return tiers_ == nullptr ? 0 : tiers_->step_runs_max(); }

  /// Lends pages until positions [0, computed + rows) have one, evicting idle pages of the tree. Returns how many of
  /// the rows have; fewer when a group has run out.
  uint32_t Grow(SequencePages& pages, uint32_t computed, uint32_t rows);

  /// After positions [0, computed) are in their pages: complete pages go into the tree, those wholly left of the
  /// window of the next query are given up.
  void Settle(SequencePages& pages, uint64_t salt, std::span<const TokenId> tokens, uint32_t computed);

  /// Gives back the pages behind positions [0, tokens), none of which Settle() has seen.
  void Trim(SequencePages& pages, uint32_t tokens);

  void Release(SequencePages& pages);

  /// Pages of the group that the sequence will still take to reach `tokens` positions.
  [[nodiscard]] uint32_t StillNeeded(const SequencePages& pages, size_t group, uint32_t tokens) const;
  /// Pages of the group that the sequence holds, shared ones too.
  [[nodiscard]] uint32_t Held(const SequencePages& pages, size_t group) const;
  /// Pages of the group that Grow can hand out now: free ones and idle ones of the tree.
  [[nodiscard]] uint32_t Available(size_t group) const;
  /// No group holds a page behind positions [0, tokens).
  [[nodiscard]] static bool Within(const SequencePages& pages, uint32_t tokens);

  [[nodiscard]] size_t groups() const { return groups_.size(); }
  [[nodiscard]] uint32_t capacity() const;  // over all groups, as the next two
  [[nodiscard]] uint32_t used_pages() const;
  [[nodiscard]] uint32_t cached_pages() const;
  [[nodiscard]] uint64_t evicted_pages() const { return tree_.evicted_pages(); }  // since the start
  void CheckIntegrity() const;

  /// Pages that a window's positions, and the rows after them, can touch.
  static uint32_t WindowPages(uint32_t sliding_window, uint32_t rows);

 private:
  struct Group {
    uint32_t sliding_window = 0;
    uint32_t sequence_pages_max = 0;  // a running sequence's need; only for sliding groups
    std::unique_ptr<PagePool> pool;
  };
  bool AddPage(SequencePages& pages, size_t group);
  bool Publish(SequencePages& pages, uint64_t salt, std::span<const TokenId> run);
  void LeaveBehind(SequencePages& pages, size_t group, uint32_t computed);

  void OfferComplete(const SequencePages& pages, uint32_t run, const PageKey& parent);

  std::vector<Group> groups_;
  PageTiers* const tiers_;
  PrefixTree tree_;                    // after the pools: its leases go back to them
  std::vector<PageLease> run_leases_;  // [groups], scratch of Publish
  std::vector<PrefixTree::PageUse> run_uses_;
  std::vector<PageId> run_pages_;  // [groups], scratch
};

}  // namespace bedplate
