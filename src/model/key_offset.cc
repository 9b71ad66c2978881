// The mean of a rotation by 0 to w is the rotation by w / 2 times sin(w / 2) / (w / 2).
#include "model/key_offset.h"

#include "base/check.h"
#include "kernels/rope.h"
#include "model/rope_scaling.h"

namespace bedplate {

std::vector<float> KeyOffset(std::span<const float> bias, const RopeConfig& rope, std::span<const double> frequencies,
                             uint32_t kv_heads, uint32_t head_dim) {
  std::vector<float> offset(bias.begin(), bias.end());
  if (offset.empty()) return offset;
  BP_CHECK(offset.size() == size_t{kv_heads} * head_dim);
  const size_t n = frequencies.size();
  std::vector<float> cosines(n), sines(n);
  constexpr uint32_t kHalf = kKeyOffsetPositions / 2;
  RopeAngles(kHalf, frequencies, 1.0f, cosines.data(), sines.data());
  for (size_t i = 0; i < n; ++i) {
    const double angle = frequencies[i] * kHalf;
    const float shrink = angle > 1e-3 ? static_cast<float>(double{sines[i]} / angle) : 1.0f;
    cosines[i] *= shrink * rope.yarn_magnitude;
    sines[i] *= shrink * rope.yarn_magnitude;
  }
  Rotate(PairsOf(rope.style), cosines.data(), sines.data(), static_cast<uint32_t>(n), kv_heads, head_dim,
         offset.data());
  return offset;
}

}  // namespace bedplate
