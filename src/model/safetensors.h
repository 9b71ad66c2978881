#pragma once
/// safetensors: u64 header length; that many bytes of JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]},
/// ...,
/// "__metadata__": {...}}; then the data, offsets counted from its start. Little-endian. As the format demands, the
/// tensors tile the data: no gap, no overlap. Nothing is trusted; errors name the tensor and the field.

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "model/tensor_view.h"

namespace bedplate {

/// Parses a whole file held in memory or mapped; the views borrow from it, in the order of the header. Types F32, F16
/// and BF16; another type of weight is refused by name (kUnimplemented); a broken file is kDataLoss.
Result<std::vector<TensorView>> ParseSafetensors(std::span<const std::byte> file);

}  // namespace bedplate
