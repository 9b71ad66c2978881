// Method: slots as bytes. Stores are cut at every byte and bytes are damaged one by one; what is read then is what was
// stored, or that it can't be told, and never something else.
#include "ledger/metering/flight_slot.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "base/random.h"

namespace bedplate {
namespace {

using Kind = FlightSlotContent::Kind;

struct SlotBytes {
  alignas(8) std::array<std::byte, kCellBytes> cell{};
  std::array<std::byte, kDescriptorBytes> descriptor{};
  [[nodiscard]] FlightSlotContent Read() const { return ReadFlightSlot(cell, descriptor); }
};

FlightDescriptor ADescriptor(Prng& prng) {
  const auto text = [&](size_t max) {
    return std::string(static_cast<size_t>(prng.Range(0, static_cast<int64_t>(max))), 'x');
  };
  return {.epoch = prng.Range(0, kFlightEpochMax),
          .started_unix_us = prng.Range(0, 4'000'000'000'000'000),
          .streamed = prng.Chance(0.5),
          .request = Cat("req_", prng.Next()),
          .tenant = text(64),
          .project = text(64),
          .api_key = text(64),
          .model = text(256),
          .tier = text(10),
          .end_user = text(256),
          .tags = text(4096)};
}

FlightUsage SomeUsage(int64_t n) {
  const auto tokens = static_cast<uint32_t>(n);
  return {.sequence = 12,
          .prompt_tokens = 100,
          .cached_tokens = 30,
          .output_tokens = tokens,
          .reasoning_tokens = tokens / 2};
}

TEST(FlightSlot, SaysWhatWasStored) {
  Prng prng(TestSeed());
  SlotBytes slot;
  EXPECT_EQ(slot.Read().kind, Kind::kFree);
  FlightCell cell(slot.cell, 0);
  for (uint64_t claim = 1; claim < 200; ++claim) {
    const FlightDescriptor descriptor = ADescriptor(prng);
    ASSERT_TRUE(CheckShape(descriptor).ok());
    WriteDescriptor(descriptor, claim, slot.descriptor);
    EXPECT_EQ(slot.Read().kind, Kind::kFree) << "before the cell says so";
    cell.Store(claim, {});
    const int64_t stores = prng.Range(0, 5);
    for (int64_t i = 1; i <= stores; ++i) cell.Store(claim, SomeUsage(i));
    const FlightSlotContent content = slot.Read();
    EXPECT_EQ(content.kind, Kind::kTaken) << content.why;
    EXPECT_EQ(content.descriptor, descriptor);
    EXPECT_EQ(content.usage, stores == 0 ? FlightUsage() : SomeUsage(stores));
    cell.Store(0, {});
    EXPECT_EQ(slot.Read().kind, Kind::kFree);
  }
}

TEST(FlightSlot, TakesTheLongestNamesAndNoLongerOnes) {
  FlightDescriptor longest;
  for (std::string* const text : {&longest.request, &longest.tenant, &longest.project, &longest.api_key, &longest.model,
                                  &longest.tier, &longest.end_user}) {
    text->assign(256, 'n');
  }
  longest.tags.assign(4096, 't');
  ASSERT_TRUE(CheckShape(longest).ok());
  SlotBytes slot;
  WriteDescriptor(longest, 1, slot.descriptor);
  const auto read = ReadDescriptorFrom(slot.descriptor);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->descriptor, longest);
  longest.end_user += 'n';
  EXPECT_EQ(CheckShape(longest).code(), StatusCode::kInvalidArgument);
}

// A kill can't cut a store's instructions in any other order than this: a part of the copy, all of it, the index.
TEST(FlightSlot, AStoreThatIsCutAnywhereLeavesTheUsageBeforeOrAfter) {
  Prng prng(TestSeed());
  SlotBytes before;
  WriteDescriptor(ADescriptor(prng), 1, before.descriptor);
  FlightCell cell(before.cell, 0);
  for (int64_t i = 0; i < 10; ++i) {
    cell.Store(1, SomeUsage(i));
    SlotBytes after = before;
    FlightCell(after.cell, static_cast<uint64_t>(i) + 1).Store(1, SomeUsage(i + 1));
    SlotBytes cut = before;
    for (size_t at = 8; at < kCellBytes; ++at) {
      cut.cell[at] = after.cell[at];
      const FlightSlotContent content = cut.Read();
      ASSERT_EQ(content.kind, Kind::kTaken) << at << content.why;
      ASSERT_TRUE(content.usage == SomeUsage(i) || content.usage == SomeUsage(i + 1)) << at;
    }
    EXPECT_EQ(cut.Read().usage, SomeUsage(i + 1)) << "the copy is whole";
    EXPECT_EQ(after.Read().usage, SomeUsage(i + 1));
  }
}

TEST(FlightSlot, ADamagedByteNeverMakesAnotherUsage) {
  Prng prng(TestSeed());
  SlotBytes whole;
  const FlightDescriptor descriptor = ADescriptor(prng);
  WriteDescriptor(descriptor, 9, whole.descriptor);
  FlightCell cell(whole.cell, 0);
  for (int64_t i = 1; i <= 7; ++i) cell.Store(9, SomeUsage(i));
  size_t damaged = 0;
  const auto expect_told = [&](SlotBytes& slot, std::byte& byte) {
    const std::byte was = byte;
    for (const std::byte with : {std::byte{1}, std::byte{0x80}, std::byte{0xFF}}) {
      byte = was ^ with;
      const FlightSlotContent content = slot.Read();
      if (content.kind == Kind::kDamaged) {
        EXPECT_FALSE(content.why.empty());
        ++damaged;
      } else {
        ASSERT_EQ(content.kind, Kind::kTaken);
        ASSERT_EQ(content.descriptor, descriptor);
        ASSERT_EQ(content.usage, SomeUsage(7));
      }
    }
    byte = was;
  };
  for (std::byte& byte : whole.cell) expect_told(whole, byte);
  // The index and the newest copy: what counts. The older copy doesn't.
  EXPECT_EQ(damaged, 3 * (8 + 48));
  for (std::byte& byte : whole.descriptor) expect_told(whole, byte);
  EXPECT_GT(damaged, 3 * (8 + 48 + 56));
}

TEST(FlightSlot, APowerCutThatKeptHalfOfASlotIsTold) {
  Prng prng(TestSeed());
  SlotBytes first, second;
  WriteDescriptor(ADescriptor(prng), 1, first.descriptor);
  FlightCell cell(first.cell, 0);
  cell.Store(1, SomeUsage(1));
  second = first;
  cell.Store(0, {});
  WriteDescriptor(ADescriptor(prng), 2, second.descriptor);
  FlightCell(second.cell, 2).Store(2, SomeUsage(3));

  EXPECT_EQ((SlotBytes{first.cell, second.descriptor}).Read().kind, Kind::kFree);
  SlotBytes older_cell = second;
  FlightCell(older_cell.cell, 4).Store(1, SomeUsage(1));
  EXPECT_EQ(older_cell.Read().kind, Kind::kOverwritten);
  SlotBytes older_descriptor = second;
  older_descriptor.descriptor = first.descriptor;
  EXPECT_EQ(older_descriptor.Read().kind, Kind::kDamaged) << "used, and nobody knows by whom";
}

}  // namespace
}  // namespace bedplate
