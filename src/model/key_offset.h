#pragma once
/// What is taken off a layer's keys before they are rounded to bytes or to bf16 (KvType).
///
/// Qwen 2 and its kin add a bias of up to several hundred to a few channels of their keys, nearly all of it to the
/// slowest pairs of the rotary embedding, where it stays what it is over thousands of positions. Rounded with the rest,
/// it would take the bits of everything else. But a vector that is taken off every key alike takes the same number off
/// all scores of a query, and softmax does not see it. So the mean of the turned bias is taken off: of slow pairs that
/// is nearly all of it, of fast ones nearly nothing.

#include <cstdint>
#include <span>
#include <vector>

#include "model/model_config.h"

namespace bedplate {

/// The mean, over positions from 0 to this one, of the bias as the rotary embedding turns it.
inline constexpr uint32_t kKeyOffsetPositions = 4096;

/// [kv_heads x head_dim]; empty when the bias is. frequencies: of the layer's rotary embedding, scaled.
std::vector<float> KeyOffset(std::span<const float> bias, const RopeConfig& rope, std::span<const double> frequencies,
                             uint32_t kv_heads, uint32_t head_dim);

}  // namespace bedplate
