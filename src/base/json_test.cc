// Through the front door: text in, value out, text again; bad text is an error that says why.
#include "base/json.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

TEST(Json, RoundTripsEveryKind) {
  const std::string text = R"({"a":[1,-2,3.5,true,false,null],"b":{"c":"x\"\\\n\u0001é"},"d":[],"e":{}})";
  const Result<Json> value = ParseJson(text);
  ASSERT_TRUE(value.ok()) << value.status().message();
  EXPECT_EQ(WriteJson(*value), text);
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const std::string& bad : {"", "{", "[1,]", "{\"a\":}", "nul", "\"\xff\"", "[1] 2"}) {
    EXPECT_EQ(ParseJson(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(Json, DepthIsBounded) {
  EXPECT_TRUE(ParseJson(std::string(100, '[') + std::string(100, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(100000, '[') + std::string(100000, ']')).ok());
}

TEST(Json, LastOfRepeatedNamesIsFound) {
  const Result<Json> value = ParseJson(R"({"a":1,"a":2})");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->Find("a")->as_int(), 2);
  EXPECT_EQ(value->Find("b"), nullptr);
}

TEST(JsonWriter, ReplacesBytesThatAreNotUtf8) {
  std::string out;
  JsonWriter(out).String("a\xC0\xAF\xED\xA0\x80z");
  EXPECT_TRUE(ParseJson(out).ok());
  EXPECT_EQ(out.front(), '"');
}

TEST(JsonWriter, FloatsReadBackEqual) {
  for (const double v : {0.1, 1.0, -1e300, 5e-324, 123456789.123}) {
    std::string out;
    JsonWriter(out).Double(v);
    EXPECT_EQ(ParseJson(out)->as_double(), v) << out;
  }
}

}  // namespace
}  // namespace bedplate
