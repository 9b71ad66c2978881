// Attention of one kv head, one thread, on shapes of real models: 16 rows of a prompt (bound by multiply-adds) and one
// row of decoding at depth (bound by multiply-adds or by reading keys and values, whichever is slower on the machine).
// Rates are by CPU time, the best of a few runs, so that a busy machine spoils them less.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <vector>

#include "base/buffer.h"
#include "base/cat.h"
#include "base/random.h"
#include "kernels/attention.h"

namespace bedplate {
namespace {

double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Case {
  const char* model;
  uint32_t kv_heads, group, head_dim, rows, depth;
};

void Attend(benchmark::State& state, Case c, KvType type) {
  Prng rng(1);
  const uint32_t pages = (c.depth + c.rows + 15) / 16;
  const size_t stride = KvLayout::LayerBytes(type, c.kv_heads, c.head_dim);
  // Decoding meets each layer's keys and values once a token: at depth they come from memory, not from a cache.
  const size_t layer = stride * pages;
  const size_t layers = c.rows == 1 ? std::max<size_t>(1, (size_t{64} << 20) / layer) : 1;
  Buffer memory = std::move(Buffer::Allocate(layer * layers).value());
  KvLayout kv = {memory.data(), stride, c.kv_heads, c.head_dim};
  const AttentionKernels& kernels = AttentionKernelsFor(BestIsa(), type);
  std::vector<PageId> table;
  const size_t width = size_t{c.kv_heads} * c.head_dim;
  for (uint32_t p = 0; p < pages * 16; ++p) {
    if (p % 16 == 0) table.push_back(PageId{p / 16});
    const std::vector<float> keys = rng.Floats(width), values = rng.Floats(width);
    kernels.store(kv, keys.data(), values.data(), p / 16, p % 16);
  }
  for (size_t i = 1; i < layers; ++i) std::memcpy(memory.data() + i * layer, memory.data(), layer);
  const size_t row = width * c.group;
  const std::vector<float> queries = rng.Floats(row * c.rows);
  std::vector<float> out(row * c.rows), scratch(AttentionScratchFloats(c.head_dim, c.group));
  AttentionRows rows;
  rows.queries = queries.data();
  rows.out = out.data();
  rows.row_stride = row;
  rows.rows = c.rows;
  rows.start = c.depth;
  rows.group = c.group;
  rows.scale = 0.1f;
  rows.pages = table.data();
  double best = 1e9;
  for (auto _ : state) {
    const double begin = ThreadSeconds();
    for (size_t i = 0; i < layers; ++i) {
      kv.base = memory.data() + i * layer;
      for (uint32_t h = 0; h < c.kv_heads; ++h) kernels.attend(kv, rows, h, 0, c.rows, scratch.data());
    }
    best = std::min(best, (ThreadSeconds() - begin) / static_cast<double>(layers));
    benchmark::ClobberMemory();
  }
  const double positions = static_cast<double>(c.depth) + c.rows / 2.0;
  state.counters["Gop/s"] = 4.0 * positions * c.rows * static_cast<double>(row) / best * 1e-9;
  state.counters["GB/s"] = positions * static_cast<double>(stride) / 16 / best * 1e-9;
}

const bool kRegistered = [] {
  for (const Case& c : {Case{"smollm2-135m", 3, 3, 64, 0, 0}, Case{"qwen2.5-0.5b", 2, 7, 64, 0, 0},
                        Case{"qwen2.5-1.5b", 2, 6, 128, 0, 0}, Case{"gemma-3-270m", 1, 4, 256, 0, 0}}) {
    for (const auto [rows, depth] : {std::pair{1u, 500u}, {1u, 8000u}, {16u, 0u}, {16u, 2000u}, {16u, 8000u}}) {
      for (const KvType type : kKvTypes) {
        Case here = c;
        here.rows = rows;
        here.depth = depth;
        const std::string name = Cat("attention/", c.model, "/rows:", rows, "/depth:", depth, "/", KvTypeName(type));
        benchmark::RegisterBenchmark(name.c_str(), Attend, here, type)
            ->Iterations(rows == 1 ? 3 : 20)
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace bedplate
