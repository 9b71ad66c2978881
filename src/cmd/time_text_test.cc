// Times as people write them: a table of both kinds, and what is none.
#include "cmd/time_text.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

TEST(TimeText, TimesInUtc) {
  EXPECT_EQ(*ParseUtcTime("2027-01-31"), 1'801'353'600);  // date -u -d 2027-01-31 +%s
  EXPECT_EQ(*ParseUtcTime("2027-01-31T12:00:01Z"), 1'801'353'600 + 43'201);
  EXPECT_EQ(*ParseUtcTime("2028-02-29"), 1'835'395'200);
  EXPECT_EQ(UtcTimeText(1'801'353'600 + 43'201), "2027-01-31T12:00:01Z");
  EXPECT_EQ(UtcTimeText({}), "-");
  for (const auto* text :
       {"", "2027", "2027-02-29", "2027-13-01", "2027-1-1", "2027-01-31T12:00:00", "2027-01-31 12:00:00",
        "2027-01-31T24:00:00Z", "2027-01-31T12:60:00Z", "tomorrow", "2027-01-31T12:00:00+01"}) {
    EXPECT_FALSE(ParseUtcTime(text).ok()) << text;
  }
}

TEST(TimeText, LengthsOfTime) {
  EXPECT_EQ(*ParseSeconds("0"), 0);
  EXPECT_EQ(*ParseSeconds("90"), 90);
  EXPECT_EQ(*ParseSeconds("90s"), 90);
  EXPECT_EQ(*ParseSeconds("15m"), 900);
  EXPECT_EQ(*ParseSeconds("24h"), 86'400);
  EXPECT_EQ(*ParseSeconds("7d"), 604'800);
  for (const auto* text : {"", "h", "-1", "1.5h", "1w", "1 h", "99999999999"})
    EXPECT_FALSE(ParseSeconds(text).ok()) << text;
}

}  // namespace
}  // namespace bedplate
