#pragma once
/// A file descriptor that is closed when its owner ends. Owns it; below 0: none.

#include <unistd.h>

#include <utility>

namespace bedplate {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  /// close(2)'s answer, for writers who must know.
  int Close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

}  // namespace bedplate
