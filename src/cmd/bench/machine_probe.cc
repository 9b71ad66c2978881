#include "cmd/bench/machine_probe.h"

#include <emmintrin.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "kernels/int8_peak.h"

namespace bedplate {
namespace {

constexpr int kPasses = 3;

double SecondsOf(ThreadTeam& team, const ThreadTeam::Work& work) {
  const auto start = std::chrono::steady_clock::now();
  team.Run(work);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

size_t BufferBytes() {
  constexpr size_t kMin = size_t{256} << 20, kMax = size_t{2} << 30;
  const long cache = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  return std::clamp(cache > 0 ? 4 * static_cast<size_t>(cache) : kMin, kMin, kMax);
}

}  // namespace

Result<std::unique_ptr<MachineProbe>> MachineProbe::Create(uint32_t threads, Isa isa) {
  BP_ASSIGN_OR_RETURN(Buffer buffer, Buffer::Allocate(BufferBytes()));
  auto probe = std::unique_ptr<MachineProbe>(new MachineProbe(threads, isa, std::move(buffer)));
  // Pages that nobody wrote are all the same page of zeros, which lies in a cache.
  std::memset(probe->buffer_.data(), 1, probe->buffer_.size());
  return probe;
}

double MachineProbe::ReadBytesPerSecond() {
  const auto words = buffer_.As<__m128i>();
  const auto read = [&](ThreadTeam::Member member) {
    const size_t each = words.size() / member.count() / 8 * 8;
    const __m128i* p = words.data() + each * member.index();
    __m128i sums[8] = {};
    for (size_t i = 0; i < each; i += 8) {
      __builtin_prefetch(p + i + 256);
      for (size_t j = 0; j < 8; ++j) sums[j] = _mm_add_epi64(sums[j], _mm_load_si128(p + i + j));
    }
    for (__m128i& sum : sums) asm volatile("" : "+x"(sum));
  };
  double seconds = 1e9;
  for (int i = 0; i < kPasses; ++i) seconds = std::min(seconds, SecondsOf(team_, read));
  return static_cast<double>(buffer_.size()) / seconds;
}

double MachineProbe::Int8OperationsPerSecond() {
  constexpr uint64_t kFirstRounds = 1 << 16;
  constexpr double kPassSeconds = 0.02;
  const Int8PeakFn peak = Int8PeakFor(isa_);
  uint64_t rounds = kFirstRounds;
  std::atomic<uint64_t> operations = 0;
  const auto multiply = [&](ThreadTeam::Member) { operations.fetch_add(peak(rounds)); };
  const double first = SecondsOf(team_, multiply);
  rounds = std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(rounds) * kPassSeconds / first));
  double best = 0;
  for (int i = 0; i < kPasses; ++i) {
    operations = 0;
    const double seconds = SecondsOf(team_, multiply);
    best = std::max(best, static_cast<double>(operations.load()) / seconds);
  }
  return best;
}

}  // namespace bedplate
