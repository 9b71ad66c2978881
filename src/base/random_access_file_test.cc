// Method: random reads, writes and truncations beside the same on bytes in memory; what a second opener and a file that
// ends too early are told.

#include "base/random_access_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/cat.h"
#include "base/random.h"
#include "base/random_access_file_testing.h"

namespace bedplate {
namespace {

class RandomAccessFileTest : public testing::Test {
 protected:
  RandomAccessFileTest()
      : path_(std::filesystem::temp_directory_path() / Cat("random_access_file_test.", ::getpid())) {}
  ~RandomAccessFileTest() override { std::filesystem::remove(path_); }
  const std::filesystem::path path_;
};

TEST_F(RandomAccessFileTest, HoldsWhatWasWrittenWhereItWasWritten) {
  Prng rng(TestSeed());
  auto file = OpenLockedFile(path_);
  ASSERT_TRUE(file.ok()) << file.status().message();
  auto bytes = std::make_shared<std::vector<std::byte>>();
  MemoryFile model(bytes);
  for (int round = 0; round < 300; ++round) {
    const auto offset = static_cast<uint64_t>(rng.Range(0, 5000));
    std::vector<std::byte> piece(static_cast<size_t>(rng.Range(0, 3000)));
    for (std::byte& b : piece) b = static_cast<std::byte>(rng.Next());
    switch (rng.Range(0, 2)) {
      case 0:
        ASSERT_TRUE((*file)->WriteAt(offset, piece).ok());
        ASSERT_TRUE(model.WriteAt(offset, piece).ok());
        break;
      case 1: {
        std::vector<std::byte> other(piece.size());
        const Status read = (*file)->ReadAt(offset, piece), wanted = model.ReadAt(offset, other);
        EXPECT_EQ(read.code(), wanted.code());
        if (read.ok()) EXPECT_EQ(piece, other);
        break;
      }
      default:
        ASSERT_TRUE((*file)->Truncate(offset).ok());
        ASSERT_TRUE(model.Truncate(offset).ok());
    }
    EXPECT_EQ(*(*file)->Size(), *model.Size());
  }
}

TEST_F(RandomAccessFileTest, HasOneOwnerAtATime) {
  {
    auto file = OpenLockedFile(path_);
    ASSERT_TRUE(file.ok());
    const auto second = OpenLockedFile(path_);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
    EXPECT_NE(second.status().message().find(path_.string()), std::string::npos);
  }
  EXPECT_TRUE(OpenLockedFile(path_).ok());
}

TEST_F(RandomAccessFileTest, IsReadByOthersWithoutTheLock) {
  EXPECT_EQ(OpenForReading(path_).status().code(), StatusCode::kNotFound);
  auto file = OpenLockedFile(path_);
  ASSERT_TRUE(file.ok());
  std::vector<std::byte> bytes(10, std::byte{7}), read(10);
  ASSERT_TRUE((*file)->WriteAt(5, bytes).ok());
  auto reader = OpenForReading(path_);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE((*reader)->ReadAt(5, read).ok());
  EXPECT_EQ(read, bytes);
  EXPECT_EQ((*reader)->WriteAt(0, bytes).code(), StatusCode::kIoError);
}

TEST_F(RandomAccessFileTest, SaysWhatCannotBeOpened) {
  EXPECT_EQ(OpenLockedFile(path_ / "below").status().code(), StatusCode::kIoError);
  EXPECT_EQ(OpenLockedFile(std::filesystem::temp_directory_path()).status().code(), StatusCode::kIoError);
}

}  // namespace
}  // namespace bedplate
