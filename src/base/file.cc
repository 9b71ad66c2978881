#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/cat.h"
#include "base/descriptor.h"

namespace bedplate {
namespace {

Status SystemError(std::string_view doing, const std::filesystem::path& path, int error) {
  const std::string message = Cat(doing, " ", path.string(), ": ", std::strerror(error));
  if (error == ENOENT) return Status::NotFound(message);
  return Status::IoError(message);
}

/// Maps a file at a multiple of a huge page, so that the system can use huge pages where the page cache holds them.
void* MapReadOnly(int fd, size_t size) {
  constexpr size_t kMapUnit = size_t{2} << 20;
  if (size < kMapUnit) return ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  const size_t room = size + kMapUnit;
  void* const raw = ::mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return raw;
  auto* const begin = static_cast<std::byte*>(raw);
  std::byte* const start = begin + (kMapUnit - reinterpret_cast<uintptr_t>(raw) % kMapUnit) % kMapUnit;
  void* const data = ::mmap(start, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
  const int error = errno;
  if (data == MAP_FAILED) {
    ::munmap(raw, room);
    errno = error;
    return data;
  }
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::byte* const end = start + (size + page - 1) / page * page;
  if (start > begin) ::munmap(begin, static_cast<size_t>(start - begin));
  if (begin + room > end) ::munmap(end, static_cast<size_t>(begin + room - end));
  return data;
}

int64_t Nanoseconds(const struct timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Result<FileIdentity> RegularFile(int fd, const std::filesystem::path& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return SystemError("cannot read the size of", path, errno);
  if (!S_ISREG(info.st_mode)) return Status::InvalidArgument(Cat(path.string(), " is not a regular file"));
  return FileIdentity{.device = info.st_dev,
                      .inode = info.st_ino,
                      .size = static_cast<uint64_t>(info.st_size),
                      .modified_ns = Nanoseconds(info.st_mtim),
                      .changed_ns = Nanoseconds(info.st_ctim)};
}

}  // namespace

Result<FileIdentity> IdentityOf(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError("cannot open", path, errno);
  return RegularFile(fd.get(), path);
}

Result<MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError("cannot open", path, errno);
  BP_ASSIGN_OR_RETURN(const FileIdentity identity, RegularFile(fd.get(), path));
  const auto size = static_cast<size_t>(identity.size);
  if (size == 0) return MappedFile(path, identity, nullptr, 0);
  void* data = MapReadOnly(fd.get(), size);
  if (data == MAP_FAILED) return SystemError("cannot map", path, errno);
  return MappedFile(path, identity, static_cast<const std::byte*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      identity_(other.identity_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(identity_, other.identity_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::ReadAhead(size_t offset, size_t length) const {
  if (offset >= size_) return;
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t begin = offset / page * page;
  const size_t end = offset + std::min(length, size_ - offset);
  // The system looks at every page of what is asked for, 10 ms a gigabyte, to find that it is there already. Whole
  // files are read in order, so the first page tells. Of a file that this user may not write it says yes: then pages
  // come in as they are touched, by the system's own reading ahead.
  unsigned char resident = 0;
  if (::mincore(const_cast<std::byte*>(data_) + begin, 1, &resident) == 0 && (resident & 1) != 0) return;
  ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_WILLNEED);
}

void MappedFile::Release(size_t offset, size_t length) const {
  if (offset >= size_) return;
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t begin = (offset + page - 1) / page * page;
  const size_t end = (offset + std::min(length, size_ - offset)) / page * page;
  if (begin < end) ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

Result<std::string> ReadFile(const std::filesystem::path& path, size_t bytes_max) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError("cannot open", path, errno);
  std::string out;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("cannot read", path, errno);
    if (n == 0) return out;
    if (out.size() + static_cast<size_t>(n) > bytes_max) {
      return Status::TooLarge(Cat(path.string(), " is larger than the ", bytes_max, " bytes allowed here"));
    }
    out.append(buffer, static_cast<size_t>(n));
  }
}

Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes, uint32_t mode) {
  const std::filesystem::path partial = path.string() + Cat(".partial.", ::getpid());
  Descriptor fd(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (fd.get() < 0) return SystemError("cannot create", partial, errno);
  const auto fail = [&](std::string_view doing) {
    const int error = errno;
    ::unlink(partial.c_str());
    return SystemError(doing, path, error);
  };
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("cannot write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  if (::fsync(fd.get()) != 0) return fail("cannot sync");
  if (fd.Close() != 0) return fail("cannot close");
  if (::rename(partial.c_str(), path.c_str()) != 0) return fail("cannot rename into");
  return Status::Ok();
}

}  // namespace bedplate
