#pragma once
/// A map that can go back: what was set or erased since a mark is undone by RollBack(mark), and forgotten by Commit().
/// What the ledger holds in memory is kept in such maps, so that it stays what the store has when a write fails.
///
/// Threads: one at a time. Cost: a hash map's, and a copy of the value before each first change.

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"

namespace bedplate {

template <class Key, class Value, class Hash = std::hash<Key>>
class UndoMap {
 public:
  /// nullptr: there is none. Valid until the next change.
  [[nodiscard]] const Value* Find(const Key& key) const {
    const auto at = map_.find(key);
    return at == map_.end() ? nullptr : &at->second;
  }
  void Set(const Key& key, Value value) {
    const auto [at, added] = map_.try_emplace(key);
    journal_.emplace_back(key, added ? std::optional<Value>() : std::optional<Value>(std::move(at->second)));
    at->second = std::move(value);
  }
  void Erase(const Key& key) {
    const auto at = map_.find(key);
    if (at == map_.end()) return;
    journal_.emplace_back(key, std::move(at->second));
    map_.erase(at);
  }
  [[nodiscard]] size_t Mark() const { return journal_.size(); }
  void RollBack(size_t mark) {
    BP_CHECK(mark <= journal_.size());
    while (journal_.size() > mark) {
      auto& [key, before] = journal_.back();
      if (before) {
        map_.insert_or_assign(key, std::move(*before));
      } else {
        map_.erase(key);
      }
      journal_.pop_back();
    }
  }
  void Commit() { journal_.clear(); }
  /// Whose values may have changed since the last Commit, in the order of their changes; some more than once.
  template <class Visit>
  void VisitChanged(const Visit& visit) const {
    for (const auto& [key, before] : journal_) visit(key);
  }
  [[nodiscard]] const std::unordered_map<Key, Value, Hash>& map() const { return map_; }

 private:
  std::unordered_map<Key, Value, Hash> map_;
  std::vector<std::pair<Key, std::optional<Value>>> journal_;  // what was there before each change
};

}  // namespace bedplate
