// Plan. Nodes and slots are tables with indices, so nothing is allocated after the start. Children are found through
// one hash table over (parent, salt, run), compared in full: a collision costs time, never a wrong page.
//
// Invariants, checked by CheckIntegrity():
//   - a slot is in its group's idle list exactly if it holds a page and has no users;
//   - a node exists as long as it is useful: it has children or pins, or every full group's page is there (without a
//   full
//     group: any page);
//   - a full group's page in use implies the parent's is in use; so when a full page is idle, all below it are idle and
//     were dropped earlier: the oldest idle page of a full group is always at the end of a run.

#include "pages/prefix_tree.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/random.h"

namespace bedplate {
namespace {

constexpr size_t kGroupsMax = 4;

}  // namespace

PrefixTree::PageUse& PrefixTree::PageUse::operator=(PageUse&& other) noexcept {
  if (this != &other) {
    Drop();
    tree_ = std::exchange(other.tree_, nullptr);
    slot_ = other.slot_;
  }
  return *this;
}

PageId PrefixTree::PageUse::page() const {
  return empty() ? kNoPage : tree_->slots_[slot_].lease.page();
}

void PrefixTree::PageUse::Drop() {
  if (PrefixTree* tree = std::exchange(tree_, nullptr); tree != nullptr) tree->EndUse(slot_);
}

PrefixTree::Cursor::Cursor(PrefixTree& tree, uint32_t node) : tree_(&tree), node_(node) {
  ++tree.nodes_[node].pins;
}

PrefixTree::Cursor& PrefixTree::Cursor::operator=(Cursor&& other) noexcept {
  if (this != &other) {
    Drop();
    tree_ = std::exchange(other.tree_, nullptr);
    node_ = other.node_;
  }
  return *this;
}

void PrefixTree::Cursor::Drop() {
  PrefixTree* tree = std::exchange(tree_, nullptr);
  if (tree == nullptr) return;
  --tree->nodes_[node_].pins;
  tree->RemoveUseless(node_);
}

PrefixTree::PrefixTree(const Options& options) : keep_idle_(options.keep_idle), tiers_(options.tiers) {
  BP_CHECK(!options.sliding_windows.empty() && options.sliding_windows.size() <= kGroupsMax);
  for (const uint32_t window : options.sliding_windows) {
    groups_.push_back(Group{.sliding_window = window});
  }
  nodes_.resize(size_t{options.nodes_max} + 1);
  slots_.resize(nodes_.size() * groups_.size());
  buckets_.assign(std::bit_ceil(nodes_.size() * 2), kNone);
  nodes_[kRoot].used = true;
  if (tiers_ != nullptr) nodes_[kRoot].key = tiers_->root();
  for (uint32_t i = options.nodes_max; i > 0; --i) {
    nodes_[i].next_in_bucket = first_free_;
    first_free_ = i;
  }
}

PrefixTree::~PrefixTree() {
  for (const Slot& slot : slots_) BP_CHECK(slot.uses == 0);
  for (const Node& node : nodes_) BP_CHECK(node.pins == 0);
}

size_t PrefixTree::BytesPerNode(size_t groups) {
  return sizeof(Node) + groups * sizeof(Slot) + 4 * sizeof(uint32_t);  // at most four buckets a node
}

PrefixTree::Hit PrefixTree::Match(uint64_t salt, std::span<const TokenId> tokens, uint32_t runs_max) {
  runs_max = std::min(runs_max, static_cast<uint32_t>(tokens.size() / kPageTokens));
  std::array<uint32_t, kGroupsMax> resident{};  // by group: how many runs back from here have their page
  uint32_t node = kRoot;
  uint32_t best = kRoot, best_runs = 0;
  for (uint32_t runs = 1; runs <= runs_max; ++runs) {
    node = FindChild(node, salt, tokens.subspan(size_t{runs - 1} * kPageTokens, kPageTokens));
    if (node == kNone) break;
    AddLevel(node, resident);
    if (Usable(runs, resident)) best = node, best_runs = runs;
  }
  Hit hit{.runs = best_runs, .cursor = Cursor(*this, best), .pages = {}};
  hit.pages.resize(groups_.size());
  for (auto& pages : hit.pages) pages.resize(best_runs);
  for (uint32_t runs = best_runs; runs > 0; --runs) {
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (runs > FirstRunSeen(g, best_runs)) hit.pages[g][runs - 1] = Use(SlotOf(best, g));
    }
    best = nodes_[best].parent;
  }
  return hit;
}

/// The first run that a query just after `runs` runs sees in the group.
uint32_t PrefixTree::FirstRunSeen(size_t group, uint32_t runs) const {
  const uint32_t window = groups_[group].sliding_window;
  const uint32_t position = runs * kPageTokens;
  return window == 0 || position < window ? 0 : (position - window + 1) / kPageTokens;
}

void PrefixTree::AddLevel(uint32_t node, std::span<uint32_t> resident) const {
  for (size_t g = 0; g < groups_.size(); ++g) {
    resident[g] = slots_[SlotOf(node, g)].lease.empty() ? 0 : resident[g] + 1;
  }
}

bool PrefixTree::Usable(uint32_t runs, std::span<const uint32_t> resident) const {
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (resident[g] < runs - FirstRunSeen(g, runs)) return false;
  }
  return true;
}

bool PrefixTree::Extend(uint64_t salt, Cursor& cursor, std::span<const TokenId> run, std::span<PageLease> pages,
                        std::span<PageUse> uses) {
  BP_CHECK(run.size() == kPageTokens);
  BP_CHECK(cursor.tree_ == this);
  uint32_t node = FindChild(cursor.node_, salt, run);
  if (node == kNone) node = AddChild(cursor.node_, salt, run);
  if (node == kNone) return false;
  cursor = Cursor(*this, node);  // the new one first pins, so a childless parent without pages stays linked
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (pages[g].empty()) continue;
    const uint32_t slot = SlotOf(node, g);
    if (slots_[slot].lease.empty()) {
      slots_[slot].lease = std::move(pages[g]);
      ++groups_[g].pages;
      Link(slot);
    } else {
      pages[g].Return();
    }
    uses[g] = Use(slot);
  }
  return true;
}

bool PrefixTree::EvictOne(uint32_t group) {
  const uint32_t slot = groups_[group].oldest;
  if (slot == kNone) return false;
  const auto node = static_cast<uint32_t>(slot / groups_.size());
  GiveBack(slot);
  RemoveUseless(node);
  return true;
}

PrefixTree::PageUse PrefixTree::Use(uint32_t slot) {
  BP_CHECK(!slots_[slot].lease.empty());
  if (slots_[slot].uses++ == 0) Unlink(slot);
  return PageUse(*this, slot);
}

void PrefixTree::EndUse(uint32_t slot) {
  BP_CHECK(slots_[slot].uses > 0);
  if (--slots_[slot].uses > 0) return;
  Link(slot);
  if (keep_idle_) return;
  GiveBack(slot);
  RemoveUseless(static_cast<uint32_t>(slot / groups_.size()));
}

void PrefixTree::Link(uint32_t slot) {
  Group& group = groups_[slot % groups_.size()];
  slots_[slot].older = group.newest;
  slots_[slot].newer = kNone;
  (group.newest == kNone ? group.oldest : slots_[group.newest].newer) = slot;
  group.newest = slot;
  ++group.idle;
}

void PrefixTree::Unlink(uint32_t slot) {
  Group& group = groups_[slot % groups_.size()];
  const Slot& out = slots_[slot];
  (out.older == kNone ? group.oldest : slots_[out.older].newer) = out.newer;
  (out.newer == kNone ? group.newest : slots_[out.newer].older) = out.older;
  --group.idle;
}

/// Returns an idle page to its pool.
void PrefixTree::GiveBack(uint32_t slot) {
  BP_CHECK(slots_[slot].uses == 0);
  Unlink(slot);
  evicted_pages_ += keep_idle_ ? 1 : 0;
  if (tiers_ != nullptr) {
    const Node& node = nodes_[slot / groups_.size()];
    tiers_->TakeEvicted(node.key, nodes_[node.parent].key, slot % groups_.size(), slots_[slot].lease.page());
  }
  slots_[slot].lease.Return();
  --groups_[slot % groups_.size()].pages;
}

bool PrefixTree::Useless(uint32_t node) const {
  if (node == kRoot || nodes_[node].children > 0 || nodes_[node].pins > 0) return false;
  bool any = false, all_full = true;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Slot& slot = slots_[SlotOf(node, g)];
    if (slot.uses > 0) return false;
    any |= !slot.lease.empty();
    all_full &= groups_[g].sliding_window != 0 || !slot.lease.empty();
  }
  return !any || !all_full;
}

/// Removes the node if it is useless, then its parent if that became so.
void PrefixTree::RemoveUseless(uint32_t node) {
  while (Useless(node)) {
    const uint32_t parent = nodes_[node].parent;
    Remove(node);
    node = parent;
  }
}

void PrefixTree::Remove(uint32_t node) {
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (!slots_[SlotOf(node, g)].lease.empty()) GiveBack(SlotOf(node, g));
  }
  Node& gone = nodes_[node];
  uint32_t* link = &buckets_[BucketOf(gone.parent, gone.salt, gone.run)];
  while (*link != node) link = &nodes_[*link].next_in_bucket;
  *link = gone.next_in_bucket;
  --nodes_[gone.parent].children;
  gone.used = false;
  gone.next_in_bucket = first_free_;
  first_free_ = node;
  --nodes_used_;
}

size_t PrefixTree::BucketOf(uint32_t parent, uint64_t salt, std::span<const TokenId> run) const {
  uint64_t hash = Mix64(salt ^ parent);
  for (size_t i = 0; i < kPageTokens; i += 2) {
    const auto low = static_cast<uint64_t>(static_cast<uint32_t>(run[i].value));
    const auto high = static_cast<uint64_t>(static_cast<uint32_t>(run[i + 1].value));
    hash = Mix64(hash ^ (high << 32 | low));
  }
  return hash & (buckets_.size() - 1);
}

uint32_t PrefixTree::FindChild(uint32_t parent, uint64_t salt, std::span<const TokenId> run) const {
  for (uint32_t n = buckets_[BucketOf(parent, salt, run)]; n != kNone; n = nodes_[n].next_in_bucket) {
    const Node& node = nodes_[n];
    if (node.parent == parent && node.salt == salt && std::ranges::equal(node.run, run)) return n;
  }
  return kNone;
}

uint32_t PrefixTree::AddChild(uint32_t parent, uint64_t salt, std::span<const TokenId> run) {
  const uint32_t node = first_free_;
  if (node == kNone) return kNone;
  first_free_ = nodes_[node].next_in_bucket;
  Node& fresh = nodes_[node];
  std::ranges::copy(run, fresh.run.begin());
  if (tiers_ != nullptr) fresh.key = tiers_->Child(nodes_[parent].key, salt, run);
  fresh.salt = salt;
  fresh.parent = parent;
  fresh.children = 0;
  fresh.pins = 0;
  fresh.used = true;
  uint32_t& bucket = buckets_[BucketOf(parent, salt, run)];
  fresh.next_in_bucket = bucket;
  bucket = node;
  ++nodes_[parent].children;
  ++nodes_used_;
  return node;
}

void PrefixTree::CheckIntegrity() const {
  std::vector<uint32_t> children(nodes_.size(), 0);
  uint32_t used = 0;
  for (uint32_t n = 1; n < nodes_.size(); ++n) {
    if (!nodes_[n].used) {
      for (size_t g = 0; g < groups_.size(); ++g) BP_CHECK(slots_[SlotOf(n, g)].lease.empty());
      continue;
    }
    ++used;
    ++children[nodes_[n].parent];
    BP_CHECK(nodes_[nodes_[n].parent].used);
    BP_CHECK(!Useless(n));
    BP_CHECK(FindChild(nodes_[n].parent, nodes_[n].salt, nodes_[n].run) == n);
  }
  BP_CHECK(used == nodes_used_);
  for (uint32_t n = 0; n < nodes_.size(); ++n) BP_CHECK(!nodes_[n].used || nodes_[n].children == children[n]);
  for (size_t g = 0; g < groups_.size(); ++g) {
    uint32_t pages = 0, idle = 0, listed = 0;
    for (uint32_t n = 0; n < nodes_.size(); ++n) {
      const Slot& slot = slots_[SlotOf(n, g)];
      if (slot.lease.empty()) {
        BP_CHECK(slot.uses == 0);
        continue;
      }
      ++pages;
      idle += slot.uses == 0 ? 1 : 0;
      const uint32_t parent = nodes_[n].parent;
      if (groups_[g].sliding_window == 0 && slot.uses > 0 && parent != kRoot) {
        BP_CHECK(slots_[SlotOf(parent, g)].uses > 0);
      }
    }
    for (uint32_t s = groups_[g].oldest; s != kNone; s = slots_[s].newer) {
      BP_CHECK(slots_[s].uses == 0 && s % groups_.size() == g);
      BP_CHECK(slots_[s].newer != kNone ? slots_[slots_[s].newer].older == s : groups_[g].newest == s);
      ++listed;
    }
    BP_CHECK(pages == groups_[g].pages && idle == groups_[g].idle && listed == idle);
  }
}

}  // namespace bedplate
