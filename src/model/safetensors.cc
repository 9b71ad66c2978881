#include "model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "base/cat.h"
#include "base/json.h"
#include "model/quoted.h"

namespace bedplate {
namespace {

// What the format's own reader allows.
constexpr uint64_t kHeaderBytesMax = 100'000'000;

Status Broken(std::string_view what) {
  return Status::DataLoss(Cat("broken safetensors file: ", what));
}

Result<WeightType> ReadType(const std::string& name, const Json& entry) {
  const Json* dtype = entry.Find("dtype");
  if (dtype == nullptr || !dtype->is_string()) return Broken(Cat("tensor ", Quoted(name), " has no dtype"));
  if (dtype->as_string() == "F32") return WeightType::kF32;
  if (dtype->as_string() == "F16") return WeightType::kF16;
  if (dtype->as_string() == "BF16") return WeightType::kBF16;
  return Status::Unimplemented(Cat("tensor ", Quoted(name), " has dtype ", Quoted(dtype->as_string()),
                                   ", which this build can't run; it runs F32, F16 and BF16 here"));
}

Result<std::vector<uint64_t>> ReadShape(const std::string& name, const Json& entry) {
  const Json* shape = entry.Find("shape");
  if (shape == nullptr || !shape->is_array()) return Broken(Cat("tensor ", Quoted(name), " has no shape"));
  std::vector<uint64_t> out;
  uint64_t elements = 1;
  for (const Json& size : shape->as_array()) {
    if (!size.is_int() || size.as_int() < 1) {
      return Broken(Cat("tensor ", Quoted(name), " has a shape with ", WriteJson(size), " in it; sizes are 1 or more"));
    }
    out.push_back(static_cast<uint64_t>(size.as_int()));
    if (__builtin_mul_overflow(elements, out.back(), &elements) || elements > uint64_t{1} << 50) {
      return Broken(Cat("tensor ", Quoted(name), " has more elements than any file can hold"));
    }
  }
  if (out.size() > 4)
    return Broken(Cat("tensor ", Quoted(name), " has ", out.size(), " dimensions; at most 4 are known"));
  if (out.empty()) out.push_back(1);  // a scalar
  return out;
}

struct Range {
  uint64_t begin;
  uint64_t end;
};

Result<Range> ReadRange(const std::string& name, const Json& entry, uint64_t data_bytes) {
  const Json* offsets = entry.Find("data_offsets");
  if (offsets == nullptr || !offsets->is_array() || offsets->as_array().size() != 2 ||
      !offsets->as_array()[0].is_int() || !offsets->as_array()[1].is_int()) {
    return Broken(Cat("tensor ", Quoted(name), " has no data_offsets of two integers"));
  }
  const int64_t begin = offsets->as_array()[0].as_int();
  const int64_t end = offsets->as_array()[1].as_int();
  if (begin < 0 || end < begin || static_cast<uint64_t>(end) > data_bytes) {
    return Broken(Cat("tensor ", Quoted(name), " has data_offsets ", begin, " to ", end, "; the file holds ",
                      data_bytes, " bytes of data (an interrupted download, perhaps)"));
  }
  return Range{static_cast<uint64_t>(begin), static_cast<uint64_t>(end)};
}

/// The tensors must tile the data: what a gap hides, or two tensors share, is not what the writer meant.
Status CheckTiling(std::span<const TensorView> tensors, std::span<const std::byte> data) {
  std::vector<const TensorView*> order;
  order.reserve(tensors.size());
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->bytes.data() < b->bytes.data(); });
  const std::byte* at = data.data();
  for (const TensorView* tensor : order) {
    if (tensor->bytes.data() != at) {
      return Broken(Cat("tensor ", Quoted(tensor->name),
                        tensor->bytes.data() < at ? " overlaps the one before it" : " leaves a gap before it"));
    }
    at += tensor->bytes.size();
  }
  if (at != data.data() + data.size()) return Broken("bytes after the last tensor");
  return Status::Ok();
}

}  // namespace

Result<std::vector<TensorView>> ParseSafetensors(std::span<const std::byte> file) {
  if (file.size() < 8) return Broken(Cat("it is ", file.size(), " bytes long, shorter than its header's length field"));
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), 8);
  if (header_bytes > file.size() - 8 || header_bytes > kHeaderBytesMax) {
    return Broken(Cat("its header claims ", header_bytes, " bytes at byte 0; the file holds ", file.size() - 8,
                      " after it, allowed: ", kHeaderBytesMax));
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + 8, header_bytes);
  Result<Json> header = ParseJson(text, {.depth_max = 8});
  if (!header.ok()) return Broken(Cat("its header is ", header.status().message()));
  if (!header->is_object()) return Broken("its header is not a JSON object");
  const std::span<const std::byte> data = file.subspan(8 + header_bytes);

  std::vector<TensorView> out;
  std::unordered_set<std::string_view> names;
  for (const auto& [name, entry] : header->as_object()) {
    if (name == "__metadata__") continue;
    if (name.empty() || name.size() > 255)
      return Broken(Cat("tensor name ", Quoted(name), " is not 1 to 255 bytes long"));
    if (!names.insert(name).second) return Broken(Cat("tensor ", Quoted(name), " is there twice"));
    BP_ASSIGN_OR_RETURN(const Range range, ReadRange(name, entry, data.size()));
    BP_ASSIGN_OR_RETURN(const WeightType type, ReadType(name, entry));
    BP_ASSIGN_OR_RETURN(std::vector<uint64_t> shape, ReadShape(name, entry));
    TensorView tensor{.name = name,
                      .type = type,
                      .shape = std::move(shape),
                      .bytes = data.subspan(range.begin, range.end - range.begin)};
    const uint64_t needed = RowBytes(type, tensor.elements());
    if (needed != tensor.bytes.size()) {
      return Broken(
          Cat("tensor ", Quoted(name), " has ", tensor.bytes.size(), " bytes; its shape and dtype need ", needed));
    }
    out.push_back(std::move(tensor));
  }
  BP_RETURN_IF_ERROR(CheckTiling(out, data));
  return out;
}

}  // namespace bedplate
