#pragma once
/// A file that is read and written in place, at any offset. An interface, so that tests bring files whose disk fails.
///
/// Threads: one caller at a time. Errors: kDataLoss where the file ends before what is to be read; kResourceExhausted
/// where the disk or a quota is full; kIoError otherwise. After an error any part of the bytes may have been written.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/status.h"

namespace bedplate {

class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  [[nodiscard]] virtual Result<uint64_t> Size() const = 0;
  virtual Status ReadAt(uint64_t offset, std::span<std::byte> out) = 0;
  virtual Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) = 0;
  /// Cuts the file to this size, or lengthens it with zeros.
  virtual Status Truncate(uint64_t size) = 0;
};

/// Opens the file, or makes it, and locks it as long as the object lives (flock: the system unlocks what a killed
/// process held). kUnavailable: another process has it.
Result<std::unique_ptr<RandomAccessFile>> OpenLockedFile(const std::filesystem::path& path);
/// For reading alone, without a lock. kNotFound: there is none.
Result<std::unique_ptr<RandomAccessFile>> OpenForReading(const std::filesystem::path& path);

}  // namespace bedplate
