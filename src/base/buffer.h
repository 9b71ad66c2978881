#pragma once
/// Zeroed, 64-byte aligned (2 MiB aligned from 2 MiB up, with transparent huge pages asked for) memory for weights, KV
/// and scratch. Owned, movable, fixed size. Allocation failure is a Status: memory is a budget, not a hope.

#include <cstddef>
#include <span>

#include "base/status.h"

namespace bedplate {

class Buffer {
 public:
  Buffer() = default;
  static Result<Buffer> Allocate(size_t bytes);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_; }
  /// The buffer seen as n = size()/sizeof(T) values.
  template <class T>
  [[nodiscard]] std::span<T> As() const {
    return {reinterpret_cast<T*>(data_), size_ / sizeof(T)};
  }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t mapped_ = 0;
};

}  // namespace bedplate
