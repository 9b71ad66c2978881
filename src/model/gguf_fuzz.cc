// Any bytes as a GGUF file: an error, or a file whose every value and every tensor byte can be read.
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "model/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bedplate::Result<bedplate::GgufContents> parsed =
      bedplate::ParseGguf({reinterpret_cast<const std::byte*>(data), size});
  if (!parsed.ok()) {
    BP_CHECK(!parsed.status().message().empty());
    return 0;
  }
  size_t sum = 0;
  for (const std::string& key : parsed->metadata.keys()) {
    sum += parsed->metadata.Describe(key).size();
    sum += parsed->metadata.Uint(key).ok() + parsed->metadata.Int(key).ok() + parsed->metadata.Float(key).ok() +
           parsed->metadata.Bool(key).ok();
    sum += parsed->metadata.String(key).ok() + parsed->metadata.Ints(key).ok() + parsed->metadata.Floats(key).ok();
    const auto strings = parsed->metadata.Strings(key);
    if (strings.ok() && strings->has_value()) {
      for (const std::string_view text : **strings) sum += text.empty() ? 0 : static_cast<unsigned char>(text.back());
    }
  }
  for (const bedplate::TensorView& tensor : parsed->tensors) {
    BP_CHECK(tensor.bytes.size() == bedplate::RowBytes(tensor.type, tensor.elements()));
    sum += std::to_integer<size_t>(tensor.bytes.front()) + std::to_integer<size_t>(tensor.bytes.back());
  }
  return sum == SIZE_MAX ? -1 : 0;
}
