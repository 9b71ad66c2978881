// Plan: a Run is announced by raising round_. Members spin on it for a while, then sleep on wake_. The caller waits for
// the others by spinning on running_, then yielding: members finish within the imbalance of the last region.
// Invariant: work_ is only read by a member between the raise of round_ and its own decrement of running_.
#include "base/thread_team.h"

#include <sched.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bedplate {
namespace {

// About 50 microseconds on a 3 GHz core: longer than the gap between two steps' regions, shorter than anyone notices.
constexpr int kSpinsBeforeSleep = 4000;
constexpr int kSpinsBeforeYield = 20000;

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(uint32_t size) : size_(size) {
  BP_CHECK(size >= 1);
  threads_.reserve(size - 1);
  for (uint32_t i = 1; i < size; ++i) threads_.emplace_back([this, i]() noexcept { Loop(i); });
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true);
  {
    const std::lock_guard lock(mutex_);
    round_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::Run(const Work& work) {
  if (size_ == 1) {
    work(Member(*this, 0));
    return;
  }
  work_ = &work;
  running_.store(size_ - 1, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    {
      const std::lock_guard lock(mutex_);
    }  // a member between its last look and its wait must not miss us
    wake_.notify_all();
  }
  work(Member(*this, 0));
  for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpinsBeforeYield)
      Pause();
    else
      std::this_thread::yield();
  }
  work_ = nullptr;
}

void ThreadTeam::Loop(uint32_t index) noexcept {
  uint64_t seen = 0;
  for (;;) {
    for (int spins = 0; round_.load(std::memory_order_acquire) == seen && spins < kSpinsBeforeSleep; ++spins) Pause();
    if (round_.load(std::memory_order_acquire) == seen) {
      std::unique_lock lock(mutex_);
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      wake_.wait(lock, [&] { return round_.load(std::memory_order_seq_cst) != seen; });
      sleepers_.fetch_sub(1, std::memory_order_relaxed);
    }
    if (stop_.load()) return;
    seen = round_.load(std::memory_order_acquire);
    (*work_)(Member(*this, index));
    running_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

void ThreadTeam::Arrive() {
  if (size_ == 1) return;
  const uint32_t phase = barrier_phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    barrier_phase_.store(phase + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; barrier_phase_.load(std::memory_order_acquire) == phase; ++spins) {
    if (spins < kSpinsBeforeYield)
      Pause();
    else
      std::this_thread::yield();
  }
}

uint32_t UsableCpuCount() {
  uint32_t count = 1;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) count = static_cast<uint32_t>(CPU_COUNT(&set));
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");  // cgroup v2: "max 100000" or "150000 100000"
  std::string quota;
  double period = 0;
  if (quota_file >> quota >> period && quota != "max" && period > 0) {
    const double cpus = std::strtod(quota.c_str(), nullptr) / period;
    const auto whole = static_cast<uint32_t>(cpus) + (cpus > static_cast<uint32_t>(cpus) ? 1u : 0u);
    if (whole >= 1 && whole < count) count = whole;
  }
  return count == 0 ? 1 : count;
}

}  // namespace bedplate
