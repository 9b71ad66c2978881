#pragma once
/// A fixed team of threads that run one function together, again and again: the caller is member 0.
///
///   ThreadTeam team(2);
///   team.Run([&](ThreadTeam::Member member) {
///     for (;;) { const size_t tile = next.fetch_add(1); if (tile >= tiles) break; Compute(tile); }
///     member.Barrier();          // every member arrives before any goes on
///   });
///
/// Owns:    its threads; they end with the destructor.
/// Threads: one caller at a time; Run returns when every member has returned. Memory written by a member before a
///          Barrier or its return is visible to all after it.
/// Cost:    members spin for some microseconds before sleeping, since the next region usually follows at once.
/// The function must not throw.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bedplate {

class ThreadTeam {
 public:
  class Member {
   public:
    [[nodiscard]] uint32_t index() const { return index_; }
    [[nodiscard]] uint32_t count() const { return team_.size(); }
    void Barrier() { team_.Arrive(); }

   private:
    friend class ThreadTeam;
    Member(ThreadTeam& team, uint32_t index) : team_(team), index_(index) {}
    ThreadTeam& team_;
    uint32_t index_;
  };
  using Work = std::function<void(Member)>;

  explicit ThreadTeam(uint32_t size);
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;
  ~ThreadTeam();

  [[nodiscard]] uint32_t size() const { return size_; }
  void Run(const Work& work);

 private:
  void Loop(uint32_t index) noexcept;
  void Arrive();

  const uint32_t size_;
  const Work* work_ = nullptr;        // written before round_ is raised
  std::atomic<uint64_t> round_{0};    // raised once per Run
  std::atomic<uint32_t> running_{0};  // members other than the caller still inside work_
  std::atomic<uint32_t> arrived_{0};  // members waiting at the barrier
  std::atomic<uint32_t> barrier_phase_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;  // guards nothing but the sleeping on wake_
  std::condition_variable wake_;
  std::atomic<uint32_t> sleepers_{0};
  std::vector<std::thread> threads_;
};

/// CPUs this process may use: the affinity mask, capped by the cgroup's quota (rounded up). At least 1.
uint32_t UsableCpuCount();

}  // namespace bedplate
