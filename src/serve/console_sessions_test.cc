// Method: the table of sessions on a clock that stands still until told, and the cookie's text to and fro.
#include "serve/console_sessions.h"

#include <gtest/gtest.h>

#include <set>

#include "base/cat.h"

namespace bedplate {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

Principal KeyNamed(std::string_view key) {
  return {.tenant = "acme", .project = "search", .key = std::string(key)};
}
HttpRequest HeadWith(std::string_view cookie, std::string_view method = "GET") {
  HttpRequest head;
  head.method = method;
  head.path = "/v1/models";
  if (!cookie.empty()) head.fields.push_back({"cookie", std::string(cookie)});
  return head;
}

class ConsoleSessionTable : public testing::Test {
 protected:
  std::string Begin(std::string_view key = "ada") {
    auto id = sessions_.Begin(KeyNamed(key), Cat("Bearer ", key, "-secret"));
    EXPECT_TRUE(id.ok());
    return id.ok() ? *id : "";
  }
  SimClock clock_;
  ConsoleSessions sessions_{clock_};
};

TEST_F(ConsoleSessionTable, AnIdStandsForItsKeyUntilItEnds) {
  const std::string ada = Begin("ada"), bob = Begin("bob");
  EXPECT_GE(ada.size(), 43u);
  EXPECT_EQ(sessions_.Find(ada)->credentials, "Bearer ada-secret");
  EXPECT_EQ(sessions_.Find(bob)->credentials, "Bearer bob-secret");
  for (const std::string& wrong : {std::string(), ada.substr(1), ada + "x", std::string(43, 'a')}) {
    EXPECT_FALSE(sessions_.Find(wrong)) << wrong;
  }
  sessions_.End(ada);
  sessions_.End("no such session");
  EXPECT_FALSE(sessions_.Find(ada));
  EXPECT_TRUE(sessions_.Find(bob));
}

TEST_F(ConsoleSessionTable, NoIdComesTwice) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(Begin(Cat("key-", i)));
  EXPECT_EQ(ids.size(), 1000u);
}

TEST_F(ConsoleSessionTable, TwelveHoursEndIt) {
  const std::string id = Begin();
  clock_.Advance(hours(12) - seconds(1));
  ASSERT_TRUE(sessions_.Find(id));
  EXPECT_EQ(sessions_.Find(id)->left, seconds(1)) << "being looked at doesn't lengthen it";
  clock_.Advance(seconds(1));
  EXPECT_FALSE(sessions_.Find(id));
  Begin("bob");
  EXPECT_EQ(sessions_.size(), 1u) << "what has ended takes no room";
}

TEST_F(ConsoleSessionTable, AKeyHasTwentyAndTheOldestGoesFirst) {
  const std::string other = Begin("bob");
  std::vector<std::string> ids;
  for (size_t i = 0; i < ConsoleSessions::kOfKeyMax + 1; ++i) {
    ids.push_back(Begin());
    clock_.Advance(seconds(1));
  }
  EXPECT_FALSE(sessions_.Find(ids[0]));
  for (size_t i = 1; i < ids.size(); ++i) EXPECT_TRUE(sessions_.Find(ids[i])) << i;
  EXPECT_TRUE(sessions_.Find(other)) << "nobody is signed out by another key";
}

TEST_F(ConsoleSessionTable, TheTableIsBounded) {
  ConsoleSessions few(clock_, /*sessions_max=*/50);
  std::vector<std::string> ids;
  for (size_t i = 0; i <= 50; ++i) {
    ids.push_back(*few.Begin(KeyNamed(Cat("key-", i / 10)), "Bearer x"));
    clock_.Advance(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(few.size(), 50u);
  EXPECT_FALSE(few.Find(ids[0]));
  EXPECT_TRUE(few.Find(ids[1]));
}

TEST_F(ConsoleSessionTable, WhatChangesSomethingComesFromOurOwnPage) {
  const std::string cookie = Cat("bedplate_session=", Begin());
  const auto code_of = [&](std::string_view method, std::vector<HttpField> more) {
    HttpRequest head = HeadWith(cookie, method);
    head.fields.insert(head.fields.end(), more.begin(), more.end());
    const auto found = SessionCredentials(sessions_, head, /*under_tls=*/false);
    return found.ok() ? StatusCode::kOk : found.status().code();
  };
  EXPECT_EQ(code_of("GET", {}), StatusCode::kOk);
  EXPECT_EQ(code_of("HEAD", {}), StatusCode::kOk);
  for (const char* method : {"POST", "DELETE", "PUT", "get"}) {
    EXPECT_EQ(code_of(method, {}), StatusCode::kPermissionDenied) << method;
    EXPECT_EQ(code_of(method, {{"sec-fetch-site", "none"}}), StatusCode::kPermissionDenied) << method;
    EXPECT_EQ(code_of(method, {{"sec-fetch-site", "same-site"}}), StatusCode::kPermissionDenied) << method;
    EXPECT_EQ(code_of(method, {{"sec-fetch-site", "same-origin"}}), StatusCode::kOk) << method;
    EXPECT_EQ(code_of(method, {{"origin", "http://localhost"}}), StatusCode::kOk) << "AccessGuard has compared it";
  }
}

TEST_F(ConsoleSessionTable, WithoutACookieThereIsNothingAndAnUnknownOneHasEnded) {
  const auto credentials = [&](std::string_view cookie) {
    return SessionCredentials(sessions_, HeadWith(cookie), /*under_tls=*/false);
  };
  EXPECT_EQ(*credentials(""), "");
  EXPECT_EQ(*credentials("theme=dark"), "");
  EXPECT_EQ(credentials("bedplate_session=x").status().reason(), "session_ended");
}

TEST(SessionCookie, IsTakenFromAmongOthersButNotWhereItIsThereTwice) {
  const struct {
    std::string_view cookie;
    bool under_tls;
    std::optional<std::string> id;
  } cases[] = {
      {"bedplate_session=a", false, "a"},
      {"x=1; bedplate_session=a; y=2", false, "a"},
      {"x=1;bedplate_session=a", false, "a"},
      {"bedplate_session=a=b", false, "a=b"},
      {"bedplate_session=", false, ""},
      {"xbedplate_session=a", false, std::nullopt},
      {"bedplate_session", false, std::nullopt},
      {"Bedplate_session=a", false, std::nullopt},
      {"bedplate_session=a; bedplate_session=b", false, std::nullopt},
      {"__Host-bedplate_session=a", true, "a"},
      {"__Host-bedplate_session=a; bedplate_session=b", false, "a"},
      // Plain HTTP to the same name, or a neighbour of it, could have set the other one.
      {"bedplate_session=b", true, std::nullopt},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(SessionIdOf(HeadWith(one.cookie), one.under_tls), one.id) << one.cookie << " " << one.under_tls;
  }
  HttpRequest twice = HeadWith("bedplate_session=a");
  twice.fields.push_back({"cookie", "bedplate_session=b"});
  EXPECT_EQ(SessionIdOf(twice, false), std::nullopt);
}

TEST(SessionCookie, SaysWhatBrowsersNeedToKeepItSafe) {
  EXPECT_EQ(SessionCookie("ID", /*secure=*/false),
            "bedplate_session=ID; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict");
  EXPECT_EQ(SessionCookie("ID", /*secure=*/true),
            "__Host-bedplate_session=ID; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure");
  EXPECT_EQ(EndedSessionCookie(/*secure=*/false), "bedplate_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
}

}  // namespace
}  // namespace bedplate
