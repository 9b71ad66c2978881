#pragma once
/// Lends KV pages of one page group. A page holds the keys and values of kPageTokens consecutive positions of one
/// sequence; who may read it besides its holder is the prefix tree's affair (prefix_tree.h).
///
/// Owns:      page numbers only. The bytes belong to the model. The pool outlives every lease and never moves.
/// Threads:   engine thread only; no locks.
/// Errors:    an empty pool is normal: TryLease() returns nullopt and changes nothing.
///            Returning a page that is not lent is our bug and stops the program.
/// Cost:      O(1); allocates only in the constructor. The lowest free numbers are not preferred: last in, first out,
/// so
///            that a page still warm in the cache is lent next.
/// Invariant: free_pages() + lent_pages() == capacity().

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "pages/page.h"

namespace bedplate {

class PagePool;

/// The right to one page; gives it back when destroyed. An empty lease (default, or moved from) holds none.
class PageLease {
 public:
  PageLease() = default;
  PageLease(PageLease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), page_(other.page_) {}
  PageLease& operator=(PageLease&& other) noexcept;
  PageLease(const PageLease&) = delete;
  PageLease& operator=(const PageLease&) = delete;
  ~PageLease() { Return(); }

  [[nodiscard]] bool empty() const { return pool_ == nullptr; }
  [[nodiscard]] PageId page() const { return empty() ? kNoPage : page_; }
  void Return();

 private:
  friend class PagePool;
  PageLease(PagePool& pool, PageId page) : pool_(&pool), page_(page) {}
  PagePool* pool_ = nullptr;
  PageId page_ = kNoPage;
};

class PagePool {
 public:
  explicit PagePool(uint32_t capacity);
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;
  ~PagePool() { BP_CHECK(lent_pages() == 0); }

  [[nodiscard]] std::optional<PageLease> TryLease();

  [[nodiscard]] uint32_t capacity() const { return static_cast<uint32_t>(lent_.size()); }
  [[nodiscard]] uint32_t free_pages() const { return static_cast<uint32_t>(free_.size()); }
  [[nodiscard]] uint32_t lent_pages() const { return capacity() - free_pages(); }
  /// Every page is exactly once either lent or free. O(capacity): tests, and the idle loop.
  void CheckIntegrity() const;

 private:
  friend class PageLease;
  void Return(PageId page);

  std::vector<PageId> free_;   // the next to lend is last
  std::vector<uint8_t> lent_;  // by page: 1 while lent
};

inline PageLease& PageLease::operator=(PageLease&& other) noexcept {
  if (this != &other) {
    Return();
    pool_ = std::exchange(other.pool_, nullptr);
    page_ = other.page_;
  }
  return *this;
}

inline void PageLease::Return() {
  if (PagePool* pool = std::exchange(pool_, nullptr); pool != nullptr) pool->Return(page_);
}

}  // namespace bedplate
