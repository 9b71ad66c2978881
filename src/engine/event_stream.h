#pragma once
/// The outbox of one request: the engine thread pushes, the consumer (a connection, a command) takes. Shared between
/// those two, the only shared ownership between rooms: either may be the last to let go.

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "request/event.h"

namespace bedplate {

class EventStream {
 public:
  /// wake is called after a push into an empty outbox, on the engine's thread: it must only post, never work or block.
  explicit EventStream(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Push(std::vector<Event> events) {
    if (events.empty()) return;
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = events_.empty();
      Append(std::move(events));
    }
    if (was_empty) wake_();
  }
  [[nodiscard]] std::vector<Event> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }
  /// The consumer has gone: the engine frees the request's pages within one step and pushes nothing more.
  void Cancel() { cancelled_.store(true, std::memory_order_release); }
  [[nodiscard]] bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  /// All of them or, when memory runs out, none.
  void Append(std::vector<Event> events) {
    if (events_.empty()) return events_.swap(events);
    const size_t needed = events_.size() + events.size();
    if (needed > events_.capacity()) events_.reserve(std::max(needed, 2 * events_.capacity()));
    for (Event& event : events) events_.push_back(std::move(event));
  }

  const std::function<void()> wake_;
  std::mutex mutex_;  // guards events_
  std::vector<Event> events_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace bedplate
