#pragma once
/// Attention of a few query rows of one sequence over its keys and values in pages (kv_layout.h), for one key/value
/// head at a time.
///
/// Numerics (Milakov & Gimelshein 2018, arXiv 1805.02867, in a fixed order):
///   score  = q k, times scale, then soft-capped where the model asks
///   64-position blocks anchored at position 0: m' = max(m, block max); l = l * e^(m - m') + sum of e^(s - m') (16
///   strided partials, one tree); o = o * e^(m - m') + the sum of e^(s - m') v over the block's positions
///   512-position segments are computed apart and merged ascending, so that threads may share a long sequence
///   only positions the query may see (causal, sliding window) take part at all
/// The two sums, by the type of keys and values:
///   f16  q k is one f32 fma chain over head_dim ascending; o = fma(e^(s - m'), v, o) over positions ascending
///   bf16 chains of pairs of bf16 numbers: attention_bf16_body.h
///   q8   products and sums of integers, which are exact: attention_q8_body.h says of which
/// So a row's result depends on its position and the cached keys and values alone.
///
/// Threads: pure but for out and states; disjoint (kv head, rows), and disjoint segments of the same, may run at once.

#include <cstddef>
#include <cstdint>

#include "base/ids.h"
#include "kernels/isa.h"
#include "kernels/kv_layout.h"
#include "kernels/vector_kernels.h"

namespace bedplate {

inline constexpr uint32_t kAttentionBlock = 64;     // positions per online-softmax step
inline constexpr uint32_t kAttentionSegment = 512;  // positions merged as one

struct AttentionRows {
  const float* queries = nullptr;  // row r, query head h: queries + r * row_stride + h * head_dim
  float* out = nullptr;            // the same shape
  size_t row_stride = 0;
  uint32_t rows = 0;
  uint32_t start = 0;           // position of row 0
  uint32_t group = 1;           // query heads per kv head; those of kv head k are k * group ... k * group + group - 1
  uint32_t sliding_window = 0;  // 0: all earlier positions; else the last that many, itself included
  float scale = 1.0f;
  float softcap = 0.0f;  // 0: none; else cap * tanh(score / cap)
  const PageId* pages =
      nullptr;  // entry i: positions [16 i, 16 i + 16), up to the last row's; kNoPage where no row sees
  /// Not null: only segments [segment_begin, segment_end), and what each one adds up to instead of `out`: of segment s,
  /// row r and query head h at states + s * state_stride + (r * heads + h) * AttentionStateFloats, where heads is
  /// row_stride / head_dim. Not with a window.
  float* states = nullptr;
  size_t state_stride = 0;
  uint32_t segment_begin = 0, segment_end = 0;
};

/// What one segment adds up to for one query.
constexpr size_t AttentionStateFloats(uint32_t head_dim) {
  return size_t{16} + head_dim;  // largest score, sum of weights; from 16 on the weighted values
}

/// Floats of scratch one call needs, with any type of keys and values. `rows` of a call may be cut to bound it.
size_t AttentionScratchFloats(uint32_t head_dim, uint32_t group);

struct AttentionKernels {
  void (*attend)(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin, uint32_t row_end,
                 float* scratch);
  /// Stores one position's keys and values, [kv_heads x head_dim] each, rounded to the type; numbers beyond f16's
  /// largest become it (bf16: beyond 2^60; what is below 2^-50 becomes zero). A NaN among a head's values makes what
  /// attends to the position NaN.
  void (*store)(const KvLayout& kv, const float* keys, const float* values, uint32_t page, uint32_t slot);
  /// out [head_dim] of one query from all its segments' states, stride floats apart: what attend would have given.
  void (*merge)(const float* states, size_t stride, uint32_t segments, uint32_t head_dim, float* out);
};

const AttentionKernels& AttentionKernelsFor(Isa isa, KvType type);

}  // namespace bedplate
