// Method: bodies as clients of each API send them, and odd ones; what the books would note of each.
#include "serve/attribution.h"

#include <gtest/gtest.h>

#include "base/cat.h"

namespace bedplate {
namespace {

Attribution Of(std::string_view body) {
  return AttributionOf(*ParseJson(body));
}

TEST(Attribution, IsReadFromEachApisFields) {
  EXPECT_EQ(Of(R"({"user":"ada","metadata":{"team":"a","n":1},"service_tier":"flex"})"),
            (Attribution{.end_user = "ada", .tags = R"({"team":"a"})", .tier = "flex"}));
  EXPECT_EQ(Of(R"({"safety_identifier":"s","service_tier":"auto"})"), (Attribution{.end_user = "s"}));
  EXPECT_EQ(Of(R"({"metadata":{"user_id":"u"},"service_tier":"standard_only"})"),
            (Attribution{.end_user = "u", .tags = R"({"user_id":"u"})"}));
  EXPECT_EQ(Of(R"({"requestMetadata":{"team":"b"},"serviceTier":{"type":"priority"}})"),
            (Attribution{.tags = R"({"team":"b"})", .tier = "priority"}));
}

TEST(Attribution, WhatIsOfAnotherTypeIsAsIfItWereNotThere) {
  for (const std::string_view body :
       {"{}", "[]", "7", R"({"user":7,"metadata":"m","service_tier":{},"serviceTier":"x"})",
        R"({"user":null,"metadata":null,"service_tier":"no such tier!"})", R"({"metadata":{"user_id":[]}})"}) {
    EXPECT_EQ(Of(body), Attribution()) << body;
  }
}

TEST(Attribution, LongNamesAreCutAndStayApart) {
  std::string name(255, 'x');
  name += "\xC3\xA9";
  const std::string first = Of(Cat(R"({"user":")", name, R"("})")).end_user;
  const std::string second = Of(Cat(R"({"user":")", name, R"(y"})")).end_user;
  EXPECT_LE(first.size(), 256u);
  EXPECT_NE(first, second);
  std::string characters;
  while (characters.size() < 300) characters += "\xE2\x82\xAC";
  const std::string cut = Of(Cat(R"({"user":")", characters, R"("})")).end_user;
  EXPECT_EQ(cut.find('~') % 3, 0u) << "whole characters";
}

TEST(Attribution, TagsThatDoNotFitAreCounted) {
  Json::Object metadata;
  for (int i = 0; i < 16; ++i) metadata.emplace_back(Cat("key-", i), std::string(512, '"'));
  const Attribution long_one = AttributionOf(Json::Object{{"metadata", metadata}});
  EXPECT_LE(long_one.tags.size(), 4096u);
  const Json tags = *ParseJson(long_one.tags);
  ASSERT_NE(tags.Find("bedplate.dropped"), nullptr);
  EXPECT_EQ(tags.Find("bedplate.dropped")->as_string(), Cat(17 - tags.as_object().size()));
}

}  // namespace
}  // namespace bedplate
