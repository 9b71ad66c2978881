#pragma once
/// The vector matmul, written once over a vocabulary M of 16-lane operations (matmul_math_avx2.h,
/// matmul_math_avx512.h). Lanes are outputs. Include the vocabulary first; only for the files of one instruction set.
///
/// A row group (a few rows) runs down one or more tiles at once. In a block of 32 inputs, 8 lines of weights
/// (16 outputs x 4 inputs each) meet 8 dwords of each row. Without VNNI the products of several lines are summed in 16
/// bits before one multiply-add widens them, and that multiplier is the sub-scale, so sub-scales cost nothing:
///   codes up to 15: 8 lines * 2 products * 15 * 127 = 30,480 fits.
///   codes up to 31: 4 lines * 2 * 31 * 127 = 31,496 fits.
///   codes with an offset c: the sum starts at -c * (sum of x), so that its final value is that of (code - c) products:
///     8 lines * 2 * 16 * 127 = 32,512 (5 bits), 4 lines * 2 * 32 * 127 = 32,512 (6 bits) fit; on the way there 16-bit
///     sums may wrap, which modular addition undoes. One vpmaddubsw is at most 2 * 63 * 127 = 16,002 and does not
///     saturate.
/// With VNNI they are summed in 32 bits. What a block then costs each row of a tile, one conversion and three or four
/// float operations, caps it at about 70 % of the dot products' peak, since those take the same two ports. So where
/// sub-scales are integers, two sums share a lane, 16 bits each, and one multiply-add meets both of their sub-scales
/// (Products in packed_format.h): the upper one is summed first and shifted up, the lower one on top of it.
///
/// Few rows (groups of up to M::kFewRows): codes are unpacked in registers, again for each group. Many rows (M::kRows):
/// the first row group of two tiles leaves its bytes in scratch, 64 a line (K * 36 bytes: L2), and the others read them
/// there, as they do what two blocks' scales become. Other scales are read from the packed tile.

#include "kernels/inline.h"
#include "kernels/matmul.h"
#include "kernels/packed_format.h"
#include "kernels/packed_lines.h"
#include "kernels/quantized_rows.h"

namespace bedplate {
namespace {

// ---- The exact dot product of a block
// --------------------------------------------------------------------------------

template <class M, int kTiles, int kRows>
BP_INLINE void PinAll(typename M::Ints (&sum)[kTiles][kRows]) {
  for (int t = 0; t < kTiles; ++t) {
    for (int r = 0; r < kRows; ++r) M::Pin(sum[t][r]);
  }
}

/// Sums in 16 bits (see the top), widened: exact integers with offsets and sub-scales in. factor: what sub-scales are
/// multiplied by, of each row.
template <class M, WeightType kType, Source kSource, int kTiles, int kRows>
BP_INLINE void SumIn16(const TileCursor* tiles, uint32_t k, const QuantizedBlock* const* x, const int16_t* factor,
                       typename M::Ints (&total)[kTiles][kRows]) {
  using Ints = typename M::Ints;
  constexpr PackedFormat f = kFormat<kType>;
  constexpr bool kOneSum = f.sub != SubScales::kPer16 && (!f.has_bits || kCentre<kType> != 0);
  constexpr int kLines = kOneSum ? 8 : 4;
  Unrolled<0, 8 / kLines>(BP_EACH {
    constexpr int kGroup = decltype(index)::value;
    Ints sum[kTiles][kRows];
    for (int r = 0; r < kRows; ++r) {
      Ints start = M::Zero();
      if constexpr (kCentre<kType> != 0) {
        start = M::Broadcast4(x[r]->sum[kGroup]);
        if constexpr (kOneSum) start = M::Add16(start, M::Broadcast4(x[r]->sum[1]));
        start = M::Times16(start, static_cast<int16_t>(-kCentre<kType>));
      }
      for (int t = 0; t < kTiles; ++t) sum[t][r] = start;
    }
    Unrolled<0, kLines>(BP_EACH {
      constexpr int kOrder = decltype(index)::value;
      constexpr int kLine = kOneSum && f.has_nibbles ? NibbleOrder(kOrder) : kGroup * kLines + kOrder;
      typename M::Bytes w[kTiles];
      for (int t = 0; t < kTiles; ++t) w[t] = Line<M, kType, kSource, kLine>(tiles[t]);
      for (int r = 0; r < kRows; ++r) {
        const Ints four = M::Broadcast4(x[r]->q + 4 * kLine);
        for (int t = 0; t < kTiles; ++t) sum[t][r] = M::Add16(sum[t][r], M::DotPairs(w[t], four));
      }
      PinAll<M>(sum);
    });
    for (int t = 0; t < kTiles; ++t) {
      const Ints sub = SubPairs<M, kType, kGroup>(tiles[t].header, k);
      for (int r = 0; r < kRows; ++r) {
        Ints by = sub;
        if constexpr (kProducts<kType> == Products::kByPair) by = M::Times16(sub, factor[r]);
        const Ints wide = M::DotPairs16(sum[t][r], by);
        total[t][r] = kGroup == 0 ? wide : M::Add32(total[t][r], wide);
      }
    }
  });
}

/// Signed weights without VNNI: each line is widened on its own.
template <class M, WeightType kType, Source kSource, int kTiles, int kRows>
BP_INLINE void DotSigned(const TileCursor* tiles, uint32_t k, const QuantizedBlock* const* x,
                         const typename M::Floats* d, typename M::Floats (&dot)[kTiles][kRows]) {
  using Ints = typename M::Ints;
  Ints sum[kTiles][kRows];
  for (int t = 0; t < kTiles; ++t) {
    for (int r = 0; r < kRows; ++r) sum[t][r] = M::Zero();
  }
  Unrolled<0, 8>(BP_EACH {
    constexpr int kLine = decltype(index)::value;
    for (int t = 0; t < kTiles; ++t) {
      const typename M::SignedLine w = M::PrepareSigned(Line<M, kType, kSource, kLine>(tiles[t]));
      for (int r = 0; r < kRows; ++r) sum[t][r] = M::DotSigned(sum[t][r], w, M::Broadcast4(x[r]->q + 4 * kLine));
    }
    PinAll<M>(sum);
  });
  for (int t = 0; t < kTiles; ++t) {
    typename M::Floats scale = d[t];
    if constexpr (kFormat<kType>.sub == SubScales::kPer32) {
      scale = M::Multiply(scale, SubFloats<M, kType, 0>(tiles[t].header, k));
    }
    for (int r = 0; r < kRows; ++r) dot[t][r] = M::Multiply(M::ToFloats(sum[t][r]), scale);
  }
}

// How far ahead of use one row's weights are asked for: at 10 bytes a cycle, 4 KiB are 400 cycles, about DRAM's
// latency.
constexpr size_t kPrefetchAhead = 4096;

BP_INLINE void PrefetchBlocks(const std::byte* from, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(from + kPrefetchAhead + at);
}

/// The same in up to kParts parts, one after each line: memory is asked evenly.
template <WeightType kType, Source kSource, int kTiles, int kBlocks, int kParts>
BP_INLINE auto PrefetchAfterLines([[maybe_unused]] const TileCursor* tiles) {
  constexpr int kBytes = kBlocks * static_cast<int>(kFormat<kType>.block_bytes);
  if constexpr (kSource == Source::kPacked && kTiles == 1) {
    return [at = tiles[0].codes + kPrefetchAhead](auto line) __attribute__((always_inline)) {
      for (int i = line.value * 64; i < kBytes; i += kParts * 64) __builtin_prefetch(at + i);
    };
  } else {
    return [](auto) {};
  }
}

// ---- The chains
// ------------------------------------------------------------------------------------------------------

/// What a block's min needs of a tile: its multiplier and, of two sub-blocks, the codes of both.
template <class M>
struct BlockMin {
  typename M::Floats scaled;
  typename M::Ints first, second;
};
template <class M, WeightType kType>
BP_INLINE BlockMin<M> MinOf(const TileCursor& tile, uint32_t k, typename M::Floats m) {
  BlockMin<M> min{};
  min.scaled = m;
  if constexpr (kFormat<kType>.sub == SubScales::kPer16) {
    min.first = M::PairsOfUnsigned(MinBytes<kType, 0>(tile.header, k));
    min.second = M::PairsOfUnsigned(MinBytes<kType, 1>(tile.header, k));
  }
  return min;
}

/// The min's step of a block of Q4_1, Q5_1 or Q2_K.
template <class M, WeightType kType>
BP_INLINE typename M::Floats AddMin(const BlockMin<M>& min, const QuantizedBlock& x, typename M::Floats acc) {
  const typename M::Floats scale = M::BroadcastFloat(&x.scale);
  if constexpr (kFormat<kType>.sub == SubScales::kNone) {
    const typename M::Floats minus_total = M::Multiply(M::ToFloats(M::Broadcast4(&x.minus_total)), scale);
    return M::NegMultiplyAdd(min.scaled, minus_total, acc);
  } else {
    const typename M::Ints min_sum =
        M::Add32(M::DotPairs16(min.first, M::Broadcast4(x.sum[0])), M::DotPairs16(min.second, M::Broadcast4(x.sum[1])));
    return M::NegMultiplyAdd(M::Multiply(M::ToFloats(min_sum), min.scaled), scale, acc);
  }
}

/// VNNI: a block's steps of all chains of the group, its dot products in 32 bits. Signed weights are met as weight +
/// 128. Float operations take the same two ports as dot products. So that they come among those, not all at the block's
/// end, the last lines go row by row, each row's float operations right behind them: 5 % for 512 rows of Q4_0, Q5_0 and
/// Q8_0. Where sub-scales add more of them, it made no difference.
template <class M, WeightType kType, Source kSource, int kTiles, int kRows>
BP_INLINE void BlockStepsIn32(const TileCursor* tiles, uint32_t k, const QuantizedBlock* const* x,
                              const typename M::Floats* d, [[maybe_unused]] const typename M::Floats* m,
                              typename M::Floats (&acc)[kTiles][kRows]) {
  using Ints = typename M::Ints;
  using Floats = typename M::Floats;
  constexpr PackedFormat f = kFormat<kType>;
  constexpr bool kPer16 = f.sub == SubScales::kPer16;
  constexpr int kOffset = kIsSigned<kType> ? 128 : f.code_offset;
  constexpr int kLines = kPer16 ? 4 : 8, kByRow = f.sub == SubScales::kNone ? 2 : 0;
  Floats part[kTiles][kRows];  // of the first of two sub-blocks
  Unrolled<0, 8 / kLines>(BP_EACH {
    constexpr int kGroup = decltype(index)::value;
    constexpr bool kIsLast = kGroup == 8 / kLines - 1;
    const auto line_at = [](auto order) __attribute__((always_inline)) {
      return Const<!kPer16 && f.has_nibbles ? NibbleOrder(order.value) : kGroup * kLines + order.value>{};
    };
    const auto weights_at = [&](auto line, int t) __attribute__((always_inline)) {
      const typename M::Bytes w = Line<M, kType, kSource, line.value>(tiles[t]);
      if constexpr (kIsSigned<kType>) return M::FlipSigns(w);
      return w;
    };
    Ints sum[kTiles][kRows];
    for (int r = 0; r < kRows; ++r) {
      Ints start = M::Zero();
      if constexpr (kOffset != 0) {
        // Nothing here multiplies: that would take turns with the dot products.
        static_assert(!kPer16);
        start = M::template TimesPowerOfTwo<kOffset>(M::Broadcast4(&x[r]->minus_total));
      }
      for (int t = 0; t < kTiles; ++t) sum[t][r] = start;
    }
    Unrolled<0, kLines - kByRow>(BP_EACH {
      const auto line = line_at(index);
      typename M::Bytes w[kTiles];
      for (int t = 0; t < kTiles; ++t) w[t] = weights_at(line, t);
      for (int r = 0; r < kRows; ++r) {
        const Ints four = M::Broadcast4(x[r]->q + 4 * line.value);
        for (int t = 0; t < kTiles; ++t) sum[t][r] = M::DotFours(sum[t][r], w[t], four);
      }
      PinAll<M>(sum);
    });

    typename M::Bytes last[kByRow + 1][kTiles];  // an array can't have none
    Unrolled<0, kByRow>(BP_EACH {
      for (int t = 0; t < kTiles; ++t) {
        last[index.value][t] = weights_at(line_at(Const<kLines - kByRow + index.value>{}), t);
      }
    });
    Floats sub[kTiles], scale[kTiles];
    BlockMin<M> min[kTiles];
    for (int t = 0; t < kTiles; ++t) {
      scale[t] = d[t];
      if constexpr (f.sub != SubScales::kNone) sub[t] = SubFloats<M, kType, kGroup>(tiles[t].header, k);
      if constexpr (f.sub == SubScales::kPer32) scale[t] = M::Multiply(scale[t], sub[t]);
      if constexpr (f.has_min && kIsLast) min[t] = MinOf<M, kType>(tiles[t], k, m[t]);
    }
    Unrolled<0, kRows>(BP_EACH {
      constexpr int kRow = decltype(index)::value;
      Unrolled<0, kByRow>(BP_EACH {
        const Ints four = M::Broadcast4(x[kRow]->q + 4 * line_at(Const<kLines - kByRow + index.value>{}).value);
        for (int t = 0; t < kTiles; ++t) sum[t][kRow] = M::DotFours(sum[t][kRow], last[index.value][t], four);
      });
      for (int t = 0; t < kTiles; ++t) {
        M::Pin(sum[t][kRow]);
        Floats dot = M::ToFloats(sum[t][kRow]);
        if constexpr (kPer16) {
          dot = kGroup == 0 ? M::Multiply(dot, sub[t]) : M::MultiplyAdd(dot, sub[t], part[t][kRow]);
        }
        if constexpr (!kIsLast) {
          part[t][kRow] = dot;
        } else {
          acc[t][kRow] = M::MultiplyAdd(M::Multiply(dot, scale[t]), M::BroadcastFloat(&x[kRow]->scale), acc[t][kRow]);
          if constexpr (f.has_min) acc[t][kRow] = AddMin<M, kType>(min[t], *x[kRow], acc[t][kRow]);
          M::Pin(acc[t][kRow]);
        }
      }
    });
  });
}

/// A block's steps of all chains of the group, where it goes by itself.
template <class M, WeightType kType, Source kSource, int kTiles, int kRows>
BP_INLINE void BlockSteps(const TileCursor* tiles, uint32_t k, const QuantizedBlock* const* x,
                          const typename M::Floats* d, const typename M::Floats* m,
                          typename M::Floats (&acc)[kTiles][kRows]) {
  if constexpr (M::kDotsInInt32) {
    BlockStepsIn32<M, kType, kSource, kTiles, kRows>(tiles, k, x, d, m, acc);
  } else {
    typename M::Floats dot[kTiles][kRows];
    if constexpr (kIsSigned<kType>) {
      DotSigned<M, kType, kSource, kTiles, kRows>(tiles, k, x, d, dot);
    } else {
      typename M::Ints total[kTiles][kRows];
      SumIn16<M, kType, kSource, kTiles, kRows>(tiles, k, x, nullptr, total);
      for (int t = 0; t < kTiles; ++t) {
        for (int r = 0; r < kRows; ++r) dot[t][r] = M::Multiply(M::ToFloats(total[t][r]), d[t]);
      }
    }
    for (int t = 0; t < kTiles; ++t) {
      for (int r = 0; r < kRows; ++r) {
        acc[t][r] = M::MultiplyAdd(dot[t][r], M::BroadcastFloat(&x[r]->scale), acc[t][r]);
      }
      if constexpr (kFormat<kType>.has_min) {
        const BlockMin<M> min = MinOf<M, kType>(tiles[t], k, m[t]);
        for (int r = 0; r < kRows; ++r) acc[t][r] = AddMin<M, kType>(min, *x[r], acc[t][r]);
      }
    }
  }
}

// ---- Chunks: integers of several sub-scales, and d at the end
// ------------------------------------------------------------------------------------------------------

/// f(tile, row) of each chain.
template <int kTiles, int kRows, class F>
BP_INLINE void EachChain(const F& f) {
  Unrolled<0, kRows>([&](auto row) __attribute__((always_inline)) {
    Unrolled<0, kTiles>([&](auto tile) __attribute__((always_inline)) { f(tile.value, row.value); });
  });
}

/// Chains that would fill the registers lie in memory while others run.
template <class M, int kTiles, int kRows>
BP_INLINE void KeepInMemory([[maybe_unused]] typename M::Floats (&chains)[kTiles][kRows]) {
#if !defined(BEDPLATE_EMULATED_ISA)
  if constexpr (kTiles * kRows > M::kFewChains) asm volatile("" : "+m"(chains));
#endif
}

/// Loaded once: left alone, the compiler works on the one number, in more instructions, or loads it for each tile.
template <class M>
BP_INLINE typename M::Ints Broadcast4Here(const void* p) {
  typename M::Ints v = M::Broadcast4(p);
  M::Pin(v);
  return v;
}

/// VNNI: upper, whole sums, becomes pairs of sums, to whose lower halves `add` adds from start_of(row) on. Few chains
/// would wait for themselves: then the lower sums are chains of their own, and meet the upper ones at the end. kBoth:
/// what start_of gives, the upper sums need, too.
template <class M, bool kBoth, int kTiles, int kRows, class StartOf, class Add>
BP_INLINE void AddLowerSums(typename M::Ints (&upper)[kTiles][kRows], const StartOf& start_of, const Add& add) {
  constexpr bool kApart = kTiles * kRows <= M::kWaitingChains;
  constexpr bool kJoined = kApart && !kBoth;  // the lower sums whole, too
  typename M::Ints lower[kTiles][kRows];
  Unrolled<0, kRows>([&](auto r) __attribute__((always_inline)) {
    typename M::Ints start = start_of(r.value);
    if constexpr (!kJoined) start = M::LowerStart(start);
    Unrolled<0, kTiles>([&](auto t) __attribute__((always_inline)) {
      lower[t.value][r.value] = kApart ? start : M::Add32(M::ShiftUp(upper[t.value][r.value]), start);
      if constexpr (!kApart) M::Pin(lower[t.value][r.value]);
    });
  });
  add(lower);
  EachChain<kTiles, kRows>([&](int t, int r) __attribute__((always_inline)) {
    if constexpr (kJoined) {
      upper[t][r] = M::Join(upper[t][r], lower[t][r]);
    } else {
      upper[t][r] = M::LowerEnd(kApart ? M::Add32(M::ShiftUp(upper[t][r]), lower[t][r]) : lower[t][r]);
    }
  });
}

/// VNNI: adds kCount lines of a block, from kFirst on. meanwhile(Const<n>): called after the nth.
template <class M, WeightType kType, Source kSource, int kFirst, int kCount, int kTiles, int kRows, class Meanwhile>
BP_INLINE void AddLines(const TileCursor* tiles, const QuantizedBlock* const* x, uint32_t block,
                        typename M::Ints (&sum)[kTiles][kRows], const Meanwhile& meanwhile) {
  constexpr bool kInterleaved = kCount == 8 && kFormat<kType>.has_nibbles;
  Unrolled<0, kCount>(BP_EACH {
    constexpr int kLine = kInterleaved ? NibbleOrder(decltype(index)::value) : kFirst + decltype(index)::value;
    typename M::Bytes w[kTiles];
    Unrolled<0, kTiles>(
        [&](auto t) __attribute__((always_inline)) { w[t.value] = Line<M, kType, kSource, kLine>(tiles[t.value]); });
    Unrolled<0, kRows>([&](auto r) __attribute__((always_inline)) {
      const typename M::Ints four = M::Broadcast4(x[r.value][block].q + 4 * kLine);
      Unrolled<0, kTiles>([&](auto t) __attribute__((always_inline)) {
        sum[t.value][r.value] = M::DotFours(sum[t.value][r.value], w[t.value], four);
      });
    });
    EachChain<kTiles, kRows>([&](int t, int r) __attribute__((always_inline)) { M::Pin(sum[t][r]); });
    meanwhile(index);
  });
}

/// One block of Products::kByHalves: sum += integers * the block's scale.
template <class M, WeightType kType, Source kSource, int kTiles, int kRows>
BP_INLINE void HalvesSteps(const TileCursor* tiles, uint32_t k, const QuantizedBlock* const* x,
                           typename M::Floats (&sum)[kTiles][kRows]) {
  using Ints = typename M::Ints;
  Ints total[kTiles][kRows];
  if constexpr (M::kDotsInInt32) {
    EachChain<kTiles, kRows>([&](int t, int r) __attribute__((always_inline)) { total[t][r] = M::Zero(); });
    AddLines<M, kType, kSource, 0, 4>(tiles, x, 0, total, PrefetchAfterLines<kType, kSource, kTiles, 1, 4>(tiles));
    AddLowerSums<M, true>(
        total,
        [&](int r) __attribute__((always_inline)) {
          return M::template TimesPowerOfTwo<kCentre<kType>>(Broadcast4Here<M>(&x[r]->minus_halves));
        },
        [&](auto& lower)
            __attribute__((always_inline)) { AddLines<M, kType, kSource, 4, 4>(tiles, x, 0, lower, [](auto) {}); });
    Ints sub[kTiles];
    for (int t = 0; t < kTiles; ++t) {
      sub[t] = M::PairsOfSigned(SubBytes<kType, 1>(tiles[t].header, k), SubBytes<kType, 0>(tiles[t].header, k));
    }
    Unrolled<0, kRows>([&](auto row) __attribute__((always_inline)) {
      constexpr int r = decltype(row)::value;
      typename M::Floats scale = M::BroadcastFloat(&x[r]->scale);
      M::Pin(scale);
      Unrolled<0, kTiles>([&](auto tile) __attribute__((always_inline)) {
        constexpr int t = decltype(tile)::value;
        const Ints halves = M::DotPairs16(total[t][r], sub[t]);
        sum[t][r] = M::MultiplyAdd(M::ToFloats(halves), scale, sum[t][r]);
        M::Pin(sum[t][r]);
      });
    });
  } else {
    SumIn16<M, kType, kSource, kTiles, kRows>(tiles, k, x, nullptr, total);
    for (int t = 0; t < kTiles; ++t) {
      for (int r = 0; r < kRows; ++r) {
        sum[t][r] = M::MultiplyAdd(M::ToFloats(total[t][r]), M::BroadcastFloat(&x[r]->scale), sum[t][r]);
      }
    }
  }
}

/// Two blocks of Products::kByPair: sum += integers * the pair's unit, and the mins' step. centred: centre * d.
template <class M, WeightType kType, Source kSource, int kTiles, int kRows>
BP_INLINE void PairSteps(const TileCursor* tiles, uint32_t k, const QuantizedBlock* const* x,
                         const typename M::Floats* centred, const typename M::Floats* m,
                         typename M::Floats (&sum)[kTiles][kRows], typename M::Floats (&mins)[kTiles][kRows]) {
  using Ints = typename M::Ints;
  TileCursor second[kTiles];
  Ints middles[kTiles];
  for (int t = 0; t < kTiles; ++t) {
    second[t] = tiles[t];
    if constexpr (kSource != Source::kUnpacked) second[t].codes += kFormat<kType>.block_bytes;
    if constexpr (kSource != Source::kPacked) second[t].lines += kInputBlock * kTileOutputs;
  }
  const auto min_step = [&](int t, int r) __attribute__((always_inline)) {
    typename M::Floats next = M::DotBf16(mins[t][r], middles[t], M::Broadcast4(x[r][1].totals));
    M::Pin(next);
    mins[t][r] = next;
  };
  Ints total[kTiles][kRows];
  if constexpr (M::kDotsInInt32) {
    constexpr int kFactor = kCentre<kType>;
    const auto start_of = [&](int r, int block) __attribute__((always_inline)) {
      return M::template TimesPowerOfTwo<kFactor>(Broadcast4Here<M>(&x[r][block].minus_total));
    };
    Unrolled<0, kRows>([&](auto r) __attribute__((always_inline)) {
      const Ints start = start_of(r.value, 0);
      Unrolled<0, kTiles>([&](auto t) __attribute__((always_inline)) { total[t.value][r.value] = start; });
    });
    AddLines<M, kType, kSource, 0, 8>(tiles, x, 0, total, PrefetchAfterLines<kType, kSource, kTiles, 2, 8>(tiles));
    // The mins' steps come among the dot products, a row's after each line: at the end they would wait for each other.
    static_assert(kRows <= 8);
    for (int t = 0; t < kTiles; ++t) middles[t] = PairMiddles<M, kType, kSource>(tiles[t], k, centred[t], m[t]);
    const auto min_steps = [&](auto line) __attribute__((always_inline)) {
      constexpr int kRow = decltype(line)::value;
      if constexpr (kRow < kRows) {
        Unrolled<0, kTiles>([&](auto t) __attribute__((always_inline)) { min_step(t.value, kRow); });
      }
    };
    KeepInMemory<M>(mins);
    AddLowerSums<M, false>(
        total, [&](int r) __attribute__((always_inline)) { return start_of(r, 1); },
        [&](auto& lower)
            __attribute__((always_inline)) { AddLines<M, kType, kSource, 0, 8>(second, x, 1, lower, min_steps); });
    KeepInMemory<M>(mins);
    Ints sub[kTiles];
    for (int t = 0; t < kTiles; ++t) sub[t] = PairSubs<M, kType, kSource>(tiles[t], k);
    Unrolled<0, kRows>([&](auto row) __attribute__((always_inline)) {
      constexpr int r = decltype(row)::value;
      const Ints shifts = Broadcast4Here<M>(x[r]->shifts), more_shifts = Broadcast4Here<M>(x[r][1].more_shifts);
      typename M::Floats unit = M::BroadcastFloat(&x[r]->pair_unit);
      M::Pin(unit);
      Unrolled<0, kTiles>([&](auto tile) __attribute__((always_inline)) {
        constexpr int t = decltype(tile)::value;
        const Ints factor = M::Add16(M::ShiftLeftBy(sub[t], shifts), M::ShiftLeftBy(sub[t], more_shifts));
        const Ints pair = M::DotPairs16(total[t][r], factor);
        sum[t][r] = M::MultiplyAdd(M::ToFloats(pair), unit, sum[t][r]);
        M::Pin(sum[t][r]);
      });
    });
  } else {
    Ints other[kTiles][kRows];
    int16_t factor[2][kRows];
    const QuantizedBlock* next[kRows];
    for (int r = 0; r < kRows; ++r) {
      next[r] = x[r] + 1;
      for (int i = 0; i < 2; ++i) {
        const int more = (1 << x[r][1].more_shifts[1 - i]) & 0xFFFF;  // none: 2^16
        factor[i][r] = static_cast<int16_t>((1 << x[r]->shifts[1 - i]) + more);
      }
    }
    SumIn16<M, kType, kSource, kTiles, kRows>(tiles, k, x, factor[0], total);
    SumIn16<M, kType, kSource, kTiles, kRows>(second, k + 1, next, factor[1], other);
    for (int t = 0; t < kTiles; ++t) {
      middles[t] = PairMiddles<M, kType, kSource>(tiles[t], k, centred[t], m[t]);
      for (int r = 0; r < kRows; ++r) {
        const typename M::Floats pair = M::ToFloats(M::Add32(total[t][r], other[t][r]));
        sum[t][r] = M::MultiplyAdd(pair, M::BroadcastFloat(&x[r]->pair_unit), sum[t][r]);
        min_step(t, r);
      }
    }
  }
}

/// The chunk that tiles and x stand at the beginning of: all of its steps, and both behind it then. mins: another
/// chain, of Products::kByPair.
template <class M, WeightType kType, Source kSource, int kTiles, int kRows>
BP_INLINE void ChunkSteps(TileCursor* tiles, const QuantizedBlock** x, const typename M::Floats* d,
                          [[maybe_unused]] const typename M::Floats* m, typename M::Floats (&acc)[kTiles][kRows],
                          [[maybe_unused]] typename M::Floats (&mins)[kTiles][kRows]) {
  constexpr PackedFormat f = kFormat<kType>;
  constexpr bool kByPair = kProducts<kType> == Products::kByPair;
  constexpr uint32_t kStep = kByPair ? 2 : 1;
  typename M::Floats sum[kTiles][kRows], centred[kTiles] = {};
  EachChain<kTiles, kRows>([&](int t, int r) __attribute__((always_inline)) { sum[t][r] = M::ZeroFloats(); });
  if constexpr (kByPair && kSource != Source::kUnpacked) {
    static constexpr float kFactor = kCentre<kType>;
    for (int t = 0; t < kTiles; ++t) centred[t] = M::Multiply(d[t], M::BroadcastFloat(&kFactor));
  }
  KeepInMemory<M>(acc);
  for (uint32_t k = 0; k < f.chunk_inputs / kInputBlock; k += kStep) {
    if constexpr (!M::kDotsInInt32 && kSource == Source::kPacked && kTiles == 1) {
      PrefetchBlocks(tiles[0].codes, kStep * f.block_bytes);
    }
    if constexpr (kByPair) {
      PairSteps<M, kType, kSource>(tiles, k, x, centred, m, sum, mins);
    } else {
      HalvesSteps<M, kType, kSource>(tiles, k, x, sum);
    }
    for (int t = 0; t < kTiles; ++t) {
      if constexpr (kSource != Source::kUnpacked) tiles[t].codes += kStep * f.block_bytes;
      if constexpr (kSource != Source::kPacked) tiles[t].lines += kStep * kInputBlock * kTileOutputs;
      if constexpr (kSource != Source::kPacked && kByPair) tiles[t].scales += kPairScaleBytes;
    }
    for (int r = 0; r < kRows; ++r) x[r] += kStep;
  }
  EachChain<kTiles, kRows>(
      [&](int t, int r) __attribute__((always_inline)) { acc[t][r] = M::MultiplyAdd(sum[t][r], d[t], acc[t][r]); });
  KeepInMemory<M>(acc);
}

/// Where results go: full tiles are stored whole, a matrix's last one only as far as it has outputs.
template <class M>
BP_INLINE void StoreOutputs(float* out, uint32_t count, typename M::Floats v) {
  if (count >= kTileOutputs) return M::StoreFloats(out, v);
  alignas(64) float whole[kTileOutputs];
  M::StoreFloats(whole, v);
  for (uint32_t o = 0; o < count; ++o) out[o] = whole[o];
}

/// What one call works on.
struct Job {
  uint32_t inputs;
  uint32_t outputs;  // of the matrix
  size_t tile_bytes;
  const std::byte* packed;  // tile 0 of the expert
  MatmulInput x;
  float* out;  // of the first row's `first_output`
  uint32_t first_output;
  size_t out_stride;
  std::span<const std::byte> next;  // what is read after the last tiles
  [[nodiscard]] float* At(uint32_t row, uint32_t output) const {
    return out + row * out_stride + (output - first_output);
  }
};

/// The packed tiles that come next, of which each row group of the present ones asks for its part: the group that
/// unpacks them would else wait for memory. (32 rows of a 1.5B model: 100 ms of arithmetic on two cores, 25 ms of
/// reading a gigabyte.)
struct Ahead {
  const std::byte* from = nullptr;
  size_t bytes = 0;    // 0: nothing
  uint32_t parts = 1;  // row groups that share them
};

/// One row group's part, asked for in so many steps.
class PartAhead {
 public:
  PartAhead(const Ahead& ahead, uint32_t part, uint32_t steps)
      : at_(ahead.from + ahead.bytes * part / ahead.parts),
        until_(at_),
        step_((ahead.bytes / ahead.parts + steps - 1) / steps) {}
  BP_INLINE void Step() {
    for (until_ += step_; at_ < until_; at_ += 64) __builtin_prefetch(at_, 0, 2);  // into L2
  }

 private:
  const std::byte* at_;
  const std::byte* until_;
  size_t step_;
};

/// Rows [row, row + kRows) times tiles [tile, tile + kTiles). lines, ahead: not of kPacked.
template <class M, WeightType kType, Source kSource, int kTiles, int kRows>
__attribute__((noinline)) void RowGroup(const Job& job, uint32_t tile, uint32_t row, std::byte* lines,
                                        const Ahead& ahead, uint32_t part) {
  constexpr bool kPacked = kSource == Source::kPacked, kHasCodes = kSource != Source::kUnpacked;
  constexpr bool kStreams = kPacked && kTiles == 1;  // asks for its own tile ahead of use, rather than for the next
  using Floats = typename M::Floats;
  constexpr PackedFormat f = kFormat<kType>;
  constexpr uint32_t kChunkBlocks = f.chunk_inputs / kInputBlock;
  const uint32_t blocks = job.inputs / kInputBlock;
  const QuantizedBlock* x[kRows];
  for (int r = 0; r < kRows; ++r) {
    x[r] = reinterpret_cast<const QuantizedBlock*>(job.x.quantized) + (row + static_cast<size_t>(r)) * blocks;
  }
  TileCursor tiles[kTiles] = {};
  const std::byte* header[kTiles];
  for (int t = 0; t < kTiles; ++t) {
    header[t] = job.packed + (tile + static_cast<size_t>(t)) * job.tile_bytes;
    if constexpr (!kPacked) {
      tiles[t].lines = lines + static_cast<size_t>(t) * TileScratchBytes(job.inputs);
      tiles[t].scales = tiles[t].lines + static_cast<size_t>(job.inputs) * kTileOutputs;
    }
  }
  constexpr bool kHasMins = kProducts<kType> == Products::kByPair;
  Floats acc[kTiles][kRows], mins[kTiles][kRows], d[kTiles], m[kTiles];
  EachChain<kTiles, kRows>([&](int t, int r) __attribute__((always_inline)) {
    acc[t][r] = M::ZeroFloats();
    if constexpr (kHasMins) mins[t][r] = M::ZeroFloats();
  });
  PartAhead part_ahead(ahead, part, (blocks + kChunkBlocks - 1) / kChunkBlocks);
  for (uint32_t begin = 0; begin < blocks; begin += kChunkBlocks) {
    const uint32_t count = blocks - begin < kChunkBlocks ? blocks - begin : kChunkBlocks;
    if constexpr (!kStreams) part_ahead.Step();
    for (int t = 0; t < kTiles; ++t) {
      tiles[t].header = header[t];
      if constexpr (kHasCodes) tiles[t].codes = header[t] + f.header_bytes;
      header[t] += f.chunk_bytes;
      if constexpr (f.d_count == 1) d[t] = M::LoadF16(tiles[t].header);
      if constexpr (f.d_count == 1 && f.has_min) m[t] = M::LoadF16(tiles[t].header + f.m_at);
      if constexpr (kStreams) PrefetchBlocks(tiles[t].header, f.header_bytes);
    }
    if constexpr (kProducts<kType> != Products::kByBlock) {
      ChunkSteps<M, kType, kSource>(tiles, x, d, m, acc, mins);
    } else {
      for (uint32_t k = 0; k < count; ++k) {
        for (int t = 0; t < kTiles; ++t) {
          if constexpr (f.d_count != 1) d[t] = M::LoadF16(tiles[t].header + 32 * k);
          if constexpr (f.d_count != 1 && f.has_min) m[t] = M::LoadF16(tiles[t].header + f.m_at + 32 * k);
          if constexpr (kStreams) PrefetchBlocks(tiles[t].codes, f.block_bytes);
        }
        BlockSteps<M, kType, kSource, kTiles, kRows>(tiles, k, x, d, m, acc);
        for (int t = 0; t < kTiles; ++t) {
          if constexpr (kHasCodes) tiles[t].codes += f.block_bytes;
          if constexpr (!kPacked) tiles[t].lines += kInputBlock * kTileOutputs;
        }
        for (int r = 0; r < kRows; ++r) ++x[r];
      }
    }
  }
  if constexpr (kHasMins) {
    EachChain<kTiles, kRows>([&](int t, int r)
                                 __attribute__((always_inline)) { acc[t][r] = M::Add(acc[t][r], mins[t][r]); });
  }
  for (int t = 0; t < kTiles; ++t) {
    const uint32_t first = (tile + static_cast<uint32_t>(t)) * kTileOutputs;
    for (int r = 0; r < kRows; ++r) {
      StoreOutputs<M>(job.At(row + static_cast<uint32_t>(r), first), job.outputs - first, acc[t][r]);
    }
  }
}

constexpr int GroupsOf(int rows, int at_most) {
  return (rows + at_most - 1) / at_most;
}

/// The smallest group of rows when there are `rows` or more.
constexpr int LeastGroup(int rows, int at_most) {
  int least = at_most;
  for (int n = rows; n < rows + at_most * at_most; ++n) {  // more make more groups, each nearly full
    const int smallest = n / GroupsOf(n, at_most);
    least = smallest < least ? smallest : least;
  }
  return least;
}

/// All rows in as few groups of up to kRows as there can be, their sizes as even as can be: a group of few rows takes
/// nearly as long as one of many, since its chains wait for each other. kLeast: the smallest size that can come of it
/// (each size is a kernel to compile). A group takes all of tiles [tile, tile_end) before the next one, so that its x
/// comes from far away once. kUnpack: the first group leaves their lines in `lines`, for the others: it waits for its
/// multiplications meanwhile, which unpacking has none of.
template <class M, WeightType kType, bool kUnpack, int kTiles, int kLeast, int kRows>
void RowGroups(const Job& job, uint32_t tile, uint32_t tile_end, std::byte* lines, Ahead ahead) {
  const uint32_t rows = job.x.rows, groups = static_cast<uint32_t>(GroupsOf(static_cast<int>(rows), kRows));
  ahead.parts = groups * ((tile_end - tile) / kTiles);
  uint32_t part = 0;
  for (uint32_t group = 0; group < groups; ++group) {
    const uint32_t row = rows * group / groups, size = rows * (group + 1) / groups - row;
    std::byte* at = lines;
    for (uint32_t t = tile; t < tile_end; t += kTiles) {
      Unrolled<kLeast, kRows + 1>(BP_EACH {
        constexpr int kSize = decltype(index)::value;
        if (size != kSize) return;
        if constexpr (!kUnpack) {
          RowGroup<M, kType, Source::kPacked, kTiles, kSize>(job, t, row, at, ahead, part);
        } else if (group == 0) {
          RowGroup<M, kType, Source::kUnpacking, kTiles, kSize>(job, t, row, at, ahead, part);
        } else {
          RowGroup<M, kType, Source::kUnpacked, kTiles, kSize>(job, t, row, at, ahead, part);
        }
      });
      ++part;
      if constexpr (kUnpack) at += kTiles * TileScratchBytes(job.inputs);
    }
  }
}

// ---- Unpacking for many rows
// -----------------------------------------------------------------------------------------

/// Rows from which unpacking to scratch pays.
template <class M>
constexpr int kManyRows = M::kFewRows + 4;

template <class M, WeightType kType>
void PackedTiles(const Job& job, uint32_t tile, uint32_t tile_end) {
  for (; tile < tile_end; ++tile) RowGroups<M, kType, false, 1, 1, M::kFewRows>(job, tile, tile + 1, nullptr, {});
}

template <class M, WeightType kType>
void QuantizedTiles(const Job& job, uint32_t tile, uint32_t tile_end, std::byte* scratch) {
  constexpr int kLeast = LeastGroup(kManyRows<M>, M::kRows);
  if (job.x.rows < kManyRows<M>) return PackedTiles<M, kType>(job, tile, tile_end);
  constexpr bool kUnpack = !kFormat<kType>.has_bytes;
  constexpr uint32_t kStep = kUnpack ? 2 : M::kTiles;
  for (; tile + kStep <= tile_end; tile += kStep) {
    Ahead ahead{job.next.data(), job.next.size()};
    if (tile + 2 * kStep <= tile_end) ahead = {job.packed + (tile + kStep) * job.tile_bytes, kStep * job.tile_bytes};
    RowGroups<M, kType, kUnpack, M::kTiles, kLeast, M::kRows>(job, tile, tile + kStep, scratch, ahead);
  }
  PackedTiles<M, kType>(job, tile, tile_end);
}

// ---- F32, F16, BF16
// --------------------------------------------------------------------------------------------------

template <class M, WeightType kType>
BP_INLINE typename M::Floats LoadWeights(const std::byte* p) {
  if constexpr (kType == WeightType::kF32) return M::LoadF32(p);
  if constexpr (kType == WeightType::kF16) return M::LoadF16(p);
  if constexpr (kType == WeightType::kBF16) return M::LoadBf16(p);
}

template <class M, WeightType kType, int kTiles, int kRows>
__attribute__((noinline)) void FloatGroup(const Job& job, uint32_t tile, uint32_t row) {
  constexpr size_t kBytes = kTileOutputs * (kType == WeightType::kF32 ? 4 : 2);
  const std::byte* w = job.packed + tile * job.tile_bytes;
  const float* x = job.x.values + static_cast<size_t>(row) * job.inputs;
  typename M::Floats acc[kTiles][kRows];
  for (int t = 0; t < kTiles; ++t) {
    for (int r = 0; r < kRows; ++r) acc[t][r] = M::ZeroFloats();
  }
  for (size_t i = 0; i < job.inputs; ++i) {
    typename M::Floats weights[kTiles];
    for (int t = 0; t < kTiles; ++t) {
      weights[t] = LoadWeights<M, kType>(w + static_cast<size_t>(t) * job.tile_bytes + i * kBytes);
    }
    for (int r = 0; r < kRows; ++r) {
      const typename M::Floats each = M::BroadcastFloat(x + static_cast<size_t>(r) * job.inputs + i);
      for (int t = 0; t < kTiles; ++t) acc[t][r] = M::MultiplyAdd(weights[t], each, acc[t][r]);
    }
  }
  for (int t = 0; t < kTiles; ++t) {
    const uint32_t first = (tile + static_cast<uint32_t>(t)) * kTileOutputs;
    for (int r = 0; r < kRows; ++r) {
      StoreOutputs<M>(job.At(row + static_cast<uint32_t>(r), first), job.outputs - first, acc[t][r]);
    }
  }
}

template <class M, WeightType kType, int kTiles>
void FloatRows(const Job& job, uint32_t tile) {
  uint32_t row = 0;
  if constexpr (kTiles == 1) {
    for (; row + M::kFloatRows <= job.x.rows; row += M::kFloatRows)
      FloatGroup<M, kType, 1, M::kFloatRows>(job, tile, row);
  }
  for (; row < job.x.rows; ++row) FloatGroup<M, kType, kTiles, 1>(job, tile, row);
}

template <class M, WeightType kType>
void FloatTiles(const Job& job, uint32_t tile, uint32_t tile_end) {
  // A chain's steps wait for each other, so few rows run several tiles at once.
  if (job.x.rows < M::kFloatRows) {
    constexpr uint32_t kTiles = M::kFloatTilesOneRow;
    for (; tile + kTiles <= tile_end; tile += kTiles) FloatRows<M, kType, M::kFloatTilesOneRow>(job, tile);
  }
  for (; tile < tile_end; ++tile) FloatRows<M, kType, 1>(job, tile);
}

// ---- The entry
// -------------------------------------------------------------------------------------------------------

inline Job JobOf(const PackedMatrix& w, uint32_t expert, const MatmulInput& x, uint32_t tile_begin, float* out,
                 size_t out_stride, std::span<const std::byte> next) {
  const std::byte* packed = w.data + expert * PackedBytes(w.type, w.outputs, w.inputs);
  return {w.inputs,   w.outputs, PackedTileBytes(w.type, w.inputs), packed, x, out, tile_begin * kTileOutputs,
          out_stride, next};
}

template <class M>
void TiledMatmul(const PackedMatrix& w, uint32_t expert, const MatmulInput& x, uint32_t tile_begin, uint32_t tile_end,
                 float* out, size_t out_stride, std::byte* scratch, std::span<const std::byte> next) {
  using enum WeightType;
  const Job job = JobOf(w, expert, x, tile_begin, out, out_stride, next);
  switch (w.type) {
    case kF32:
      return FloatTiles<M, kF32>(job, tile_begin, tile_end);
    case kF16:
      return FloatTiles<M, kF16>(job, tile_begin, tile_end);
    case kBF16:
      return FloatTiles<M, kBF16>(job, tile_begin, tile_end);
    case kQ4_0:
      return QuantizedTiles<M, kQ4_0>(job, tile_begin, tile_end, scratch);
    case kQ4_1:
      return QuantizedTiles<M, kQ4_1>(job, tile_begin, tile_end, scratch);
    case kQ5_0:
      return QuantizedTiles<M, kQ5_0>(job, tile_begin, tile_end, scratch);
    case kQ5_1:
      return QuantizedTiles<M, kQ5_1>(job, tile_begin, tile_end, scratch);
    case kQ8_0:
      return QuantizedTiles<M, kQ8_0>(job, tile_begin, tile_end, scratch);
    case kQ2_K:
      return QuantizedTiles<M, kQ2_K>(job, tile_begin, tile_end, scratch);
    case kQ3_K:
      return QuantizedTiles<M, kQ3_K>(job, tile_begin, tile_end, scratch);
    case kQ4_K:
      return QuantizedTiles<M, kQ4_K>(job, tile_begin, tile_end, scratch);
    case kQ5_K:
      return QuantizedTiles<M, kQ5_K>(job, tile_begin, tile_end, scratch);
    case kQ6_K:
      return QuantizedTiles<M, kQ6_K>(job, tile_begin, tile_end, scratch);
    case kIQ4_NL:
      return QuantizedTiles<M, kIQ4_NL>(job, tile_begin, tile_end, scratch);
    case kIQ4_XS:
      return QuantizedTiles<M, kIQ4_XS>(job, tile_begin, tile_end, scratch);
  }
}

}  // namespace
}  // namespace bedplate
