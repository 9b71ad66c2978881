#pragma once
/// Remembers which pages hold the keys and values of which token runs, so that a prompt that begins like an earlier one
/// is not computed again. A node is one page's worth of tokens (kPageTokens) below the run before it; it keeps one page
/// per page group. Runs of different salts never meet: tenants are kept apart with it, and requests that must not
/// share.
///
/// A page in the tree is read-only and either in use by running sequences (counted) or idle. Idle pages stay until
/// EvictOne() gives back the least recently used one, or leave at once when Options::keep_idle is off.
///   full groups     a hit at depth d needs the pages of all d runs, so only the end of a run can be evicted; the node
///                   goes with it.
///   sliding groups  a hit at depth d needs the pages that the query at position 16 d still sees; any idle page can go.
///
/// Owns:      the leases of all pages in it, and its nodes. Outlives every PageUse and Cursor. The pools outlive it.
/// Threads:   engine thread only; no locks.
/// Errors:    a full node table is normal: Extend() then returns false and changes nothing.
/// Cost:      O(1) a page; allocates only in the constructor.
/// Contract with the caller: whoever uses a node's page in a full group uses its ancestors' too, and gives its own up
///            last run first (PageUse's are dropped from the end). So idle pages lie in the list ends before
///            beginnings.

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "pages/page.h"
#include "pages/page_key.h"
#include "pages/page_pool.h"
#include "pages/page_tiers.h"

namespace bedplate {

class PrefixTree {
 public:
  struct Options {
    std::vector<uint32_t> sliding_windows;  // by page group; 0: full. 1 to 4 groups
    uint32_t nodes_max = 0;                 // at least the full pool's capacity, or runs can't all be kept
    bool keep_idle = true;                  // off: pages leave with their last user (no prefix cache, sharing only)
    PageTiers* tiers = nullptr;             // where evicted pages go; none: nowhere. Outlives the tree
  };

  /// The right to read one page of the tree; while it exists the page stays. Dropping it touches the page (LRU).
  class PageUse {
   public:
    PageUse() = default;
    PageUse(PageUse&& other) noexcept : tree_(std::exchange(other.tree_, nullptr)), slot_(other.slot_) {}
    PageUse& operator=(PageUse&& other) noexcept;
    ~PageUse() { Drop(); }
    [[nodiscard]] bool empty() const { return tree_ == nullptr; }
    [[nodiscard]] PageId page() const;
    void Drop();

   private:
    friend class PrefixTree;
    PageUse(PrefixTree& tree, uint32_t slot) : tree_(&tree), slot_(slot) {}
    PrefixTree* tree_ = nullptr;
    uint32_t slot_ = 0;
  };

  /// A place in the tree: the run of tokens from the root to here. It keeps its node, not its node's pages.
  class Cursor {
   public:
    Cursor() = default;
    Cursor(Cursor&& other) noexcept : tree_(std::exchange(other.tree_, nullptr)), node_(other.node_) {}
    Cursor& operator=(Cursor&& other) noexcept;
    ~Cursor() { Drop(); }
    [[nodiscard]] bool empty() const { return tree_ == nullptr; }
    void Drop();

   private:
    friend class PrefixTree;
    Cursor(PrefixTree& tree, uint32_t node);
    PrefixTree* tree_ = nullptr;
    uint32_t node_ = 0;
  };

  struct Hit {
    uint32_t runs = 0;  // whole pages of tokens that need no computing
    Cursor cursor;      // where they end; the root if runs == 0
    /// [group][i] is the page of run i; empty where a sliding group no longer needs it.
    std::vector<std::vector<PageUse>> pages;
  };

  explicit PrefixTree(const Options& options);
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;
  ~PrefixTree();

  /// The longest usable beginning of tokens, at most runs_max runs; its pages are in use from now on.
  Hit Match(uint64_t salt, std::span<const TokenId> tokens, uint32_t runs_max);

  /// Puts the run (kPageTokens tokens) below the cursor, which moves to it. pages[g] is the caller's page of the run in
  /// group g, or empty where it has left the window; those given become the tree's, and uses[g] the right to read
  /// them. Where the tree has the run's page already, the caller's is given back and uses[g] is the tree's: equal
  /// tokens after equal tokens have equal keys and values, bit for bit. False: the tree is full, nothing changed.
  bool Extend(uint64_t salt, Cursor& cursor, std::span<const TokenId> run, std::span<PageLease> pages,
              std::span<PageUse> uses);

  /// Gives back the least recently used idle page of the group. False: none is idle.
  bool EvictOne(uint32_t group);

  /// The tree's pages of the group: all of them, and those no one uses, which EvictOne can give back.
  [[nodiscard]] uint32_t pages(uint32_t group) const { return groups_[group].pages; }
  [[nodiscard]] uint32_t idle_pages(uint32_t group) const { return groups_[group].idle; }
  [[nodiscard]] uint32_t nodes() const { return nodes_used_; }
  [[nodiscard]] uint64_t evicted_pages() const { return evicted_pages_; }  // of all groups, since the start
  /// Names the run that the cursor is at; only where there are tiers.
  [[nodiscard]] const PageKey& KeyAt(const Cursor& cursor) const { return nodes_[cursor.node_].key; }
  /// Counts, lists and links agree. O(nodes_max): tests, and the idle loop.
  void CheckIntegrity() const;

  /// Bytes of the tree's own tables, to be charged to the memory budget.
  static size_t BytesPerNode(size_t groups);

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFFu;
  static constexpr uint32_t kRoot = 0;

  struct Node {
    std::array<TokenId, kPageTokens> run{};
    PageKey key;  // only where there are tiers
    uint64_t salt = 0;
    uint32_t parent = kNone;
    uint32_t children = 0;
    uint32_t pins = 0;                // cursors here
    uint32_t next_in_bucket = kNone;  // or the next free node
    bool used = false;
  };
  struct Slot {  // node n's page of group g is slot n * groups + g
    PageLease lease;
    uint32_t uses = 0;
    uint32_t older = kNone, newer = kNone;  // neighbours in the group's list of idle pages, while in it
  };
  struct Group {
    uint32_t sliding_window = 0;
    uint32_t pages = 0;
    uint32_t idle = 0;
    uint32_t oldest = kNone, newest = kNone;
  };

  [[nodiscard]] uint32_t SlotOf(uint32_t node, size_t group) const {
    return static_cast<uint32_t>(node * groups_.size() + group);
  }
  [[nodiscard]] size_t BucketOf(uint32_t parent, uint64_t salt, std::span<const TokenId> run) const;
  [[nodiscard]] uint32_t FindChild(uint32_t parent, uint64_t salt, std::span<const TokenId> run) const;
  [[nodiscard]] uint32_t AddChild(uint32_t parent, uint64_t salt, std::span<const TokenId> run);
  [[nodiscard]] uint32_t FirstRunSeen(size_t group, uint32_t runs) const;
  void AddLevel(uint32_t node, std::span<uint32_t> resident) const;
  [[nodiscard]] bool Usable(uint32_t runs, std::span<const uint32_t> resident) const;
  [[nodiscard]] PageUse Use(uint32_t slot);
  void EndUse(uint32_t slot);
  void Link(uint32_t slot);
  void Unlink(uint32_t slot);
  void GiveBack(uint32_t slot);
  [[nodiscard]] bool Useless(uint32_t node) const;
  void RemoveUseless(uint32_t node);
  void Remove(uint32_t node);

  std::vector<Node> nodes_;  // [nodes_max + 1]; the first is the root
  std::vector<Slot> slots_;
  std::vector<Group> groups_;
  std::vector<uint32_t> buckets_;  // heads of chains by hash of (parent, salt, run); a power of two
  uint32_t first_free_ = kNone;
  uint32_t nodes_used_ = 0;
  uint64_t evicted_pages_ = 0;
  const bool keep_idle_;
  PageTiers* const tiers_;
};

}  // namespace bedplate
