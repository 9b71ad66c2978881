#pragma once
// Plan. For one kv head and some rows: walk the segments and blocks that any row sees; per block and row, scores of all
// query heads of the group (they share each key load), softmax weights, then values (they share each value load). With
// several rows, a block's keys and values are widened to f32 once and reused by every row.
// State per query (one row, one head): m, l and o[head_dim] of the running segment, and M, L, O merged so far (in
// `out`).

#include <cstddef>
#include <cstdint>

#include "kernels/attention.h"
#include "kernels/exp_body.h"

namespace bedplate {

template <class V>
struct AttentionBody {
  static constexpr float kNone = -__builtin_inff();
  static constexpr uint32_t kBlockPages = kAttentionBlock / kKvPagePositions;

  struct Keys {  // one page's keys of one head, widened or not
    const float* wide;
    const uint16_t* narrow;
    V Load(uint32_t d) const { return wide ? V::Load(wide + size_t{d} * 16) : V::LoadHalf(narrow + size_t{d} * 16); }
  };

  // scores[q * 64 + lane] for N queries over the 16 positions of one page.
  template <int N>
  static void PageScores(Keys keys, const float* query, uint32_t dim, float* scores) {
    V sum[N];
    for (int q = 0; q < N; ++q) sum[q] = V::Zero();
    for (uint32_t d = 0; d < dim; ++d) {
      const V k = keys.Load(d);
      for (int q = 0; q < N; ++q)
        sum[q] = V::Fma(V::Broadcast(query[size_t{static_cast<unsigned>(q)} * dim + d]), k, sum[q]);
    }
    for (int q = 0; q < N; ++q) sum[q].Store(scores + q * kAttentionBlock);
  }

  static void GroupScores(Keys keys, const float* query, uint32_t group, uint32_t dim, float* scores) {
    uint32_t q = 0;
    const auto at = [&](auto n) {
      PageScores<n.value>(keys, query + size_t{q} * dim, dim, scores + size_t{q} * kAttentionBlock);
      q += n.value;
    };
    while (group - q >= 4) at(Constant<4>{});
    switch (group - q) {
      case 3:
        at(Constant<3>{});
        break;
      case 2:
        at(Constant<2>{});
        break;
      case 1:
        at(Constant<1>{});
        break;
      default:
        break;
    }
  }

  template <int N>
  struct Constant {
    static constexpr int value = N;
  };

  // Scores of 64 positions become weights e^(s - m'); returns the factor that older sums shrink by.
  static float Softmax(float* scores, uint32_t first, uint32_t last, float scale, float softcap, float& m, float& l) {
    V s[kBlockPages];
    V top = V::Broadcast(kNone);
    const V from = V::Broadcast(static_cast<float>(first)), to = V::Broadcast(static_cast<float>(last));
    for (uint32_t j = 0; j < kBlockPages; ++j) {
      V v = V::Load(scores + j * 16) * V::Broadcast(scale);
      if (softcap != 0.0f) {
        const V cap = V::Broadcast(softcap), one = V::Broadcast(1.0f), x = v / cap;
        v = cap * (one - V::Broadcast(2.0f) / (ExpLanes(x + x) + one));
      }
      const V lane = V::Iota() + V::Broadcast(static_cast<float>(j * 16));
      v = V::SelectLess(lane, from, V::Broadcast(kNone), v);  // outside [first, last) a position does not exist
      s[j] = V::SelectLess(lane, to, v, V::Broadcast(kNone));
      top = V::Max(s[j], top);
    }
    const float m_new = Larger(m, MaxTree(top));
    const V shift = V::Broadcast(m_new);
    V sum = V::Zero();
    for (uint32_t j = 0; j < kBlockPages; ++j) {
      const V p = ExpLanes(s[j] - shift);
      p.Store(scores + j * 16);
      sum = sum + p;
    }
    const float shrink = ExpOne(m - m_new);
    l = l * shrink + SumTree(sum);
    m = m_new;
    return shrink;
  }

  static float Larger(float a, float b) { return a > b ? a : b; }
  static float ExpOne(float x) {
    float out[16];
    ExpLanes(V::Broadcast(x)).Store(out);
    return out[0];
  }

  // o[q][d] = o * shrink[q], then + weight * value over positions [first, last) of the block, for N queries and 16
  // dims.
  template <int N, class ValueAt>
  static void Accumulate(const float* weights, const float* shrink, uint32_t first, uint32_t last, ValueAt value,
                         float* o, uint32_t dim) {
    V sum[N];
    for (int q = 0; q < N; ++q) sum[q] = V::Load(o + size_t{static_cast<unsigned>(q)} * dim) * V::Broadcast(shrink[q]);
    for (uint32_t p = first; p < last; ++p) {
      const V v = value(p);
      for (int q = 0; q < N; ++q) sum[q] = V::Fma(V::Broadcast(weights[q * kAttentionBlock + p]), v, sum[q]);
    }
    for (int q = 0; q < N; ++q) sum[q].Store(o + size_t{static_cast<unsigned>(q)} * dim);
  }

  template <class ValueAt>
  static void GroupValues(const float* weights, const float* shrink, uint32_t first, uint32_t last, uint32_t group,
                          ValueAt value, float* o, uint32_t dim) {
    uint32_t q = 0;
    const auto at = [&](auto n) {
      Accumulate<n.value>(weights + size_t{q} * kAttentionBlock, shrink + q, first, last, value, o + size_t{q} * dim,
                          dim);
      q += n.value;
    };
    while (group - q >= 4) at(Constant<4>{});
    switch (group - q) {
      case 3:
        at(Constant<3>{});
        break;
      case 2:
        at(Constant<2>{});
        break;
      case 1:
        at(Constant<1>{});
        break;
      default:
        break;
    }
  }

  // One row's share of one block. state: per query m, l; o: [group x dim] of the running segment.
  struct Block {
    const float* wide_keys;    // [4][dim][16], or null: read pages
    const float* wide_values;  // [64][dim], or null
    uint32_t begin;            // its first position
  };

  static void AttendBlock(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, const Block& block,
                          const float* query, uint32_t first, uint32_t last, float* m, float* l, float* o,
                          float* scores, float* shrink) {
    const uint32_t dim = kv.head_dim, group = rows.group;
    const uint32_t page0 = block.begin / kKvPagePositions;
    for (uint32_t j = first / 16; j * 16 < last; ++j) {
      const uint16_t* narrow = block.wide_keys ? nullptr : kv.Keys(rows.pages[page0 + j].value, kv_head);
      const float* wide = block.wide_keys ? block.wide_keys + size_t{j} * dim * 16 : nullptr;
      GroupScores({wide, narrow}, query, group, dim, scores + j * 16);
    }
    for (uint32_t q = 0; q < group; ++q) {
      shrink[q] = Softmax(scores + size_t{q} * kAttentionBlock, first, last, rows.scale, rows.softcap, m[q], l[q]);
    }
    for (uint32_t d = 0; d < dim; d += 16) {
      if (block.wide_values) {
        GroupValues(
            scores, shrink, first, last, group,
            [&](uint32_t p) { return V::Load(block.wide_values + size_t{p} * dim + d); }, o + d, dim);
        continue;
      }
      // Values of different pages lie apart: page by page, ascending, without shrinking twice.
      const float* factor = shrink;
      for (uint32_t j = first / 16; j * 16 < last; ++j) {
        const uint16_t* values = kv.Values(rows.pages[page0 + j].value, kv_head);
        const uint32_t from = j * 16 > first ? j * 16 : first;
        const uint32_t to = j * 16 + 16 < last ? j * 16 + 16 : last;
        GroupValues(
            scores, factor, from, to, group,
            [&](uint32_t p) { return V::LoadHalf(values + size_t{p - j * 16} * dim + d); }, o + d, dim);
        factor = kOnes;
      }
    }
  }

  static constexpr uint32_t kGroupMax = 64;
  static constexpr float kOnes[kGroupMax] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                             1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                             1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

  static void Widen(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t begin, uint32_t end,
                    float* keys, float* values) {
    const size_t page_floats = size_t{kv.head_dim} * 16;
    for (uint32_t j = 0; begin + j * 16 < end && j < kBlockPages; ++j) {
      const PageId page = rows.pages[begin / 16 + j];
      if (page.value == 0xFFFFFFFFu) continue;  // left the window: no row here sees it
      const uint16_t* k = kv.Keys(page.value, kv_head);
      const uint16_t* v = kv.Values(page.value, kv_head);
      for (size_t i = 0; i < page_floats; i += 16) {
        V::LoadHalf(k + i).Store(keys + j * page_floats + i);
        V::LoadHalf(v + i).Store(values + j * page_floats + i);
      }
    }
  }

  // Folds a finished segment (m, l, o) into the merged (M, L, O).
  static void Merge(float m, float l, const float* o, uint32_t dim, float& M, float& L, float* O) {
    if (m == kNone) return;
    const float m_new = Larger(M, m);
    const V old_factor = V::Broadcast(ExpOne(M - m_new)), new_factor = V::Broadcast(ExpOne(m - m_new));
    for (uint32_t d = 0; d < dim; d += 16) {
      V::Fma(V::Load(o + d), new_factor, V::Load(O + d) * old_factor).Store(O + d);
    }
    L = L * ExpOne(M - m_new) + l * ExpOne(m - m_new);
    M = m_new;
  }

  // Rows are taken a few at a time, so that their state stays small and a widened block is still worth it.
  static constexpr uint32_t kRowsAtOnce = 16;
  static constexpr uint32_t kRowsToWiden = 3;

  static size_t StateFloats(uint32_t dim, uint32_t group) { return size_t{group} * (dim + 4); }

  static void AttendRows(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin,
                         uint32_t row_end, float* scratch) {
    const uint32_t dim = kv.head_dim, group = rows.group, count = row_end - row_begin;
    float* wide_keys = scratch;
    float* wide_values = wide_keys + size_t{kAttentionBlock} * dim;
    float* scores = wide_values + size_t{kAttentionBlock} * dim;
    float* shrink = scores + size_t{group} * kAttentionBlock;
    float* states = shrink + group;
    const auto state = [&](uint32_t r) {
      return states + r * StateFloats(dim, group);
    };  // m l M L [group], o [group x dim]
    const auto out_row = [&](uint32_t r) {
      return rows.out + (row_begin + r) * rows.row_stride + size_t{kv_head} * group * dim;
    };
    for (uint32_t r = 0; r < count; ++r) {
      float* s = state(r);
      for (uint32_t q = 0; q < group; ++q) {
        s[2 * group + q] = kNone;  // M
        s[3 * group + q] = 0.0f;   // L
        for (uint32_t d = 0; d < dim; d += 16) V::Zero().Store(out_row(r) + size_t{q} * dim + d);
      }
    }
    const uint32_t end = rows.start + row_end;  // one past the last row's position
    const uint32_t lowest = FirstSeen(rows, rows.start + row_begin);
    for (uint32_t segment = lowest / kAttentionSegment * kAttentionSegment; segment < end;
         segment += kAttentionSegment) {
      for (uint32_t r = 0; r < count; ++r) {
        float* s = state(r);
        for (uint32_t q = 0; q < group; ++q) {
          s[q] = kNone;
          s[group + q] = 0.0f;
        }
        for (size_t i = 0; i < size_t{group} * dim; i += 16) V::Zero().Store(s + 4 * group + i);
      }
      for (uint32_t begin = segment; begin < segment + kAttentionSegment && begin < end; begin += kAttentionBlock) {
        if (begin + kAttentionBlock <= lowest) continue;
        Block block{nullptr, nullptr, begin};
        if (count >= kRowsToWiden) {
          Widen(kv, rows, kv_head, begin, end, wide_keys, wide_values);
          block.wide_keys = wide_keys;
          block.wide_values = wide_values;
        }
        for (uint32_t r = 0; r < count; ++r) {
          const uint32_t position = rows.start + row_begin + r;
          const uint32_t seen_from = FirstSeen(rows, position), seen_to = position + 1;
          if (seen_to <= begin || seen_from >= begin + kAttentionBlock) continue;
          const uint32_t first = seen_from > begin ? seen_from - begin : 0;
          const uint32_t last = seen_to - begin < kAttentionBlock ? seen_to - begin : kAttentionBlock;
          float* s = state(r);
          const float* query = rows.queries + (row_begin + r) * rows.row_stride + size_t{kv_head} * group * dim;
          AttendBlock(kv, rows, kv_head, block, query, first, last, s, s + group, s + 4 * group, scores, shrink);
        }
      }
      for (uint32_t r = 0; r < count; ++r) {
        float* s = state(r);
        for (uint32_t q = 0; q < group; ++q) {
          Merge(s[q], s[group + q], s + 4 * group + size_t{q} * dim, dim, s[2 * group + q], s[3 * group + q],
                out_row(r) + size_t{q} * dim);
        }
      }
    }
    for (uint32_t r = 0; r < count; ++r) {
      for (uint32_t q = 0; q < group; ++q) {
        const V total = V::Broadcast(state(r)[3 * group + q]);
        float* o = out_row(r) + size_t{q} * dim;
        for (uint32_t d = 0; d < dim; d += 16) (V::Load(o + d) / total).Store(o + d);
      }
    }
  }

  static uint32_t FirstSeen(const AttentionRows& rows, uint32_t position) {
    return rows.sliding_window == 0 || position < rows.sliding_window ? 0 : position - rows.sliding_window + 1;
  }

  static void Attend(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin,
                     uint32_t row_end, float* scratch) {
    for (uint32_t r = row_begin; r < row_end; r += kRowsAtOnce) {
      AttendRows(kv, rows, kv_head, r, r + kRowsAtOnce < row_end ? r + kRowsAtOnce : row_end, scratch);
    }
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

  static constexpr AttentionKernels Table() { return {&Attend, &Store}; }
};

}  // namespace bedplate
