// Fuzzes the reader of the flight recorder's slots: whatever the bytes, a slot of a shape that the books take, or a
// reason why it is none; and what was read is written as a slot that reads the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "ledger/metering/flight_slot.h"

namespace {

using bedplate::FlightSlotContent;

// The first byte says which checksums are made right, so that what lies behind them is reached.
void MakeRight(uint8_t which, std::span<std::byte, bedplate::kCellBytes> cell) {
  if ((which & 1) == 0) return;
  const uint64_t checksum = bedplate::FlightChecksum(std::span(cell).subspan(64 + 8, 40));
  std::memcpy(cell.data() + 64, &checksum, sizeof checksum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::array<std::byte, bedplate::kCellBytes> cell{};
  std::array<std::byte, bedplate::kDescriptorBytes> descriptor{};
  const size_t of_cell = std::min(size - 1, cell.size());
  std::memcpy(cell.data(), data + 1, of_cell);
  std::memcpy(descriptor.data(), data + 1 + of_cell, std::min(size - 1 - of_cell, descriptor.size()));
  MakeRight(data[0], cell);
  const FlightSlotContent content = bedplate::ReadFlightSlot(cell, descriptor);
  if (content.kind == FlightSlotContent::Kind::kDamaged) BP_CHECK(!content.why.empty());
  if (content.kind != FlightSlotContent::Kind::kTaken) return 0;
  BP_CHECK(bedplate::CheckShape(content.descriptor).ok());
  std::array<std::byte, bedplate::kCellBytes> cell_again{};
  std::array<std::byte, bedplate::kDescriptorBytes> descriptor_again{};
  bedplate::WriteDescriptor(content.descriptor, 7, descriptor_again);
  bedplate::FlightCell(cell_again, 0).Store(7, content.usage);
  const FlightSlotContent again = bedplate::ReadFlightSlot(cell_again, descriptor_again);
  BP_CHECK(again.kind == FlightSlotContent::Kind::kTaken && again.descriptor == content.descriptor);
  BP_CHECK(again.usage == content.usage);
  return 0;
}
