// Method: tables of Accept-Encoding and If-None-Match values on the embedded page; a program built without the console
// must say how to build it, and then the tables are skipped.
#include "serve/console_answer.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "serve/console_files.h"

namespace bedplate {
namespace {

std::string FieldOf(const ConsoleAnswer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.fields) {
    if (key == name) return value;
  }
  return "";
}

TEST(ConsoleAnswer, UnknownPathsAreLeftToTheServer) {
  for (const std::string_view path : {"/v1/models", "/index.htm", "", "/assets/", "/../index.html", "/%69ndex.html"}) {
    const ConsoleAnswer answer = AnswerConsole({.path = path, .accept_encoding = "gzip", .if_none_match = "*"});
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_TRUE(answer.fields.empty() && answer.body.empty()) << path;
  }
}

TEST(ConsoleAnswer, WithoutTheConsoleTheRootSaysHowToBuildIt) {
  if (ConsoleIndex() != nullptr) GTEST_SKIP() << "this program has the console";
  const ConsoleAnswer answer = AnswerConsole({.path = "/", .accept_encoding = "", .if_none_match = ""});
  EXPECT_EQ(answer.status, 404);
  EXPECT_NE(answer.body.find("scripts/build_console.sh"), std::string_view::npos);
}

class ConsolePage : public testing::Test {
 protected:
  void SetUp() override {
    if (ConsoleIndex() == nullptr) GTEST_SKIP() << ConsoleMissingMessage();
  }
};

TEST_F(ConsolePage, IsSentWithAStrictPolicy) {
  const ConsoleAnswer answer = AnswerConsole({.path = "/", .accept_encoding = "", .if_none_match = ""});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, ConsoleIndex()->bytes);
  EXPECT_EQ(FieldOf(answer, "content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(FieldOf(answer, "content-security-policy"), ConsoleSecurityPolicy());
  EXPECT_EQ(FieldOf(answer, "cache-control"), "no-cache");
  EXPECT_EQ(FieldOf(answer, "x-content-type-options"), "nosniff");
}

TEST_F(ConsolePage, GoesOutGzippedWhereTheClientTakesIt) {
  const struct {
    std::string_view accept;
    bool gzip;
  } cases[] = {{"", false},
               {"gzip", true},
               {"GZip", true},
               {"br, gzip;q=0.5", true},
               {"gzip;q=0", false},
               {"gzip; q=0.000", false},
               {"*", true},
               {"*;q=0", false},
               {"*;q=0,gzip", true},
               {"gzip;q=0, *", false},
               {"identity, x", false},
               {",,;,", false},
               {"gzipp", false},
               {"gzip;q=", true},
               {"gzip;q=0.001", true}};
  for (const auto& [accept, gzip] : cases) {
    const ConsoleAnswer answer = AnswerConsole({.path = "/", .accept_encoding = accept, .if_none_match = ""});
    EXPECT_EQ(FieldOf(answer, "content-encoding"), gzip ? "gzip" : "") << accept;
    EXPECT_EQ(answer.body, gzip ? ConsoleIndex()->gzip_bytes : ConsoleIndex()->bytes) << accept;
    EXPECT_EQ(FieldOf(answer, "vary"), "accept-encoding");
  }
}

TEST_F(ConsolePage, IsNotSentTwice) {
  const std::string tag(ConsoleIndex()->etag);
  const ConsoleAnswer first = AnswerConsole({.path = "/", .accept_encoding = "gzip", .if_none_match = ""});
  for (const std::string& value : {FieldOf(first, "etag"), tag, Cat("\"x\", W/", tag), std::string("*")}) {
    const ConsoleAnswer answer = AnswerConsole({.path = "/", .accept_encoding = "gzip", .if_none_match = value});
    EXPECT_EQ(answer.status, 304) << value;
    EXPECT_TRUE(answer.body.empty()) << value;
    EXPECT_EQ(FieldOf(answer, "etag"), FieldOf(first, "etag"));
  }
  for (const std::string& value : {std::string("\"x\""), std::string(","), tag.substr(0, 10)}) {
    EXPECT_EQ(AnswerConsole({.path = "/", .accept_encoding = "", .if_none_match = value}).status, 200) << value;
  }
}

}  // namespace
}  // namespace bedplate
