#include "base/buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/cat.h"

namespace bedplate {
namespace {
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;
size_t RoundUp(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}
}  // namespace

Result<Buffer> Buffer::Allocate(size_t bytes) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  const bool huge = bytes >= kHugePage;
  const size_t wanted = RoundUp(bytes, huge ? kHugePage : kPage);
  const size_t asked = wanted + (huge ? kHugePage : 0);  // slack to align by hand
  void* raw = ::mmap(nullptr, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) {
    return Status::ResourceExhausted(Cat("cannot allocate ", bytes, " bytes: ", std::strerror(errno),
                                         "; use a smaller model or a smaller --memory"));
  }
  auto* start = static_cast<std::byte*>(raw);
  if (huge) {
    const auto address = reinterpret_cast<uintptr_t>(raw);
    const size_t head = RoundUp(address, kHugePage) - address;
    if (head > 0) ::munmap(start, head);
    if (asked - head > wanted) ::munmap(start + head + wanted, asked - head - wanted);
    start += head;
    ::madvise(start, wanted, MADV_HUGEPAGE);
  }
  buffer.data_ = start;
  buffer.size_ = bytes;
  buffer.mapped_ = wanted;
  return buffer;
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

Buffer::~Buffer() {
  if (data_ != nullptr) ::munmap(data_, mapped_);
}

}  // namespace bedplate
