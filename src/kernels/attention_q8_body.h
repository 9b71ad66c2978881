#pragma once
// Attention over q8 keys and values (kv_layout.h). Everything that is done for each of their numbers is done in
// integers: a product of a byte and a 16-bit number, two at a time (pmaddwd), summed in 32 bits. Sums of integers are
// exact in any order, so that rows which see different parts of a block can be computed together: a weight of zero
// adds nothing, whatever lies there.
//
// Numerics. Let h be the Hadamard transform of a head: over each run of 2^k dims, the largest 2^k that divides
// head_dim, stages of (a + b, a - b) at distances 1, 2, 4, ..., then times sqrt(1 / 2^k).
//   store   keys become h(k). Of each 32 dims: scale = max |x| / 127 rounded to f16; x / scale rounded to a byte.
//   query   q' = h(q), as 16-bit integers with one scale: max |q'| / 32767.
//   score   of each 32 dims the integer sum of q' k, at most 32 * 32767 * 127 < 2^31; those sums as floats in one fma
//           chain with the keys' scales, blocks of dims ascending; times (the query's scale times `scale`).
//   values  for each 64-position block and each 32 dims: w = e^(s - m') times the value's scale, as 16-bit integers
//           with one scale, max w / 32767; over the positions the integer sum of w v, at most 64 * 32767 * 127 < 2^31;
//           o = fma(float(sum), the weights' scale, o * e^(m - m')).
// The 16-bit roundings are finer than those of f16; what is lost to q8 is lost when keys and values become bytes.
//
// Plan as in attention_body.h: queries in chunks that share each load. Bytes are widened to 16 bits as they are loaded,
// which costs two instructions for 32 of them and so is done again for each chunk.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/attention_steps.h"

namespace bedplate {

template <class V>
struct AttentionQ8Body {
  using Steps = AttentionSteps<V>;
  using Seen = typename Steps::Seen;
  using Pairs = typename V::Pairs;
  using Ints = typename V::Ints;
  template <int N>
  using Constant = typename Steps::template Constant<N>;
  static constexpr uint32_t kBlockPages = Steps::kBlockPages;
  static constexpr uint32_t kScaleDims = kKvScaleDims;
  static constexpr float kWordMax = 32767.0f;
  static constexpr float kLeast = 1e-30f;  // what is smaller counts as zero, so that 32767 / x stays finite
  static constexpr uint16_t kNanHalf = 0x7E00;
  static constexpr uint32_t kChunkMost = 12;  // scratch is planned alike for each instruction set
  static_assert(V::kQueries <= kChunkMost);

  /// A block's pages of one head, and the next block's; keys null where a page is not there.
  struct Block {
    KvQ8Page pages[2 * kBlockPages];
    uint32_t begin;  // its first position
  };

  static void Hadamard(float* x, uint32_t dim) {
    const uint32_t width = dim & (~dim + 1);
    for (uint32_t apart = 1; apart < width; apart *= 2) {
      for (uint32_t i = 0; i < dim; i += 2 * apart) {
        for (uint32_t j = i; j < i + apart; ++j) {
          const float a = x[j], b = x[j + apart];
          x[j] = a + b;
          x[j + apart] = a - b;
        }
      }
    }
    const V factor = V::Broadcast(__builtin_sqrtf(1.0f / static_cast<float>(width)));
    for (uint32_t d = 0; d < dim; d += 16) (V::Load(x + d) * factor).Store(x + d);
  }

  /// words[d] * the result = h(query)[d]; turned: [dim] scratch. A query that is not finite has a scale of NaN.
  static float QuantizeQuery(const float* query, uint32_t dim, float* turned, int16_t* words) {
    for (uint32_t d = 0; d < dim; d += 16) V::Load(query + d).Store(turned + d);
    Hadamard(turned, dim);
    V most = V::Zero();
    for (uint32_t d = 0; d < dim; d += 16) most = V::MaxPositive(V::Abs(V::Load(turned + d)), most);
    const auto [factor, scale] = WordScale(V::MaxPositiveAcross(most));
    for (uint32_t d = 0; d < dim; d += 16) StoreRounded(V::Load(turned + d), factor, words + d);
    return scale;
  }

  struct Scaling {
    float factor, scale;  // factor 0: every word is zero
  };
  static Scaling WordScale(float most) {
    if (most >= kLeast && most < __builtin_inff()) return {kWordMax / most, most * (1.0f / kWordMax)};
    return {0.0f, most < kLeast ? 0.0f : __builtin_nanf("")};
  }
  static void StoreRounded(V x, float factor, int16_t* words) {
    (factor == 0.0f ? V::Zero() : x * V::Broadcast(factor)).StoreWords(words);  // x may be NaN where factor is zero
  }

  /// packed[pair][n][2] = query n's dims 2 pair and 2 pair + 1, for the N queries of a chunk.
  template <int N>
  static void InterleaveQueries(const int16_t* words, uint32_t dim, int16_t* packed) {
    for (uint32_t d = 0; d < dim; d += 2) {
      for (uint32_t q = 0; q < N; ++q) {
        packed[d * N + 2 * q] = words[q * dim + d];
        packed[d * N + 2 * q + 1] = words[q * dim + d + 1];
      }
    }
  }

  // scores[q * 64 + 16 j + lane] for N queries over the positions of kPages pages, without the query's scale.
  template <int N, int kPages, class Ahead>
  static void PageScores(const KvQ8Page* pages, const int16_t* packed, uint32_t dim, Ahead ahead, float* scores) {
    for (uint32_t d = 0; d < dim;) {
      Ints sum[kPages][N];
      Unrolled<0, kPages * N>(BP_EACH { sum[index.value / N][index.value % N] = V::ZeroInts(); });
      const uint32_t block = d / kScaleDims, end = d + kScaleDims < dim ? d + kScaleDims : dim;
      for (; d < end; d += 2, packed += 2 * N) {
        Pairs k[kPages];
        Unrolled<0, kPages>(BP_EACH { k[index.value] = V::LoadBytePairs(pages[index.value].keys + size_t{d} * 16); });
        ahead(d);
        Unrolled<0, N>(BP_EACH {
          constexpr int kQuery = index.value;
          const Pairs each = V::BroadcastPair(packed + 2 * kQuery);
          Unrolled<0, kPages>(
              BP_EACH { sum[index.value][kQuery] = V::AddProducts(k[index.value], each, sum[index.value][kQuery]); });
        });
      }
      Unrolled<0, kPages>(BP_EACH {
        constexpr int kPage = index.value;
        const V scale = V::LoadHalf(pages[kPage].key_scales + size_t{block} * 16);
        Unrolled<0, N>(BP_EACH {
          float* at = scores + index.value * static_cast<int>(kAttentionBlock) + kPage * 16;
          V::Fma(V::ToFloats(sum[kPage][index.value]), scale, block == 0 ? V::Zero() : V::Load(at)).Store(at);
        });
      });
    }
  }

  // Scores of a chunk over pages [page, page_end) of the block. The first chunk of a block asks for what comes: these
  // pages' values, and the keys after them.
  template <int N>
  static void ChunkScores(const Block& block, const int16_t* packed, uint32_t dim, uint32_t page, uint32_t page_end,
                          bool first_chunk, float* scores) {
    constexpr int kPages = 2 * N <= V::kChains ? 2 : 1;
    const auto run = [&](auto pages) {
      const KvQ8Page* at = block.pages + page;
      float* to = scores + page * 16;
      if (first_chunk) {
        const int8_t* soon[2 * pages.value];
        for (uint32_t i = 0; i < pages.value; ++i) {
          const uint32_t next = page + i + static_cast<uint32_t>(pages.value);
          const int8_t* keys = block.pages[next].keys;
          soon[2 * i] = at[i].values;
          soon[2 * i + 1] = keys != nullptr ? keys : at[i].values;
          // Scales follow the 16 bytes of each dim.
          for (uint32_t b = 0; b < dim; b += 64) {
            for (uint32_t k = 0; k < 2; ++k) __builtin_prefetch(soon[2 * i + k] + size_t{dim} * 16 + b);
          }
        }
        const auto ahead = [&](uint32_t d) __attribute__((always_inline)) {
          if (d % 4 != 0) return;  // two pairs of 16 positions a cache line
          for (uint32_t i = 0; i < 2 * pages.value; ++i) __builtin_prefetch(soon[i] + size_t{d} * 16);
        };
        PageScores<N, pages.value>(at, packed, dim, ahead, to);
      } else {
        PageScores<N, pages.value>(at, packed, dim, [](uint32_t) {}, to);
      }
      page += static_cast<uint32_t>(pages.value);
    };
    while (page + kPages <= page_end) run(Constant<kPages>{});
    if constexpr (kPages == 2) {
      if (page < page_end) run(Constant<1>{});
    }
  }

  // words[p] * the result = weights[p] times the scale of position p's values in that block of dims; zero where the
  // query sees nothing. words, weights: [64].
  static float FoldScales(const Block& block, const float* weights, Seen seen, uint32_t scale_block, int16_t* words) {
    V x[kBlockPages];
    V most = V::Zero();
    const auto product = [&](uint32_t j) __attribute__((always_inline)) {
      return V::Load(weights + j * 16) * V::LoadHalf(block.pages[j].value_scales + size_t{scale_block} * 16);
    };
    if (seen.first == 0 && seen.last == kAttentionBlock) {  // nearly every block; the loop below is slower
      for (uint32_t j = 0; j < kBlockPages; ++j) x[j] = product(j);
      most = V::MaxPositive(V::MaxPositive(x[0], x[1]), V::MaxPositive(x[2], x[3]));
      return StoreWeights(x, most, words);
    }
    for (uint32_t j = 0; j < kBlockPages; ++j) {
      x[j] = V::Zero();
      if (j * 16 >= seen.last || j * 16 + 16 <= seen.first) continue;
      x[j] = product(j);
      if (seen.first > j * 16 || seen.last < j * 16 + 16) {  // elsewhere a scale may be anything
        const V lane = V::Iota() + V::Broadcast(static_cast<float>(j * 16));
        const V from = V::Broadcast(static_cast<float>(seen.first)), to = V::Broadcast(static_cast<float>(seen.last));
        x[j] = V::SelectLess(lane, from, V::Zero(), V::SelectLess(lane, to, x[j], V::Zero()));
      }
      most = V::MaxPositive(x[j], most);
    }
    return StoreWeights(x, most, words);
  }
  static float StoreWeights(const V* x, V most, int16_t* words) {
    const auto [factor, scale] = WordScale(V::MaxPositiveAcross(most));
    for (uint32_t j = 0; j < kBlockPages; ++j) StoreRounded(x[j], factor, words + j * 16);
    return scale;
  }

  // o[q][d ...] = o * shrink[q] + the sum of word * value over pages [page, page_end), times word_scale[q]; for N
  // queries and kParts * 16 dims.
  template <int N, int kParts>
  static void AddValues(const Block& block, const int16_t* words, const float* word_scale, const float* shrink,
                        uint32_t page, uint32_t page_end, uint32_t dim, uint32_t d, float* o) {
    Ints sum[kParts][N];
    Unrolled<0, kParts * N>(BP_EACH { sum[index.value / N][index.value % N] = V::ZeroInts(); });
    for (uint32_t j = page; j < page_end; ++j) {
      const int8_t* values = block.pages[j].values + size_t{d} * 2;
      const int16_t* word = words + j * 16;
      for (uint32_t p = 0; p < 16; p += 2, values += size_t{dim} * 2) {
        Pairs v[kParts];
        Unrolled<0, kParts>(BP_EACH { v[index.value] = V::LoadBytePairs(values + index.value * 32); });
        Unrolled<0, N>(BP_EACH {
          constexpr int kQuery = index.value;
          const Pairs each = V::BroadcastPair(word + (static_cast<uint32_t>(kQuery) * kAttentionBlock + p));
          Unrolled<0, kParts>(
              BP_EACH { sum[index.value][kQuery] = V::AddProducts(v[index.value], each, sum[index.value][kQuery]); });
        });
      }
    }
    Unrolled<0, N>(BP_EACH {
      constexpr int kQuery = index.value;
      const V scale = V::Broadcast(word_scale[kQuery]), factor = V::Broadcast(shrink[kQuery]);
      Unrolled<0, kParts>(BP_EACH {
        float* at = o + static_cast<size_t>(kQuery) * dim + d + index.value * 16;
        V::Fma(V::ToFloats(sum[index.value][kQuery]), scale, V::Load(at) * factor).Store(at);
      });
    });
  }

  /// Where things lie in the scratch; queries: rows * group of one call.
  struct Scratch {
    float* turned;       // [dim]
    int16_t* words;      // [kChunkMost x max(dim, 64)]: of a chunk, as they come
    int16_t* packed;     // [queries x dim], chunk by chunk
    float* scores;       // [queries x 64]
    float* query_scale;  // [queries]
    float* shrink;       // [queries]
    typename Steps::Sums sums;

    Scratch(float* at, uint32_t queries, uint32_t dim) {
      const auto take = [&](size_t n) { return std::exchange(at, at + n); };
      turned = take(dim);
      words = reinterpret_cast<int16_t*>(take(WordFloats(dim)));
      packed = reinterpret_cast<int16_t*>(take(size_t{queries} * dim / 2));
      scores = take(size_t{queries} * kAttentionBlock);
      query_scale = take(queries);
      shrink = take(queries);
      sums = Steps::TakeSums(at, queries, dim);
    }
    static size_t WordFloats(uint32_t dim) {
      return size_t{kChunkMost} * (dim > kAttentionBlock ? dim : kAttentionBlock) / 2;
    }
  };
  static size_t ScratchFloats(uint32_t queries, uint32_t dim) {
    return dim + Scratch::WordFloats(dim) + size_t{queries} * (dim / 2 + kAttentionBlock + 2) +
           Steps::SumsFloats(queries, dim);
  }

  // Queries [begin, end) of the list, each of a row that sees something.
  static void ListValues(const AttentionRows& rows, const Block& block, uint32_t dim, uint32_t row_begin,
                         uint32_t begin, uint32_t end, Seen all, const Scratch& s) {
    Steps::EachChunk(begin, end, [&](uint32_t q, auto n) {
      constexpr int kParts = 2 * n.value <= V::kChains ? 2 : 1;
      Seen seen[n.value];
      for (uint32_t i = 0; i < n.value; ++i) {
        seen[i] = Steps::SeenOf(rows, row_begin + (q + i) / rows.group, block.begin);
      }
      float word_scale[n.value];
      float* o = s.sums.o + size_t{q} * dim;
      for (uint32_t block_dim = 0; block_dim < dim; block_dim += kScaleDims) {
        for (uint32_t i = 0; i < n.value; ++i) {
          word_scale[i] = FoldScales(block, s.scores + size_t{q + i} * kAttentionBlock, seen[i], block_dim / kScaleDims,
                                     s.words + size_t{i} * kAttentionBlock);
        }
        const auto add = [&](uint32_t d, auto parts) {
          AddValues<n.value, parts.value>(block, s.words, word_scale, s.shrink + q, all.first / 16,
                                          (all.last + 15) / 16, dim, d, o);
        };
        if (kParts == 2 && block_dim + kScaleDims <= dim) {
          add(block_dim, Constant<kParts>{});
        } else {
          for (uint32_t d = block_dim; d < dim && d < block_dim + kScaleDims; d += 16) add(d, Constant<1>{});
        }
      }
    });
  }

  static void AttendBlock(const AttentionRows& rows, const Block& block, uint32_t dim, uint32_t row_begin,
                          uint32_t row_end, const Scratch& s) {
    const auto of = Steps::SeenOfRows(rows, row_begin, row_end, block.begin);
    const Seen all = of.all;
    if (all.first == all.last) return;
    Steps::EachChunk(0, (row_end - row_begin) * rows.group, [&](uint32_t q, auto n) {
      ChunkScores<n.value>(block, s.packed + size_t{q} * dim, dim, all.first / 16, (all.last + 15) / 16, q == 0,
                           s.scores + size_t{q} * kAttentionBlock);
    });
    uint32_t begin = 0, end = 0;  // queries whose rows see something: neighbours, as rows see neighbouring ranges
    Steps::EachSeen(rows, row_begin, row_end, block.begin, of, [&](uint32_t q, uint32_t n, Seen seen) {
      if (end == 0) begin = q;
      end = q + n;
      float* const scores = s.scores + size_t{q} * kAttentionBlock;
      Steps::Softmax(
          scores, n, seen, [&](uint32_t i) { return rows.scale * s.query_scale[q + i]; }, rows.softcap, s.sums.m + q,
          s.sums.l + q, s.shrink + q,
          [&](uint32_t i, uint32_t j, V w) { w.Store(scores + size_t{i} * kAttentionBlock + j * 16); });
    });
    ListValues(rows, block, dim, row_begin, begin, end, all, s);
  }

  static void AttendRows(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin,
                         uint32_t row_end, float* scratch) {
    const uint32_t dim = kv.head_dim, queries = (row_end - row_begin) * rows.group;
    const Scratch s(scratch, queries, dim);
    Steps::EachChunk(0, queries, [&](uint32_t q, auto n) {
      for (uint32_t i = 0; i < n.value; ++i) {
        const float* query = rows.queries + Steps::Place(rows, kv_head, dim, row_begin, q + i);
        s.query_scale[q + i] = QuantizeQuery(query, dim, s.turned, s.words + size_t{i} * dim);
      }
      InterleaveQueries<n.value>(s.words, dim, s.packed + size_t{q} * dim);
    });
    Steps::EachBlock(rows, kv_head, dim, row_begin, row_end, s.sums, [&](uint32_t begin) {
      Block block{};
      block.begin = begin;
      Steps::EachPage(rows, begin, rows.start + row_end,
                      [&](uint32_t j, uint32_t page) { block.pages[j] = kv.Q8(page, kv_head); });
      AttendBlock(rows, block, dim, row_begin, row_end, s);
    });
  }

  static void Attend(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin,
                     uint32_t row_end, float* scratch) {
    Steps::EachRows(row_begin, row_end,
                    [&](uint32_t begin, uint32_t end) { AttendRows(kv, rows, kv_head, begin, end, scratch); });
  }

  /// 16 or 32 dims become bytes, left in words; returns their scale.
  static uint16_t QuantizeBlock(const float* x, uint32_t n, int16_t* words) {
    V most = V::Zero();
    for (uint32_t d = 0; d < n; d += 16) most = V::MaxPositive(V::Abs(V::Load(x + d)), most);
    const float top = V::MaxPositiveAcross(most);
    uint16_t halves[16];
    V::Broadcast(top / 127.0f).StoreHalf(halves);
    const float scale = top == top ? FirstLane(V::LoadHalf(halves)) : 0.0f;
    for (uint32_t d = 0; d < n; d += 16) {
      V q = V::Zero();
      if (scale > 0.0f) {
        q = V::Load(x + d) / V::Broadcast(scale);  // beyond 127 where the scale was rounded down
        q = V::Max(V::Broadcast(-127.0f), V::Min(V::Broadcast(127.0f), q));
      }
      q.StoreWords(words + d);
    }
    return top == top ? halves[0] : kNanHalf;
  }
  static float FirstLane(V x) {
    float out[16];
    x.Store(out);
    return out[0];
  }

  static void Store(const KvLayout& kv, const float* keys, const float* values, uint32_t page, uint32_t slot) {
    // Clamped so that scales stay finite; operands in this order let NaN through, to be seen.
    const V highest = V::Broadcast(65504.0f), lowest = V::Broadcast(-65504.0f);
    const uint32_t dim = kv.head_dim;
    for (uint32_t h = 0; h < kv.kv_heads; ++h) {
      const KvQ8Page to = kv.Q8(page, h);
      const auto each_block = [&](const float* row, uint16_t* scales, auto place) {
        for (uint32_t d = 0; d < dim; d += kScaleDims) {
          const uint32_t n = d + kScaleDims < dim ? kScaleDims : dim - d;
          int16_t words[kScaleDims];
          scales[size_t{d / kScaleDims} * 16 + slot] = QuantizeBlock(row + d, n, words);
          for (uint32_t i = 0; i < n; ++i) *place(d + i) = static_cast<int8_t>(words[i]);
        }
      };
      float row[kKvQ8HeadDimMax];
      for (const float* from : {keys, values}) {
        for (uint32_t d = 0; d < dim; d += 16) {
          V::Min(highest, V::Max(lowest, V::Load(from + size_t{h} * dim + d))).Store(row + d);
        }
        if (from == keys) {
          Hadamard(row, dim);
          each_block(row, to.key_scales, [&](uint32_t d) { return to.keys + (size_t{d / 2} * 16 + slot) * 2 + d % 2; });
        } else {
          each_block(row, to.value_scales,
                     [&](uint32_t d) { return to.values + (size_t{slot / 2} * dim + d) * 2 + slot % 2; });
        }
      }
    }
  }

  static constexpr AttentionKernels Table() { return {&Attend, &Store, &Steps::MergeStates}; }
};

}  // namespace bedplate
