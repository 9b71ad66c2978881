#pragma once
/// Time comes in through a constructor, so that tests own it.

#include <atomic>
#include <chrono>
#include <cstdint>

namespace bedplate {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant Now() const = 0;          // monotonic
  [[nodiscard]] virtual int64_t UnixSeconds() const = 0;  // wall clock, for people and wire formats
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant Now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
  }
  [[nodiscard]] int64_t UnixSeconds() const override {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

/// Stands still until told. Any thread.
class SimClock final : public Clock {
 public:
  [[nodiscard]] Instant Now() const override { return Instant(Duration(now_ns_.load())); }
  [[nodiscard]] int64_t UnixSeconds() const override { return now_ns_.load() / 1'000'000'000; }
  void Advance(Duration by) { now_ns_.fetch_add(by.count()); }

 private:
  std::atomic<int64_t> now_ns_{1'000'000'000};
};

}  // namespace bedplate
