#include "ledger/metering/flight_slot.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "base/cat.h"
#include "base/random.h"

namespace bedplate {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kSlotNameBytesMax = 256;
constexpr size_t kTagBytesMax = 4096;
constexpr size_t kSlotTexts = 8;
constexpr size_t kCopyBytes = 64;

struct DescriptorHead {
  uint64_t checksum;  // over what follows, to the end of the texts
  uint64_t claim;
  int64_t epoch;
  int64_t started_unix_us;
  uint32_t streamed;
  std::array<uint16_t, kSlotTexts> sizes;  // of the texts, one after another behind this
  uint32_t padding;
};
static_assert(sizeof(DescriptorHead) == 56);
static_assert(sizeof(DescriptorHead) + (kSlotTexts - 1) * kSlotNameBytesMax + kTagBytesMax <= kDescriptorBytes);

struct UsageCopy {
  uint64_t checksum;  // over what follows
  uint64_t version;
  uint64_t claim;
  int64_t sequence;
  uint32_t prompt_tokens, cached_tokens, output_tokens, reasoning_tokens;
};
static_assert(sizeof(UsageCopy) <= kCopyBytes);

template <class T>
std::span<const std::byte> AfterChecksum(const T& value) {
  return std::as_bytes(std::span(&value, 1)).subspan(sizeof(uint64_t));
}

template <class T>
T LoadFrom(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// 48 bits of version under 16 that a change of any byte of them changes, too.
uint64_t IndexOf(uint64_t version) {
  const uint64_t check = (version ^ version >> 16 ^ version >> 32 ^ 0xB5D7) & 0xFFFF;
  return check << 48 | (version & 0xFFFF'FFFF'FFFF);
}

auto TextsOf(auto& descriptor) {
  return std::array{&descriptor.request, &descriptor.tenant, &descriptor.project,  &descriptor.api_key,
                    &descriptor.model,   &descriptor.tier,   &descriptor.end_user, &descriptor.tags};
}

size_t CopyOffset(uint64_t version) {
  return kCopyBytes * (1 + version % 2);
}

}  // namespace

uint64_t FlightChecksum(std::span<const std::byte> bytes) {
  uint64_t sum = Mix64(bytes.size());
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    sum = Mix64(sum ^ word);
    bytes = bytes.subspan(size);
  }
  return sum;
}

Status CheckShape(const FlightDescriptor& descriptor) {
  const auto texts = TextsOf(descriptor);
  for (size_t i = 0; i < kSlotTexts; ++i) {
    const size_t max = i + 1 < kSlotTexts ? kSlotNameBytesMax : kTagBytesMax;
    if (texts[i]->size() > max) {
      return Status::InvalidArgument(
          Cat("what a request says of itself for the books has ", texts[i]->size(), " bytes; allowed: ", max));
    }
  }
  return Status::Ok();
}

void WriteDescriptor(const FlightDescriptor& descriptor, uint64_t claim, DescriptorBytes bytes) {
  DescriptorHead head{.checksum = 0,
                      .claim = claim,
                      .epoch = descriptor.epoch,
                      .started_unix_us = descriptor.started_unix_us,
                      .streamed = descriptor.streamed ? 1u : 0u,
                      .sizes = {},
                      .padding = 0};
  const auto texts = TextsOf(descriptor);
  size_t end = sizeof head;
  for (size_t i = 0; i < kSlotTexts; ++i) {
    head.sizes[i] = static_cast<uint16_t>(texts[i]->size());
    if (!texts[i]->empty()) std::memcpy(bytes.data() + end, texts[i]->data(), texts[i]->size());
    end += texts[i]->size();
  }
  std::memcpy(bytes.data(), &head, sizeof head);
  head.checksum = FlightChecksum(bytes.subspan(sizeof head.checksum, end - sizeof head.checksum));
  std::memcpy(bytes.data(), &head.checksum, sizeof head.checksum);
}

Result<ReadDescriptor> ReadDescriptorFrom(std::span<const std::byte, kDescriptorBytes> bytes) {
  const auto head = LoadFrom<DescriptorHead>(bytes);
  size_t end = sizeof head;
  for (const uint16_t size : head.sizes) end += size;
  if (end > kDescriptorBytes) return Status::DataLoss("its texts are longer than it");
  const size_t checked = end - sizeof head.checksum;
  if (head.checksum != FlightChecksum(bytes.subspan(sizeof head.checksum, checked)) || head.streamed > 1) {
    return Status::DataLoss("its descriptor is damaged");
  }
  ReadDescriptor read{.claim = head.claim, .descriptor = {}};
  read.descriptor.epoch = head.epoch;
  read.descriptor.started_unix_us = head.started_unix_us;
  read.descriptor.streamed = head.streamed == 1;
  const auto texts = TextsOf(read.descriptor);
  size_t at = sizeof head;
  for (size_t i = 0; i < kSlotTexts; ++i) {
    texts[i]->assign(reinterpret_cast<const char*>(bytes.data()) + at, head.sizes[i]);
    at += head.sizes[i];
  }
  BP_RETURN_IF_ERROR(CheckShape(read.descriptor));
  return read;
}

Result<CellState> ReadCellFrom(std::span<const std::byte, kCellBytes> bytes) {
  if (std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; })) return CellState{};
  const auto index = LoadFrom<uint64_t>(bytes);
  const uint64_t stored = index & 0xFFFF'FFFF'FFFF;
  if (index != 0 && index != IndexOf(stored)) return Status::DataLoss("its index is damaged");
  std::optional<UsageCopy> newest;
  for (const uint64_t which : {0, 1}) {
    const auto copy = LoadFrom<UsageCopy>(bytes.subspan(CopyOffset(which)));
    const bool sound = copy.checksum == FlightChecksum(AfterChecksum(copy)) && copy.version % 2 == which;
    if (sound && copy.version >= stored && (!newest || copy.version > newest->version)) newest = copy;
  }
  // The first store of all was cut: nothing is known of a request before its cell says so.
  if (!newest && index == 0) return CellState{};
  if (!newest) return Status::DataLoss("what it says of the usage is damaged");
  return CellState{.version = newest->version,
                   .claim = newest->claim,
                   .usage = {.sequence = newest->sequence,
                             .prompt_tokens = newest->prompt_tokens,
                             .cached_tokens = newest->cached_tokens,
                             .output_tokens = newest->output_tokens,
                             .reasoning_tokens = newest->reasoning_tokens}};
}

void FlightCell::Store(uint64_t claim, const FlightUsage& usage) {
  ++version_;
  UsageCopy copy{.checksum = 0,
                 .version = version_,
                 .claim = claim,
                 .sequence = usage.sequence,
                 .prompt_tokens = usage.prompt_tokens,
                 .cached_tokens = usage.cached_tokens,
                 .output_tokens = usage.output_tokens,
                 .reasoning_tokens = usage.reasoning_tokens};
  copy.checksum = FlightChecksum(AfterChecksum(copy));
  std::memcpy(bytes_.data() + CopyOffset(version_), &copy, sizeof copy);
  // Release: the copy is in memory before the index that names it.
  std::atomic_ref(*reinterpret_cast<uint64_t*>(bytes_.data())).store(IndexOf(version_), std::memory_order_release);
}

void FlightCell::Clear() {
  std::ranges::fill(bytes_, std::byte{0});
  version_ = 0;
}

FlightSlotContent ReadFlightSlot(std::span<const std::byte, kCellBytes> cell,
                                 std::span<const std::byte, kDescriptorBytes> descriptor) {
  using Kind = FlightSlotContent::Kind;
  const Result<CellState> state = ReadCellFrom(cell);
  if (!state.ok()) return {.kind = Kind::kDamaged, .why = state.status().message()};
  if (state->claim == 0) return {.kind = Kind::kFree};
  Result<ReadDescriptor> read = ReadDescriptorFrom(descriptor);
  if (!read.ok()) return {.kind = Kind::kDamaged, .why = read.status().message()};
  if (read->claim > state->claim) return {.kind = Kind::kOverwritten};
  if (read->claim < state->claim) return {.kind = Kind::kDamaged, .why = "what it says of its request was lost"};
  return {.kind = Kind::kTaken, .descriptor = std::move(read->descriptor), .usage = state->usage};
}

}  // namespace bedplate
