// Method: a disk in memory whose calls fail, each in turn; every bit of a small file flipped, every length of it cut. A
// run that comes out is the run that went in, or an error.

#include "pages/page_file.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "base/random_access_file_testing.h"

namespace bedplate {
namespace {

constexpr uint64_t kRunBytes = 100;
constexpr uint32_t kSlots = 3;

PageKey KeyOf(uint64_t n) {
  PageKey key;
  for (size_t i = 0; i < key.digest.size(); ++i) key.digest[i] = static_cast<unsigned char>(HashWords(n, i, 7));
  return key;
}

std::vector<std::byte> RunOf(uint64_t n) {
  std::vector<std::byte> bytes(kRunBytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(HashWords(n, i, 8));
  return bytes;
}

PageFile::Options Options() {
  return {.identity = KeyOf(1000), .label = "a model", .run_bytes = kRunBytes, .slots_max = kSlots};
}

PageFile::Record RecordOf(uint64_t n, uint64_t slot) {
  return {.key = KeyOf(n), .parent = KeyOf(n + 1), .number = n, .slot = static_cast<uint32_t>(slot)};
}

PageFile::Opened OpenGood(const DiskBytes& disk) {
  auto opened = PageFile::Open(std::make_unique<MemoryFile>(disk), Options());
  EXPECT_TRUE(opened.ok()) << opened.status().message();
  return std::move(*opened);
}

TEST(PageFile, GivesBackWhatWasWrittenBeforeTheProcessEnded) {
  const auto disk = std::make_shared<std::vector<std::byte>>();
  {
    PageFile::Opened opened = OpenGood(disk);
    EXPECT_TRUE(opened.records.empty());
    ASSERT_TRUE(opened.file->Write(RecordOf(7, 2), RunOf(7)).ok());
    ASSERT_TRUE(opened.file->Write(RecordOf(5, 0), RunOf(5)).ok());
    ASSERT_TRUE(opened.file->Write(RecordOf(9, 2), RunOf(9)).ok());  // in place of the first
  }
  PageFile::Opened opened = OpenGood(disk);
  ASSERT_EQ(opened.records.size(), 2u);
  EXPECT_EQ(opened.records[0].key, KeyOf(5));
  EXPECT_EQ(opened.records[1].key, KeyOf(9));
  EXPECT_EQ(opened.records[1].parent, KeyOf(10));
  EXPECT_EQ(opened.records[1].slot, 2u);
  std::vector<std::byte> out(kRunBytes);
  ASSERT_TRUE(opened.file->Read(2, KeyOf(9), out).ok());
  EXPECT_EQ(out, RunOf(9));
  EXPECT_EQ(opened.file->Read(2, KeyOf(7), out).code(), StatusCode::kDataLoss);
  EXPECT_EQ(opened.file->Read(1, KeyOf(7), out).code(), StatusCode::kDataLoss);
  MemoryFile file(disk);
  EXPECT_EQ(PageFile::LabelOf(file), "a model");
}

/// Whatever a disk holds, what is read from it is right or an error; and it can be used again.
void ExpectHonest(const DiskBytes& disk) {
  auto opened = PageFile::OpenOrReplace(std::make_unique<MemoryFile>(disk), Options());
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  std::vector<std::byte> out(kRunBytes);
  for (const PageFile::Record& record : opened->records) {
    ASSERT_LT(record.slot, kSlots);
    const Status read = opened->file->Read(record.slot, record.key, out);
    if (!read.ok()) {
      EXPECT_EQ(read.code(), StatusCode::kDataLoss);
      continue;
    }
    EXPECT_EQ(record.key, KeyOf(record.number));
    EXPECT_EQ(out, RunOf(record.number));
  }
  ASSERT_TRUE(opened->file->Write(RecordOf(77, 1), RunOf(77)).ok());
  ASSERT_TRUE(opened->file->Read(1, KeyOf(77), out).ok());
  EXPECT_EQ(out, RunOf(77));
}

TEST(PageFile, SurvivesEveryIoFault) {
  for (int fail_at = 1;; ++fail_at) {
    const auto disk = std::make_shared<std::vector<std::byte>>();
    int calls = 0;
    const auto faults = [&] { return ++calls == fail_at ? MemoryFile::Fault::kIo : MemoryFile::Fault::kNone; };
    auto opened = PageFile::Open(std::make_unique<MemoryFile>(disk, faults), Options());
    bool all = opened.ok();
    // A killed process does nothing after its last write.
    for (uint64_t n = 1; all && n <= 4; ++n) all = opened->file->Write(RecordOf(n, n % kSlots), RunOf(n)).ok();
    ExpectHonest(disk);
    if (calls < fail_at) {
      EXPECT_TRUE(all);
      EXPECT_GT(fail_at, 12);
      break;
    }
    EXPECT_FALSE(all);
  }
}

TEST(PageFile, NeverBelievesADamagedFile) {
  const auto whole = std::make_shared<std::vector<std::byte>>();
  {
    PageFile::Opened opened = OpenGood(whole);
    for (uint64_t n = 1; n <= kSlots; ++n) ASSERT_TRUE(opened.file->Write(RecordOf(n, n - 1), RunOf(n)).ok());
  }
  Prng rng(TestSeed());
  for (int round = 0; round < 600; ++round) {
    const auto disk = std::make_shared<std::vector<std::byte>>(*whole);
    const auto last = static_cast<int64_t>(disk->size()) - 1;
    // Header, records, bytes: where something is; the rest of the file is empty.
    const int64_t at = rng.Pick<int64_t>(
        {rng.Range(0, 191), 4096 + rng.Range(0, 383), 4096 + 131072 + rng.Range(0, 99), rng.Range(0, last)});
    (*disk)[static_cast<size_t>(at)] ^= static_cast<std::byte>(1 << rng.Range(0, 7));
    ExpectHonest(disk);
  }
  for (size_t size = 0; size < whole->size(); size += size < 5000 ? 61 : 997) {
    ExpectHonest(std::make_shared<std::vector<std::byte>>(whole->begin(), whole->begin() + static_cast<int64_t>(size)));
  }
}

TEST(PageFile, IsOfOneModelAndOneLayout) {
  const auto disk = std::make_shared<std::vector<std::byte>>();
  {
    ASSERT_TRUE(OpenGood(disk).file->Write(RecordOf(1, 0), RunOf(1)).ok());
  }
  PageFile::Options other_model = Options(), other_layout = Options();
  other_model.identity = KeyOf(1001);
  other_layout.run_bytes = kRunBytes + 1;
  for (const PageFile::Options& other : {other_model, other_layout}) {
    EXPECT_EQ(PageFile::Open(std::make_unique<MemoryFile>(disk), other).status().code(), StatusCode::kDataLoss);
    const auto copy = std::make_shared<std::vector<std::byte>>(*disk);
    const auto begun = PageFile::OpenOrReplace(std::make_unique<MemoryFile>(copy), other);
    ASSERT_TRUE(begun.ok());
    EXPECT_TRUE(begun->records.empty());
  }
  EXPECT_EQ(OpenGood(disk).records.size(), 1u);
}

TEST(PageFile, GrowsAndShrinksWithItsBudget) {
  Prng rng(TestSeed());
  for (const uint64_t run_bytes : {uint64_t{100}, uint64_t{4096}, uint64_t{458'752}}) {
    for (int round = 0; round < 100; ++round) {
      const auto budget = static_cast<uint64_t>(rng.Range(0, int64_t{1} << 36));
      const uint32_t slots = PageFile::SlotsWithin(budget, run_bytes);
      const uint64_t chunks = (slots + 1023) / 1024;
      const uint64_t bytes = 4096 + chunks * 131072 + slots * PageFile::BytesPerRun(run_bytes);
      EXPECT_LE(slots == 0 ? 0 : bytes, budget);
      EXPECT_GT(bytes + PageFile::BytesPerRun(run_bytes) + 131072, budget);
    }
  }
  const auto disk = std::make_shared<std::vector<std::byte>>();
  {
    PageFile::Opened opened = OpenGood(disk);
    for (uint64_t n = 1; n <= kSlots; ++n) ASSERT_TRUE(opened.file->Write(RecordOf(n, n - 1), RunOf(n)).ok());
  }
  PageFile::Options less = Options(), more = Options();
  less.slots_max = 2;
  more.slots_max = 5000;
  const size_t before = disk->size();
  {
    auto opened = PageFile::Open(std::make_unique<MemoryFile>(disk), less);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened->records.size(), 2u);
  }
  EXPECT_LT(disk->size(), before);
  auto opened = PageFile::Open(std::make_unique<MemoryFile>(disk), more);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->records.size(), 2u);
  ASSERT_TRUE(opened->file->Write(RecordOf(9, 4999), RunOf(9)).ok());
  opened = PageFile::Open(std::make_unique<MemoryFile>(disk), more);
  ASSERT_TRUE(opened.ok());
  ASSERT_EQ(opened->records.size(), 3u);
  std::vector<std::byte> out(kRunBytes);
  ASSERT_TRUE(opened->file->Read(4999, KeyOf(9), out).ok());
  EXPECT_EQ(out, RunOf(9));
}

}  // namespace
}  // namespace bedplate
