#pragma once
// Attention over f16 keys and values. Plan. For one kv head and up to 16 rows: the queries (every row, every head of
// the group) stand in one list. It is cut into chunks of up to V::kQueries, and each chunk's queries are interleaved
// once, so that a chunk's products are small matrix products: a chunk's scores share each key load, its weighted sums
// share each value load. Walk the segments and blocks that any row sees: scores of all queries, softmax weights per
// query, values. With several rows a block's keys and values are widened to f32 once and serve every chunk. Where rows
// see different parts of a block (the diagonal, a window's edge), values are added row by row, so that no weight of
// zero ever meets a position that does not exist.
//
// How many chains run at once (V::kChains) is a matter of speed alone: each chain's order is the header's.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/attention_steps.h"

namespace bedplate {

template <class V>
struct AttentionBody {
  using Steps = AttentionSteps<V>;
  using Seen = typename Steps::Seen;
  template <int N>
  using Constant = typename Steps::template Constant<N>;
  static constexpr uint32_t kBlockPages = Steps::kBlockPages;
  static constexpr uint32_t kRowsToWiden = 3;

  /// A block's keys and values of one head: widened, or where they lie in its pages.
  struct Block {
    const float* wide_keys;                 // [4 pages][dim][16], or null
    const float* wide_values;               // [64][dim], or null
    const uint16_t* keys[2 * kBlockPages];  // and the next block's
    const uint16_t* values[kBlockPages];
    uint32_t begin;  // its first position
  };

  /// packed[d][n] = query n's element d, for the N queries of a chunk.
  template <int N>
  static void PackQueries(const float* const* queries, uint32_t dim, float* packed) {
    for (uint32_t d = 0; d < dim; ++d) {
      for (int q = 0; q < N; ++q) packed[d * N + static_cast<uint32_t>(q)] = queries[q][d];
    }
  }

  // scores[q * 64 + 16 j + lane] for N queries over the positions of kPages pages.
  template <int N, int kPages, class KeyAt, class Ahead>
  static void PageScores(const float* packed, uint32_t dim, KeyAt key, Ahead ahead, float* scores) {
    V sum[kPages][N];
    Unrolled<0, kPages * N>(BP_EACH { sum[index.value / N][index.value % N] = V::Zero(); });
    for (uint32_t d = 0; d < dim; ++d) {
      V k[kPages];
      Unrolled<0, kPages>(BP_EACH { k[index.value] = key(index.value, d); });
      ahead(d);
      Unrolled<0, N>(BP_EACH {
        constexpr int kQuery = index.value;
        const V each = V::Broadcast(packed[d * N + static_cast<uint32_t>(kQuery)]);
        Unrolled<0, kPages>(
            BP_EACH { sum[index.value][kQuery] = V::Fma(each, k[index.value], sum[index.value][kQuery]); });
      });
    }
    Unrolled<0, kPages * N>(BP_EACH {
      constexpr int kPage = index.value / N, kQuery = index.value % N;
      sum[kPage][kQuery].Store(scores + kQuery * static_cast<int>(kAttentionBlock) + kPage * 16);
    });
  }

  // Scores of a chunk over pages [page, page_end) of the block.
  template <int N>
  static void ChunkScores(const Block& block, const float* packed, uint32_t dim, uint32_t page, uint32_t page_end,
                          float* scores) {
    constexpr int kPages = 2 * N <= V::kChains ? 2 : 1;
    const auto run = [&](auto pages) {
      const uint32_t j = page;
      float* to = scores + j * 16;
      if (block.wide_keys) {
        const float* wide = block.wide_keys + size_t{j} * dim * 16;
        PageScores<N, pages.value>(
            packed, dim, [=](int i, uint32_t d) { return V::Load(wide + (static_cast<size_t>(i) * dim + d) * 16); },
            [](uint32_t) {}, to);
      } else {
        // Pages lie apart, so the CPU can't guess what comes: these pages' values, and the keys after them.
        const uint16_t *narrow[2], *soon[4];
        for (uint32_t i = 0; i < pages.value; ++i) {
          const uint32_t next = j + i + static_cast<uint32_t>(pages.value);
          narrow[i] = block.keys[j + i];
          soon[2 * i] = block.values[j + i];
          const uint16_t* keys = block.keys[next];
          soon[2 * i + 1] = keys != nullptr ? keys : block.values[j + i];
        }
        PageScores<N, pages.value>(
            packed, dim, [=](int i, uint32_t d) { return V::LoadHalf(narrow[i] + size_t{d} * 16); },
            [=](uint32_t d) {
              if (d % 2 != 0) return;  // two rows of 16 halves a cache line
              for (uint32_t i = 0; i < 2 * pages.value; ++i) __builtin_prefetch(soon[i] + size_t{d} * 16);
            },
            to);
      }
      page += static_cast<uint32_t>(pages.value);
    };
    while (page + kPages <= page_end) run(Constant<kPages>{});
    if constexpr (kPages == 2) {
      if (page < page_end) run(Constant<1>{});
    }
  }

  // o[q][d ...] = o * shrink[q], then + weight * value over positions [first, last), for N queries and kParts * 16
  // dims.
  template <int N, int kParts>
  static void AddValues(const Block& block, const float* weights, const float* shrink, uint32_t first, uint32_t last,
                        uint32_t dim, uint32_t d, float* o) {
    V sum[kParts][N];
    Unrolled<0, N>(BP_EACH {
      constexpr int kQuery = index.value;
      const V factor = V::Broadcast(shrink[kQuery]);
      const float* at = o + static_cast<size_t>(kQuery) * dim + d;
      Unrolled<0, kParts>(BP_EACH { sum[index.value][kQuery] = V::Load(at + index.value * 16) * factor; });
    });
    const auto step = [&](uint32_t p, auto load) __attribute__((always_inline)) {
      V v[kParts];
      Unrolled<0, kParts>(BP_EACH { v[index.value] = load(index.value * 16); });
      Unrolled<0, N>(BP_EACH {
        constexpr int kQuery = index.value;
        const V weight = V::Broadcast(weights[static_cast<uint32_t>(kQuery) * kAttentionBlock + p]);
        Unrolled<0, kParts>(
            BP_EACH { sum[index.value][kQuery] = V::Fma(weight, v[index.value], sum[index.value][kQuery]); });
      });
    };
    if (block.wide_values) {
      const float* value = block.wide_values + d;
      for (uint32_t p = first; p < last; ++p) {
        step(p, [&](int i) { return V::Load(value + size_t{p} * dim + i); });
      }
    } else {
      for (uint32_t j = first / 16; j * 16 < last; ++j) {
        const uint32_t from = j * 16 > first ? j * 16 : first, to = j * 16 + 16 < last ? j * 16 + 16 : last;
        const uint16_t* value = block.values[j] + d;
        for (uint32_t p = from; p < to; ++p) {
          step(p, [&](int i) { return V::LoadHalf(value + size_t{p - j * 16} * dim + i); });
        }
      }
    }
    Unrolled<0, kParts * N>(BP_EACH {
      constexpr int kPart = index.value / N, kQuery = index.value % N;
      sum[kPart][kQuery].Store(o + static_cast<size_t>(kQuery) * dim + d + kPart * 16);
    });
  }

  // The same for queries [begin, end) of the list and all dims.
  static void ListValues(const Block& block, const float* weights, const float* shrink, uint32_t first, uint32_t last,
                         uint32_t dim, uint32_t begin, uint32_t end, float* o) {
    Steps::EachChunk(begin, end, [&](uint32_t q, auto n) {
      constexpr int kParts = 2 * n.value <= V::kChains ? 2 : 1;
      const float* w = weights + size_t{q} * kAttentionBlock;
      float* to = o + size_t{q} * dim;
      uint32_t d = 0;
      for (; d + kParts * 16 <= dim; d += kParts * 16) {
        AddValues<n.value, kParts>(block, w, shrink + q, first, last, dim, d, to);
      }
      if (d < dim) AddValues<n.value, 1>(block, w, shrink + q, first, last, dim, d, to);
    });
  }

  static void FindPages(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t end, Block& block) {
    Steps::EachPage(rows, block.begin, end, [&](uint32_t j, uint32_t page) {
      block.keys[j] = kv.Keys(page, kv_head);
      if (j < kBlockPages) block.values[j] = kv.Values(page, kv_head);
    });
  }

  static void Widen(const KvLayout& kv, float* keys, float* values, Block& block) {
    const size_t page_floats = size_t{kv.head_dim} * 16;
    for (uint32_t j = 0; j < kBlockPages; ++j) {
      if (block.keys[j] == nullptr) continue;
      for (size_t i = 0; i < page_floats; i += 16) {
        V::LoadHalf(block.keys[j] + i).Store(keys + j * page_floats + i);
        V::LoadHalf(block.values[j] + i).Store(values + j * page_floats + i);
      }
    }
    block.wide_keys = keys;
    block.wide_values = values;
  }

  /// Where things lie in the scratch; queries: rows * group of one call.
  struct Scratch {
    float* keys;    // [64 x dim] widened
    float* values;  // [64 x dim]
    float* packed;  // [queries x dim], chunk by chunk
    float* scores;  // [queries x 64]
    float* shrink;  // [queries]
    typename Steps::Sums sums;

    Scratch(float* at, uint32_t queries, uint32_t dim) {
      const auto take = [&](size_t n) { return std::exchange(at, at + n); };
      keys = take(size_t{kAttentionBlock} * dim);
      values = take(size_t{kAttentionBlock} * dim);
      packed = take(size_t{queries} * dim);
      scores = take(size_t{queries} * kAttentionBlock);
      shrink = take(queries);
      sums = Steps::TakeSums(at, queries, dim);
    }
  };
  static size_t ScratchFloats(uint32_t queries, uint32_t dim) {
    return size_t{2} * kAttentionBlock * dim + size_t{queries} * (2 * dim + kAttentionBlock + 5);
  }

  static void AttendBlock(const AttentionRows& rows, const Block& block, uint32_t dim, uint32_t row_begin,
                          uint32_t row_end, const Scratch& s) {
    const uint32_t queries = (row_end - row_begin) * rows.group;
    const auto of = Steps::SeenOfRows(rows, row_begin, row_end, block.begin);
    const Seen all = of.all;
    if (all.first == all.last) return;
    const uint32_t page = all.first / 16, page_end = (all.last + 15) / 16;
    Steps::EachChunk(0, queries, [&](uint32_t q, auto n) {
      ChunkScores<n.value>(block, s.packed + size_t{q} * dim, dim, page, page_end,
                           s.scores + size_t{q} * kAttentionBlock);
    });
    Steps::EachSeen(rows, row_begin, row_end, block.begin, of, [&](uint32_t q, uint32_t n, Seen seen) {
      float* const scores = s.scores + size_t{q} * kAttentionBlock;
      Steps::Softmax(
          scores, n, seen, [&](uint32_t) { return rows.scale; }, rows.softcap, s.sums.m + q, s.sums.l + q, s.shrink + q,
          [&](uint32_t i, uint32_t j, V w) { w.Store(scores + size_t{i} * kAttentionBlock + j * 16); });
      ListValues(block, s.scores, s.shrink, seen.first, seen.last, dim, q, q + n, s.sums.o);
    });
  }

  static void AttendRows(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin,
                         uint32_t row_end, float* scratch) {
    const uint32_t dim = kv.head_dim, queries = (row_end - row_begin) * rows.group;
    const Scratch s(scratch, queries, dim);
    Steps::EachChunk(0, queries, [&](uint32_t q, auto n) {
      const float* from[n.value];
      for (uint32_t i = 0; i < n.value; ++i)
        from[i] = rows.queries + Steps::Place(rows, kv_head, dim, row_begin, q + i);
      PackQueries<n.value>(from, dim, s.packed + size_t{q} * dim);
    });
    Steps::EachBlock(rows, kv_head, dim, row_begin, row_end, s.sums, [&](uint32_t begin) {
      Block block{};
      block.begin = begin;
      FindPages(kv, rows, kv_head, rows.start + row_end, block);
      if (row_end - row_begin >= kRowsToWiden) Widen(kv, s.keys, s.values, block);
      AttendBlock(rows, block, dim, row_begin, row_end, s);
    });
  }

  static void Attend(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin,
                     uint32_t row_end, float* scratch) {
    Steps::EachRows(row_begin, row_end,
                    [&](uint32_t begin, uint32_t end) { AttendRows(kv, rows, kv_head, begin, end, scratch); });
  }

  static void Store(const KvLayout& kv, const float* keys, const float* values, uint32_t page, uint32_t slot) {
    // Clamped so that f16 stays finite; operands in this order let NaN through, to be seen.
    const V highest = V::Broadcast(65504.0f), lowest = V::Broadcast(-65504.0f);
    const uint32_t dim = kv.head_dim;
    for (uint32_t h = 0; h < kv.kv_heads; ++h) {
      uint16_t* k = kv.Keys(page, h);
      uint16_t* v = kv.Values(page, h) + size_t{slot} * dim;
      for (uint32_t d = 0; d < dim; d += 16) {
        uint16_t halves[16];
        V::Min(highest, V::Max(lowest, V::Load(keys + size_t{h} * dim + d))).StoreHalf(halves);
        for (uint32_t i = 0; i < 16; ++i) k[size_t{d + i} * 16 + slot] = halves[i];
        V::Min(highest, V::Max(lowest, V::Load(values + size_t{h} * dim + d))).StoreHalf(v + d);
      }
    }
  }

  static constexpr AttentionKernels Table() { return {&Attend, &Store, &Steps::MergeStates}; }
};

}  // namespace bedplate
