// Any bytes as a safetensors file: an error, or tensors whose every byte can be read.
#include <cstdint>

#include "base/check.h"
#include "model/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed = bedplate::ParseSafetensors({reinterpret_cast<const std::byte*>(data), size});
  if (!parsed.ok()) {
    BP_CHECK(!parsed.status().message().empty());
    return 0;
  }
  size_t sum = 0;
  for (const bedplate::TensorView& tensor : *parsed) {
    BP_CHECK(tensor.bytes.size() == bedplate::RowBytes(tensor.type, tensor.elements()));
    sum += std::to_integer<size_t>(tensor.bytes.front()) + std::to_integer<size_t>(tensor.bytes.back());
  }
  return sum == SIZE_MAX ? -1 : 0;
}
