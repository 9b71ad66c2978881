#pragma once
/// Attention of a few query rows of one sequence over its keys and values in pages, for one key/value head at a time.
///
/// Page layout, for one layer (see KvLayout): for each kv head h, keys transposed, f16 [head_dim][16 positions], then
/// values, f16 [16 positions][head_dim].
///
/// Numerics (Milakov & Gimelshein 2018, arXiv 1805.02867, in a fixed order):
///   score  = one f32 fma chain over head_dim ascending, times scale, then soft-capped where the model asks
///   64-position blocks anchored at position 0: m' = max(m, block max); l = l * e^(m - m') + sum of e^(s - m') (16
///   strided partials, one tree); o = o * e^(m - m'), then o = fma(e^(s - m'), v, o) over positions ascending
///   512-position segments are computed apart and merged ascending, so that threads may share a long sequence
///   only positions the query may see (causal, sliding window) take part at all
/// So a row's result depends on its position and the cached keys and values alone.
///
/// Threads: pure but for out; disjoint (kv head, rows) may run at once.

#include <cstddef>
#include <cstdint>

#include "base/ids.h"
#include "kernels/isa.h"
#include "kernels/vector_kernels.h"

namespace bedplate {

inline constexpr uint32_t kKvPagePositions = 16;
inline constexpr uint32_t kAttentionBlock = 64;     // positions per online-softmax step
inline constexpr uint32_t kAttentionSegment = 512;  // positions merged as one

/// Where the keys and values of one layer lie: page p starts at base + p * page_stride.
struct KvLayout {
  std::byte* base = nullptr;
  size_t page_stride = 0;  // bytes between pages
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;  // a multiple of 16

  [[nodiscard]] static size_t LayerBytes(uint32_t kv_heads, uint32_t head_dim) {
    return size_t{2} * kv_heads * head_dim * kKvPagePositions * sizeof(uint16_t);
  }
  // Always inlined: a copy compiled for one instruction set must not serve another.
  [[nodiscard, gnu::always_inline]] uint16_t* Keys(uint32_t page, uint32_t head) const {
    return reinterpret_cast<uint16_t*>(base + page * page_stride) + size_t{head} * head_dim * kKvPagePositions;
  }
  [[nodiscard, gnu::always_inline]] uint16_t* Values(uint32_t page, uint32_t head) const {
    return Keys(page, kv_heads) + size_t{head} * head_dim * kKvPagePositions;
  }
};

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
};

/// Floats of scratch one call needs. `rows` of a call may be cut to bound it.
size_t AttentionScratchFloats(uint32_t head_dim, uint32_t group);

struct AttentionKernels {
  void (*attend)(const KvLayout& kv, const AttentionRows& rows, uint32_t kv_head, uint32_t row_begin, uint32_t row_end,
                 float* scratch);
  /// Stores one position's keys and values, [kv_heads x head_dim] each, rounded to f16 (largest finite at overflow).
  void (*store)(const KvLayout& kv, const float* keys, const float* values, uint32_t page, uint32_t slot);
};

const AttentionKernels& AttentionKernelsFor(Isa isa);

}  // namespace bedplate
