#include "base/utc_time.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

TEST(UtcText, IsRfc3339) {
  EXPECT_EQ(UtcText(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(UtcText(1'709'210'096), "2024-02-29T12:34:56Z");
  EXPECT_EQ(UtcText(253'402'300'799), "9999-12-31T23:59:59Z");
}

}  // namespace
}  // namespace bedplate
