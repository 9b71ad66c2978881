#pragma once
/// Files as values. Errors carry the path, what was tried and the system's reason.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate {

/// Which file, in which state. Two that are equal name the same bytes, as long as writers leave time stamps alone: the
/// system raises `changed_ns` with every write and rename and lets nobody set it back.
struct FileIdentity {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t modified_ns = 0, changed_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};
Result<FileIdentity> IdentityOf(const std::filesystem::path& path);

/// A whole file mapped read-only. Owns the mapping; movable. Bytes stay valid while it lives. Any thread may read.
/// Trap: a file truncated by someone else after mapping raises SIGBUS on access; install one model file per name and
/// replace by rename.
class MappedFile {
 public:
  static Result<MappedFile> Open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const FileIdentity& identity() const { return identity_; }  // when it was opened
  /// Asks the system to begin reading [offset, offset+length) from the disk where it is not in memory yet.
  void ReadAhead(size_t offset, size_t length) const;
  /// Tells the system that [offset, offset+length) won't be read again soon, so that it leaves our resident memory.
  void Release(size_t offset, size_t length) const;

 private:
  MappedFile(std::filesystem::path path, const FileIdentity& identity, const std::byte* data, size_t size)
      : path_(std::move(path)), identity_(identity), data_(data), size_(size) {}
  std::filesystem::path path_;
  FileIdentity identity_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

Result<std::string> ReadFile(const std::filesystem::path& path, size_t bytes_max = size_t{1} << 30);
/// Writes beside the path, syncs, then renames: a reader sees the old bytes or the new, never a part.
/// mode: who may do what with it, less what the umask takes.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes, uint32_t mode = 0644);

}  // namespace bedplate
