#pragma once
/// GGUF, versions 2 and 3 (the format page: ggml docs/gguf.md). Little-endian, no padding but where said:
///
///   u32 magic "GGUF"; u32 version; u64 tensor count; u64 metadata count;
///   metadata:  string key; u32 type; value.        string = u64 length, bytes. array = u32 type, u64 count, values.
///   tensors:   string name; u32 dimensions (1..4); u64 size of each, innermost first; u32 type; u64 offset;
///   zero bytes up to a multiple of general.alignment (32 when absent); then the tensor data, where each offset,
///   counted from here, is a multiple of the alignment.
///
/// Nothing in the file is trusted: every count, length, type and offset is checked before use, and an error names the
/// field and the byte offset. Parsing allocates in proportion to the file, not to what its counts claim.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "model/tensor_view.h"

namespace bedplate {

enum class GgufType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};
std::string_view GgufTypeName(GgufType type);  // "uint32", "string", "array"

/// One metadata value: where it lies in the file, already checked. Borrowed bytes.
struct GgufValue {
  GgufType type = GgufType::kUint8;
  GgufType element_type = GgufType::kUint8;  // of an array
  uint64_t count = 1;                        // of an array's elements
  uint64_t offset = 0;                       // of the value in its file, for messages
  std::span<const std::byte> bytes;          // scalar or elements, as stored; a string without its length
};

/// The metadata of a GGUF file. Getters: nullopt when the key is absent, an error that names key, found type and offset
/// when the value has another type or does not fit. Integers of every width convert when the value fits; floats accept
/// f32 and f64.
class GgufMetadata {
 public:
  [[nodiscard]] const GgufValue* Find(std::string_view key) const;
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }  // in file order

  Result<std::optional<uint64_t>> Uint(std::string_view key) const;
  Result<std::optional<int64_t>> Int(std::string_view key) const;
  Result<std::optional<double>> Float(std::string_view key) const;
  Result<std::optional<bool>> Bool(std::string_view key) const;
  Result<std::optional<std::string_view>> String(std::string_view key) const;
  /// Views into the file; bytes as stored (a token need not be UTF-8).
  Result<std::optional<std::vector<std::string_view>>> Strings(std::string_view key) const;
  Result<std::optional<std::vector<int64_t>>> Ints(std::string_view key) const;  // bools count as 0 and 1
  Result<std::optional<std::vector<float>>> Floats(std::string_view key) const;

  /// A short text of the value for people: "32", "llama", "[49152 strings]".
  [[nodiscard]] std::string Describe(std::string_view key) const;

 private:
  friend class GgufParser;
  Status WrongType(std::string_view key, const GgufValue& value, std::string_view wanted) const;
  std::vector<std::string> keys_;
  std::unordered_map<std::string, GgufValue> values_;
};

struct GgufContents {
  uint32_t version = 0;
  uint64_t alignment = 32;
  uint64_t data_offset = 0;  // of the tensor data in the file
  GgufMetadata metadata;
  std::vector<TensorView> tensors;  // in file order; names differ, bytes do not overlap
};

/// Parses a whole file held in memory or mapped; the result borrows from it. Errors: kDataLoss for a truncated or
/// hostile file, kUnimplemented for one that is sound but not for us (version, endianness, tensor type).
Result<GgufContents> ParseGguf(std::span<const std::byte> file);

/// The name ggml gives to a tensor type number, known to us or not: "IQ2_XXS"; "type 99" for one nobody named.
std::string GgmlTypeName(uint32_t gguf_id);

}  // namespace bedplate
