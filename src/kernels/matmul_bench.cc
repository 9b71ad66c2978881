// Matmul on the shapes of Qwen2.5-Coder-1.5B, one thread (Threads:1) and two, beside the limits measured in the same
// run: reading memory (GB/s; one row is bound by it) and multiply-adds in registers (Gop/s; many rows are bound by it).
// Weights are 96 MiB for few rows, so that they come from memory. Rates are by CPU time, the best of a few short runs,
// so that a busy machine spoils them less; "share" is of the read limit.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/cat.h"
#include "base/thread_team.h"
#include "kernels/matmul_testing.h"

namespace bedplate {
namespace {

double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// One run of work on all members: their mean CPU time.
template <class F>
double Seconds(ThreadTeam& team, const F& work) {
  std::vector<double> each(team.size());
  team.Run([&](ThreadTeam::Member member) {
    const double begin = ThreadSeconds();
    work(member);
    each[member.index()] = ThreadSeconds() - begin;
  });
  double sum = 0;
  for (const double seconds : each) sum += seconds;
  return sum / team.size();
}

double ReadLimit(uint32_t threads) {  // GB/s
  // Written first: pages that were never touched are all the one zero page, which stays in cache.
  static Buffer memory = [] {
    Buffer buffer = std::move(Buffer::Allocate(size_t{256} << 20).value());
    std::memset(buffer.data(), 1, buffer.size());
    return buffer;
  }();
  ThreadTeam team(threads);
  const auto read = [&](ThreadTeam::Member member) {
    const auto words = memory.As<uint64_t>();
    const size_t each = words.size() / member.count();
    const uint64_t* p = words.data() + each * member.index();
    uint64_t sum[8] = {};
    for (size_t i = 0; i < each; i += 8) {
      __builtin_prefetch(p + i + 512);
      for (size_t j = 0; j < 8; ++j) sum[j] += p[i + j];
    }
    benchmark::DoNotOptimize(sum);
  };
  double seconds = 1e9;
  for (int i = 0; i < 5; ++i) seconds = std::min(seconds, Seconds(team, read));
  return static_cast<double>(memory.size()) / seconds * 1e-9;
}

struct Case {
  WeightType type;
  uint32_t outputs, inputs, rows, threads;
};

void Matmul(benchmark::State& state, Case c) {
  Prng rng(1);
  // As many copies (experts) as make 96 MiB, but for prompts: the weights of a step do not stay in any cache.
  const size_t bytes = PackedBytes(c.type, c.outputs, c.inputs);
  const auto copies = static_cast<uint32_t>(c.rows > 64 ? 1 : std::max<size_t>(1, (size_t{96} << 20) / bytes));
  const test::Matrix small = test::RandomMatrix(rng, c.type, 64, c.inputs, test::Fill::kRandom);
  Buffer packed = std::move(Buffer::Allocate(bytes * copies).value());
  const size_t small_bytes = PackedBytes(c.type, 64, c.inputs);
  for (size_t at = 0; at < packed.size(); at += small_bytes) {
    std::memcpy(packed.data() + at, small.packed.data(), std::min(small_bytes, packed.size() - at));
  }
  const PackedMatrix w = {c.type, c.outputs, c.inputs, copies, packed.data()};
  const test::Rows x = test::QuantizedOf(rng.Floats(static_cast<size_t>(c.rows) * c.inputs), c.rows, c.inputs, c.type);
  std::vector<float> out(static_cast<size_t>(c.rows) * c.outputs);
  const MatmulKernels& kernels = MatmulKernelsFor(BestIsa());
  ThreadTeam team(c.threads);
  std::vector<Buffer> scratch;
  for (uint32_t i = 0; i < c.threads; ++i) {
    scratch.push_back(std::move(Buffer::Allocate(MatmulScratchBytes(c.inputs)).value()));
  }
  double best = 1e9;
  for (auto _ : state) {
    std::atomic<uint32_t> next{0};
    constexpr uint32_t kStep = 8;
    const uint32_t steps = (w.tiles() + kStep - 1) / kStep;
    best = std::min(best, Seconds(team, [&](ThreadTeam::Member member) {
                      const auto tiles = [&](uint32_t i) {
                        return std::pair(i % steps * kStep, std::min(i % steps * kStep + kStep, w.tiles()));
                      };
                      for (uint32_t i = next++, then = next++; i < steps * copies; i = then, then = next++) {
                        const auto [begin, end] = tiles(i);
                        PackedMatrix other = w;
                        other.data += then / steps * bytes;
                        kernels.matmul(w, i / steps, x.View(), begin, end, out.data() + size_t{begin} * kTileOutputs,
                                       c.outputs, scratch[member.index()].data(),
                                       then < steps * copies
                                           ? PackedTilesOf(other, tiles(then).first, tiles(then).first + 2)
                                           : std::span<const std::byte>());
                      }
                    }));
    benchmark::ClobberMemory();
  }
  static const double read_limit[] = {ReadLimit(1), ReadLimit(2)};
  const double gb = static_cast<double>(bytes * copies) / best * 1e-9;
  state.counters["GB/s"] = gb;
  state.counters["share"] = gb / read_limit[c.threads - 1];
  state.counters["Gop/s"] = 2.0 * c.outputs * c.inputs * c.rows * copies / best * 1e-9;
}

void Register() {
  using enum WeightType;
  const auto add = [](Case c) {
    const std::string name =
        Cat(InfoOf(c.type).name, "/", c.outputs, "x", c.inputs, "/rows:", c.rows, "/threads:", c.threads);
    benchmark::RegisterBenchmark(name.c_str(), Matmul, c)
        ->Iterations(c.rows > 8 ? 3 : 6)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  for (const uint32_t threads : {1u, 2u}) {
    for (const uint32_t rows : {1u, 4u, 8u, 16u, 32u, 512u}) {
      for (const WeightType type : {kQ4_K, kQ6_K}) {
        add({type, 1536, 1536, rows, threads});
        add({type, 256, 1536, rows, threads});
        add({type, 8960, 1536, rows, threads});
        add({type, 1536, 8960, rows, threads});
      }
      add({kQ6_K, 32768, 1536, rows, threads});  // of a head
      for (size_t i = 0; i < kWeightTypeCount; ++i) {
        const auto type = static_cast<WeightType>(i);
        if (type != kQ4_K && type != kQ6_K) add({type, 2048, 1536, rows, threads});
      }
    }
  }
}

const bool kRegistered = (Register(), true);

}  // namespace
}  // namespace bedplate
