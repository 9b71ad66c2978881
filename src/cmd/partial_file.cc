#include "cmd/partial_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"

namespace bedplate {
namespace {

Status SystemError(std::string_view doing, const std::filesystem::path& path, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    return Status::IoError(Cat("no space left on the disk while writing ", path.string(),
                               "; make room and run the same command again, it resumes"));
  }
  return Status::IoError(Cat(doing, " ", path.string(), ": ", std::strerror(error)));
}

}  // namespace

std::filesystem::path PartialFile::PartialPath() const {
  return destination_.string() + ".partial";
}
std::filesystem::path PartialFile::NotePath() const {
  return destination_.string() + ".partial.json";
}

Result<PartialFile> PartialFile::Open(const std::filesystem::path& destination) {
  std::error_code error;
  std::filesystem::create_directories(destination.parent_path(), error);
  if (error) return SystemError("cannot create the folder", destination.parent_path(), error.value());
  PartialFile out(destination, -1);
  out.fd_ = ::open(out.PartialPath().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (out.fd_ < 0) return SystemError("cannot create", out.PartialPath(), errno);
  // The lock is on the open file; when its owner has renamed it into place meanwhile, it is not the partial file any
  // more.
  struct stat named{};
  struct stat info{};
  const bool locked = ::flock(out.fd_, LOCK_EX | LOCK_NB) == 0 && ::fstat(out.fd_, &info) == 0 &&
                      ::stat(out.PartialPath().c_str(), &named) == 0 && named.st_ino == info.st_ino;
  if (!locked) {
    ::close(std::exchange(out.fd_, -1));
    return Status::Unavailable(Cat(destination.string(), " is being fetched by another process; wait for it"));
  }
  out.size_ = static_cast<uint64_t>(info.st_size);
  out.ReadNote();
  return out;
}

PartialFile::PartialFile(PartialFile&& other) noexcept
    : destination_(std::move(other.destination_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      source_(std::move(other.source_)),
      validator_(std::move(other.validator_)),
      marked_bytes_(other.marked_bytes_) {}

PartialFile::~PartialFile() {
  if (fd_ < 0) return;
  if (size_ == 0) {  // nothing to go on from
    ::unlink(PartialPath().c_str());
    ::unlink(NotePath().c_str());
  }
  ::close(fd_);
}

void PartialFile::ReadNote() {
  const Result<std::string> text = ReadFile(NotePath(), 1 << 16);
  if (!text.ok()) return;
  const Result<Json> note = ParseJson(*text);
  if (!note.ok()) return;
  const Json* source = note->Find("source");
  const Json* validator = note->Find("validator");
  const Json* bytes = note->Find("marked_bytes");
  if (source == nullptr || !source->is_string() || validator == nullptr || !validator->is_string() ||
      bytes == nullptr || !bytes->is_int() || bytes->as_int() < 0) {
    return;
  }
  source_ = source->as_string();
  validator_ = validator->as_string();
  marked_bytes_ = static_cast<uint64_t>(bytes->as_int());
}

Status PartialFile::WriteNote() const {
  std::string text;
  JsonWriter w(text);
  w.BeginObject();
  w.Key("source");
  w.String(source_);
  w.Key("validator");
  w.String(validator_);
  w.Key("marked_bytes");
  w.Uint(marked_bytes_);
  w.EndObject();
  return WriteFileAtomically(NotePath(), text);
}

Status PartialFile::Restart(uint64_t keep, std::string source, std::string validator) {
  if (keep < size_ && ::ftruncate(fd_, static_cast<off_t>(keep)) != 0)
    return SystemError("cannot shorten", PartialPath(), errno);
  size_ = std::min(size_, keep);
  if (::lseek(fd_, static_cast<off_t>(size_), SEEK_SET) < 0) return SystemError("cannot seek in", PartialPath(), errno);
  source_ = std::move(source);
  validator_ = std::move(validator);
  marked_bytes_ = size_;
  return WriteNote();
}

Status PartialFile::Mark(std::string validator) {
  if (::fdatasync(fd_) != 0) return SystemError("cannot sync", PartialPath(), errno);
  validator_ = std::move(validator);
  marked_bytes_ = size_;
  return WriteNote();
}

Status PartialFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("cannot write", PartialPath(), errno);
    size_ += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Status::Ok();
}

Status PartialFile::CheckRoom(uint64_t bytes) const {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(destination_.parent_path(), error);
  if (error || space.available >= bytes) return Status::Ok();
  return Status::IoError(Cat("no room on the disk of ", destination_.parent_path().string(), ": ", bytes,
                             " bytes are needed, ", space.available,
                             " are free; make room, or choose another folder with BEDPLATE_DATA"));
}

Result<std::string> PartialFile::Hash(const std::function<void(uint64_t)>& on_progress) const {
  Sha256 sum;
  std::vector<char> buffer(1 << 20);
  uint64_t at = 0;
  for (;;) {
    const ssize_t n = ::pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("cannot read", PartialPath(), errno);
    if (n == 0) break;
    sum.Add(buffer.data(), static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
    if (on_progress) on_progress(at);
  }
  std::optional<std::string> hex = sum.Hex();
  if (!hex) return Status::Internal("SHA-256 is not available");
  return *std::move(hex);
}

Status PartialFile::Finish() {
  if (::fsync(fd_) != 0) return SystemError("cannot sync", PartialPath(), errno);
  if (::rename(PartialPath().c_str(), destination_.c_str()) != 0)
    return SystemError("cannot rename into", destination_, errno);
  ::unlink(NotePath().c_str());
  ::close(std::exchange(fd_, -1));
  return Status::Ok();
}

void PartialFile::Discard() {
  ::unlink(PartialPath().c_str());
  ::unlink(NotePath().c_str());
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace bedplate
