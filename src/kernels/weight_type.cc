#include "kernels/weight_type.h"

#include "base/check.h"

namespace bedplate {
namespace {

constexpr WeightTypeInfo kInfos[kWeightTypeCount] = {
    {WeightType::kF32, "F32", 0, 1, 4},
    {WeightType::kF16, "F16", 1, 1, 2},
    {WeightType::kBF16, "BF16", 30, 1, 2},
    {WeightType::kQ4_0, "Q4_0", 2, 32, 18},
    {WeightType::kQ4_1, "Q4_1", 3, 32, 20},
    {WeightType::kQ5_0, "Q5_0", 6, 32, 22},
    {WeightType::kQ5_1, "Q5_1", 7, 32, 24},
    {WeightType::kQ8_0, "Q8_0", 8, 32, 34},
    {WeightType::kQ2_K, "Q2_K", 10, 256, 84},
    {WeightType::kQ3_K, "Q3_K", 11, 256, 110},
    {WeightType::kQ4_K, "Q4_K", 12, 256, 144},
    {WeightType::kQ5_K, "Q5_K", 13, 256, 176},
    {WeightType::kQ6_K, "Q6_K", 14, 256, 210},
    {WeightType::kIQ4_NL, "IQ4_NL", 20, 32, 18},
    {WeightType::kIQ4_XS, "IQ4_XS", 23, 256, 136},
};

}  // namespace

const WeightTypeInfo& InfoOf(WeightType type) {
  const WeightTypeInfo& info = kInfos[static_cast<size_t>(type)];
  BP_DCHECK(info.type == type);
  return info;
}

std::optional<WeightType> WeightTypeFromGgufId(uint32_t gguf_id) {
  for (const WeightTypeInfo& info : kInfos) {
    if (info.gguf_id == gguf_id) return info.type;
  }
  return std::nullopt;
}

}  // namespace bedplate
