// Method: tables of listen addresses, and of Host and Origin fields, with what they must give.
#include "serve/access_guard.h"

#include <gtest/gtest.h>

namespace bedplate {
namespace {

TEST(ListenAddress, ParsesTheFormsThatItShows) {
  EXPECT_EQ(ParseListenAddress("127.0.0.1:8080")->ToString(), "127.0.0.1:8080");
  EXPECT_EQ(ParseListenAddress("[::1]:0")->ToString(), "[::1]:0");
  EXPECT_EQ(ParseListenAddress("localhost:1")->ToString(), "localhost:1");
  EXPECT_EQ(ParseListenAddress(":80")->host, "::");
  for (const auto* bad : {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[::1:80",
                          "example.com:80", "1.2.3:80", "[]:80"}) {
    EXPECT_FALSE(ParseListenAddress(bad).ok()) << bad;
  }
}

TEST(ListenAddress, BeyondLoopbackNeedsKeys) {
  for (const auto* loopback : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"}) {
    EXPECT_TRUE(ValidateListen(*ParseListenAddress(loopback), false).ok()) << loopback;
  }
  for (const auto* open : {"0.0.0.0:1", ":1", "[::]:1", "10.0.0.1:1"}) {
    EXPECT_FALSE(ValidateListen(*ParseListenAddress(open), false).ok()) << open;
    EXPECT_TRUE(ValidateListen(*ParseListenAddress(open), true).ok()) << open;
  }
}

HttpRequest With(std::vector<HttpField> fields, std::string method = "POST") {
  HttpRequest request;
  request.method = std::move(method);
  request.fields = std::move(fields);
  return request;
}

TEST(AccessGuard, OnLoopbackOnlyItsNamesAndItsOwnPages) {
  const AccessGuard guard({"127.0.0.1", 8080}, {"My.Host"});
  for (const auto* host : {"localhost", "LOCALHOST:99", "127.0.0.1:8080", "[::1]:8080", "[::1]", "my.host:1"}) {
    EXPECT_TRUE(guard.Check(With({{"host", host}})).ok()) << host;
  }
  for (const auto* host : {"evil.example", "localhost.evil.example", "127.0.0.2", "[::2]:1", "", "["}) {
    EXPECT_EQ(guard.Check(With({{"host", host}})).reason(), "host_not_allowed") << host;
  }
  EXPECT_TRUE(guard.Check(With({})).ok());  // HTTP/1.0
  const auto origin = [&](const char* value) {
    return guard.Check(With({{"host", "localhost:8080"}, {"origin", value}})).ok();
  };
  EXPECT_TRUE(origin("http://localhost:8080"));
  EXPECT_TRUE(origin("http://LocalHost:8080"));
  EXPECT_FALSE(origin("http://localhost:9090"));
  EXPECT_FALSE(origin("https://evil.example"));
  EXPECT_FALSE(origin("null"));
  EXPECT_FALSE(guard.Check(With({{"host", "localhost"}, {"sec-fetch-site", "cross-site"}})).ok());
  EXPECT_TRUE(guard.Check(With({{"host", "localhost"}, {"sec-fetch-site", "cross-site"}}, "GET")).ok());
  EXPECT_TRUE(guard.Check(With({{"host", "localhost"}, {"sec-fetch-site", "same-origin"}})).ok());
}

TEST(AccessGuard, BeyondLoopbackAnyNameUnlessSomeAreGiven) {
  EXPECT_TRUE(AccessGuard({"0.0.0.0", 1}, {}).Check(With({{"host", "api.example"}})).ok());
  const AccessGuard named({"10.0.0.1", 1}, {"api.example"});
  EXPECT_TRUE(named.Check(With({{"host", "api.example"}})).ok());
  EXPECT_TRUE(named.Check(With({{"host", "10.0.0.1:1"}})).ok());
  EXPECT_FALSE(named.Check(With({{"host", "other.example"}})).ok());
}

}  // namespace
}  // namespace bedplate
