// Method: files of several identities in a temporary folder; which of them remain, and which can be opened.

#include "pages/page_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/cat.h"
#include "pages/page_file.h"

namespace bedplate {
namespace {

class PageFolderTest : public testing::Test {
 protected:
  PageFolderTest() : folder_(std::filesystem::temp_directory_path() / Cat("page_folder_test.", ::getpid())) {}
  ~PageFolderTest() override { std::filesystem::remove_all(folder_); }

  static PageKey Identity(unsigned char n) {
    PageKey key;
    key.digest[0] = n;
    return key;
  }
  /// A file of about this many bytes, last used so many seconds ago.
  void Make(unsigned char n, size_t bytes, int64_t seconds_ago) {
    uint64_t room = bytes;
    auto file = OpenPageFile({folder_, uint64_t{1} << 40}, Identity(n), room);
    ASSERT_TRUE(file.ok()) << file.status().message();
    auto opened = PageFile::Open(
        std::move(*file),
        {.identity = Identity(n), .label = Cat("model ", static_cast<int>(n)), .run_bytes = bytes, .slots_max = 1});
    ASSERT_TRUE(opened.ok());
    const std::vector<std::byte> run(bytes, std::byte{1});
    ASSERT_TRUE(opened->file->Write({.key = Identity(n), .parent = {}, .number = 1, .slot = 0}, run).ok());
    timespec times[2] = {};
    ::clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= seconds_ago;
    times[1] = times[0];
    ::utimensat(AT_FDCWD, ListPageFiles(folder_).front().path.c_str(), times, 0);
  }
  std::vector<std::string> Labels() {
    std::vector<std::string> labels;
    for (const PageFileEntry& entry : ListPageFiles(folder_)) labels.push_back(entry.label);
    return labels;
  }
  const std::filesystem::path folder_;
};

TEST_F(PageFolderTest, TheLongestUnusedGoForANewOne) {
  EXPECT_TRUE(ListPageFiles(folder_).empty());
  Make(1, 1'000'000, 300);
  Make(2, 1'000'000, 200);
  Make(3, 1'000'000, 100);
  EXPECT_EQ(Labels(), (std::vector<std::string>{"model 3", "model 2", "model 1"}));
  uint64_t bytes = 1'500'000;
  const auto file = OpenPageFile({folder_, 4'000'000}, Identity(4), bytes);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(bytes, 1'500'000u);
  EXPECT_EQ(Labels(), (std::vector<std::string>{"", "model 3", "model 2"}));
}

TEST_F(PageFolderTest, WhatIsInUseStays) {
  Make(1, 1'000'000, 300);
  Make(2, 1'000'000, 200);
  uint64_t bytes = 1;
  const auto used = OpenPageFile({folder_, uint64_t{1} << 40}, Identity(1), bytes);
  ASSERT_TRUE(used.ok());
  EXPECT_EQ(OpenPageFile({folder_, uint64_t{1} << 40}, Identity(1), bytes).status().code(), StatusCode::kUnavailable);
  EXPECT_GT(ClearPageFiles(folder_), 1'000'000u);
  EXPECT_EQ(Labels(), (std::vector<std::string>{"model 1"}));
}

TEST_F(PageFolderTest, OtherFilesAreNotTouched) {
  Make(1, 1000, 1);
  {
    std::ofstream(folder_ / "notes.txt") << "mine";
  }
  {
    std::ofstream(folder_ / "other.pages") << "not ours";
  }
  EXPECT_EQ(Labels().size(), 2u);
  ClearPageFiles(folder_);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "notes.txt"));
  EXPECT_TRUE(ListPageFiles(folder_).empty());
}

TEST_F(PageFolderTest, NoMoreIsGivenThanTheDiskHas) {
  uint64_t bytes = uint64_t{1} << 60;
  ASSERT_TRUE(OpenPageFile({folder_, uint64_t{1} << 61}, Identity(1), bytes).ok());
  EXPECT_LE(bytes, std::filesystem::space(folder_).capacity);
}

}  // namespace
}  // namespace bedplate
