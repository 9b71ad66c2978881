// Files are read whole, mapped, and replaced in one step; what is missing or no file is an error that names it.
#include "base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/cat.h"

namespace bedplate {
namespace {

std::filesystem::path TempPath(std::string_view name) {
  return std::filesystem::temp_directory_path() / Cat("bedplate_file_test_", ::getpid(), "_", name);
}

TEST(File, WritesReplacesReadsAndMaps) {
  const auto path = TempPath("a");
  for (const std::string& text : {std::string("first"), std::string(100000, 'x'), std::string()}) {
    ASSERT_TRUE(WriteFileAtomically(path, text).ok());
    EXPECT_EQ(*ReadFile(path), text);
    const Result<MappedFile> mapped = MappedFile::Open(path);
    ASSERT_TRUE(mapped.ok());
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()), text);
    mapped->Release(0, text.size());
  }
  std::filesystem::remove(path);
}

TEST(File, LargeFilesLieAtHugePages) {
  const auto path = TempPath("large");
  for (const size_t size : {(size_t{2} << 20) - 1, size_t{2} << 20, (size_t{5} << 20) + 4097}) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; i += 997) text[i] = static_cast<char>(i);
    ASSERT_TRUE(WriteFileAtomically(path, text).ok());
    const Result<MappedFile> mapped = MappedFile::Open(path);
    ASSERT_TRUE(mapped.ok());
    if (size >= size_t{2} << 20) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(mapped->bytes().data()) % (2 << 20), 0u);
    }
    mapped->ReadAhead(size - 10, 100);
    EXPECT_TRUE(std::string_view(reinterpret_cast<const char*>(mapped->bytes().data()), size) == text);
  }
  std::filesystem::remove(path);
}

TEST(File, IdentityTellsAReplacedOrWrittenFile) {
  const auto path = TempPath("identity");
  ASSERT_TRUE(WriteFileAtomically(path, "one").ok());
  Result<MappedFile> mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  const MappedFile moved = std::move(*mapped);
  EXPECT_EQ(*IdentityOf(path), moved.identity());
  do {  // in place; again if the clock of the file system has not moved
    std::ofstream(path) << "two";
  } while (*IdentityOf(path) == moved.identity());
  const FileIdentity written = *IdentityOf(path);
  ASSERT_TRUE(WriteFileAtomically(path, "two").ok());  // another file of the same name
  EXPECT_NE(*IdentityOf(path), written);
  std::filesystem::remove(path);
  EXPECT_EQ(IdentityOf(path).status().code(), StatusCode::kNotFound);
}

TEST(File, ErrorsNameThePath) {
  const auto missing = TempPath("missing");
  EXPECT_EQ(ReadFile(missing).status().code(), StatusCode::kNotFound);
  EXPECT_NE(MappedFile::Open(missing).status().message().find(missing.string()), std::string::npos);
  EXPECT_FALSE(MappedFile::Open(std::filesystem::temp_directory_path()).ok());
  EXPECT_FALSE(WriteFileAtomically(missing / "below", "x").ok());
}

TEST(File, ReadHonoursItsCap) {
  const auto path = TempPath("big");
  ASSERT_TRUE(WriteFileAtomically(path, std::string(1000, 'x')).ok());
  EXPECT_EQ(ReadFile(path, 999).status().code(), StatusCode::kTooLarge);
  EXPECT_TRUE(ReadFile(path, 1000).ok());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace bedplate
