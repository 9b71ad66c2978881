#pragma once
/// The number formats that weights come in, as GGUF files store them: a row is a run of blocks, a block holds
/// block_elements consecutive inputs of one output in block_bytes bytes. Formats are described in dequantize.h.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bedplate {

enum class WeightType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
};
inline constexpr size_t kWeightTypeCount = 15;

struct WeightTypeInfo {
  WeightType type;
  std::string_view name;  // as GGUF tools print it: "Q4_K"
  uint32_t gguf_id;       // its number in a GGUF tensor record
  uint32_t block_elements;
  uint32_t block_bytes;
};

const WeightTypeInfo& InfoOf(WeightType type);
std::optional<WeightType> WeightTypeFromGgufId(uint32_t gguf_id);

/// Bytes of one row of n elements; n must be a multiple of block_elements.
inline size_t RowBytes(WeightType type, size_t n) {
  return n / InfoOf(type).block_elements * InfoOf(type).block_bytes;
}

}  // namespace bedplate
