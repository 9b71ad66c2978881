// Method: a real server on a free port, with tenants or a key file, driven by raw sockets that say what a browser
// would: signing in and out, what the cookie lets in, and who can't use it.
#include <gtest/gtest.h>

#include "ledger/key_admission.h"
#include "serve/admin_server_testing.h"
#include "serve/tls_client_testing.h"

namespace bedplate {
namespace {

constexpr std::string_view kPath = "/console/session";
constexpr std::string_view kOwnPage = "Origin: http://localhost\r\n";

std::string KeyBody(std::string_view key) {
  return Cat(R"({"key":")", key, R"("})");
}
/// What a browser sends back of a Set-Cookie field.
std::string CookieField(const RawAnswer& answer) {
  const auto at = answer.fields.find("set-cookie");
  EXPECT_NE(at, answer.fields.end()) << answer.body;
  return at == answer.fields.end() ? "" : Cat("Cookie: ", at->second.substr(0, at->second.find(';')), "\r\n");
}
std::string DeleteText(std::string_view path, std::string_view fields) {
  return Cat("DELETE ", path, " HTTP/1.1\r\nHost: localhost\r\n", fields, "\r\n");
}

class ConsoleSessionServer : public AdminServer {
 protected:
  RawAnswer SignIn(std::string_view key, std::string_view fields = kOwnPage) {
    return served_->Ask(PostText(kPath, KeyBody(key), fields));
  }
  std::string SignedIn(std::string_view key) {
    const RawAnswer answer = SignIn(key);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return CookieField(answer);
  }
  Json NewKey(Json::Object arguments) { return Here("key.create", Json(std::move(arguments))); }
};

TEST_F(ConsoleSessionServer, ACookieStandsForTheKeyOnEveryRoute) {
  const RawAnswer signed_in = SignIn(owner_);
  ASSERT_EQ(signed_in.status, 200) << signed_in.body;
  EXPECT_EQ(signed_in.fields.at("cache-control"), "no-store");
  const std::string& set = signed_in.fields.at("set-cookie");
  for (const char* flag : {"; Path=/;", "; HttpOnly;", "; SameSite=Strict", "; Max-Age=43200;"}) {
    EXPECT_NE(set.find(flag), std::string::npos) << set;
  }
  EXPECT_EQ(set.find("Secure"), std::string::npos) << "a browser would drop it over plain HTTP";
  EXPECT_EQ(signed_in.body.find(owner_.substr(20, 20)), std::string::npos) << "no secret comes back";
  EXPECT_EQ(set.find(owner_.substr(20, 20)), std::string::npos);
  const std::string cookie = CookieField(signed_in);
  for (const char* path : {"/v1/models", "/admin/v1/keys", "/metrics", "/openapi.json", "/foundation-models"}) {
    EXPECT_EQ(served_->Ask(GetText(path)).status == 200, false) << path;
    EXPECT_EQ(served_->Ask(GetText(path, cookie)).status, 200) << path;
  }
  const std::string from_page = Cat(cookie, kOwnPage);
  EXPECT_EQ(served_->Ask(PostText("/v1/chat/completions", kChat, from_page)).status, 200);
  EXPECT_EQ(served_->Ask(PostText("/admin/v1/tenants", R"({"name":"acme"})", from_page)).status, 200);
}

TEST_F(ConsoleSessionServer, TellsWhoItIsAndWhatTheyMayDo) {
  const Json nobody = Body(served_->Ask(GetText(kPath)));
  EXPECT_TRUE(nobody.Find("keys_asked")->as_bool());
  EXPECT_FALSE(nobody.Find("signed_in")->as_bool());
  Here("tenant.create", Json::Object{{"name", "acme"}});
  const struct {
    std::string_view tenant, role, list_keys, add_price;  // "": not given
    bool is_operator, metrics;
  } cases[] = {
      {"host", "owner", "everywhere", "everywhere", true, true},
      {"acme", "owner", "tenant", "", false, false},
      {"acme", "admin", "project", "", false, false},
      {"acme", "member", "key", "", false, false},
      {"host", "auditor", "tenant", "", true, true},
  };
  for (const auto& one : cases) {
    const Json made = NewKey({{"tenant", std::string(one.tenant)}, {"role", std::string(one.role)}, {"name", "n"}});
    const Json who = Body(served_->Ask(GetText(kPath, SignedIn(TextOf(made, "key")))));
    EXPECT_TRUE(who.Find("signed_in")->as_bool());
    EXPECT_EQ(TextOf(who, "tenant"), one.tenant);
    EXPECT_EQ(TextOf(who, "key"), TextOf(made, "id"));
    EXPECT_EQ(TextOf(who, "name"), "n");
    EXPECT_EQ(TextOf(who, "role"), one.role);
    EXPECT_EQ(who.Find("operator")->as_bool(), one.is_operator);
    EXPECT_EQ(who.Find("may_read_metrics")->as_bool(), one.metrics);
    EXPECT_EQ(TextOf(*who.Find("may"), "key.list"), one.list_keys) << WriteJson(who);
    EXPECT_EQ(TextOf(*who.Find("may"), "price.add"), one.add_price) << WriteJson(who);
    EXPECT_GT(who.Find("ends_at")->as_int(), clock_.UnixSeconds() + 43'000);
  }
  const Json narrow = NewKey({{"role", "owner"}, {"scopes", Json::Array{"models"}}});
  EXPECT_TRUE(Body(SignIn(TextOf(narrow, "key"))).Find("may")->as_object().empty()) << "its scopes give it nothing";
  const Json by_key = Body(Ask("GET", kPath, owner_));
  EXPECT_TRUE(by_key.Find("signed_in")->as_bool());
  EXPECT_TRUE(by_key.Find("ends_at")->is_null()) << "there is no session";
}

TEST_F(ConsoleSessionServer, PagesOfOthersChangeNothingWithIt) {
  const std::string cookie = SignedIn(owner_);
  const struct {
    std::string_view fields, code;
  } refused[] = {
      {"", "origin_not_allowed"},
      {"Origin: http://evil.example\r\n", "origin_not_allowed"},
      {"Origin: null\r\n", "origin_not_allowed"},
      {"Origin: http://localhost.evil.example\r\n", "origin_not_allowed"},
      {"Sec-Fetch-Site: cross-site\r\n", "origin_not_allowed"},
      {"Sec-Fetch-Site: same-site\r\n", "origin_not_allowed"},
      {"Sec-Fetch-Site: none\r\n", "origin_not_allowed"},
  };
  for (const auto& one : refused) {
    const std::string fields = Cat(cookie, one.fields);
    for (const RawAnswer& answer : {served_->Ask(PostText("/admin/v1/tenants", R"({"name":"evil"})", fields)),
                                    served_->Ask(PostText("/v1/chat/completions", kChat, fields)),
                                    served_->Ask(DeleteText(kPath, fields)), SignIn(owner_, one.fields)}) {
      EXPECT_EQ(answer.status, 403) << one.fields << answer.body;
      EXPECT_EQ(CodeOf(answer), one.code) << one.fields;
      EXPECT_FALSE(answer.fields.contains("set-cookie"));
    }
  }
  EXPECT_EQ(Here("tenant.list", Json::Object{}).Find("data")->as_array().size(), 1u);
  EXPECT_EQ(served_->Ask(GetText("/admin/v1/keys", cookie)).status, 200) << "still signed in";
  const std::string same = Cat(cookie, "Sec-Fetch-Site: same-origin\r\n");
  EXPECT_EQ(served_->Ask(PostText("/admin/v1/tenants", R"({"name":"good"})", same)).status, 200);
}

TEST_F(ConsoleSessionServer, SigningOutEndsItOnTheServerToo) {
  const std::string cookie = SignedIn(owner_), other = SignedIn(owner_);
  const RawAnswer out = served_->Ask(DeleteText(kPath, Cat(cookie, kOwnPage)));
  EXPECT_EQ(out.status, 200);
  EXPECT_NE(out.fields.at("set-cookie").find("bedplate_session=; Path=/; Max-Age=0"), std::string::npos);
  EXPECT_EQ(CodeOf(served_->Ask(GetText("/v1/models", cookie))), "session_ended");
  EXPECT_FALSE(Body(served_->Ask(GetText(kPath, cookie))).Find("signed_in")->as_bool());
  EXPECT_EQ(served_->Ask(GetText("/v1/models", other)).status, 200) << "another browser's";
  EXPECT_EQ(served_->Ask(DeleteText(kPath, kOwnPage)).status, 200) << "nothing to end";
}

TEST_F(ConsoleSessionServer, ARevokedKeyIsOutAtOnceOnAnOpenConnectionToo) {
  const Json made = NewKey({{"role", "member"}});
  const std::string cookie = SignedIn(TextOf(made, "key"));
  RawClient client(served_->port());
  ASSERT_TRUE(client.Send(GetText("/v1/models", cookie)));
  EXPECT_EQ(client.Answer().status, 200);
  Here("key.revoke", Json::Object{{"id", TextOf(made, "id")}});
  ASSERT_TRUE(client.Send(GetText("/v1/models", cookie)));
  const RawAnswer refused = client.Answer();
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(CodeOf(refused), "session_ended");
  EXPECT_FALSE(Body(served_->Ask(GetText(kPath, cookie))).Find("signed_in")->as_bool());
}

// An attacker who has put an id of their own choice into a browser, or knows the one of before, has nothing once its
// user signs in.
TEST_F(ConsoleSessionServer, NoIdThatABrowserBringsIsTakenUp) {
  const std::string planted = "Cookie: bedplate_session=0123456789012345678901234567890123456789abc\r\n";
  const std::string fresh = CookieField(SignIn(owner_, Cat(kOwnPage, planted)));
  EXPECT_NE(fresh, planted);
  EXPECT_EQ(served_->Ask(GetText("/v1/models", planted)).status, 401);
  const std::string again = CookieField(SignIn(owner_, Cat(kOwnPage, fresh)));
  EXPECT_NE(again, fresh);
  EXPECT_EQ(served_->Ask(GetText("/v1/models", fresh)).status, 401) << "the earlier session has ended";
  EXPECT_EQ(served_->Ask(GetText("/v1/models", again)).status, 200);
  const std::string two = Cat(again.substr(0, again.size() - 2), "; bedplate_session=x\r\n");
  EXPECT_EQ(served_->Ask(GetText("/v1/models", two)).status, 401) << "which of the two is ours?";
}

TEST_F(ConsoleSessionServer, AKeyThatIsSentCountsBeforeTheCookie) {
  const std::string cookie = SignedIn(owner_);
  const Json member = NewKey({{"role", "member"}});
  const auto status_with = [&](std::string_view key) {
    return served_->Ask(GetText("/admin/v1/audit", Cat(cookie, "Authorization: Bearer ", key, "\r\n"))).status;
  };
  EXPECT_EQ(status_with(owner_), 200);
  EXPECT_EQ(status_with(TextOf(member, "key")), 403);
  EXPECT_EQ(status_with("wrong"), 401);
  // And needs no page: the cookie has nothing to do with it.
  const std::string both = Cat(cookie, "Authorization: Bearer ", owner_, "\r\n");
  EXPECT_EQ(served_->Ask(PostText("/admin/v1/tenants", R"({"name":"acme"})", both)).status, 200);
}

TEST_F(ConsoleSessionServer, WrongKeysAreRefusedAndSoonCostTime) {
  std::string damaged = owner_;
  damaged[30] = damaged[30] == 'a' ? 'b' : 'a';
  for (const std::string& wrong : {std::string("sk-none"), damaged, owner_ + "x"}) {
    const RawAnswer answer = SignIn(wrong);
    EXPECT_EQ(answer.status, 401) << answer.body;
    EXPECT_EQ(CodeOf(answer), "invalid_api_key");
    EXPECT_FALSE(answer.fields.contains("set-cookie"));
  }
  EXPECT_EQ(served_->Ask(PostText(kPath, "{}", kOwnPage)).status, 400);
  EXPECT_EQ(served_->Ask(PostText(kPath, "{", kOwnPage)).status, 400);
  EXPECT_EQ(served_->Ask(PostText(kPath, R"({"key":5})", kOwnPage)).status, 400);
  EXPECT_EQ(SignIn(owner_).status, 200) << "a few mistakes are free";
  RawAnswer answer;
  for (int i = 0; i < 20 && answer.status != 429; ++i) answer = SignIn("sk-none");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(CodeOf(answer), "too_many_attempts");
  EXPECT_TRUE(answer.fields.contains("retry-after"));
  EXPECT_EQ(SignIn(owner_).status, 429) << "or a right one would tell itself apart";
  EXPECT_EQ(Ask("GET", "/v1/models", owner_).status, 200) << "requests with a key are another matter";
}

TEST_F(ConsoleSessionServer, WhoShowsNoKeySendsLittle) {
  const RawAnswer answer = served_->Ask(PostText(kPath, KeyBody(std::string(20'000, 'x')), kOwnPage));
  EXPECT_EQ(answer.status, 413) << answer.body;
}

TEST(ConsoleSession, WithoutKeysThereIsNothingToSignInTo) {
  Served served;
  const std::string stale = "Cookie: bedplate_session=of-another-server\r\n";
  const RawAnswer who = served.Ask(GetText(kPath, stale));
  EXPECT_EQ(who.body, R"({"object":"console_session","keys_asked":false,"signed_in":false})");
  const RawAnswer in = served.Ask(PostText(kPath, KeyBody("x"), kOwnPage));
  EXPECT_EQ(in.status, 400);
  EXPECT_EQ(CodeOf(in), "no_keys");
  EXPECT_EQ(served.Ask(PostText("/v1/chat/completions", kChat, stale)).status, 200) << "nothing has changed";
}

/// A server with a key file, on a clock that stands still.
class KeyFileSessions : public testing::Test {
 protected:
  void Start(ServerOptions options) {
    auto file =
        KeyFile::Parse(Cat("[[keys]]\nname = \"ada\"\nsha256 = \"", *Sha256HexOf("ada-secret"), "\"\n"), "keys");
    ASSERT_TRUE(file.ok());
    admission_ = std::make_unique<KeyAdmission>(*std::move(file), clock_);
    options.has_keys = true;
    ServedModel model;
    model.engine = &engine_;
    auto created = Server::Create(std::move(options), {model}, *admission_, clock_);
    ASSERT_TRUE(created.ok()) << created.status().message();
    server_ = *std::move(created);
    server_->Start();
  }
  RawAnswer Ask(const std::string& bytes) {
    RawClient client(server_->port());
    EXPECT_TRUE(client.Send(bytes));
    return client.Answer();
  }
  FakeEngine engine_{"fake", FakeEngine::Mode::kAnswer};
  SimClock clock_;
  std::unique_ptr<KeyAdmission> admission_;
  std::unique_ptr<Server> server_;
};

TEST_F(KeyFileSessions, EndByTheClockAndHaveNoRole) {
  Start(QuietOptions());
  const RawAnswer in = Ask(PostText(kPath, KeyBody("ada-secret"), kOwnPage));
  ASSERT_EQ(in.status, 200) << in.body;
  const Result<Json> who = ParseJson(in.body);
  EXPECT_EQ(who->Find("key")->as_string(), "ada");
  EXPECT_TRUE(who->Find("role")->is_null());
  EXPECT_TRUE(who->Find("may")->as_object().empty());
  const std::string get = GetText("/v1/models", CookieField(in));
  clock_.Advance(std::chrono::hours(12) - std::chrono::seconds(1));
  EXPECT_EQ(Ask(get).status, 200);
  clock_.Advance(std::chrono::seconds(1));
  const RawAnswer ended = Ask(get);
  EXPECT_EQ(ended.status, 401);
  EXPECT_EQ(CodeOf(ended), "session_ended");
}

TEST_F(KeyFileSessions, BehindSomethingThatEndsTlsTheCookieIsSecure) {
  Start(QuietOptions());
  const RawAnswer in = Ask(PostText(kPath, KeyBody("ada-secret"), "Origin: https://localhost\r\n"));
  ASSERT_EQ(in.status, 200) << in.body;
  const std::string& set = in.fields.at("set-cookie");
  EXPECT_TRUE(set.starts_with("__Host-bedplate_session=")) << set;
  EXPECT_TRUE(set.ends_with("; Secure")) << set;
  EXPECT_EQ(Ask(GetText("/v1/models", CookieField(in))).status, 200);
}

TEST_F(KeyFileSessions, UnderTlsOnlyACookieOfTlsCounts) {
  auto pem = MakeSelfSigned({"localhost"}, SystemClock().UnixSeconds());
  ASSERT_TRUE(pem.ok());
  ServerOptions options = QuietOptions();
  options.tls = *TlsContext::Create(*pem);
  Start(std::move(options));
  const auto answer = [&](const std::string& bytes) {
    TlsClient client(server_->port(), pem->certificate);
    EXPECT_TRUE(client.Handshake() && client.Send(bytes) && client.ReadUntil("\r\n\r\n"));
    return client.seen();
  };
  const std::string in = answer(PostText(kPath, KeyBody("ada-secret"), "Sec-Fetch-Site: same-origin\r\n"));
  const size_t begin = in.find("__Host-bedplate_session="), end = in.find(';', begin);
  ASSERT_NE(begin, std::string::npos) << in;
  EXPECT_NE(in.find("; HttpOnly; SameSite=Strict; Secure\r\n"), std::string::npos) << in;
  const std::string cookie = in.substr(begin, end - begin);
  EXPECT_NE(answer(GetText("/v1/models", Cat("Cookie: ", cookie, "\r\n"))).find(" 200 "), std::string::npos);
  const std::string plain = cookie.substr(std::string_view("__Host-").size());
  EXPECT_NE(answer(GetText("/v1/models", Cat("Cookie: ", plain, "\r\n"))).find(" 401 "), std::string::npos);
}

}  // namespace
}  // namespace bedplate
