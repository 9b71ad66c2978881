#pragma once
/// A file that is being fetched: DESTINATION.partial, and beside it DESTINATION.partial.json, which says where its
/// bytes come from, so that the next attempt goes on where this one stopped, and only then. Finish() checks and renames
/// it into place.
///
/// Threads: one. Processes: a lock on the partial file makes a second fetch of the same model an error.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate {

class PartialFile {
 public:
  /// Creates folders as needed and locks the file. Bytes of an earlier attempt are kept until Restart().
  static Result<PartialFile> Open(const std::filesystem::path& destination);
  PartialFile(PartialFile&& other) noexcept;
  PartialFile& operator=(PartialFile&&) = delete;
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile();

  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] const std::filesystem::path& destination() const { return destination_; }

  /// Of the earlier attempt; empty when there was none. `source` and `validator` (an ETag, or the number of whole
  /// parts) must both fit for its bytes to be of use.
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] const std::string& validator() const { return validator_; }
  [[nodiscard]] uint64_t marked_bytes() const { return marked_bytes_; }

  /// Forgets the bytes beyond `keep` and notes where the following ones come from.
  Status Restart(uint64_t keep, std::string source, std::string validator);
  /// Syncs, then notes that everything up to here is whole under this validator.
  Status Mark(std::string validator);
  /// Errors name a full disk as such.
  Status Append(std::string_view bytes);
  /// Whether so many more bytes fit on the disk; an error says how many are needed and free.
  Status CheckRoom(uint64_t bytes) const;

  /// SHA-256 of what is there, lower-case hex.
  Result<std::string> Hash(const std::function<void(uint64_t)>& on_progress = {}) const;
  /// Renames into place and removes the note. The file is closed.
  Status Finish();
  /// Removes both: the bytes are wrong.
  void Discard();

 private:
  PartialFile(std::filesystem::path destination, int fd) : destination_(std::move(destination)), fd_(fd) {}
  [[nodiscard]] std::filesystem::path PartialPath() const;
  [[nodiscard]] std::filesystem::path NotePath() const;
  void ReadNote();
  Status WriteNote() const;

  std::filesystem::path destination_;
  int fd_;
  uint64_t size_ = 0;
  std::string source_;
  std::string validator_;
  uint64_t marked_bytes_ = 0;
};

}  // namespace bedplate
