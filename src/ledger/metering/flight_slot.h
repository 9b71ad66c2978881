#pragma once
/// The bytes of a flight recorder's slot: two places in a mapped file, so that what changes with every event of a
/// stream is small and lies close to that of other requests.
///
///   descriptor  who asks for what: written once, before the cell says that the slot is taken
///   cell        taken or free, and the usage so far: an index and two copies, written in turn
///
/// A store writes the older copy, then the index. Whoever is killed between any two of those leaves the usage as it was
/// before or as it is after. The other copy's checksum tells a store that was cut; the index, one that was damaged: a
/// copy older than the index says is never taken for the newest.
///
/// Power cut: pages reach the disk in any order. A cell and a descriptor of different claims are told apart by the
/// claim's
///            number: a descriptor that is newer has overwritten one whose request was booked or never ran.
/// Bytes:     little-endian, as the machine has them; kFlightForm changes with them.
/// Threads:   one writer a slot at a time.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/status.h"

namespace bedplate {

inline constexpr uint32_t kFlightForm = 1;
inline constexpr size_t kCellBytes = 192;  // three cache lines: the index, and each of the copies
inline constexpr size_t kDescriptorBytes = 8192;
inline constexpr int kClaimNumberBits = 40;  // of a claim; the rest is the epoch, so that later ones are larger
inline constexpr int64_t kFlightEpochMax = (int64_t{1} << (64 - kClaimNumberBits)) - 1;

/// What doesn't change while a request runs.
struct FlightDescriptor {
  int64_t epoch = 0;
  int64_t started_unix_us = 0;
  bool streamed = false;
  // At most 256 bytes each, the tags 4096: as in a UsageEvent.
  std::string request = {}, tenant = {}, project = {}, api_key = {}, model = {}, tier = {}, end_user = {}, tags = {};
  bool operator==(const FlightDescriptor&) const = default;
};
/// kInvalidArgument: something is too long.
Status CheckShape(const FlightDescriptor& descriptor);

struct FlightUsage {
  int64_t sequence = 0;  // of the event's key; 0: nothing was noted yet
  uint32_t prompt_tokens = 0, cached_tokens = 0, output_tokens = 0, reasoning_tokens = 0;
  bool operator==(const FlightUsage&) const = default;
};

using DescriptorBytes = std::span<std::byte, kDescriptorBytes>;
using CellBytes = std::span<std::byte, kCellBytes>;

/// claim: larger than any before it. The descriptor's shape is right.
void WriteDescriptor(const FlightDescriptor& descriptor, uint64_t claim, DescriptorBytes bytes);

struct ReadDescriptor {
  uint64_t claim = 0;
  FlightDescriptor descriptor;
};
/// kDataLoss.
Result<ReadDescriptor> ReadDescriptorFrom(std::span<const std::byte, kDescriptorBytes> bytes);

/// What a cell says.
struct CellState {
  uint64_t version = 0;  // of its last store; 0: it was never used
  uint64_t claim = 0;    // 0: the slot is free
  FlightUsage usage;
  bool operator==(const CellState&) const = default;
};
/// kDataLoss.
Result<CellState> ReadCellFrom(std::span<const std::byte, kCellBytes> bytes);

/// One slot's cell, to be written. It knows the version, so nothing is read from the file.
class FlightCell {
 public:
  /// version: of the last store.
  FlightCell(CellBytes bytes, uint64_t version) : bytes_(bytes), version_(version) {}
  /// claim 0 frees the slot.
  void Store(uint64_t claim, const FlightUsage& usage);
  /// As one that was never used, whatever it says: for damaged ones.
  void Clear();

 private:
  CellBytes bytes_;
  uint64_t version_;
};

/// What a slot says all together.
struct FlightSlotContent {
  enum class Kind : uint8_t {
    kFree,
    kTaken,
    kOverwritten,  // a power cut kept an older cell than descriptor: what it said was booked or never ran
    kDamaged,
  };
  Kind kind = Kind::kFree;
  FlightDescriptor descriptor = {};  // kTaken
  FlightUsage usage = {};            // kTaken
  std::string why = {};              // kDamaged
};
FlightSlotContent ReadFlightSlot(std::span<const std::byte, kCellBytes> cell,
                                 std::span<const std::byte, kDescriptorBytes> descriptor);

/// Of words, each mixed in by a step that loses nothing: a change of one word always shows.
uint64_t FlightChecksum(std::span<const std::byte> bytes);

}  // namespace bedplate
