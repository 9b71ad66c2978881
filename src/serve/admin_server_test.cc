// Method: a real server on a free port with a scripted engine and tenants in a folder, driven by raw sockets: every
// route of its table with a key of every role of every tenant; what a change means for the next request; what logs
// show.
#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "ledger/tenancy/key_text.h"
#include "serve/admin_routes.h"
#include "serve/admin_server_testing.h"
#include "serve/route_calls_testing.h"

namespace bedplate {
namespace {

constexpr std::string_view kTenants[] = {"host", "alpha", "beta"};

TEST_F(AdminServer, DoesWhatCommandsDo) {
  EXPECT_EQ(Ask("POST", "/admin/v1/tenants", owner_, R"({"name":"acme"})").status, 200);
  EXPECT_EQ(Ask("POST", "/admin/v1/projects", owner_, R"({"tenant":"acme","name":"search"})").status, 200);
  const RawAnswer made = Ask("POST", "/admin/v1/keys", owner_,
                             R"({"tenant":"acme","project":"search","name":"ada","requests_per_minute":100})");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.fields.at("cache-control"), "no-store");
  const std::string key = TextOf(Body(made), "key"), id = TextOf(Body(made), "id");
  EXPECT_EQ(served_->Ask(PostText("/v1/chat/completions", kChat, Cat("x-api-key: ", key, "\r\n"))).status, 200);
  const RawAnswer shown = Ask("GET", "/admin/v1/keys/" + id, key);
  EXPECT_EQ(shown.status, 200) << shown.body;
  EXPECT_EQ(Body(shown).Find("requests_per_minute")->as_int(), 100);
  EXPECT_EQ(Body(Ask("GET", "/admin/v1/keys?tenant=acme&live=true", owner_)).Find("data")->as_array().size(), 1u);
  const RawAnswer rotated = Ask("POST", Cat("/admin/v1/keys/", id, "/rotate"), key, R"({"overlap_seconds":60})");
  ASSERT_EQ(rotated.status, 200) << rotated.body;
  for (const std::string& one : {key, TextOf(Body(rotated), "key")}) {
    EXPECT_EQ(Ask("GET", "/v1/models", one).status, 200) << "both are good";
  }
  EXPECT_EQ(Ask("POST", Cat("/admin/v1/keys/", id, "/revoke"), owner_).status, 200) << "a body may be left out";
  for (const std::string& one : {key, TextOf(Body(rotated), "key")}) {
    EXPECT_EQ(CodeOf(Ask("GET", "/v1/models", one)), "invalid_api_key");
  }
  EXPECT_EQ(Ask("GET", "/admin/v1/tenants/acme", owner_).status, 200);
  EXPECT_EQ(Ask("POST", "/admin/v1/tenants/acme/disable", owner_, "{}").status, 200);
  EXPECT_EQ(Ask("POST", "/admin/v1/secrets/rotate", owner_, "{}").status, 200);
  EXPECT_EQ(Body(Ask("GET", "/admin/v1/audit?verify=true&limit=2", owner_)).Find("data")->as_array().size(), 2u);
}

TEST_F(AdminServer, MistakesAreToldInTheUsualShape) {
  const struct {
    std::string_view method, path, body;
    int status;
  } cases[] = {
      {"POST", "/admin/v1/keys", "{", 400},
      {"POST", "/admin/v1/keys", "[]", 400},
      {"POST", "/admin/v1/keys?name=x", "{}", 400},
      {"POST", "/admin/v1/keys", R"({"request_per_minute":1})", 400},
      {"GET", "/admin/v1/keys?tenant=host&tenant=host", "", 400},
      {"GET", "/admin/v1/keys?tenant=%", "", 400},
      {"GET", "/admin/v1/keys?x=1", "", 400},
      {"GET", "/admin/v1/keys/none", "", 404},
      {"GET", "/admin/v1/keys/%2e%2e", "", 404},
      {"POST", "/admin/v1/keys/none/rotate", R"({"id":"other"})", 400},
      {"GET", "/admin/v1/tenants/none", "", 404},
      {"POST", "/admin/v1/tenants/host/disable", "{}", 409},
      {"POST", "/admin/v1/tenants", R"({"name":"host"})", 409},
      {"DELETE", "/admin/v1/keys", "", 405},
      {"GET", "/admin/v1/none", "", 404},
  };
  for (const auto& one : cases) {
    const RawAnswer answer = Ask(one.method, one.path, owner_, one.body);
    EXPECT_EQ(answer.status, one.status) << one.method << " " << one.path << " " << answer.body;
    ErrorOf(answer);
  }
  EXPECT_EQ(served_->Ask(GetText("/admin/v1/keys")).status, 401);
}

// Every route of the server's table: what asks a model, or tells of them, is not for keys that may use none; metrics
// are of all tenants, so the operator's.
TEST_F(AdminServer, EveryRouteAsksForARole) {
  std::map<std::pair<std::string_view, Role>, std::string> keys;
  for (const std::string_view tenant : {"host", "alpha"}) {
    if (tenant != "host") Here("tenant.create", Json::Object{{"name", std::string(tenant)}});
    for (const Role role : kRoles) {
      keys[{tenant, role}] = TextOf(
          Here("key.create", Json::Object{{"tenant", std::string(tenant)}, {"role", std::string(RoleName(role))}}),
          "key");
    }
  }
  struct Call {
    std::string route, path, body;
  };
  std::vector<Call> calls;
  for (const BilledCall& call : BilledCalls()) calls.push_back({call.route, call.path, call.body});
  for (const FreeCall& call : FreeCalls()) calls.push_back({call.route, call.path, call.body});
  for (const auto& [who, key] : keys) {
    const auto& [tenant, role] = who;
    const bool models = role == Role::kOwner || role == Role::kAdmin || role == Role::kMember;
    const bool metrics = tenant == "host" && (role == Role::kOwner || role == Role::kAuditor);
    for (const Call& call : calls) {
      const std::string method = call.route.substr(0, call.route.find(' '));
      if (call.path.starts_with("/admin/")) continue;    // the next test's
      if (call.path.starts_with("/console/")) continue;  // console_session_server_test.cc
      const bool open = call.path == "/health" || call.path == "/ready" || call.route == "GET /*" ||
                        call.path == "/openapi.json" ||              // any key
                        call.path.starts_with("/v1/organization/");  // what each sees is for its own test
      const RawAnswer answer = Ask(method, call.path, key, call.body);
      const bool allowed = open || (call.path == "/metrics" ? metrics : models);
      EXPECT_EQ(answer.status != 403, allowed)
          << RoleName(role) << " of " << tenant << ": " << call.route << " " << answer.status << answer.body;
    }
  }
}

// A key of every role of every tenant, every admin route, what every tenant has: nothing of another's is answered or
// changed. The operator's owner alone may; ledger's own test has what the answers say.
TEST_F(AdminServer, NoRouteCrossesTenants) {
  std::map<std::string, std::map<Role, std::string>> keys, ids;
  for (const std::string_view name : kTenants) {
    const std::string tenant(name);
    if (tenant != "host") Here("tenant.create", Json::Object{{"name", tenant}});
    Here("project.create", Json::Object{{"tenant", tenant}, {"name", "only-" + tenant}});
    Here("budget.create", Json::Object{{"tenant", tenant}, {"name", "only-" + tenant}, {"amount", "5"}});
    for (const Role role : kRoles) {
      const Json made = Here("key.create", Json::Object{{"tenant", tenant}, {"role", std::string(RoleName(role))}});
      keys[tenant][role] = TextOf(made, "key");
      ids[tenant][role] = TextOf(made, "id");
    }
  }
  const auto everything = [&] {
    return WriteJson(Here("key.list", Json::Object{})) + WriteJson(Here("tenant.list", Json::Object{})) +
           WriteJson(Here("project.list", Json::Object{})) + WriteJson(Here("budget.list", Json::Object{}));
  };
  size_t asked = 0;
  for (const auto& [from, of_role] : keys) {
    for (const auto& [role, key] : of_role) {
      for (const auto& [to, targets] : ids) {
        if (from == to || (from == "host" && role == Role::kOwner)) continue;
        const std::string before = everything();
        for (const VerbRow& row : VerbRows()) {
          // Of no tenant: the operator's billing may close them, its auditor list them (office_test.cc).
          if (from == "host" && row.name.starts_with("period.")) continue;
          std::string path(row.route);
          const std::string subject = row.subject == "id"       ? targets.at(Role::kMember)
                                      : row.subject == "tenant" ? to
                                                                : "only-" + to;
          if (const size_t star = path.find('*'); star != std::string::npos) path.replace(star, 1, subject);
          const bool says_tenant = row.subject == "project" || row.name == "project.list" || row.name == "key.list" ||
                                   row.name == "key.create" || row.name == "project.create" || row.of_budgets();
          Json::Object body;
          if (says_tenant) body.emplace_back("tenant", to);
          if (row.name.ends_with(".create")) body.emplace_back("name", Cat("new-", asked));
          if (row.of_budgets() && row.writes()) body.emplace_back("amount", "7");
          if (says_tenant && !row.writes()) path += "?tenant=" + to;
          const RawAnswer answer = Ask(row.method, path, key, WriteJson(body));
          ++asked;
          const std::string what = Cat(RoleName(role), " of ", from, ": ", row.method, " ", path, ": ", answer.body);
          if (answer.status == 200) {
            EXPECT_FALSE(row.writes()) << what;
            EXPECT_EQ(answer.body.find(Cat("\"", to, "\"")), std::string::npos) << what;
            for (const auto& [unused, id] : targets) EXPECT_EQ(answer.body.find(id), std::string::npos) << what;
          } else {
            EXPECT_TRUE(answer.status == 403 || answer.status == 404) << answer.status << what;
          }
        }
        EXPECT_TRUE(everything() == before) << RoleName(role) << " of " << from << " to " << to;
      }
    }
  }
  constexpr size_t kOfPeriods = 2 * 4 * 2;  // of the host's other roles, which nobody asked
  EXPECT_EQ(asked, (3 * 5 * 2 - 2) * VerbRows().size() - kOfPeriods);
}

TEST_F(AdminServer, AKeyThatIsRevokedIsRefusedOnAnOpenConnectionToo) {
  const Json made = Here("key.create", Json::Object{});
  const std::string get = GetText("/v1/models", Cat("Authorization: Bearer ", TextOf(made, "key"), "\r\n"));
  RawClient client(served_->port());
  ASSERT_TRUE(client.Send(get));
  EXPECT_EQ(client.Answer().status, 200);
  Here("key.revoke", Json::Object{{"id", TextOf(made, "id")}});
  ASSERT_TRUE(client.Send(get));
  EXPECT_EQ(client.Answer().status, 401);
}

TEST_F(AdminServer, AKeyInAWrongPlaceIsShownToNobody) {
  served_.reset();
  testing::internal::CaptureStderr();
  ServerOptions options = QuietOptions();
  options.log_requests = true;
  Start(options);
  SetLogLevel(LogLevel::kDebug);
  std::string said;
  const std::string cut = owner_.substr(0, 60);
  for (const std::string& key : {owner_, cut}) {
    said += Ask("GET", "/" + key, key).body;
    said += Ask("GET", "/v1/models/x?key=" + key, key).body;
    said += Ask("GET", "/v1/models/" + key, owner_).body;
    said += Ask("GET", "/v1/responses/" + key, owner_).body;
    said += Ask("GET", "/foundation-models/" + key, owner_).body;
    said += Ask("POST", Cat("/model/", key, "/converse"), owner_, route_calls::kConverseHi).body;
    said += Ask("POST", "/v1/messages", owner_, Cat(R"({"model":")", key, R"(","max_tokens":1,"messages":[]})")).body;
    said += Ask("POST", "/v1/chat/completions", owner_, Cat(R"({")", key, R"(":1,"messages":[]})")).body;
    said += Ask("POST", "/v1/chat/completions", owner_, Cat(R"({"model":")", key, R"(","messages":[]})")).body;
    said += Ask("POST", "/none/" + key, key, "{}").body;
    said += Ask("DELETE", "/admin/v1/keys/" + key, key).body;
    said += Ask("GET", "/admin/v1/keys/" + key, owner_).body;
    said += Ask("POST", Cat("/admin/v1/keys/", key, "/revoke"), owner_).body;
  }
  served_->server->Stop();
  served_->server->Wait();
  SetLogLevel(LogLevel::kInfo);
  said += testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find(*KeyIdOf(owner_)), std::string::npos) << said;
  EXPECT_EQ(said.find(owner_.substr(kKeyPrefix.size() + kKeyIdLength + 1, 20)), std::string::npos) << said;
}

}  // namespace
}  // namespace bedplate
