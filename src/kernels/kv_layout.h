#pragma once
/// How keys and values lie in memory: in pages of 16 positions, for each layer and kv head, as one of these types.
///
///   f16  two bytes a number. Of a layer: for each kv head, keys transposed [head_dim][16 positions], then for each kv
///        head, values [16 positions][head_dim].
///   bf16 two bytes a number, in pairs. Of a layer: for each kv head, keys [head_dim / 2][16 positions][2 dims]; then,
///        for each kv head, values [8 pairs of positions][head_dim][2 positions]. attention_bf16_body.h has the
///        arithmetic.
///   q8   one byte a number and one f16 scale for each 32 dims of a position (34 bytes for 32 numbers). Keys are turned
///        by a Hadamard transform before they are rounded: some models put hundreds into a few channels of their keys,
///        and one such channel would leave the others of its block no bits; turned, it is spread evenly over the head.
///        Queries are turned alike, so scores are what they were. Of a layer, for each kv head: keys
///        [head_dim / 2][16 positions][2 dims], their scales [blocks][16 positions], values [8 pairs of positions]
///        [head_dim][2 positions], their scales as the keys'. attention_q8_body.h has the arithmetic.
///
/// Of channels that hold the same at every position, model/key_offset.h takes care before bf16 and q8.
/// A position's bytes depend on its keys and values alone, so pages can be shared and recomputed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bedplate {

enum class KvType : uint8_t { kF16, kQ8, kBf16 };
inline constexpr std::array kKvTypes = {KvType::kF16, KvType::kQ8, KvType::kBf16};
inline constexpr KvType kDefaultKvType = KvType::kBf16;

std::string_view KvTypeName(KvType type);  // "f16", "q8", "bf16"
std::optional<KvType> ParseKvType(std::string_view name);

inline constexpr uint32_t kKvPagePositions = 16;
inline constexpr uint32_t kKvScaleDims = 32;       // that share a scale of q8; the last of a head may be 16
inline constexpr uint32_t kKvQ8HeadDimMax = 1024;  // what kernels turn lies on the stack

constexpr uint32_t KvScaleBlocks(uint32_t head_dim) {
  return (head_dim + kKvScaleDims - 1) / kKvScaleDims;
}

/// Bytes that the keys, or the values, of one head take at one position.
constexpr size_t KvVectorBytes(KvType type, uint32_t head_dim) {
  return type == KvType::kQ8 ? head_dim + sizeof(uint16_t) * size_t{KvScaleBlocks(head_dim)}
                             : sizeof(uint16_t) * size_t{head_dim};
}

/// One head's part of a page of q8.
struct KvQ8Page {
  int8_t* keys = nullptr;          // [head_dim / 2][16][2]
  uint16_t* key_scales = nullptr;  // [blocks][16]
  int8_t* values = nullptr;        // [8][head_dim][2]
  uint16_t* value_scales = nullptr;
};

/// Where the keys and values of one layer lie: page p starts at base + p * page_stride. Its type is that of the kernels
/// it is given to.
struct KvLayout {
  std::byte* base = nullptr;
  size_t page_stride = 0;  // bytes between pages
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;  // a multiple of 16

  /// What a page takes for one layer.
  [[nodiscard]] static constexpr size_t LayerBytes(KvType type, uint32_t kv_heads, uint32_t head_dim) {
    return size_t{2} * kv_heads * kKvPagePositions * KvVectorBytes(type, head_dim);
  }
  // Always inlined: a copy compiled for one instruction set must not serve another.
  [[nodiscard, gnu::always_inline]] uint16_t* Keys(uint32_t page, uint32_t head) const {  // f16, bf16
    return reinterpret_cast<uint16_t*>(base + page * page_stride) + size_t{head} * head_dim * kKvPagePositions;
  }
  [[nodiscard, gnu::always_inline]] uint16_t* Values(uint32_t page, uint32_t head) const {  // f16, bf16
    return Keys(page, kv_heads) + size_t{head} * head_dim * kKvPagePositions;
  }
  [[nodiscard, gnu::always_inline]] KvQ8Page Q8(uint32_t page, uint32_t head) const {
    const size_t numbers = size_t{head_dim} * kKvPagePositions;
    const size_t half = numbers + size_t{(head_dim + kKvScaleDims - 1) / kKvScaleDims} * kKvPagePositions * 2;
    std::byte* at = base + page * page_stride + size_t{head} * 2 * half;
    return {reinterpret_cast<int8_t*>(at), reinterpret_cast<uint16_t*>(at + numbers),
            reinterpret_cast<int8_t*>(at + half), reinterpret_cast<uint16_t*>(at + half + numbers)};
  }
};

}  // namespace bedplate
