#pragma once
/// For tests: a disk in memory that outlives the files on it, and a file on it whose calls fail.

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/random_access_file.h"

namespace bedplate {

/// What a power cut leaves: the bytes. Shared by the test and the files that it opens one after another.
using DiskBytes = std::shared_ptr<std::vector<std::byte>>;

class MemoryFile final : public RandomAccessFile {
 public:
  /// What a call does besides its work: nothing, or it does half of it (of a write) and fails.
  enum class Fault : uint8_t { kNone, kIo, kFull };
  /// Asked before each read, write and truncation.
  using Faults = std::function<Fault()>;

  explicit MemoryFile(
      DiskBytes disk, Faults faults = [] { return Fault::kNone; })
      : disk_(std::move(disk)), faults_(std::move(faults)) {}

  [[nodiscard]] Result<uint64_t> Size() const override { return uint64_t{disk_->size()}; }

  Status ReadAt(uint64_t offset, std::span<std::byte> out) override {
    if (faults_() != Fault::kNone) return Status::IoError("the disk failed on purpose");
    if (offset + out.size() > disk_->size()) return Status::DataLoss("the file ends before");
    std::copy_n(disk_->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return Status::Ok();
  }

  Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    const Fault fault = faults_();
    const size_t done = fault == Fault::kNone ? bytes.size() : bytes.size() / 2;
    if (done > 0 && offset + done > disk_->size()) disk_->resize(offset + done);
    std::copy_n(bytes.begin(), done, disk_->begin() + static_cast<std::ptrdiff_t>(done > 0 ? offset : 0));
    if (fault == Fault::kFull) return Status::ResourceExhausted("the disk is full on purpose");
    return fault == Fault::kIo ? Status::IoError("the disk failed on purpose") : Status::Ok();
  }

  Status Truncate(uint64_t size) override {
    if (faults_() != Fault::kNone) return Status::IoError("the disk failed on purpose");
    disk_->resize(size);
    return Status::Ok();
  }

 private:
  const DiskBytes disk_;
  const Faults faults_;
};

}  // namespace bedplate
