// With each type of keys and values: against plain softmax attention in double over what was stored; every instruction
// set equals the twin bit for bit; cutting rows does not matter; numbers at and beyond the edges.
#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

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
  KvType type;
  std::vector<std::byte> memory;
  std::vector<PageId> pages;
  std::vector<float> queries, keys, values;
  KvLayout kv;

  World(const Case& shape, KvType kv_type, Prng& rng) : c(shape), type(kv_type) {
    const uint32_t page_count = (c.positions + 15) / 16;
    const size_t stride = KvLayout::LayerBytes(type, c.kv_heads, c.head_dim) + 64;
    memory.resize(stride * (page_count + 2));
    for (uint32_t i = 0; i < page_count; ++i) pages.push_back(PageId{page_count + 1 - i});  // not in order
    kv = {memory.data(), stride, c.kv_heads, c.head_dim};
    keys = rng.Floats(size_t{c.positions} * c.kv_heads * c.head_dim, 1.5f);
    values = rng.Floats(keys.size(), 1.0f);
    queries = rng.Floats(size_t{c.positions} * c.kv_heads * c.group * c.head_dim, 1.5f);
  }
  void Store(Isa isa) { Store(AttentionKernelsFor(isa, type)); }
  std::vector<float> Attend(Isa isa, uint32_t start, uint32_t rows, uint32_t cut) {
    return Attend(AttentionKernelsFor(isa, type), start, rows, cut);
  }
  void Store(const AttentionKernels& kernels) {
    const size_t width = size_t{c.kv_heads} * c.head_dim;
    for (uint32_t p = 0; p < c.positions; ++p) {
      kernels.store(kv, keys.data() + p * width, values.data() + p * width, pages[p / 16].value, p % 16);
    }
  }
  std::vector<float> Attend(const AttentionKernels& kernels, uint32_t start, uint32_t rows, uint32_t cut) {
    std::vector<float> out(rows * Stride()), scratch(AttentionScratchFloats(c.head_dim, c.group));
    const AttentionRows r = Rows(start, rows, out);
    for (uint32_t h = 0; h < c.kv_heads; ++h) {
      for (uint32_t b = 0; b < rows; b += cut) {
        kernels.attend(kv, r, h, b, std::min(rows, b + cut), scratch.data());
      }
    }
    return out;
  }
  // With segments computed `segments_each` at a time, the last first, and merged.
  std::vector<float> AttendInParts(const AttentionKernels& kernels, uint32_t start, uint32_t rows,
                                   uint32_t segments_each) const {
    std::vector<float> out(rows * Stride(), 7.0f), scratch(AttentionScratchFloats(c.head_dim, c.group));
    const size_t state = AttentionStateFloats(c.head_dim), heads = size_t{c.kv_heads} * c.group;
    const uint32_t segments = (start + rows + kAttentionSegment - 1) / kAttentionSegment;
    std::vector<float> states(segments * rows * heads * state);
    AttentionRows r = Rows(start, rows, out);
    r.states = states.data();
    r.state_stride = rows * heads * state;
    for (uint32_t end = segments; end > 0; end = r.segment_begin) {
      r.segment_begin = end > segments_each ? end - segments_each : 0;
      r.segment_end = end;
      for (uint32_t h = 0; h < c.kv_heads; ++h) kernels.attend(kv, r, h, 0, rows, scratch.data());
    }
    for (const float x : out) EXPECT_EQ(x, 7.0f) << "written before merging";
    for (size_t i = 0; i < rows * heads; ++i) {
      kernels.merge(states.data() + i * state, r.state_stride, segments, c.head_dim, out.data() + i * c.head_dim);
    }
    return out;
  }
  [[nodiscard]] size_t Stride() const { return size_t{c.kv_heads} * c.group * c.head_dim; }
  AttentionRows Rows(uint32_t start, uint32_t rows, std::vector<float>& out) const {
    AttentionRows r;
    r.queries = queries.data() + start * Stride();
    r.out = out.data();
    r.row_stride = Stride();
    r.rows = rows;
    r.start = start;
    r.group = c.group;
    r.sliding_window = c.window;
    r.scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
    r.softcap = c.softcap;
    r.pages = pages.data();
    return r;
  }
  struct Answer {
    double value;
    double spread;  // the weighted mean of what values measure
  };
  Answer Reference(uint32_t position, uint32_t head, uint32_t d) const {
    const uint32_t kv_head = head / c.group;
    const uint32_t first = c.window != 0 && position >= c.window ? position - c.window + 1 : 0;
    std::vector<double> s;
    double total = 0, sum = 0, spread = 0;
    for (uint32_t p = first; p <= position; ++p) {
      const std::vector<double> key = StoredKey(p, kv_head);
      double dot = 0;
      for (uint32_t i = 0; i < c.head_dim; ++i) {
        const float x = queries[(size_t{position} * c.kv_heads * c.group + head) * c.head_dim + i];
        dot += double{type == KvType::kBf16 ? RoundedToBf16(x) : x} * key[i];
      }
      dot /= std::sqrt(static_cast<double>(c.head_dim));
      if (c.softcap != 0) dot = c.softcap * std::tanh(dot / c.softcap);
      const double w = std::exp(dot);
      total += w;
      const double value = StoredValue(p, kv_head, d);
      sum += w * value;
      spread += w * std::abs(value);
    }
    return {sum / total, spread / total};
  }
  [[nodiscard]] std::vector<double> StoredKey(uint32_t p, uint32_t h) const {
    const uint32_t page = pages[p / 16].value, slot = p % 16;
    std::vector<double> key(c.head_dim);
    if (type == KvType::kF16) {
      for (uint32_t i = 0; i < c.head_dim; ++i) key[i] = double{F16ToF32(kv.Keys(page, h)[i * 16 + slot])};
      return key;
    }
    if (type == KvType::kBf16) {
      for (uint32_t i = 0; i < c.head_dim; ++i) {
        key[i] = double{Bf16ToF32(kv.Keys(page, h)[(i / 2 * 16 + slot) * 2 + i % 2])};
      }
      return key;
    }
    const KvQ8Page at = kv.Q8(page, h);
    for (uint32_t i = 0; i < c.head_dim; ++i) {
      const uint32_t pair = i / 2 * 16 + slot;
      key[i] = at.keys[pair * 2 + i % 2] * double{F16ToF32(at.key_scales[i / 32 * 16 + slot])};
    }
    return TurnedBack(key);
  }
  [[nodiscard]] double StoredValue(uint32_t p, uint32_t h, uint32_t d) const {
    const uint32_t page = pages[p / 16].value, slot = p % 16;
    if (type == KvType::kF16) return double{F16ToF32(kv.Values(page, h)[slot * c.head_dim + d])};
    const uint32_t pair = slot / 2 * c.head_dim + d;
    if (type == KvType::kBf16) return double{Bf16ToF32(kv.Values(page, h)[pair * 2 + slot % 2])};
    const KvQ8Page at = kv.Q8(page, h);
    return at.values[pair * 2 + slot % 2] * double{F16ToF32(at.value_scales[d / 32 * 16 + slot])};
  }
  static float RoundedToBf16(float x) {  // away from NaN and denormal numbers
    const auto bits = std::bit_cast<uint32_t>(x);
    return std::bit_cast<float>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16);
  }
  // By the transform's definition: the sign of (i, j) is that of the bits which i and j share. It is its own inverse.
  static std::vector<double> TurnedBack(const std::vector<double>& x) {
    size_t width = 1;
    while (x.size() % (2 * width) == 0) width *= 2;
    std::vector<double> y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t run = i / width * width;
      for (size_t j = 0; j < width; ++j) {
        y[i] += (__builtin_popcountll((i - run) & j) % 2 == 0 ? 1 : -1) * x[run + j];
      }
      y[i] /= std::sqrt(static_cast<double>(width));
    }
    return y;
  }
};

constexpr Case kCases[] = {
    {1, 1, 16, 1, 0, 0},    {2, 3, 32, 70, 0, 0},    {1, 7, 64, 130, 0, 0},      {1, 4, 16, 1100, 0, 0},
    {2, 2, 64, 300, 64, 0}, {1, 5, 48, 700, 512, 0}, {1, 6, 128, 200, 0, 20.0f}, {1, 8, 256, 90, 33, 0},
    {2, 3, 80, 40, 0, 0},   {1, 17, 32, 100, 20, 0},
};

TEST(Attention, MatchesPlainSoftmaxInDouble) {
  Prng rng(TestSeed());
  for (const KvType type : kKvTypes) {
    // q8 also rounds queries and weights, to 2^-16 of their largest: a query's largest is up to six times its usual
    // number, and a score sums them over a head's dims (as a walk does, its length being scaled away).
    const double tolerance = type == KvType::kQ8 ? 3e-5 + 12 * 0x1p-16 : 3e-5;
    for (const Case& c : kCases) {
      World world(c, type, rng);
      world.Store(BestIsa());
      const std::vector<float> out = world.Attend(BestIsa(), 0, c.positions, 16);
      for (int i = 0; i < 60; ++i) {
        const auto p = static_cast<uint32_t>(rng.Range(0, c.positions - 1));
        const auto h = static_cast<uint32_t>(rng.Range(0, c.kv_heads * c.group - 1));
        const auto d = static_cast<uint32_t>(rng.Range(0, c.head_dim - 1));
        const World::Answer want = world.Reference(p, h, d);
        // bf16 also rounds weights, each by 2^-8 of itself at most.
        const double rounding = type == KvType::kBf16 ? 0x1p-8 * want.spread : 0;
        EXPECT_NEAR(out[(size_t{p} * c.kv_heads * c.group + h) * c.head_dim + d], want.value, tolerance + rounding)
            << KvTypeName(type) << " positions=" << c.positions << " p=" << p << " window=" << c.window;
      }
    }
  }
}

// What tests of numbers at the edges put among ordinary ones.
void AddExtremes(World& world, Prng& rng) {
  for (std::vector<float>* list : {&world.keys, &world.values}) {
    for (int i = 0; i < 60; ++i) {
      const auto at = static_cast<size_t>(rng.Range(0, static_cast<int64_t>(list->size()) - 1));
      (*list)[at] = rng.Pick({65504.0f, -65504.0f, 1e30f, -std::numeric_limits<float>::infinity(), 0.0f, -0.0f, 1e-8f,
                              3e-40f, 0x1p-50f, -0x1p-50f, 0x1.fffffep-51f, 0x1.000002p-50f, -0x1p-60f});
    }
    const size_t dim = world.c.head_dim;  // and whole heads of nothing, or of next to nothing
    std::fill_n(list->begin(), dim, 0.0f);
    if (list->size() > 2 * dim) std::fill_n(list->begin() + static_cast<ptrdiff_t>(dim), dim, 2e-7f);
  }
  std::fill_n(world.queries.begin(), world.c.head_dim, 0.0f);
  for (size_t i = world.c.head_dim; i < world.queries.size(); i += 7)
    world.queries[i] *= rng.Pick({-0.0f, 0x1p-50f, 20.0f});
}

TEST(Attention, EveryIsaEqualsScalarBitForBit) {
  Prng rng(TestSeed() + 1);
  for (const KvType type : kKvTypes) {
    for (const bool extremes : {false, true}) {
      for (const Case& c : kCases) {
        World world(c, type, rng);
        if (extremes) AddExtremes(world, rng);
        world.Store(Isa::kScalar);
        const std::vector<std::byte> stored = world.memory;
        const uint32_t rows = std::min(c.positions, 40u), start = c.positions - rows;
        const std::vector<float> want = world.Attend(Isa::kScalar, start, rows, 16);
        for (const float x : want) ASSERT_TRUE(std::isfinite(x)) << KvTypeName(type);
        for (const test::NamedLanes& lanes : test::VectorLanes()) {
          const AttentionKernels& kernels = lanes.attention[static_cast<size_t>(type)];
          std::fill(world.memory.begin(), world.memory.end(), std::byte{0});
          world.Store(kernels);
          EXPECT_TRUE(world.memory == stored) << lanes.name << " " << KvTypeName(type) << " extremes=" << extremes;
          const std::vector<float> got = world.Attend(kernels, start, rows, 16);
          EXPECT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * 4))
              << lanes.name << " " << KvTypeName(type) << " positions=" << c.positions << " extremes=" << extremes;
        }
      }
    }
  }
}

TEST(Attention, ARowIsTheSameHoweverRowsAreCut) {
  Prng rng(TestSeed() + 2);
  for (const KvType type : kKvTypes) {
    for (const Case& c : kCases) {
      World world(c, type, rng);
      world.Store(BestIsa());
      const std::vector<float> whole = world.Attend(BestIsa(), 0, c.positions, c.positions);
      const size_t stride = size_t{c.kv_heads} * c.group * c.head_dim;
      for (uint32_t start = 0; start < c.positions;) {
        const auto rows = std::min<uint32_t>(c.positions - start, static_cast<uint32_t>(rng.Range(1, 37)));
        const std::vector<float> part = world.Attend(BestIsa(), start, rows, static_cast<uint32_t>(rng.Range(1, 20)));
        EXPECT_EQ(0, std::memcmp(part.data(), whole.data() + start * stride, part.size() * 4))
            << KvTypeName(type) << " " << start;
        start += rows;
      }
    }
  }
}

// The twin, and all that is held to it.
std::vector<std::pair<std::string_view, AttentionKernels>> AllKernels(KvType type) {
  std::vector<std::pair<std::string_view, AttentionKernels>> all = {
      {"scalar", AttentionKernelsFor(Isa::kScalar, type)}};
  for (const test::NamedLanes& lanes : test::VectorLanes()) {
    all.emplace_back(lanes.name, lanes.attention[static_cast<size_t>(type)]);
  }
  return all;
}

// What lets threads share a long sequence.
TEST(Attention, SegmentsApartMergeToTheSameBits) {
  Prng rng(TestSeed());
  for (const KvType type : kKvTypes) {
    for (const float softcap : {0.0f, 20.0f}) {
      World world({2, 3, 48, 1500, 0, softcap}, type, rng);
      world.Store(BestIsa());
      for (const auto& [name, kernels] : AllKernels(type)) {
        for (const auto [start, rows] : {std::pair{1499u, 1u}, {1020u, 8u}, {510u, 16u}, {0u, 1u}}) {
          const std::vector<float> want = world.Attend(kernels, start, rows, rows);
          for (const uint32_t each : {1u, 2u}) {
            const std::vector<float> got = world.AttendInParts(kernels, start, rows, each);
            EXPECT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * 4))
                << KvTypeName(type) << " " << name << " " << start << " " << each;
          }
        }
      }
    }
  }
}

// A slot's keys and values become what they never are.
void Spoil(const World& world, uint32_t page, uint32_t slot) {
  const uint32_t dim = world.c.head_dim;
  const KvQ8Page q8 = world.kv.Q8(page, 0);
  for (uint32_t d = 0; d < dim; ++d) {
    const uint32_t key = (d / 2 * 16 + slot) * 2 + d % 2, value = (slot / 2 * dim + d) * 2 + slot % 2;
    if (world.type == KvType::kF16) {
      world.kv.Keys(page, 0)[d * 16 + slot] = world.kv.Values(page, 0)[slot * dim + d] = 0x7E00;
    } else if (world.type == KvType::kBf16) {
      world.kv.Keys(page, 0)[key] = world.kv.Values(page, 0)[value] = 0x7FC0;
    } else {
      q8.keys[key] = q8.values[value] = -128;
    }
  }
  if (world.type == KvType::kQ8) q8.key_scales[slot] = q8.value_scales[slot] = 0x7E00;
}

TEST(Attention, GarbageInUnseenPlacesDoesNotReachTheResult) {
  Prng rng(TestSeed() + 3);
  for (const KvType type : kKvTypes) {
    for (const uint32_t window : {0u, 33u, 34u}) {  // the first position seen is 0, 38, 37; the last 70 or 69
      World world({1, 3, 32, 75, window, 0}, type, rng);
      world.Store(BestIsa());
      for (const uint32_t row : {69u, 70u}) {
        const uint32_t first = window == 0 ? 0 : row + 1 - window;
        World spoiled = world;
        spoiled.kv.base = spoiled.memory.data();
        for (uint32_t p = 0; p < 5 * 16; ++p) {
          if (p < first || p > row) Spoil(spoiled, spoiled.pages[p / 16].value, p % 16);
        }
        for (uint32_t i = 0; i < first / 16; ++i) spoiled.pages[i] = PageId{UINT32_MAX};  // no page
        for (const auto& [name, kernels] : AllKernels(type)) {
          const std::vector<float> want = world.Attend(kernels, row, 1, 1), got = spoiled.Attend(kernels, row, 1, 1);
          EXPECT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * 4))
              << KvTypeName(type) << " " << name << " window " << window << " row " << row;
        }
      }
    }
  }
}

// What vdpbf16ps would take for zero, and other instructions not: weights of e^-64 on values of 2^-50 are 2^-142. All
// other values are zero, or so small that they are stored as zero.
TEST(Attention, Bf16MeetsNoDenormalNumbers) {
  Prng rng(TestSeed() + 6);
  World world({1, 1, 16, 128, 0, 0}, KvType::kBf16, rng);
  for (uint32_t p = 0; p < 128; ++p) {
    for (uint32_t d = 0; d < 16; ++d) {
      world.keys[p * 16 + d] = p < 64 && d == 0 ? 256.0f : 0.0f;
      world.values[p * 16 + d] = p < 64 ? 0x1p-100f : 0x1p-50f;
      world.queries[p * 16 + d] = d == 0 ? 1.0f : 0x1p-60f;  // times 1/4: scores of 64 and 0
    }
  }
  for (const auto& [name, kernels] : AllKernels(KvType::kBf16)) {
    world.Store(kernels);
    EXPECT_EQ(Bf16ToF32(world.kv.Values(world.pages[0].value, 0)[0]), 0.0f) << name;
    EXPECT_EQ(Bf16ToF32(world.kv.Values(world.pages[4].value, 0)[0]), 0x1p-50f) << name;
    for (const float x : world.Attend(kernels, 127, 1, 1)) EXPECT_EQ(x, 0.0f) << name;
  }
}

TEST(Attention, ANanAmongValuesIsSeen) {
  Prng rng(TestSeed() + 4);
  const Case c{1, 2, 64, 100, 0, 0};
  for (const KvType type : kKvTypes) {
    World world(c, type, rng);
    world.values[size_t{50} * c.head_dim + 7] = -std::numeric_limits<float>::quiet_NaN();
    std::vector<std::byte> stored;
    for (const Isa isa : SupportedIsas()) {
      world.Store(isa);
      if (stored.empty()) stored = world.memory;
      if (type != KvType::kF16) EXPECT_TRUE(world.memory == stored) << IsaName(isa);
      const std::vector<float> out = world.Attend(isa, 49, 2, 2);
      for (uint32_t h = 0; h < c.group; ++h) {
        EXPECT_TRUE(std::isfinite(out[h * c.head_dim + 7])) << "it came later";
        EXPECT_TRUE(std::isnan(out[(c.group + h) * c.head_dim + 7])) << KvTypeName(type) << " " << IsaName(isa);
      }
    }
  }
}

// One channel of hundreds, as Qwen's keys have them, and the others of ordinary size: blocks of plain bytes would give
// the 31 neighbours of that channel a step of 2.4, and an error of 0.7.
TEST(Attention, Q8KeepsWhatStandsBesideAnOutlierChannel) {
  Prng rng(TestSeed() + 5);
  for (const uint32_t dim : {64u, 128u, 256u}) {
    World world({1, 1, dim, 64, 0, 0}, KvType::kQ8, rng);
    for (uint32_t p = 0; p < 64; ++p) world.keys[size_t{p} * dim + 5] = 300.0f + rng.Unit();
    world.Store(BestIsa());
    double squares = 0;
    for (uint32_t p = 0; p < 64; ++p) {
      const std::vector<double> key = world.StoredKey(p, 0);
      for (uint32_t d = 0; d < dim; ++d) {
        const double off = key[d] - double{world.keys[size_t{p} * dim + d]};
        squares += off * off;
      }
    }
    // Turned, the channel is 300 / sqrt(dim) in every place, and the rest adds up to 6: a step is that / 127.
    const double step = (300 / std::sqrt(dim) + 6) / 127;
    EXPECT_LT(std::sqrt(squares / (64 * dim)), step / std::sqrt(12.0) * 1.1) << dim;
  }
}

TEST(Attention, Q8TakesLittleMoreThanHalfOfF16) {
  for (const uint32_t dim : {16u, 48u, 64u, 128u, 256u}) {
    const size_t f16 = KvLayout::LayerBytes(KvType::kF16, 3, dim), q8 = KvLayout::LayerBytes(KvType::kQ8, 3, dim);
    EXPECT_EQ(f16, size_t{2} * 3 * 16 * dim * 2);
    EXPECT_EQ(q8, size_t{2} * 3 * 16 * (dim + 2 * ((dim + 31) / 32)));
  }
  EXPECT_EQ(ParseKvType("q8"), KvType::kQ8);
  EXPECT_EQ(ParseKvType("f16"), KvType::kF16);
  EXPECT_EQ(ParseKvType("bf16"), KvType::kBf16);
  EXPECT_EQ(ParseKvType("q4"), std::nullopt);
}

}  // namespace
}  // namespace bedplate
