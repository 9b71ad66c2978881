#pragma once
// Attention over bf16 keys and values (kv_layout.h). Queries and weights are rounded to bf16, too, so that a processor
// with AVX-512 BF16 multiplies and adds two pairs an instruction (vdpbf16ps); elsewhere it is two fused steps in f32.
//
// Numerics. A pair's step is that instruction's: sum = fma(odd, odd', sum), then fma(even, even', sum). The product of
// two bf16 numbers is exact in f32. The instruction takes denormal numbers for zero, and f32 arithmetic does not: so
// what is below 2^-50 is rounded to zero, which leaves sums of multiples of 2^-114, and none of those is denormal.
//   store   keys and values rounded to bf16, beyond 2^60 to that: no infinity is stored. A score that nevertheless
//           overflows to infinity makes its row NaN, to be seen; to minus infinity, or to NaN, it weighs nothing.
//   score   one chain of pairs over head_dim ascending, from zero.
//   values  for each 64-position block: one chain of pairs of positions ascending, from zero, of e^(s - m') as bf16 and
//           the values; o = fma(o, e^(m - m'), that sum).
// Rounding is to the nearest, ties to even. l sums e^(s - m') as it was before it was rounded.
//
// Plan as in attention_body.h: queries in chunks that share each load.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/attention_steps.h"

namespace bedplate {

template <class V>
struct AttentionBf16Body {
  using Steps = AttentionSteps<V>;
  using Seen = typename Steps::Seen;
  using Bf16 = typename V::Bf16;
  using Half = typename Bf16::Half;
  using Packed = typename Bf16::Packed;  // a pair of a query's or of weights
  template <int N>
  using Constant = typename Steps::template Constant<N>;
  static constexpr uint32_t kBlockPages = Steps::kBlockPages;
  static constexpr uint32_t kBlockPairs = kAttentionBlock / 2;
  static constexpr float kLeast = 0x1p-50f, kMost = 0x1p60f;
  static constexpr int kEven = 1, kOdd = 2;  // positions of a pair

  /// A block's pages of one head, and the next block's keys; null where a page is not there.
  struct Block {
    const uint16_t* keys[2 * kBlockPages];  // [dim / 2][16][2]
    const uint16_t* values[kBlockPages];    // [8][dim][2]
    uint32_t begin;                         // its first position
  };

  /// Pages of keys, or 16s of dims, that n queries meet at once: so many that the chains don't wait for each other.
  static constexpr int AtOnce(int n) { return 4 * n <= V::kChains ? 4 : 2 * n <= V::kChains ? 2 : 1; }

  static V DropLeast(V x) { return V::SelectLess(V::Abs(x), V::Broadcast(kLeast), V::Zero(), x); }

  /// packed[pair][n] = query n's dims 2 pair and 2 pair + 1, for the N queries of a chunk.
  template <int N>
  static void PackQueries(const float* const* queries, uint32_t dim, Packed* packed) {
    for (uint32_t d = 0; d < dim; d += 16) {
      for (int q = 0; q < N; ++q) {
        Packed pairs[8];
        Bf16::Pack(DropLeast(V::Load(queries[q] + d)), pairs);
        for (uint32_t i = 0; i < 8; ++i) packed[(d / 2 + i) * N + static_cast<uint32_t>(q)] = pairs[i];
      }
    }
  }

  // scores[q * 64 + 16 j + lane] for N queries over the positions of kPages pages.
  template <int N, int kPages, class Ahead>
  static void PageScores(const uint16_t* const* keys, const Packed* packed, uint32_t dim, Ahead ahead, float* scores) {
    V sum[kPages][N];
    Unrolled<0, kPages * N>(BP_EACH { sum[index.value / N][index.value % N] = V::Zero(); });
    for (uint32_t d = 0; d < dim; d += 2, packed += N) {
      ahead(d);
      Unrolled<0, Bf16::kHalves>(BP_EACH {
        constexpr int kHalf = index.value;
        Half k[kPages];
        Unrolled<0, kPages>(
            BP_EACH { k[index.value] = Bf16::template Load<kHalf>(keys[index.value] + size_t{d} * 16); });
        Unrolled<0, N>(BP_EACH {
          constexpr int kQuery = index.value;
          const Half each = Bf16::template Broadcast<kHalf>(packed + kQuery);
          Unrolled<0, kPages>(
              BP_EACH { sum[index.value][kQuery] = Bf16::Add(k[index.value], each, sum[index.value][kQuery]); });
        });
      });
    }
    Unrolled<0, kPages * N>(BP_EACH {
      constexpr int kPage = index.value / N, kQuery = index.value % N;
      sum[kPage][kQuery].Store(scores + kQuery * static_cast<int>(kAttentionBlock) + kPage * 16);
    });
  }

  // Scores of a chunk over pages [page, page_end) of the block. Of a block's chunks the first asks for what comes next,
  // here the values of these pages, with values the keys of the next block: so each waits for memory while the other's
  // are computed. (Keys asked for here, too, are a third slower for one row of 128 or 256 dims.)
  template <int N>
  static void ChunkScores(const Block& block, const Packed* packed, uint32_t dim, uint32_t page, uint32_t page_end,
                          bool first_chunk, float* scores) {
    constexpr int kPages = AtOnce(N);
    const auto run = [&](auto pages) {
      const uint16_t* const* at = block.keys + page;
      float* to = scores + page * 16;
      if (first_chunk) {
        const uint16_t* const* values = block.values + page;
        const auto ahead = [&](uint32_t d) __attribute__((always_inline)) {
          for (uint32_t i = 0; i < pages.value; ++i) __builtin_prefetch(values[i] + size_t{d} * 16);  // a line a pair
        };
        PageScores<N, pages.value>(at, packed, dim, ahead, to);
      } else {
        PageScores<N, pages.value>(at, packed, dim, [](uint32_t) {}, to);
      }
      page += static_cast<uint32_t>(pages.value);
    };
    while (page + kPages <= page_end) run(Constant<kPages>{});
    if constexpr (kPages > 1) {
      while (page < page_end) run(Constant<1>{});
    }
  }

  // o[q][d ...] = o * shrink[q] + the sum of weight * value over positions [first, last), for N queries and kParts * 16
  // dims.
  template <int N, int kParts>
  static void AddValues(const Block& block, bool first_chunk, const Packed* weights, const float* shrink, Seen seen,
                        uint32_t dim, uint32_t d, float* o) {
    V sum[kParts][N];
    Unrolled<0, kParts * N>(BP_EACH { sum[index.value / N][index.value % N] = V::Zero(); });
    // keep: which of the pair, since what no row sees may be anything.
    const auto step = [&](uint32_t pair, auto keep) __attribute__((always_inline)) {
      constexpr bool kKeepsEven = (keep.value & kEven) != 0, kKeepsOdd = (keep.value & kOdd) != 0;
      const uint16_t* value = block.values[pair / 8] + (size_t{pair % 8} * dim + d) * 2;
      if (first_chunk && block.keys[kBlockPages + pair / 8] != nullptr) {  // a page's lines are 8 for each 16 dims
        const uint16_t* soon = block.keys[kBlockPages + pair / 8] + (size_t{d} / 2 + pair % 8) * 32;
        for (int i = 0; i < kParts; ++i) __builtin_prefetch(soon + i * 8 * 32);
      }
      Unrolled<0, Bf16::kHalves>(BP_EACH {
        constexpr int kHalf = index.value;
        Half v[kParts];
        Unrolled<0, kParts>(BP_EACH {
          v[index.value] =
              Bf16::template Keep<kHalf, kKeepsEven, kKeepsOdd>(Bf16::template Load<kHalf>(value + index.value * 32));
        });
        Unrolled<0, N>(BP_EACH {
          constexpr int kQuery = index.value;
          const Half each = Bf16::template Broadcast<kHalf>(weights + kQuery * static_cast<int>(kBlockPairs) + pair);
          Unrolled<0, kParts>(
              BP_EACH { sum[index.value][kQuery] = Bf16::Add(v[index.value], each, sum[index.value][kQuery]); });
        });
      });
    };
    uint32_t pair = seen.first / 2;
    if (seen.first % 2 != 0) step(pair++, Constant<kOdd>{});
    for (; 2 * pair + 2 <= seen.last; ++pair) step(pair, Constant < kEven | kOdd > {});
    if (2 * pair < seen.last) step(pair, Constant<kEven>{});
    Unrolled<0, N>(BP_EACH {
      constexpr int kQuery = index.value;
      const V factor = V::Broadcast(shrink[kQuery]);
      Unrolled<0, kParts>(BP_EACH {
        float* at = o + static_cast<size_t>(kQuery) * dim + d + index.value * 16;
        V::Fma(V::Load(at), factor, sum[index.value][kQuery]).Store(at);
      });
    });
  }

  /// Where things lie in the scratch; queries: rows * group of one call.
  struct Scratch {
    Packed* packed;   // [queries x dim / 2], chunk by chunk
    float* scores;    // [queries x 64]
    Packed* weights;  // [queries x 32]
    float* shrink;    // [queries]
    typename Steps::Sums sums;

    Scratch(float* at, uint32_t queries, uint32_t dim) {
      static_assert(sizeof(Packed) <= 2 * sizeof(float));
      const auto take = [&](size_t n) { return std::exchange(at, at + n); };
      packed = reinterpret_cast<Packed*>(take(size_t{queries} * dim));
      scores = take(size_t{queries} * kAttentionBlock);
      weights = reinterpret_cast<Packed*>(take(size_t{queries} * kAttentionBlock));
      shrink = take(queries);
      sums = Steps::TakeSums(at, queries, dim);
    }
  };
  static size_t ScratchFloats(uint32_t queries, uint32_t dim) {  // enough for each instruction set's pairs
    return size_t{queries} * (dim + 2 * kAttentionBlock + 1) + Steps::SumsFloats(queries, dim);
  }

  // Queries [begin, end) of the list, whose rows all see the same of the block.
  static void ListValues(const Block& block, Seen seen, uint32_t dim, uint32_t begin, uint32_t end, const Scratch& s) {
    Steps::EachChunk(begin, end, [&](uint32_t q, auto n) {
      constexpr int kParts = AtOnce(n.value);
      const Packed* weights = s.weights + size_t{q} * kBlockPairs;
      float* to = s.sums.o + size_t{q} * dim;
      uint32_t d = 0;
      for (; d + kParts * 16 <= dim; d += kParts * 16) {
        AddValues<n.value, kParts>(block, q == 0, weights, s.shrink + q, seen, dim, d, to);
      }
      for (; d < dim; d += 16) AddValues<n.value, 1>(block, q == 0, weights, s.shrink + q, seen, dim, d, to);
    });
  }

  static void AttendBlock(const AttentionRows& rows, const Block& block, uint32_t dim, uint32_t row_begin,
                          uint32_t row_end, const Scratch& s) {
    const uint32_t queries = (row_end - row_begin) * rows.group;
    const auto of = Steps::SeenOfRows(rows, row_begin, row_end, block.begin);
    const Seen all = of.all;
    if (all.first == all.last) return;
    Steps::EachChunk(0, queries, [&](uint32_t q, auto n) {
      ChunkScores<n.value>(block, s.packed + size_t{q} * (dim / 2), dim, all.first / 16, (all.last + 15) / 16, q == 0,
                           s.scores + size_t{q} * kAttentionBlock);
    });
    Steps::EachSeen(rows, row_begin, row_end, block.begin, of, [&](uint32_t q, uint32_t n, Seen seen) {
      Packed* const weights = s.weights + size_t{q} * kBlockPairs;
      Steps::Softmax(
          s.scores + size_t{q} * kAttentionBlock, n, seen, [&](uint32_t) { return rows.scale; }, rows.softcap,
          s.sums.m + q, s.sums.l + q, s.shrink + q,
          [&](uint32_t i, uint32_t j, V w) {
            const V kept = V::SelectLess(w, V::Broadcast(kLeast), V::Zero(), w);
            Bf16::Pack(kept, weights + size_t{i} * kBlockPairs + j * 8);
          });
      ListValues(block, seen, dim, q, q + n, s);
    });
  }

  static void AttendRows(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin,
                         uint32_t row_end, float* scratch) {
    const uint32_t dim = kv.head_dim, queries = (row_end - row_begin) * rows.group;
    const Scratch s(scratch, queries, dim);
    Steps::EachChunk(0, queries, [&](uint32_t q, auto n) {
      const float* from[n.value];
      for (uint32_t i = 0; i < n.value; ++i) {
        from[i] = rows.queries + Steps::Place(rows, kv_head, dim, row_begin, q + i);
      }
      PackQueries<n.value>(from, dim, s.packed + size_t{q} * (dim / 2));
    });
    Steps::EachBlock(rows, kv_head, dim, row_begin, row_end, s.sums, [&](uint32_t begin) {
      Block block{};
      block.begin = begin;
      Steps::EachPage(rows, begin, rows.start + row_end, [&](uint32_t j, uint32_t page) {
        block.keys[j] = kv.Keys(page, kv_head);
        if (j < kBlockPages) block.values[j] = kv.Values(page, kv_head);
      });
      AttendBlock(rows, block, dim, row_begin, row_end, s);
    });
  }

  static void Attend(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin,
                     uint32_t row_end, float* scratch) {
    Steps::EachRows(row_begin, row_end,
                    [&](uint32_t begin, uint32_t end) { AttendRows(kv, rows, kv_head, begin, end, scratch); });
  }

  static void Store(const KvLayout& kv, const float* keys, const float* values, uint32_t page, uint32_t slot) {
    // Operands in this order let NaN through, to be seen.
    const V highest = V::Broadcast(kMost), lowest = V::Broadcast(-kMost);
    const uint32_t dim = kv.head_dim;
    const auto round = [&](const float* from, uint16_t* to) {
      DropLeast(V::Min(highest, V::Max(lowest, V::Load(from)))).StoreBf16(to);
    };
    for (uint32_t h = 0; h < kv.kv_heads; ++h) {
      uint16_t* k = kv.Keys(page, h) + size_t{slot} * 2;
      uint16_t* v = kv.Values(page, h) + size_t{slot / 2} * dim * 2 + slot % 2;
      for (uint32_t d = 0; d < dim; d += 16) {
        uint16_t rounded[16];
        round(keys + size_t{h} * dim + d, rounded);
        for (uint32_t i = 0; i < 16; ++i) k[size_t{(d + i) / 2} * 32 + i % 2] = rounded[i];
        round(values + size_t{h} * dim + d, rounded);
        for (uint32_t i = 0; i < 16; ++i) v[size_t{d + i} * 2] = rounded[i];
      }
    }
  }

  static constexpr AttentionKernels Table() { return {&Attend, &Store, &Steps::MergeStates}; }
};

}  // namespace bedplate
