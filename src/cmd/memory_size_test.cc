// Sizes are read as people write them; anything else is refused.
#include "cmd/memory_size.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

TEST(MemorySize, ReadsWhatPeopleWrite) {
  EXPECT_EQ(*ParseMemorySize("8GiB"), size_t{8} << 30);
  EXPECT_EQ(*ParseMemorySize("1.5G"), size_t{3} << 29);
  EXPECT_EQ(*ParseMemorySize("512 MB"), size_t{512} << 20);
  EXPECT_EQ(*ParseMemorySize("2000000000"), 2000000000u);
  for (const std::string_view bad : {"", "GiB", "-1G", "8 gallons", "0", "1e40G", "nan"}) {
    EXPECT_FALSE(ParseMemorySize(bad).ok()) << bad;
  }
  EXPECT_EQ(MemorySizeText(size_t{3} << 29), "1.50 GiB");
  EXPECT_GT(AvailableMemory(), 0u);
}

}  // namespace
}  // namespace bedplate
