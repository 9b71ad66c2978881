// Against plain softmax attention in double; every instruction set equals the twin bit for bit; cutting rows does not
// matter.
#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/random.h"
#include "kernels/dequantize.h"
#include "kernels/lanes_testing.h"

namespace bedplate {
namespace {

struct Case {
  uint32_t kv_heads, group, head_dim, positions, window;
  float softcap;
};

struct World {
  Case c;
  std::vector<std::byte> memory;
  std::vector<PageId> pages;
  std::vector<float> queries, keys, values;
  KvLayout kv;

  World(const Case& shape, Prng& rng) : c(shape) {
    const uint32_t page_count = (c.positions + 15) / 16;
    const size_t stride = KvLayout::LayerBytes(c.kv_heads, c.head_dim) + 64;
    memory.resize(stride * (page_count + 2));
    for (uint32_t i = 0; i < page_count; ++i) pages.push_back(PageId{page_count + 1 - i});  // not in order
    kv = {memory.data(), stride, c.kv_heads, c.head_dim};
    keys = rng.Floats(size_t{c.positions} * c.kv_heads * c.head_dim, 1.5f);
    values = rng.Floats(keys.size(), 1.0f);
    queries = rng.Floats(size_t{c.positions} * c.kv_heads * c.group * c.head_dim, 1.5f);
  }
  void Store(const AttentionKernels& kernels) {
    const size_t width = size_t{c.kv_heads} * c.head_dim;
    for (uint32_t p = 0; p < c.positions; ++p) {
      kernels.store(kv, keys.data() + p * width, values.data() + p * width, pages[p / 16].value, p % 16);
    }
  }
  std::vector<float> Attend(const AttentionKernels& kernels, uint32_t start, uint32_t rows, uint32_t cut) {
    const size_t stride = size_t{c.kv_heads} * c.group * c.head_dim;
    std::vector<float> out(rows * stride), scratch(AttentionScratchFloats(c.head_dim, c.group));
    AttentionRows r;
    r.queries = queries.data() + start * stride;
    r.out = out.data();
    r.row_stride = stride;
    r.rows = rows;
    r.start = start;
    r.group = c.group;
    r.sliding_window = c.window;
    r.scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
    r.softcap = c.softcap;
    r.pages = pages.data();
    for (uint32_t h = 0; h < c.kv_heads; ++h) {
      for (uint32_t b = 0; b < rows; b += cut) {
        kernels.attend(kv, r, h, b, std::min(rows, b + cut), scratch.data());
      }
    }
    return out;
  }
  double Reference(uint32_t position, uint32_t head, uint32_t d) const {
    const uint32_t kv_head = head / c.group;
    const uint32_t first = c.window != 0 && position >= c.window ? position - c.window + 1 : 0;
    std::vector<double> s;
    double total = 0, sum = 0;
    for (uint32_t p = first; p <= position; ++p) {
      double dot = 0;
      for (uint32_t i = 0; i < c.head_dim; ++i) {
        dot += double{queries[(size_t{position} * c.kv_heads * c.group + head) * c.head_dim + i]} *
               At(keys, p, kv_head, i);
      }
      dot /= std::sqrt(static_cast<double>(c.head_dim));
      if (c.softcap != 0) dot = c.softcap * std::tanh(dot / c.softcap);
      const double w = std::exp(dot);
      total += w;
      sum += w * At(values, p, kv_head, d);
    }
    return sum / total;
  }
  double At(const std::vector<float>& x, uint32_t p, uint32_t h, uint32_t i) const {
    return F16ToF32(F32ToF16(x[(size_t{p} * c.kv_heads + h) * c.head_dim + i]));
  }
};

constexpr Case kCases[] = {
    {1, 1, 16, 1, 0, 0},    {2, 3, 32, 70, 0, 0},    {1, 7, 64, 130, 0, 0},      {1, 4, 16, 1100, 0, 0},
    {2, 2, 64, 300, 64, 0}, {1, 5, 48, 700, 512, 0}, {1, 6, 128, 200, 0, 20.0f}, {1, 8, 256, 90, 33, 0},
};

TEST(Attention, MatchesPlainSoftmaxInDouble) {
  Prng rng(TestSeed());
  for (const Case& c : kCases) {
    World world(c, rng);
    world.Store(AttentionKernelsFor(BestIsa()));
    const std::vector<float> out = world.Attend(AttentionKernelsFor(BestIsa()), 0, c.positions, 16);
    for (int i = 0; i < 60; ++i) {
      const auto p = static_cast<uint32_t>(rng.Range(0, c.positions - 1));
      const auto h = static_cast<uint32_t>(rng.Range(0, c.kv_heads * c.group - 1));
      const auto d = static_cast<uint32_t>(rng.Range(0, c.head_dim - 1));
      EXPECT_NEAR(out[(size_t{p} * c.kv_heads * c.group + h) * c.head_dim + d], world.Reference(p, h, d), 3e-5)
          << "positions=" << c.positions << " p=" << p << " window=" << c.window;
    }
  }
}

TEST(Attention, EveryIsaEqualsScalarBitForBit) {
  Prng rng(TestSeed() + 1);
  for (const Case& c : kCases) {
    World world(c, rng);
    world.Store(AttentionKernelsFor(Isa::kScalar));
    const std::vector<std::byte> stored = world.memory;
    const uint32_t rows = std::min(c.positions, 40u), start = c.positions - rows;
    const std::vector<float> want = world.Attend(AttentionKernelsFor(Isa::kScalar), start, rows, 16);
    for (const test::NamedLanes& lanes : test::VectorLanes()) {
      std::fill(world.memory.begin(), world.memory.end(), std::byte{0});
      world.Store(*lanes.attention);
      EXPECT_TRUE(world.memory == stored) << lanes.name;
      const std::vector<float> got = world.Attend(*lanes.attention, start, rows, 16);
      EXPECT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * 4)) << lanes.name << " positions=" << c.positions;
    }
  }
}

TEST(Attention, ARowIsTheSameHoweverRowsAreCut) {
  Prng rng(TestSeed() + 2);
  for (const Case& c : kCases) {
    World world(c, rng);
    world.Store(AttentionKernelsFor(BestIsa()));
    const std::vector<float> whole = world.Attend(AttentionKernelsFor(BestIsa()), 0, c.positions, c.positions);
    const size_t stride = size_t{c.kv_heads} * c.group * c.head_dim;
    for (uint32_t start = 0; start < c.positions;) {
      const auto rows = std::min<uint32_t>(c.positions - start, static_cast<uint32_t>(rng.Range(1, 37)));
      const std::vector<float> part =
          world.Attend(AttentionKernelsFor(BestIsa()), start, rows, static_cast<uint32_t>(rng.Range(1, 20)));
      EXPECT_EQ(0, std::memcmp(part.data(), whole.data() + start * stride, part.size() * 4)) << start;
      start += rows;
    }
  }
}

TEST(Attention, GarbageInUnseenPlacesDoesNotReachTheResult) {
  Prng rng(TestSeed() + 3);
  const Case c{1, 3, 32, 75, 0, 0};
  World world(c, rng);
  world.Store(AttentionKernelsFor(BestIsa()));
  const std::vector<float> want = world.Attend(AttentionKernelsFor(BestIsa()), 70, 1, 1);
  const uint16_t nan = 0x7E00;
  for (uint32_t p = 71; p < 80; ++p) {
    for (uint32_t d = 0; d < c.head_dim; ++d) {
      world.kv.Keys(world.pages[4].value, 0)[d * 16 + p % 16] = nan;
      world.kv.Values(world.pages[4].value, 0)[p % 16 * c.head_dim + d] = nan;
    }
  }
  const std::vector<float> got = world.Attend(AttentionKernelsFor(BestIsa()), 70, 1, 1);
  EXPECT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * 4));
}

}  // namespace
}  // namespace bedplate
