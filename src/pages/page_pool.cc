#include "pages/page_pool.h"

namespace bedplate {

PagePool::PagePool(uint32_t capacity) : lent_(capacity, 0) {
  free_.reserve(capacity);
  for (uint32_t i = capacity; i > 0; --i) free_.push_back(PageId{i - 1});  // page 0 is lent first
}

std::optional<PageLease> PagePool::TryLease() {
  if (free_.empty()) return std::nullopt;
  const PageId page = free_.back();
  free_.pop_back();
  BP_CHECK(lent_[page.value] == 0);
  lent_[page.value] = 1;
  return PageLease(*this, page);
}

void PagePool::Return(PageId page) {
  BP_CHECK(page.value < lent_.size());
  BP_CHECK(lent_[page.value] == 1);
  lent_[page.value] = 0;
  free_.push_back(page);
}

void PagePool::CheckIntegrity() const {
  std::vector<uint8_t> seen = lent_;
  for (const PageId page : free_) {
    BP_CHECK(page.value < seen.size());
    BP_CHECK(seen[page.value] == 0);
    seen[page.value] = 1;
  }
  for (const uint8_t once : seen) BP_CHECK(once == 1);
}

}  // namespace bedplate
