#include "base/random_access_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/cat.h"
#include "base/descriptor.h"

namespace bedplate {
namespace {

class SystemFile final : public RandomAccessFile {
 public:
  SystemFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

  [[nodiscard]] Result<uint64_t> Size() const override {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) return Failed("cannot read the size of");
    return static_cast<uint64_t>(info.st_size);
  }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t n = ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Failed("cannot read");
      if (n == 0) return Status::DataLoss(Cat(path_.string(), " ends at ", offset));
      out = out.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return Status::Ok();
  }

  Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Failed("cannot write");
      bytes = bytes.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return Status::Ok();
  }

  Status Truncate(uint64_t size) override {
    return ::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0 ? Status::Ok() : Failed("cannot set the size of");
  }

 private:
  [[nodiscard]] Status Failed(std::string_view doing) const {
    const int error = errno;
    std::string message = Cat(doing, " ", path_.string(), ": ", std::strerror(error));
    const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    return full ? Status::ResourceExhausted(std::move(message)) : Status::IoError(std::move(message));
  }

  const std::filesystem::path path_;
  const Descriptor fd_;
};

}  // namespace

Result<std::unique_ptr<RandomAccessFile>> OpenLockedFile(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Status::IoError(Cat("cannot open ", path.string(), ": ", std::strerror(errno)));
  std::unique_ptr<RandomAccessFile> file = std::make_unique<SystemFile>(path, fd);  // closes it
  struct stat here{}, named{};
  // Between opening and locking, another process may have removed the name.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || ::fstat(fd, &here) != 0 || ::stat(path.c_str(), &named) != 0 ||
      here.st_ino != named.st_ino || here.st_dev != named.st_dev) {
    return Status::Unavailable(Cat(path.string(), " is in use by another process"));
  }
  if (!S_ISREG(here.st_mode)) return Status::IoError(Cat(path.string(), " is not a regular file"));
  return file;
}

Result<std::unique_ptr<RandomAccessFile>> OpenForReading(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    std::string message = Cat("cannot open ", path.string(), ": ", std::strerror(errno));
    return errno == ENOENT ? Status::NotFound(std::move(message)) : Status::IoError(std::move(message));
  }
  return std::unique_ptr<RandomAccessFile>(std::make_unique<SystemFile>(path, fd));
}

}  // namespace bedplate
