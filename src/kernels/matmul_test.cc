// Method: random and extreme matrices of every weight type, against the definition of the format (dequantize.h) in
// double precision for the scalar twin, and against the twin bit for bit for every instruction set this CPU has.

#include "kernels/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "kernels/dequantize.h"
#include "kernels/matmul_testing.h"
#include "kernels/packed_format.h"
#include "kernels/quantized_rows.h"

namespace bedplate {
namespace {

using test::Matrix;

TEST(PackedMatrix, GrowsByAtMostThreePercent) {
  for (const WeightType type : test::AllTypes()) {
    const double ratio =
        static_cast<double>(PackedBytes(type, 256, 1536)) / static_cast<double>(256 * RowBytes(type, 1536));
    EXPECT_LE(ratio, 1.03) << InfoOf(type).name;
  }
}

TEST(PackedMatrix, LosesNothing) {
  Prng rng(TestSeed());
  for (const WeightType type : test::AllTypes()) {
    for (const uint32_t outputs : {1u, 16u, 37u}) {
      const uint32_t inputs = test::RandomInputs(rng, type);
      const Matrix m = test::RandomMatrix(rng, type, outputs, inputs, test::Fill::kRandom);
      std::vector<float> want(inputs), tile(16 * static_cast<size_t>(inputs));
      for (uint32_t o = 0; o < outputs; ++o) {
        DequantizeRow(type, m.rows.data() + o * RowBytes(type, inputs), inputs, want.data());
        if (o % 16 == 0)
          DequantizeTile(type, inputs, m.packed.data() + o / 16 * PackedTileBytes(type, inputs), tile.data());
        ASSERT_EQ(0, std::memcmp(want.data(), tile.data() + o % 16 * static_cast<size_t>(inputs), inputs * 4))
            << InfoOf(type).name << " output " << o << " inputs " << inputs;
      }
    }
  }
}

std::vector<QuantizedBlock> Quantized(const std::vector<float>& x) {
  const auto inputs = static_cast<uint32_t>(x.size());
  std::vector<QuantizedBlock> out(inputs / 32);
  EXPECT_EQ(QuantizedBytes(1, inputs), sizeof(QuantizedBlock) * out.size());
  MatmulKernelsFor(Isa::kScalar)
      .quantize_rows(x.data(), inputs, 1, inputs, reinterpret_cast<std::byte*>(out.data()), inputs);
  return out;
}

TEST(QuantizeRows, RoundsToNearestEvenInBlocksOf32) {
  std::vector<float> x(160, 0.0f);
  x[0] = 127.0f;
  x[1] = -0.5f;  // ties go to even
  x[2] = 1.5f;
  x[3] = 2.5f;
  x[16] = -1.0f;
  x[64] = INFINITY;
  x[65] = 1.0f;
  x[128] = 0x1p-101f;  // below the floor: counts as zero
  const std::vector<QuantizedBlock> out = Quantized(x);
  EXPECT_EQ(out[0].scale, 1.0f);
  EXPECT_EQ(out[0].q[0], 127);
  EXPECT_EQ(out[0].q[1], 0);
  EXPECT_EQ(out[0].q[2], 2);
  EXPECT_EQ(out[0].q[3], 2);
  EXPECT_EQ(out[0].sum[0][0], 127);
  EXPECT_EQ(out[0].sum[0][1], 4);
  EXPECT_EQ(out[0].minus_total, -130);
  EXPECT_EQ(out[0].minus_halves, -131 * 65536 + 1);
  for (const int block : {2, 3}) EXPECT_TRUE(std::isnan(out[block].scale));
  EXPECT_TRUE(std::isnan(out[2].pair_unit));
  EXPECT_EQ(out[2].q[1], 0);
  EXPECT_EQ(out[4].scale, 0.0f);
  EXPECT_EQ(out[4].q[0], 0);
}

TEST(QuantizeRows, ScalesOfAPairAreMultiplesOfItsUnit) {
  std::vector<float> x(192, 0.0f);
  x[0] = 127.0f;
  x[32] = 31.75f;  // a quarter of the other's largest
  x[33] = 0.125f;
  x[64] = 32.5f;  // a hair more: 132 of 512 units, 2^7 + 2^2
  x[96] = 127.0f;
  x[128] = 127.0f;
  x[160] = 0.001f;  // as little as factors go
  const std::vector<QuantizedBlock> out = Quantized(x);
  EXPECT_EQ(out[0].pair_unit, 0x1p-9f);
  EXPECT_EQ(out[0].scale, 1.0f);
  EXPECT_EQ(out[1].scale, 0.25f);
  EXPECT_EQ(out[1].q[0], 127);
  EXPECT_EQ(out[1].q[1], 0);
  EXPECT_EQ(out[0].shifts[1], 9);  // of the first block
  EXPECT_EQ(out[0].shifts[0], 7);
  EXPECT_EQ(out[1].more_shifts[0], kNoShift);
  EXPECT_EQ(out[1].more_shifts[1], kNoShift);
  EXPECT_EQ(Bf16ToF32(out[1].totals[0]), 127.0f);
  EXPECT_EQ(Bf16ToF32(out[1].totals[1]), 31.75f);
  EXPECT_EQ(out[2].scale, 132.0f / 512.0f);
  EXPECT_EQ(out[2].shifts[1], 7);
  EXPECT_EQ(out[3].more_shifts[1], 2);
  EXPECT_EQ(out[2].q[0], 126);
  EXPECT_EQ(out[3].scale, 1.0f);
  EXPECT_EQ(out[5].scale, 0x1p-9f);
  EXPECT_EQ(out[5].q[0], 1);
}

TEST(QuantizeRows, FactorsAreTheLeastOfTwoBitsThatDo) {
  for (int eighths = 0; eighths <= 8 * 512 + 1; ++eighths) {
    const float share = static_cast<float>(eighths) / 8.0f;
    const float got = FactorOf(share).value();
    float want = 512.0f;
    for (int a = 0; a < 9; ++a) {
      for (int b = 0; b <= a; ++b) {
        for (const int each : {1 << a, a == b ? 1 << a : (1 << a) + (1 << b)}) {
          if (static_cast<float>(each) >= share) want = std::min(want, static_cast<float>(each));
        }
      }
    }
    ASSERT_EQ(got, want) << share;
  }
}

TEST(QuantizeRows, TotalsAreRoundedAndKeptInRange) {
  const auto round = [](float total) { return Bf16ToF32(RoundTotal(total)); };
  EXPECT_EQ(round(0x1.01p0f), 0x1.00p0f);  // ties go to even
  EXPECT_EQ(round(0x1.03p0f), 0x1.04p0f);
  EXPECT_EQ(round(-0x1.03p0f), -0x1.04p0f);
  EXPECT_EQ(round(0x1.010002p0f), 0x1.02p0f);
  EXPECT_EQ(round(0x1p-74f), 0x1p-74f);
  EXPECT_EQ(round(0x1.fffffep-75f), 0.0f);
  EXPECT_EQ(round(0x1.8p100f), 0x1p100f);
  EXPECT_EQ(round(-INFINITY), -0x1p100f);
}

TEST(QuantizeRows, FlatBlocksStayWithinTheirSum) {
  Prng rng(TestSeed());
  for (int round = 0; round < 200; ++round) {
    std::vector<float> x = rng.Floats(64);
    const float least = static_cast<float>(round % 10) * 0.1f + 0.1f;  // 1: all alike
    for (size_t i = 0; i < x.size(); ++i) {
      if (i < 32 || round % 2 == 0) x[i] = std::copysign(std::max(std::fabs(x[i]), least * 2), x[i]);
    }
    const std::vector<QuantizedBlock> out = Quantized(x);
    for (size_t i = 0; i < x.size(); ++i) {
      const QuantizedBlock& block = out[i / 32];
      ASSERT_NEAR(block.scale * block.q[i % 32], x[i], block.scale * 0.5001f);
    }
    for (const QuantizedBlock& block : out) {
      for (int half = 0; half < 2; ++half) {
        int32_t sum = 0;
        for (int i = 0; i < 16; ++i) sum += std::abs(block.q[16 * half + i]);
        ASSERT_LE(sum, kHalfSumMax);
      }
    }
  }
}

/// sum |parts of w| |x| of one output, the measure that rounding errors are relative to.
double Magnitude(const Matrix& m, uint32_t output, const std::vector<double>& x) {
  double sum = 0;
  if (!NeedsQuantizedInput(m.type)) {
    std::vector<float> w(m.inputs);
    DequantizeRow(m.type, m.rows.data() + output * RowBytes(m.type, m.inputs), m.inputs, w.data());
    for (uint32_t i = 0; i < m.inputs; ++i) sum += std::fabs(static_cast<double>(w[i]) * x[i]);
    return sum;
  }
  const std::byte* tile = m.packed.data() + output / 16 * PackedTileBytes(m.type, m.inputs);
  TileBlock block;
  for (uint32_t i = 0; i < m.inputs; ++i) {
    if (i % 32 == 0) ReadTileBlock(m.type, tile, i / 32, block);
    const uint32_t o = output % 16, s = i % 32 / 16;
    const double main =
        static_cast<double>(F16ToF32(block.d[o])) * block.sub[s][o] * CodeValue(m.type, block.code[i % 32][o]);
    const double min = static_cast<double>(F16ToF32(block.m[o])) * block.min[s][o];
    sum += (std::fabs(main) + std::fabs(min)) * std::fabs(x[i]);
  }
  return sum;
}

/// Blocks of very different sizes, so that pairs' factors are of every kind.
std::vector<float> Uneven(Prng& rng, std::vector<float> values) {
  for (size_t i = 0; i < values.size(); i += 32) {
    const float factor = std::ldexp(1.0f + static_cast<float>(rng.Unit()), -static_cast<int>(rng.Range(0, 11)));
    for (size_t j = i; j < std::min(i + 32, values.size()); ++j) values[j] *= factor;
  }
  return values;
}

/// What rounding to bf16 may do to an output's mins, where they are: of each product, both numbers.
double MinsError(const Matrix& m, uint32_t output, const test::Rows& x, uint32_t row) {
  const PackedFormat f = MakePackedFormat(m.type);
  if (ProductsOf(f) != Products::kByPair) return 0;
  const std::byte* tile = m.packed.data() + output / 16 * PackedTileBytes(m.type, m.inputs);
  const auto* blocks = reinterpret_cast<const QuantizedBlock*>(x.quantized.data()) + size_t{row} * m.inputs / 32;
  const uint32_t o = output % 16;
  TileBlock block;
  double sum = 0;
  for (uint32_t k = 0; k < m.inputs / 32; ++k) {
    ReadTileBlock(m.type, tile, k, block);
    const double middle = static_cast<double>(F16ToF32(block.d[o])) * block.sub[0][o] * CodeCentre(f) -
                          static_cast<double>(F16ToF32(block.m[o])) * block.min[0][o];
    sum += std::fabs(middle * blocks[k].minus_total) * static_cast<double>(blocks[k].scale);
  }
  return sum * 0x1.02p-8;
}

TEST(MatmulScalar, MeetsDoublePrecision) {
  Prng rng(TestSeed());
  for (const WeightType type : test::AllTypes()) {
    const uint32_t outputs = 21, inputs = test::RandomInputs(rng, type), rows = 3;
    const Matrix m = test::RandomMatrix(rng, type, outputs, inputs, test::Fill::kRandom);
    const test::Rows x =
        test::QuantizedOf(Uneven(rng, rng.Floats(static_cast<size_t>(rows) * inputs)), rows, inputs, type);
    std::vector<float> got(rows * outputs);
    MatmulKernelsFor(Isa::kScalar).matmul(m.View(), 0, x.View(), 0, m.View().tiles(), got.data(), outputs, nullptr, {});
    for (uint32_t r = 0; r < rows; ++r) {
      const std::vector<double> xs = x.Dequantized(r);
      for (uint32_t o = 0; o < outputs; ++o) {
        std::vector<float> w(inputs);
        DequantizeRow(type, m.rows.data() + o * RowBytes(type, inputs), inputs, w.data());
        double want = 0;
        for (uint32_t i = 0; i < inputs; ++i) want += static_cast<double>(w[i]) * xs[i];
        // A chain of n fmas errs by n half-ulps of sum |terms|; a step's scale product, the reference's own w, and
        // the second-order rest by one each.
        const double steps = NeedsQuantizedInput(type) ? 2.0 * inputs / 32 : inputs;
        const double tolerance = (steps + 3) * 0x1p-24 * Magnitude(m, o, xs) + MinsError(m, o, x, r);
        ASSERT_NEAR(got[r * outputs + o], want, tolerance) << InfoOf(type).name << " inputs " << inputs;
      }
    }
  }
}

/// Kernels under test: what this CPU runs, and (matmul_emulated_test.cc) the code for other CPUs through emulation.
void ExpectEqualsTwin(const Matrix& m, const test::Rows& x, uint32_t expert, Prng& rng, std::string_view what) {
  const uint32_t tiles = m.View().tiles(), stride = m.outputs + static_cast<uint32_t>(rng.Range(0, 3));
  std::vector<float> want(static_cast<size_t>(x.rows) * stride, -7.0f);
  MatmulKernelsFor(Isa::kScalar).matmul(m.View(), expert, x.View(), 0, tiles, want.data(), stride, nullptr, {});
  const test::Guarded scratch(MatmulScratchBytes(m.inputs)), packed(m.packed.size()), quantized(x.quantized.size());
  const test::Guarded values(x.values.size() * sizeof(float));
  std::copy_n(m.packed.data(), packed.size(), packed.data());
  std::copy(x.quantized.begin(), x.quantized.end(), quantized.data());
  std::copy_n(reinterpret_cast<const std::byte*>(x.values.data()), values.size(), values.data());
  const PackedMatrix w = {m.type, m.outputs, m.inputs, m.experts, packed.data()};
  const MatmulInput input = {x.rows, x.inputs, reinterpret_cast<const float*>(values.data()), quantized.data()};
  for (const test::NamedKernels& kernels : test::VectorMatmuls()) {
    test::Guarded got(want.size() * sizeof(float));
    float* out = reinterpret_cast<float*>(got.data());
    std::fill(out, out + want.size(), -7.0f);
    uint32_t begin = 0;
    while (begin < tiles) {  // any split into tiles gives the same
      const auto end = static_cast<uint32_t>(rng.Range(begin + 1, tiles));
      // A part of the outputs goes where it belongs, or by itself.
      const uint32_t first = begin * kTileOutputs, count = std::min(end * kTileOutputs, m.outputs) - first;
      const test::Guarded part(size_t{x.rows} * count * sizeof(float));
      float* const parts = reinterpret_cast<float*>(part.data());
      const bool alone = rng.Chance(0.5);
      kernels.table->matmul(w, expert, input, begin, end, alone ? parts : out + first, alone ? count : stride,
                            scratch.data(), PackedTilesOf(w, 0, begin % 2));
      for (size_t r = 0; alone && r < x.rows; ++r) std::copy_n(parts + r * count, count, out + r * stride + first);
      begin = end;
    }
    ASSERT_EQ(0, std::memcmp(want.data(), out, want.size() * sizeof(float)))
        << kernels.name << " " << InfoOf(m.type).name << " outputs " << m.outputs << " inputs " << m.inputs << " rows "
        << x.rows << " " << what;
  }
}

TEST(Matmul, EveryIsaEqualsScalarBitForBit) {
  Prng rng(TestSeed());
  for (const WeightType type : test::AllTypes()) {
    for (int round = 0; round < 40; ++round) {
      const uint32_t inputs = test::RandomInputs(rng, type), outputs = static_cast<uint32_t>(rng.Range(1, 80));
      const uint32_t rows = static_cast<uint32_t>(round < 34 ? round + 1 : rng.Range(35, 60));  // each size of group
      const float scale = rng.Pick({0x1p-10f, 1.0f, 0x1p-20f});
      const Matrix m = test::RandomMatrix(rng, type, outputs, inputs, test::Fill::kRandom, 1, scale);
      const auto values = Uneven(
          rng, rng.Floats(static_cast<size_t>(rows) * inputs, rng.Pick({1.0f, 1.0f, 1e-20f, 1e-24f, 1e-28f, 1e10f})));
      ExpectEqualsTwin(m, test::QuantizedOf(values, rows, inputs, type), 0, rng, "random");
    }
  }
}

TEST(Matmul, ExtremesDoNotOverflow) {
  Prng rng(TestSeed());
  for (const WeightType type : test::AllTypes()) {
    for (const test::Fill fill : {test::Fill::kHigh, test::Fill::kLow, test::Fill::kMost, test::Fill::kFarthest}) {
      for (const uint32_t rows : {1u, 5u, 13u, 30u}) {
        const uint32_t inputs = InfoOf(type).block_elements == 256 ? 512 : 96;
        const Matrix m = test::RandomMatrix(rng, type, 33, inputs, fill);
        std::vector<float> values(static_cast<size_t>(rows) * inputs);
        // Every q is the same, of either sign or both, or zero in whole blocks: 63 then, since such blocks are flat. Or
        // half of them are 127 or -127, all in one 16-bit lane, and a half's sum is the largest that goes.
        const int pattern = static_cast<int>(rng.Range(0, 5));
        for (size_t i = 0; i < values.size(); ++i) {
          const float sign = pattern == 0 ? 1.0f : pattern == 1 ? -1.0f : rng.Chance(0.5) ? 1.0f : -1.0f;
          values[i] = pattern == 3 && i / 32 % 2 == 0 ? 0.0f : sign;
          if (pattern >= 4) values[i] = i % 4 < 2 ? (pattern == 4 ? 127.0f : -127.0f) : i % 16 == 2 ? 7.0f : 0.0f;
        }
        ExpectEqualsTwin(m, test::QuantizedOf(values, rows, inputs, type), 0, rng, "extremes");
      }
    }
  }
}

TEST(Matmul, WhatIsNotFiniteIsSeenInItsRowAlone) {
  Prng rng(TestSeed());
  for (const WeightType type : test::AllTypes()) {
    if (!NeedsQuantizedInput(type)) continue;
    const uint32_t inputs = 512, outputs = 20;
    for (const uint32_t rows : {3u, 14u}) {
      const Matrix m = test::RandomMatrix(rng, type, outputs, inputs, test::Fill::kRandom);
      std::vector<float> values = rng.Floats(size_t{rows} * inputs);
      for (uint32_t i = 0; i < 32; ++i) values[inputs + 96 + i] = 3e38f;  // flat, and its scale no number
      values[2 * inputs + 40] = rng.Pick({INFINITY, NAN});
      const test::Rows x = test::QuantizedOf(values, rows, inputs, type);
      std::vector<test::NamedKernels> all = test::VectorMatmuls();
      all.push_back({"scalar", &MatmulKernelsFor(Isa::kScalar)});
      const test::Guarded scratch(MatmulScratchBytes(inputs));
      for (const test::NamedKernels& kernels : all) {
        std::vector<float> got(size_t{rows} * outputs);
        kernels.table->matmul(m.View(), 0, x.View(), 0, m.View().tiles(), got.data(), outputs, scratch.data(), {});
        for (size_t i = 0; i < got.size(); ++i) {
          const size_t row = i / outputs;
          ASSERT_EQ(std::isnan(got[i]), row == 1 || row == 2)
              << kernels.name << " " << InfoOf(type).name << " row " << row;
        }
      }
    }
  }
}

TEST(Matmul, PicksTheExpert) {
  Prng rng(TestSeed());
  for (const WeightType type : test::AllTypes()) {
    const uint32_t inputs = 256, outputs = 40, experts = 3, rows = 2;
    const Matrix m = test::RandomMatrix(rng, type, outputs, inputs, test::Fill::kRandom, experts);
    const test::Rows x = test::QuantizedOf(rng.Floats(rows * inputs), rows, inputs, type);
    for (uint32_t e = 0; e < experts; ++e) {
      ExpectEqualsTwin(m, x, e, rng, "expert");
      // The same as that expert's rows packed as a matrix of their own.
      Matrix one{type, outputs, inputs, 1, {}, {}};
      one.packed = std::move(Buffer::Allocate(PackedBytes(type, outputs, inputs)).value());
      const size_t expert_bytes = RowBytes(type, inputs) * outputs;
      PackTiles(type, outputs, inputs, m.rows.data() + e * expert_bytes, 0, one.View().tiles(), one.packed.data());
      std::vector<float> want(rows * outputs), got(rows * outputs);
      MatmulKernelsFor(Isa::kScalar).matmul(one.View(), 0, x.View(), 0, 3, want.data(), outputs, nullptr, {});
      MatmulKernelsFor(Isa::kScalar).matmul(m.View(), e, x.View(), 0, 3, got.data(), outputs, nullptr, {});
      EXPECT_EQ(0, std::memcmp(want.data(), got.data(), want.size() * 4)) << InfoOf(type).name;
    }
  }
}

TEST(QuantizeRows, EveryIsaEqualsScalarByteForByte) {
  Prng rng(TestSeed());
  for (int round = 0; round < 200; ++round) {
    const uint32_t rows = static_cast<uint32_t>(rng.Range(1, 4)), inputs = 32 * static_cast<uint32_t>(rng.Range(1, 9));
    std::vector<float> x =
        Uneven(rng, rng.Floats(static_cast<size_t>(rows) * inputs, rng.Pick({1.0f, 1e-30f, 1e-38f, 1e38f, 0.0f})));
    if (round % 5 == 0) x[static_cast<size_t>(rng.Range(0, 31))] = rng.Pick({INFINITY, -INFINITY, NAN, -0.0f, 1e-45f});
    if (round % 4 == 1) {  // flat
      for (float& v : x) v = std::copysign(v, 1.0f) + std::fabs(x[0]) * 2.0f;
    }
    if (round % 3 == 0) {  // ties
      for (float& v : x) v = static_cast<float>(rng.Range(-254, 254)) * 0.5f;
      x[0] = 127.0f;
    }
    const uint32_t stride = inputs + static_cast<uint32_t>(rng.Range(0, 40));
    std::vector<float> apart(size_t{rows} * stride);
    for (size_t r = 0; r < rows; ++r) std::copy_n(x.data() + r * inputs, inputs, apart.data() + r * stride);
    test::Guarded want(QuantizedBytes(rows, inputs));
    MatmulKernelsFor(Isa::kScalar).quantize_rows(x.data(), inputs, rows, inputs, want.data(), inputs);
    std::vector<test::NamedKernels> all = test::VectorMatmuls();
    all.push_back({"scalar", &MatmulKernelsFor(Isa::kScalar)});
    for (const test::NamedKernels& kernels : all) {
      test::Guarded got(want.size());
      const auto row = static_cast<uint32_t>(rng.Range(0, rows)),
                 block = 2 * static_cast<uint32_t>(rng.Range(0, inputs / 64));  // pairs stay whole
      const auto part = [&](uint32_t row_begin, uint32_t row_end, uint32_t begin, uint32_t end) {
        std::byte* const out = got.data() + QuantizedBytes(row_begin, inputs) + QuantizedBytes(1, begin);
        kernels.table->quantize_rows(apart.data() + size_t{row_begin} * stride + begin, stride, row_end - row_begin,
                                     end - begin, out, inputs);
      };
      part(row, rows, 0, inputs);
      part(0, row, 32 * block, inputs);
      part(0, row, 0, 32 * block);
      ASSERT_EQ(0, std::memcmp(want.data(), got.data(), want.size())) << kernels.name << " round " << round;
    }
  }
}

}  // namespace
}  // namespace bedplate
