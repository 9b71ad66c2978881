#pragma once
/// Small model files built in memory, for tests: GGUF and safetensors as their format pages describe them.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "model/gguf.h"

namespace bedplate {

template <class T>
void AppendLittleEndian(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Writes values as they are given, so that a test can also write what no writer should.
class GgufBuilder {
 public:
  uint32_t version = 3;
  uint64_t alignment = 32;

  void Raw(std::string_view key, GgufType type, std::string_view value) {
    AppendString(metadata_, key);
    AppendLittleEndian(metadata_, static_cast<uint32_t>(type));
    metadata_ += value;
    ++metadata_count_;
  }
  template <class T>
  void Scalar(std::string_view key, GgufType type, T value) {
    std::string bytes;
    AppendLittleEndian(bytes, value);
    Raw(key, type, bytes);
  }
  void Uint(std::string_view key, uint32_t value) { Scalar(key, GgufType::kUint32, value); }
  void Float(std::string_view key, float value) { Scalar(key, GgufType::kFloat32, value); }
  void Bool(std::string_view key, bool value) { Scalar(key, GgufType::kBool, static_cast<uint8_t>(value)); }
  void String(std::string_view key, std::string_view value) {
    std::string bytes;
    AppendString(bytes, value);
    Raw(key, GgufType::kString, bytes);
  }
  template <class T>
  void Array(std::string_view key, GgufType element, const std::vector<T>& values) {
    std::string bytes = ArrayHead(element, values.size());
    for (const T value : values) AppendLittleEndian(bytes, value);
    Raw(key, GgufType::kArray, bytes);
  }
  void Strings(std::string_view key, const std::vector<std::string>& values) {
    std::string bytes = ArrayHead(GgufType::kString, values.size());
    for (const std::string& value : values) AppendString(bytes, value);
    Raw(key, GgufType::kArray, bytes);
  }
  static std::string ArrayHead(GgufType element, uint64_t count) {
    std::string bytes;
    AppendLittleEndian(bytes, static_cast<uint32_t>(element));
    AppendLittleEndian(bytes, count);
    return bytes;
  }

  /// shape: outermost first. Bytes are the pattern 0, 1, 2, ... unless given.
  void Tensor(std::string_view name, WeightType type, const std::vector<uint64_t>& shape, std::string bytes = "") {
    uint64_t elements = 1;
    for (const uint64_t d : shape) elements *= d;
    if (bytes.empty()) {
      bytes.resize(RowBytes(type, elements));
      for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i);
    }
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
    TensorRecord(name, InfoOf(type).gguf_id, shape, data_.size());
    data_ += bytes;
  }
  void TensorRecord(std::string_view name, uint32_t type, const std::vector<uint64_t>& shape, uint64_t offset) {
    AppendString(records_, name);
    AppendLittleEndian(records_, static_cast<uint32_t>(shape.size()));
    for (size_t i = shape.size(); i > 0; --i) AppendLittleEndian(records_, shape[i - 1]);
    AppendLittleEndian(records_, type);
    AppendLittleEndian(records_, offset);
    ++tensor_count_;
  }
  void Data(std::string_view bytes) { data_ += bytes; }

  [[nodiscard]] std::string Build() const {
    std::string out = "GGUF";
    AppendLittleEndian(out, version);
    AppendLittleEndian(out, tensor_count_);
    AppendLittleEndian(out, metadata_count_);
    out += metadata_ + records_;
    if (tensor_count_ > 0) out.resize((out.size() + alignment - 1) / alignment * alignment);
    return out + data_;
  }

  static void AppendString(std::string& out, std::string_view text) {
    AppendLittleEndian(out, static_cast<uint64_t>(text.size()));
    out += text;
  }

 private:
  uint64_t metadata_count_ = 0;
  uint64_t tensor_count_ = 0;
  std::string metadata_;
  std::string records_;
  std::string data_;
};

inline std::string BuildSafetensors(std::string_view header, std::string_view data) {
  std::string out;
  AppendLittleEndian(out, static_cast<uint64_t>(header.size()));
  return out + std::string(header) + std::string(data);
}

/// A folder that is removed when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bedplate-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path Write(const std::string& name, std::string_view bytes) const {
    std::ofstream out(path_ / name, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace bedplate
