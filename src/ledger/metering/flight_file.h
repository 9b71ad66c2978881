#pragma once
/// The flight recorder's file, mapped: a header with the number of starts (epochs), then each slot's cell, then each
/// slot's descriptor (flight_slot.h).
///
/// File:    0600, locked as long as this lives (kUnavailable, reason "in_use", where another process has it). Its whole
///          size is allocated first, so that a disk that fills up later can't stop a store into the mapping; what can't
///          be is kResourceExhausted, reason "disk_full".
/// Epoch:   one more than at the last start, at least epoch_min; on the disk before Open returns.
/// Damage:  a file whose header is damaged, or that is too short, is put aside whole as PATH.damaged-N, and a new one
///          made. One of a form that this build doesn't know is refused (kDataLoss) and left as it is.
/// Threads: any; each slot's bytes are one caller's at a time.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.h"
#include "base/status.h"
#include "ledger/metering/flight_slot.h"

namespace bedplate {

class FlightFile {
 public:
  /// slots: of a new file.
  static Result<std::unique_ptr<FlightFile>> Open(const std::filesystem::path& path, uint32_t slots, int64_t epoch_min);
  ~FlightFile();
  FlightFile(const FlightFile&) = delete;
  FlightFile& operator=(const FlightFile&) = delete;

  [[nodiscard]] uint32_t slots() const { return slots_; }
  [[nodiscard]] int64_t epoch() const { return epoch_; }
  [[nodiscard]] CellBytes CellOf(uint32_t slot) const;
  [[nodiscard]] DescriptorBytes DescriptorOf(uint32_t slot) const;
  /// All cells, one after another, by reading the file: where the disk fails that is an error, not a signal.
  [[nodiscard]] Result<std::vector<std::byte>> ReadCells() const;
  [[nodiscard]] Result<std::vector<std::byte>> ReadDescriptor(uint32_t slot) const;
  /// Waits until all that was stored before in these slots is on the disk. first: a multiple of 64.
  [[nodiscard]] Status Sync(uint32_t first, uint32_t count) const;
  /// A sync leaves pages write-protected, and whoever stores there next pays tens of microseconds for it. These make
  /// them writable again, where the system can (Linux 5.14); otherwise a store takes longer, and nothing else changes.
  void MakeCellsReady(uint32_t first, uint32_t count) const;  // first: as for Sync
  void MakeDescriptorReady(uint32_t slot) const;
  /// Keeps the bytes in a new file beside this one; its name.
  [[nodiscard]] Result<std::string> KeepAside(std::string_view bytes) const;

 private:
  FlightFile(std::filesystem::path path, int file) : path_(std::move(path)), file_(file) {}
  static Result<std::unique_ptr<FlightFile>> OpenLocked(const std::filesystem::path& path);
  Result<bool> ReadHeader();
  Status Make(uint32_t slots);
  Status Allocate() const;
  Status Map();
  Status BeginEpoch(int64_t epoch_min);
  [[nodiscard]] size_t Bytes() const;
  [[nodiscard]] size_t DescriptorOffset(uint32_t slot) const;
  [[nodiscard]] Result<std::vector<std::byte>> Read(size_t offset, size_t size) const;
  [[nodiscard]] Status Failed(std::string_view doing, int error) const;

  const std::filesystem::path path_;
  const Descriptor file_;
  uint32_t slots_ = 0;
  int64_t epoch_ = 0;
  std::byte* map_ = nullptr;
};

}  // namespace bedplate
