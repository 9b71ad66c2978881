#pragma once
/// A tensor as a model file holds it. Borrowed bytes: valid while the ModelFile (or the bytes given to a parser) lives.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/weight_type.h"

namespace bedplate {

struct TensorView {
  std::string name;  // the GGUF name, "blk.3.attn_q.weight", whatever the source
  WeightType type = WeightType::kF32;
  std::vector<uint64_t> shape;  // outermost first: [outputs, inputs] for a matrix, [n] for a vector; no zero dimension
  std::span<const std::byte> bytes;  // rows of shape.back() elements, one after another; not necessarily aligned

  [[nodiscard]] uint64_t elements() const {
    uint64_t n = 1;
    for (const uint64_t d : shape) n *= d;  // parsers have checked that this does not overflow
    return n;
  }
};

}  // namespace bedplate
