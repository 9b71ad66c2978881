#include "engine/kv_pages.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace bedplate {
namespace {

constexpr uint32_t PagesFor(uint32_t tokens) {
  return (tokens + kPageTokens - 1) / kPageTokens;
}

PrefixTree::Options TreeOptions(const KvPages::Options& options) {
  // Every run in the tree holds a page of each full group, or, where all groups slide, some page (or lies before one).
  uint32_t nodes = 0;
  for (size_t g = 0; g < options.capacities.size(); ++g) {
    nodes = options.sliding_windows[g] == 0 ? options.capacities[g] : std::max(nodes, options.capacities[g]);
    if (options.sliding_windows[g] == 0) break;
  }
  return {.sliding_windows = options.sliding_windows,
          .nodes_max = nodes,
          .keep_idle = options.prefix_cache,
          .tiers = options.tiers};
}

}  // namespace

std::vector<uint32_t> SlidingWindows(const StepModel& model) {
  std::vector<uint32_t> windows;
  for (const PageGroup& group : model.page_groups()) windows.push_back(group.sliding_window);
  return windows;
}

KvPages::KvPages(const Options& options) : tiers_(options.tiers), tree_(TreeOptions(options)) {
  BP_CHECK(tiers_ == nullptr || options.prefix_cache);
  BP_CHECK(options.sliding_windows.size() == options.capacities.size());
  for (size_t g = 0; g < options.capacities.size(); ++g) {
    const uint32_t window = options.sliding_windows[g], capacity = options.capacities[g];
    groups_.push_back({.sliding_window = window,
                       .sequence_pages_max = std::min(capacity, WindowPages(window, options.chunk_tokens)),
                       .pool = std::make_unique<PagePool>(capacity)});
  }
  run_leases_.resize(groups_.size());
  run_uses_.resize(groups_.size());
  run_pages_.resize(groups_.size());
}

uint32_t KvPages::WindowPages(uint32_t sliding_window, uint32_t rows) {
  // n consecutive positions touch at most (n - 2) / 16 + 2 pages, which is PagesFor(n - 1) + 1.
  return PagesFor(sliding_window + rows) + 1;
}

uint32_t KvPages::Start(SequencePages& pages, uint64_t salt, std::span<const TokenId> tokens, uint32_t cached_max) {
  BP_CHECK(pages.empty());
  PrefixTree::Hit hit = tree_.Match(salt, tokens, cached_max / kPageTokens);
  pages.groups_.resize(groups_.size());
  for (size_t g = 0; g < groups_.size(); ++g) {
    SequencePages::Group& group = pages.groups_[g];
    group.table.reserve(PagesFor(static_cast<uint32_t>(tokens.size()) + 1));
    for (PrefixTree::PageUse& use : hit.pages[g]) {
      if (use.empty()) ++group.first_held;
      group.table.push_back(use.page());
      group.held.push_back({.own = {}, .shared = std::move(use)});
    }
  }
  pages.cursor_ = std::move(hit.cursor);
  pages.published_runs_ = hit.runs;
  return hit.runs * kPageTokens;
}

void KvPages::PlanRestore(SequencePages& pages, uint64_t salt, std::span<const TokenId> tokens, uint32_t cached_max,
                          double row_seconds) {
  if (tiers_ == nullptr) return;
  const uint32_t hit = pages.published_runs_ * kPageTokens;
  pages.restore_ = tiers_->Plan(tree_.KeyAt(pages.cursor_), salt,
                                tokens.subspan(hit, cached_max / kPageTokens * kPageTokens - hit), row_seconds);
}

PageTiers::Restored KvPages::RestoreRun(SequencePages& pages, uint64_t salt, std::span<const TokenId> tokens,
                                        uint32_t computed) {
  for (size_t g = 0; g < groups_.size(); ++g) run_pages_[g] = pages.groups_[g].table[computed / kPageTokens];
  const PageTiers::Restored restored = tiers_->Restore(pages.restore_, run_pages_);
  if (restored == PageTiers::Restored::kGone) EndRestore(pages);
  if (restored == PageTiers::Restored::kFromMemory || restored == PageTiers::Restored::kFromFile) {
    Settle(pages, salt, tokens, computed + kPageTokens);
  }
  return restored;
}

void KvPages::EndRestore(SequencePages& pages) {
  if (tiers_ != nullptr) tiers_->Drop(pages.restore_);
}

uint32_t KvPages::Grow(SequencePages& pages, uint32_t computed, uint32_t rows) {
  uint32_t reach = static_cast<uint32_t>(pages.groups_[0].table.size()) * kPageTokens;
  for (const auto& group : pages.groups_) {
    reach = std::min(reach, static_cast<uint32_t>(group.table.size()) * kPageTokens);
  }
  while (reach < computed + rows) {
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (pages.groups_[g].table.size() * kPageTokens > reach) continue;  // has its page from an earlier try
      if (!AddPage(pages, g)) return reach > computed ? reach - computed : 0;
    }
    reach += kPageTokens;
  }
  return rows;
}

bool KvPages::AddPage(SequencePages& pages, size_t group) {
  PagePool& pool = *groups_[group].pool;
  auto lease = pool.TryLease();
  if (!lease.has_value() && tree_.EvictOne(static_cast<uint32_t>(group))) lease = pool.TryLease();
  if (!lease.has_value()) return false;
  SequencePages::Group& to = pages.groups_[group];
  to.table.push_back(lease->page());
  to.held.push_back({.own = std::move(*lease), .shared = {}});
  return true;
}

void KvPages::Settle(SequencePages& pages, uint64_t salt, std::span<const TokenId> tokens, uint32_t computed) {
  while (!pages.cursor_.empty() && (pages.published_runs_ + 1) * kPageTokens <= computed) {
    const auto run = tokens.subspan(size_t{pages.published_runs_} * kPageTokens, kPageTokens);
    if (!Publish(pages, salt, run)) pages.cursor_.Drop();  // the tree is full: this sequence keeps the rest to itself
  }
  for (size_t g = 0; g < groups_.size(); ++g) LeaveBehind(pages, g, computed);
}

bool KvPages::Publish(SequencePages& pages, uint64_t salt, std::span<const TokenId> run) {
  const uint32_t i = pages.published_runs_;
  const PageKey parent = tiers_ == nullptr ? PageKey{} : tree_.KeyAt(pages.cursor_);
  for (size_t g = 0; g < groups_.size(); ++g) run_leases_[g] = std::move(pages.groups_[g].held[i].own);
  const bool published = tree_.Extend(salt, pages.cursor_, run, run_leases_, run_uses_);
  for (size_t g = 0; g < groups_.size(); ++g) {
    SequencePages::Group& group = pages.groups_[g];
    group.held[i].own = std::move(run_leases_[g]);
    group.held[i].shared = std::move(run_uses_[g]);
    if (published) group.table[i] = group.held[i].shared.page();  // another's page, if the run was there already
  }
  pages.published_runs_ += published ? 1 : 0;
  if (published && tiers_ != nullptr) OfferComplete(pages, i, parent);
  return published;
}

void KvPages::OfferComplete(const SequencePages& pages, uint32_t run, const PageKey& parent) {
  for (size_t g = 0; g < groups_.size(); ++g) {
    run_pages_[g] = pages.groups_[g].table[run];
    if (run_pages_[g] == kNoPage) return;
  }
  tiers_->TakeComplete(tree_.KeyAt(pages.cursor_), parent, run_pages_);
}

void KvPages::LeaveBehind(SequencePages& pages, size_t group, uint32_t computed) {
  const uint32_t window = groups_[group].sliding_window;
  if (window == 0 || computed + 1 <= window) return;
  SequencePages::Group& from = pages.groups_[group];
  const uint32_t first_seen = std::min((computed - window + 1) / kPageTokens, static_cast<uint32_t>(from.table.size()));
  for (; from.first_held < first_seen; ++from.first_held) {
    from.held[from.first_held] = {};
    from.table[from.first_held] = kNoPage;
  }
}

void KvPages::Trim(SequencePages& pages, uint32_t tokens) {
  for (SequencePages::Group& group : pages.groups_) {
    while (group.table.size() > PagesFor(tokens)) {
      BP_CHECK(group.held.back().shared.empty());
      group.held.pop_back();
      group.table.pop_back();
    }
  }
}

bool KvPages::Within(const SequencePages& pages, uint32_t tokens) {
  return std::ranges::all_of(pages.groups_, [&](const auto& group) { return group.table.size() <= PagesFor(tokens); });
}

void KvPages::Release(SequencePages& pages) {
  EndRestore(pages);
  pages.cursor_.Drop();
  for (SequencePages::Group& group : pages.groups_) {
    while (!group.held.empty()) group.held.pop_back();  // the end of a run becomes idle before its beginning
  }
  pages.groups_.clear();
  pages.published_runs_ = 0;
}

uint32_t KvPages::StillNeeded(const SequencePages& pages, size_t group, uint32_t tokens) const {
  const SequencePages::Group& held = pages.groups_[group];
  const auto size = static_cast<uint32_t>(held.table.size());
  const uint32_t missing = PagesFor(tokens) > size ? PagesFor(tokens) - size : 0;
  if (groups_[group].sliding_window == 0) return missing;
  const uint32_t now = size - held.first_held, most = groups_[group].sequence_pages_max;
  return std::min(missing, most > now ? most - now : 0);
}

uint32_t KvPages::Held(const SequencePages& pages, size_t group) const {
  const SequencePages::Group& held = pages.groups_[group];
  return static_cast<uint32_t>(held.table.size()) - held.first_held;
}

uint32_t KvPages::Available(size_t group) const {
  return groups_[group].pool->free_pages() + tree_.idle_pages(static_cast<uint32_t>(group));
}

uint32_t KvPages::capacity() const {
  return std::accumulate(groups_.begin(), groups_.end(), 0u,
                         [](uint32_t sum, const Group& group) { return sum + group.pool->capacity(); });
}

uint32_t KvPages::cached_pages() const {
  uint32_t sum = 0;
  for (uint32_t g = 0; g < groups_.size(); ++g) sum += tree_.idle_pages(g);
  return sum;
}

uint32_t KvPages::used_pages() const {
  uint32_t lent = 0;
  for (const Group& group : groups_) lent += group.pool->lent_pages();
  return lent - cached_pages();
}

void KvPages::CheckIntegrity() const {
  for (const Group& group : groups_) group.pool->CheckIntegrity();
  tree_.CheckIntegrity();
}

}  // namespace bedplate
