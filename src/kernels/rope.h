#pragma once
/// Rotary position embedding (Su et al. 2021, arXiv 2104.09864): pairs of a head's dims turned by position times
/// frequency.
///
/// Angles are computed in double with our own series (no libm), so a position's cosines and sines are the same bits on
/// every machine; the rotation itself is plain multiply and add in f32.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bedplate {

enum class RopePairs : uint8_t { kNeighbours, kHalves };  // (2i, 2i + 1), or (i, i + dims / 2)

/// Natural log and exponential in double, relative error < 1e-14; for tables computed at load, not for hot paths.
double LogDouble(double x);  // x > 0, normal
double ExpDouble(double x);  // |x| < 700

/// base^(-2 i / dims) for i in [0, dims / 2).
std::vector<double> RopeFrequencies(double base, uint32_t dims);

/// cosines[i] = magnitude * cos(position * frequencies[i]); sines likewise.
void RopeAngles(uint32_t position, std::span<const double> frequencies, float magnitude, float* cosines, float* sines);

/// Turns the first 2 * n dims of `heads` heads (head_dim apart) of one row in place; n = number of angles.
void Rotate(RopePairs pairs, const float* cosines, const float* sines, uint32_t n, uint32_t heads, uint32_t head_dim,
            float* row);

}  // namespace bedplate
