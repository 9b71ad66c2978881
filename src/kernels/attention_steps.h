#pragma once
// What attention does whatever the type of keys and values: queries in chunks, blocks and what of them a row sees,
// softmax weights, segments and their merging. attention_bf16_body.h, attention_body.h (f16) and
// attention_q8_body.h fill in the two sums.
//
// State per query: m, l and o[head_dim] of the running segment, and M, L, O merged so far (O in `out`).

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/attention.h"
#include "kernels/exp_body.h"
#include "kernels/inline.h"

namespace bedplate {

template <class V>
struct AttentionSteps {
  static constexpr float kNone = -__builtin_inff();
  static constexpr uint32_t kBlockPages = kAttentionBlock / kKvPagePositions;
  static constexpr uint32_t kNoPageNumber = 0xFFFFFFFFu;
  static constexpr size_t kStateValues = 16;  // where the weighted values of a state begin
  static_assert(AttentionStateFloats(0) == kStateValues);
  // Rows are taken a few at a time, so that their state stays small and a widened block is still worth it.
  static constexpr uint32_t kRowsAtOnce = 16;

  template <int N>
  struct Constant {
    static constexpr int value = N;
  };

  /// f(first query, Constant<count>) for the chunks of queries [begin, end): as few as V::kQueries allows, sizes even.
  template <class F>
  static void EachChunk(uint32_t begin, uint32_t end, const F& f) {
    for (uint32_t left = end - begin; left > 0; left = end - begin) {
      const uint32_t chunks = (left + V::kQueries - 1) / V::kQueries, size = (left + chunks - 1) / chunks;
      [&]<size_t... I>(std::index_sequence<I...>) {
        ((size == I + 1 ? f(begin, Constant<static_cast<int>(I) + 1>{}) : void()), ...);
      }(std::make_index_sequence<V::kQueries>{});
      begin += size;
    }
  }

  /// Positions [first, last) of a block that a row sees; first == last: none.
  struct Seen {
    uint32_t first, last;
  };
  /// Scores [n x 64] of n queries that see the same of a block become weights e^(s - m'): store(query, j, those of
  /// positions 16 j ...), zero where a position isn't seen. shrink: what older sums shrink by. scores are overwritten.
  /// In two passes, each over all queries: what one of them waits for, horizontal steps and the exponential's chain,
  /// the processor can fill with the next ones only where little comes in between.
  template <class ScaleOf, class Store>
  static void Softmax(float* scores, uint32_t n, Seen seen, const ScaleOf& scale_of, float softcap, float* m, float* l,
                      float* shrink, const Store& store) {
    for (uint32_t q = 0; q < n; ++q) {
      const V top = ScaleScores(scores + size_t{q} * kAttentionBlock, seen, scale_of(q), softcap);
      const float m_new = Larger(m[q], MaxTree(top));
      shrink[q] = m[q] - m_new;
      m[q] = m_new;
    }
    for (uint32_t q = 0; q < n; ++q) {
      const float* at = scores + size_t{q} * kAttentionBlock;
      const V shift = V::Broadcast(m[q]);
      V sum = V::Zero();
      for (uint32_t j = 0; j < kBlockPages; ++j) {
        const V p = ExpLanes(V::Load(at + j * 16) - shift);
        store(q, j, p);
        sum = sum + p;
      }
      shrink[q] = ExpOne(shrink[q]);
      l[q] = l[q] * shrink[q] + SumTree(sum);
    }
  }

  // One query's 64 scores times scale, soft-capped, -inf where a position isn't seen; returns the largest by lanes.
  static V ScaleScores(float* scores, Seen seen, float scale, float softcap) {
    V s[kBlockPages];
    for (uint32_t j = 0; j < kBlockPages; ++j) s[j] = V::Load(scores + j * 16) * V::Broadcast(scale);
    if (softcap != 0.0f) {
      const V cap = V::Broadcast(softcap), one = V::Broadcast(1.0f);
      for (V& v : s) {
        const V x = v / cap;
        v = cap * (one - V::Broadcast(2.0f) / (ExpLanes(x + x) + one));
      }
    }
    if (seen.first != 0 || seen.last != kAttentionBlock) {
      const V from = V::Broadcast(static_cast<float>(seen.first)), to = V::Broadcast(static_cast<float>(seen.last));
      for (uint32_t j = 0; j < kBlockPages; ++j) {
        const V lane = V::Iota() + V::Broadcast(static_cast<float>(j * 16));
        const V v = V::SelectLess(lane, from, V::Broadcast(kNone), s[j]);
        s[j] = V::SelectLess(lane, to, v, V::Broadcast(kNone));
      }
    }
    V top = V::Broadcast(kNone);
    for (uint32_t j = 0; j < kBlockPages; ++j) {
      s[j].Store(scores + j * 16);
      top = V::Max(s[j], top);
    }
    return top;
  }

  static float Larger(float a, float b) { return a > b ? a : b; }
  static float ExpOne(float x) {
    if (x == 0.0f) return 1.0f;   // what the series gives, and most blocks' answer: the largest score stays the largest
    if (x == kNone) return 0.0f;  // what ExpLanes gives, and each segment's first answer
    float out[16];
    ExpLanes(V::Broadcast(x)).Store(out);
    return out[0];
  }

  static Seen SeenOf(const AttentionRows& rows, uint32_t row, uint32_t begin) {
    const uint32_t position = rows.start + row, from = FirstSeen(rows, position), to = position + 1;
    if (to <= begin || from >= begin + kAttentionBlock) return {0, 0};
    return {from > begin ? from - begin : 0, to - begin < kAttentionBlock ? to - begin : kAttentionBlock};
  }

  /// What any of the rows sees of a block, and whether each sees that.
  struct SeenByRows {
    Seen all;
    bool same;
  };
  static SeenByRows SeenOfRows(const AttentionRows& rows, uint32_t row_begin, uint32_t row_end, uint32_t begin) {
    SeenByRows of = {SeenOf(rows, row_begin, begin), true};
    for (uint32_t r = row_begin + 1; r < row_end; ++r) {
      const Seen seen = SeenOf(rows, r, begin);
      of.same = of.same && seen.first == of.all.first && seen.last == of.all.last;
      if (seen.first == seen.last) continue;
      if (of.all.first == of.all.last) of.all = seen;
      of.all = {seen.first < of.all.first ? seen.first : of.all.first,
                seen.last > of.all.last ? seen.last : of.all.last};
    }
    return of;
  }

  /// f(first query, count, what they see) for queries of the rows that see something: of all at once where that is the
  /// same, else row by row. of: SeenOfRows of the same rows and block.
  template <class F>
  static void EachSeen(const AttentionRows& rows, uint32_t row_begin, uint32_t row_end, uint32_t begin,
                       const SeenByRows& of, const F& f) {
    if (of.same) return f(0u, (row_end - row_begin) * rows.group, of.all);
    for (uint32_t r = row_begin; r < row_end; ++r) {
      const Seen seen = SeenOf(rows, r, begin);
      if (seen.first != seen.last) f((r - row_begin) * rows.group, rows.group, seen);
    }
  }

  static uint32_t FirstSeen(const AttentionRows& rows, uint32_t position) {
    return rows.sliding_window == 0 || position < rows.sliding_window ? 0 : position - rows.sliding_window + 1;
  }

  static void BeginMerge(uint32_t dim, float& M, float& L, float* O) {
    M = kNone;
    L = 0.0f;
    for (uint32_t d = 0; d < dim; d += 16) V::Zero().Store(O + d);
  }
  static void EndMerge(float L, uint32_t dim, float* O) {
    const V total = V::Broadcast(L);
    for (uint32_t d = 0; d < dim; d += 16) (V::Load(O + d) / total).Store(O + d);
  }
  // Folds a finished segment (m, l, o) into the merged (M, L, O).
  static void Merge(float m, float l, const float* o, uint32_t dim, float& M, float& L, float* O) {
    if (m == kNone) return;
    const float m_new = Larger(M, m), old_factor = ExpOne(M - m_new), new_factor = ExpOne(m - m_new);
    const V before = V::Broadcast(old_factor), now = V::Broadcast(new_factor);
    for (uint32_t d = 0; d < dim; d += 16) {
      V::Fma(V::Load(o + d), now, V::Load(O + d) * before).Store(O + d);
    }
    L = L * old_factor + l * new_factor;
    M = m_new;
  }

  /// Of a call's queries (rows x group, a row's heads together): each list [queries], o [queries x dim].
  struct Sums {
    float *m, *l, *merged_m, *merged_l;
    float* o;
  };

  static constexpr size_t SumsFloats(uint32_t queries, uint32_t dim) { return size_t{queries} * (dim + 4); }
  static Sums TakeSums(float* at, uint32_t queries, uint32_t dim) {
    float* lists = at + size_t{queries} * dim;
    return {lists, lists + queries, lists + 2 * size_t{queries}, lists + 3 * size_t{queries}, at};
  }

  /// f(begin, end) for rows that are computed together.
  template <class F>
  static void EachRows(uint32_t row_begin, uint32_t row_end, const F& f) {
    for (uint32_t r = row_begin; r < row_end; r += kRowsAtOnce) {
      f(r, r + kRowsAtOnce < row_end ? r + kRowsAtOnce : row_end);
    }
  }

  /// Where query q of the call stands in rows.queries and rows.out.
  static size_t Place(const AttentionRows& rows, uint32_t kv_head, uint32_t dim, uint32_t row_begin, uint32_t q) {
    return (row_begin + q / rows.group) * rows.row_stride + (size_t{kv_head} * rows.group + q % rows.group) * dim;
  }

  /// f(block's first position) for each block that a row may see, ascending; segments are begun, ended and merged
  /// around that, and `out` has the results in the end; or their states, where rows.states are asked for.
  template <class F>
  static void EachBlock(const AttentionRows& rows, uint32_t kv_head, uint32_t dim, uint32_t row_begin, uint32_t row_end,
                        const Sums& s, const F& f) {
    const uint32_t queries = (row_end - row_begin) * rows.group;
    const auto out = [&](uint32_t q) { return rows.out + Place(rows, kv_head, dim, row_begin, q); };
    const bool apart = rows.states != nullptr;
    const uint32_t end = rows.start + row_end;  // one past the last row's position
    const uint32_t lowest = FirstSeen(rows, rows.start + row_begin);
    const uint32_t first = apart ? rows.segment_begin : lowest / kAttentionSegment;
    const uint32_t last = apart ? rows.segment_end : (end + kAttentionSegment - 1) / kAttentionSegment;
    for (uint32_t q = 0; q < queries && !apart; ++q) BeginMerge(dim, s.merged_m[q], s.merged_l[q], out(q));
    for (uint32_t i = first; i < last; ++i) {
      for (uint32_t q = 0; q < queries; ++q) {
        s.m[q] = kNone;
        s.l[q] = 0.0f;
      }
      for (size_t d = 0; d < size_t{queries} * dim; d += 16) V::Zero().Store(s.o + d);
      const uint32_t segment = i * kAttentionSegment;
      for (uint32_t begin = segment; begin < segment + kAttentionSegment && begin < end; begin += kAttentionBlock) {
        if (begin + kAttentionBlock > lowest) f(begin);
      }
      for (uint32_t q = 0; q < queries; ++q) {
        const float* const o = s.o + size_t{q} * dim;
        if (apart) {
          const size_t query = Place(rows, kv_head, dim, row_begin, q) / dim;
          KeepState(s.m[q], s.l[q], o, dim, rows.states + i * rows.state_stride + query * (kStateValues + dim));
        } else {
          Merge(s.m[q], s.l[q], o, dim, s.merged_m[q], s.merged_l[q], out(q));
        }
      }
    }
    for (uint32_t q = 0; q < queries && !apart; ++q) EndMerge(s.merged_l[q], dim, out(q));
  }

  static void KeepState(float m, float l, const float* o, uint32_t dim, float* state) {
    state[0] = m;
    state[1] = l;
    for (uint32_t d = 0; d < dim; d += 16) V::Load(o + d).Store(state + kStateValues + d);
  }
  static void MergeStates(const float* states, size_t stride, uint32_t segments, uint32_t dim, float* out) {
    float m, l;
    BeginMerge(dim, m, l, out);
    for (uint32_t i = 0; i < segments; ++i, states += stride) {
      Merge(states[0], states[1], states + kStateValues, dim, m, l, out);
    }
    EndMerge(l, dim, out);
  }

  /// The pages of the block's 64 positions and those of the next block: f(index, page number). A page that has left the
  /// window, or lies beyond the last row, is left out.
  template <class F>
  static void EachPage(const AttentionRows& rows, uint32_t begin, uint32_t end, const F& f) {
    for (uint32_t j = 0; j < 2 * kBlockPages; ++j) {
      if (begin + j * 16 >= end) continue;
      const uint32_t page = rows.pages[begin / 16 + j].value;
      if (page != kNoPageNumber) f(j, page);
    }
  }
};

}  // namespace bedplate
