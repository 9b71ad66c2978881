// A table of what is read, and one of what is refused.
#include "cmd/model_aliases.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

TEST(ModelAliases, AreOfTheOneModelOrOfTheNamedOne) {
  const auto one = ParseModelAliases({"gpt-4o", "anthropic.claude-v2:0", "org/name=m"}, {"m"});
  ASSERT_TRUE(one.ok()) << one.status().message();
  ASSERT_EQ(one->size(), 3u);
  EXPECT_EQ((*one)[0].name, "gpt-4o");
  EXPECT_EQ((*one)[0].model, "m");
  EXPECT_EQ((*one)[1].name, "anthropic.claude-v2:0");
  EXPECT_EQ((*one)[2].name, "org/name");
  const auto several = ParseModelAliases({"a=m", "b=n", "c=n"}, {"m", "n"});
  ASSERT_TRUE(several.ok()) << several.status().message();
  EXPECT_EQ((*several)[2].model, "n");
  EXPECT_TRUE(ParseModelAliases({}, {"m", "n"})->empty());
}

TEST(ModelAliases, WhatIsAmbiguousOrTakenIsRefused) {
  const std::vector<std::vector<std::string>> refused = {{"a"},   {"a=o"}, {"=m"}, {"a=m", "a=n"},
                                                         {"m=n"}, {"a="},  {""},   {"a=m", "n=m"}};
  for (const auto& texts : refused) {
    const Status status = ParseModelAliases(texts, {"m", "n"}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << texts.back();
    EXPECT_NE(status.message().find(texts.back()), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace bedplate
