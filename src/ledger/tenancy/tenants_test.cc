// Tenants through the front door: verbs by callers of every kind against a store in a folder, and what admission makes
// of it. Time is the test's.
#include "ledger/tenancy/tenants.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <thread>

#include "ledger/tenancy/key_text.h"
#include "ledger/tenancy/tenants_testing.h"

namespace bedplate {
namespace {

using std::chrono::seconds;

TEST_F(TenantsTest, TheFirstKeyIsTheOperatorsOwners) {
  const auto who = Ask(operator_key_);
  ASSERT_TRUE(who.ok()) << who.status().message();
  EXPECT_EQ(who->tenant, "host");
  EXPECT_EQ(who->project, "default");
  EXPECT_EQ(who->key, *KeyIdOf(operator_key_));
  EXPECT_TRUE(who->may_use_models);
  EXPECT_TRUE(who->may_read_metrics);
  EXPECT_NE(who->cache_salt, 0u);
  EXPECT_EQ(Tenants::Init(options_, "again", kLocal, clock_).status().code(), StatusCode::kConflict);
  const auto second = Tenants::Open(options_, clock_);
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable) << "one process has a store at a time";
  EXPECT_NE(second.status().message().find(options_.data_folder.string()), std::string::npos);
}

TEST_F(TenantsTest, AKeyIsWhatItWasMadeAsAlsoAfterARestart) {
  Local("tenant.create", Json::Object{{"name", "acme"}});
  Local("project.create", Json::Object{{"tenant", "acme"}, {"name", "search"}});
  const Json made = NewKey({{"tenant", "acme"},
                            {"project", "search"},
                            {"name", "ada"},
                            {"role", "member"},
                            {"scopes", Json::Array{"models"}},
                            {"models", Json::Array{"small", "large"}},
                            {"expires_at", 1000},
                            {"requests_per_minute", 2},
                            {"body_bytes_max", 4096},
                            {"request_seconds_max", 7}});
  const std::string key = TextOf(made, "key");
  Reopen();
  const auto who = Ask(key);
  ASSERT_TRUE(who.ok()) << who.status().message();
  EXPECT_EQ(who->tenant, "acme");
  EXPECT_EQ(who->project, "search");
  EXPECT_EQ(who->key, TextOf(made, "id"));
  EXPECT_EQ(who->models, (std::vector<std::string>{"small", "large"}));
  EXPECT_EQ(who->caps, (RequestCaps{.body_bytes_max = 4096, .output_tokens_max = 0, .time_ms_max = 7000}));
  EXPECT_TRUE(who->may_use_models);
  EXPECT_FALSE(who->may_read_metrics);
  std::vector<Admitted> running;
  for (int i = 0; i < 2; ++i) running.push_back(admission_->Admit(*who, {}));
  const Admitted third = admission_->Admit(*who, {});
  ASSERT_TRUE(std::holds_alternative<Refusal>(third));
  EXPECT_EQ(std::get<Refusal>(third).kind, Refusal::Kind::kRequests);
  clock_.Advance(seconds(1000));
  EXPECT_EQ(ReasonOf(key), "expired_key");
  const Admitted late = admission_->Admit(*who, {});
  ASSERT_TRUE(std::holds_alternative<Refusal>(late));
  EXPECT_EQ(std::get<Refusal>(late).kind, Refusal::Kind::kKeyGone);
}

TEST_F(TenantsTest, WhatIsNoKeyIsToldAlike) {
  std::string wrong = operator_key_;
  wrong.back() = wrong.back() == 'x' ? 'y' : 'x';
  EXPECT_EQ(ReasonOf(wrong), "invalid_api_key");
  EXPECT_EQ(ReasonOf(*NewKeyText(*KeyIdOf(operator_key_))), "invalid_api_key") << "another secret of that id";
  EXPECT_EQ(ReasonOf(*NewKeyText(*NewKeyId())), "invalid_api_key");
  EXPECT_EQ(ReasonOf("bp_something"), "invalid_api_key");
  EXPECT_EQ(admission_->Authenticate("").status().reason(), "missing_api_key");
  EXPECT_EQ(admission_->FindAccessKey("BPAK0000000000000000").status().reason(), "unknown_access_key");
}

TEST_F(TenantsTest, RotationOverlapsAndThenEnds) {
  const Json made = NewKey({{"name", "ada"}});
  const std::string id = TextOf(made, "id"), first = TextOf(made, "key");
  const Json rotated = Local("key.rotate", Json::Object{{"id", id}, {"overlap_seconds", 60}});
  const std::string second = TextOf(rotated, "key");
  EXPECT_NE(first, second);
  EXPECT_EQ(KeyIdOf(first), KeyIdOf(second)) << "the id is what stays";
  Reopen();
  ASSERT_TRUE(Ask(first).ok());
  ASSERT_TRUE(Ask(second).ok());
  EXPECT_EQ(Ask(first)->cache_salt, Ask(second)->cache_salt);
  EXPECT_EQ(Refused(kLocal, "key.rotate", Json::Object{{"id", id}}).code(), StatusCode::kConflict) << "two are good";
  clock_.Advance(seconds(59));
  EXPECT_TRUE(Ask(first).ok());
  clock_.Advance(seconds(1));
  EXPECT_EQ(ReasonOf(first), "invalid_api_key");
  EXPECT_TRUE(Ask(second).ok());
  const std::string third = TextOf(Local("key.rotate", Json::Object{{"id", id}, {"overlap_seconds", 0}}), "key");
  EXPECT_EQ(ReasonOf(second), "invalid_api_key");
  EXPECT_TRUE(Ask(third).ok());
}

TEST_F(TenantsTest, RevocationCountsAtOnceAndForGood) {
  const Json made = NewKey({});
  const Json id = Json::Object{{"id", TextOf(made, "id")}};
  const auto who = Ask(TextOf(made, "key"));
  ASSERT_TRUE(who.ok());
  Admitted running = admission_->Admit(*who, {});
  ASSERT_TRUE(std::holds_alternative<std::unique_ptr<Permit>>(running));
  Local("key.revoke", id);
  EXPECT_EQ(ReasonOf(TextOf(made, "key")), "invalid_api_key");
  EXPECT_TRUE(std::holds_alternative<Refusal>(admission_->Admit(*who, {})));
  std::get<std::unique_ptr<Permit>>(running)->Settle({});
  EXPECT_EQ(Refused(kLocal, "key.rotate", id).code(), StatusCode::kConflict);
  Local("key.revoke", id);  // once more changes nothing
  Reopen();
  EXPECT_EQ(ReasonOf(TextOf(made, "key")), "invalid_api_key");
}

TEST_F(TenantsTest, AnUpdateCountsForTheNextRequest) {
  const Json made = NewKey({{"requests_per_minute", 1}, {"models", Json::Array{"a"}}, {"expires_at", 500}});
  const std::string id = TextOf(made, "id"), key = TextOf(made, "key");
  const auto admitted = [&] {
    Admitted asked = admission_->Admit(*Ask(key), {});
    auto* const permit = std::get_if<std::unique_ptr<Permit>>(&asked);
    if (permit != nullptr) (*permit)->Settle({});
    return permit != nullptr;
  };
  EXPECT_TRUE(admitted());
  EXPECT_FALSE(admitted());
  Local("key.update", Json::Object{{"id", id}, {"name", "ada"}});
  EXPECT_EQ(Ask(key)->models, std::vector<std::string>{"a"}) << "what isn't said stays";
  Local("key.update", Json::Object{{"id", id}, {"models", Json()}, {"concurrent_requests", 1}, {"expires_at", Json()}});
  EXPECT_TRUE(Ask(key)->models.empty());
  Local("key.update", Json::Object{{"id", id}, {"requests_per_minute", Json()}, {"scopes", Json::Array{"metrics"}}});
  Reopen();
  EXPECT_FALSE(Ask(key)->may_use_models);
  const auto first = admission_->Admit(*Ask(key), {});
  EXPECT_EQ(first.index(), 0u) << "no limit on requests any more";
  EXPECT_FALSE(admitted()) << "but one at a time";
  clock_.Advance(seconds(600));
  EXPECT_TRUE(Ask(key).ok());
  EXPECT_EQ(Refused(Caller::Key(id), "key.update", Json::Object{{"id", id}}).reason(), "role_not_allowed");
}

// A store that can't be written changes nothing, on the disk or in what keys are checked against.
TEST_F(TenantsTest, AChangeThatIsNotWrittenIsNone) {
  const Json made = NewKey({});
  const std::string key = TextOf(made, "key");
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((options_.data_folder / TenantStore::kFileName).c_str(), &database), SQLITE_OK);
  const auto execute = [&](const char* sql) {
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  };
  execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END");
  const std::string before = WriteJson(Local("key.list", Json::Object{}));
  for (const auto* verb : {"key.revoke", "key.rotate"}) {
    EXPECT_FALSE(tenants_->Do(kLocal, verb, Json::Object{{"id", TextOf(made, "id")}}).ok());
  }
  EXPECT_FALSE(tenants_->Do(kLocal, "tenant.create", Json::Object{{"name", "acme"}}).ok());
  EXPECT_FALSE(tenants_->Do(kLocal, "key.create", Json::Object{}).ok());
  EXPECT_TRUE(Ask(key).ok());
  EXPECT_EQ(WriteJson(Local("key.list", Json::Object{})), before);
  execute("DROP TRIGGER full");
  sqlite3_close(database);
  Reopen();
  EXPECT_EQ(WriteJson(Local("key.list", Json::Object{})), before);
  Local("key.revoke", Json::Object{{"id", TextOf(made, "id")}});
  EXPECT_FALSE(Ask(key).ok());
  Local("audit.list", Json::Object{{"verify", true}});
}

TEST_F(TenantsTest, DisabledTenantsAndProjectsAdmitNobody) {
  Local("tenant.create", Json::Object{{"name", "acme"}});
  const Json bearer = NewKey({{"tenant", "acme"}});
  const Json pair = NewKey({{"tenant", "acme"}, {"access_key", true}});
  const auto let_in = [&] {
    const bool in = Ask(TextOf(bearer, "key")).ok();
    EXPECT_EQ(admission_->FindAccessKey(TextOf(pair, "access_key_id")).ok(), in);
    return in;
  };
  const auto who = Ask(TextOf(bearer, "key"));
  EXPECT_TRUE(let_in());
  for (const std::string what : {"tenant", "project"}) {
    const Json name =
        what == "tenant" ? Json::Object{{"tenant", "acme"}} : Json::Object{{"tenant", "acme"}, {"project", "default"}};
    Local(what + ".disable", name);
    EXPECT_FALSE(let_in());
    EXPECT_EQ(ReasonOf(TextOf(bearer, "key")), "account_deactivated") << "the key itself is right";
    EXPECT_TRUE(std::holds_alternative<Refusal>(admission_->Admit(*who, {})));
    Reopen();
    EXPECT_FALSE(let_in());
    Local(what + ".enable", name);
    EXPECT_TRUE(let_in());
  }
  EXPECT_EQ(Refused(kLocal, "tenant.disable", Json::Object{{"tenant", "host"}}).code(), StatusCode::kConflict);
}

TEST_F(TenantsTest, AccessKeysSignWithTheSecretThatWasShown) {
  const Json made = NewKey({{"name", "boto"}, {"access_key", true}});
  EXPECT_TRUE(TextOf(made, "key").empty());
  EXPECT_TRUE(TextOf(made, "access_key_id").starts_with("BPAK"));
  const Json rotated = Local("key.rotate", Json::Object{{"id", TextOf(made, "id")}, {"overlap_seconds", 60}});
  EXPECT_NE(TextOf(rotated, "access_key_id"), TextOf(made, "access_key_id"));
  for (const Json* const pair : {&made, &rotated}) {
    const auto found = admission_->FindAccessKey(TextOf(*pair, "access_key_id"));
    ASSERT_TRUE(found.ok()) << found.status().message();
    EXPECT_EQ(found->secret, TextOf(*pair, "secret_access_key"));
    EXPECT_EQ(found->principal.key, TextOf(made, "id"));
  }
  clock_.Advance(seconds(60));
  EXPECT_EQ(admission_->FindAccessKey(TextOf(made, "access_key_id")).status().reason(), "unknown_access_key");
  EXPECT_TRUE(admission_->FindAccessKey(TextOf(rotated, "access_key_id")).ok());
}

TEST_F(TenantsTest, SecretsAreRotatedAndKeysGoOn) {
  const Json bearer = NewKey({});
  const Json pair = NewKey({{"access_key", true}});
  const Json versions = Local("secrets.rotate", Json::Object{});
  EXPECT_EQ(versions.Find("data")->as_array().size(), 2u)
      << "bearer keys need the earlier pepper until they are rotated";
  Reopen();
  EXPECT_TRUE(Ask(TextOf(bearer, "key")).ok());
  EXPECT_EQ(admission_->FindAccessKey(TextOf(pair, "access_key_id"))->secret, TextOf(pair, "secret_access_key"));
  for (const std::string& id : {TextOf(bearer, "id"), std::string(*KeyIdOf(operator_key_))}) {
    Local("key.rotate", Json::Object{{"id", id}, {"overlap_seconds", 0}});
  }
  const Json again = Local("secrets.rotate", Json::Object{});
  EXPECT_EQ(again.Find("data")->as_array().size(), 2u) << "v1 is gone, v2 is needed";
  EXPECT_EQ(TextOf(again.Find("data")->as_array()[0], "id"), "v2");
  EXPECT_EQ(SecretFile::Load(options_.secret_file, options_.data_folder)->versions().size(), 2u);
  Reopen();
  EXPECT_EQ(admission_->FindAccessKey(TextOf(pair, "access_key_id"))->secret, TextOf(pair, "secret_access_key"));
}

TEST_F(TenantsTest, ARotationThatWasCutOffIsNoHarm) {
  const Json bearer = NewKey({});
  tenants_.reset();
  admission_.reset();
  const SecretFile file = *SecretFile::Load(options_.secret_file, options_.data_folder);
  ASSERT_TRUE(file.WithNewVersion(1)->Save(options_.secret_file).ok());  // the file was written, and then came a kill
  Reopen();
  EXPECT_TRUE(Ask(TextOf(bearer, "key")).ok());
  const Json made = NewKey({});
  Reopen();
  EXPECT_TRUE(Ask(TextOf(made, "key")).ok());
}

TEST_F(TenantsTest, AnotherSecretFileIsRefused) {
  tenants_.reset();
  admission_.reset();
  const std::string good = *ReadFile(options_.secret_file);
  std::filesystem::remove(options_.secret_file);
  EXPECT_EQ(Tenants::Open(options_, clock_).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(SecretFile::Create(options_.secret_file, options_.data_folder, 1).ok());
  EXPECT_EQ(Tenants::Open(options_, clock_).status().code(), StatusCode::kPermissionDenied);
  ASSERT_TRUE(WriteFileAtomically(options_.secret_file, good, 0600).ok());
  EXPECT_TRUE(Tenants::Open(options_, clock_).ok());
}

// An older copy of the store would let in whoever was revoked since: the head that was kept outside knows better.
TEST_F(TenantsTest, AnOlderCopyIsRefused) {
  const Json made = NewKey({});
  const auto close = [&] {
    admission_.reset();
    tenants_.reset();
  };
  close();
  const std::filesystem::path store = options_.data_folder / TenantStore::kFileName;
  const std::filesystem::path heads = options_.secret_file.string() + ".heads";
  const std::string older = *ReadFile(store), older_heads = *ReadFile(heads);
  Reopen();
  Local("key.revoke", Json::Object{{"id", TextOf(made, "id")}});
  close();
  const std::string newer = *ReadFile(store), newer_heads = *ReadFile(heads);
  std::filesystem::remove(store.string() + "-wal");
  ASSERT_TRUE(WriteFileAtomically(store, older, 0600).ok());
  const Status behind = Tenants::Open(options_, clock_).status();
  EXPECT_EQ(behind.code(), StatusCode::kDataLoss) << behind.message();
  EXPECT_EQ(behind.reason(), "behind_kept_head");
  EXPECT_EQ(*ReadFile(heads), newer_heads) << "and the head stays for whoever looks";

  // Another history of the same length is not what was written either.
  ASSERT_TRUE(WriteFileAtomically(heads, older_heads, 0600).ok());
  Reopen();
  NewKey({});
  close();
  ASSERT_TRUE(WriteFileAtomically(heads, newer_heads, 0600).ok());
  EXPECT_EQ(Tenants::Open(options_, clock_).status().reason(), "behind_kept_head");

  // What is no file of heads is told, one that was moved away on purpose is done without.
  ASSERT_TRUE(WriteFileAtomically(heads, "junk", 0600).ok());
  EXPECT_FALSE(Tenants::Open(options_, clock_).ok());
  std::filesystem::remove(heads);
  Reopen();
  close();
  ASSERT_TRUE(WriteFileAtomically(store, newer, 0600).ok());
  ASSERT_TRUE(WriteFileAtomically(heads, newer_heads, 0600).ok());
  Reopen();
  EXPECT_FALSE(Ask(TextOf(made, "key")).ok());
}

TEST_F(TenantsTest, SecretsLieInNoFileAndInNoAnswerButTheFirst) {
  const Json bearer = NewKey({{"name", "ada"}});
  const Json pair = NewKey({{"access_key", true}});
  const Json rotated = Local("key.rotate", Json::Object{{"id", TextOf(bearer, "id")}});
  std::string shown = Files();
  for (const auto* verb : {"tenant.list", "project.list", "key.list", "audit.list", "secrets.list"}) {
    shown += WriteJson(Local(verb, Json::Object{}));
  }
  shown += Refused(kLocal, "key.show", Json::Object{{"id", TextOf(bearer, "key")}}).message();
  shown += Refused(kLocal, TextOf(bearer, "key"), Json::Object{}).message();
  EXPECT_NE(shown.find(TextOf(bearer, "id")), std::string::npos) << "something was looked at";
  for (const std::string& key : {operator_key_, TextOf(bearer, "key"), TextOf(rotated, "key")}) {
    EXPECT_EQ(shown.find(key.substr(kKeyPrefix.size() + kKeyIdLength + 1, kKeySecretLength)), std::string::npos);
  }
  EXPECT_EQ(shown.find(TextOf(pair, "secret_access_key")), std::string::npos);
}

TEST_F(TenantsTest, MistakesNameTheArgument) {
  const struct {
    std::string_view verb;
    Json arguments;
    std::string_view param;
  } cases[] = {
      {"key.create", Json::Object{{"request_per_minute", 3}}, "request_per_minute"},
      {"key.create", Json::Object{{"requests_per_minute", 0}}, "requests_per_minute"},
      {"key.create", Json::Object{{"requests_per_minute", "3"}}, "requests_per_minute"},
      {"key.create", Json::Object{{"role", "king"}}, "role"},
      {"key.create", Json::Object{{"scopes", Json::Array{"all"}}}, "scopes"},
      {"key.create", Json::Object{{"scopes", Json::Array{}}}, "scopes"},
      {"key.create", Json::Object{{"models", Json::Array{""}}}, "models"},
      {"key.create", Json::Object{{"expires_at", 1}}, "expires_at"},
      {"key.create", Json::Object{{"name", "a b"}}, "name"},
      {"key.create", Json::Object{{"access_key", 1}}, "access_key"},
      {"key.rotate", Json::Object{}, "id"},
      {"key.rotate", Json::Object{{"id", "x"}, {"overlap_seconds", -1}}, "overlap_seconds"},
      {"tenant.create", Json::Object{}, "name"},
      {"tenant.create", Json::Object{{"name", "../x"}}, "name"},
      {"audit.list", Json::Object{{"limit", 1001}}, "limit"},
  };
  for (const auto& one : cases) {
    const Status refused = Refused(kLocal, one.verb, one.arguments);
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument) << WriteJson(one.arguments) << refused.message();
    EXPECT_EQ(refused.param(), one.param) << refused.message();
  }
  EXPECT_EQ(Refused(kLocal, "key.create", Json::Array{}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Refused(kLocal, "key.drop", Json::Object{}).code(), StatusCode::kInvalidArgument);
}

TEST_F(TenantsTest, TheAuditTellsWhoDidWhatAndMissesNothing) {
  const Json made = NewKey({{"name", "ada"}});
  const std::string id = TextOf(made, "id");
  Done(Caller::Key(std::string(*KeyIdOf(operator_key_))), "key.revoke", Json::Object{{"id", id}});
  Json audit = Local("audit.list", Json::Object{{"verify", true}});
  EXPECT_EQ(audit.Find("verified_rows")->as_int(), 4) << "init, the first key, ada's, its end";
  const Json::Array& rows = audit.Find("data")->as_array();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(TextOf(rows[0], "verb"), "key.revoke");
  EXPECT_EQ(TextOf(rows[0], "actor"), *KeyIdOf(operator_key_));
  EXPECT_EQ(TextOf(rows[0], "subject"), id);
  EXPECT_EQ(TextOf(rows[1], "actor"), "local:0");
  EXPECT_EQ(TextOf(*rows[1].Find("details"), "name"), "ada");
  EXPECT_EQ(Local("audit.list", Json::Object{{"limit", 1}, {"before", "4"}}).Find("data")->as_array().size(), 1u);

  const auto file = options_.data_folder / TenantStore::kFileName;
  for (const char* sql :
       {"UPDATE audit SET actor = 'x' WHERE number = 2", "UPDATE audit SET time = 0 WHERE number = 4",
        "DELETE FROM audit WHERE number = 2", "DELETE FROM audit WHERE number = 4", "DELETE FROM audit",
        "UPDATE audit SET number = 9 WHERE number = 1",
        "INSERT INTO audit SELECT 5, time, actor, verb, tenant, object, details, hash FROM audit WHERE "
        "number = 4"}) {
    tenants_.reset();
    admission_.reset();
    const auto before = ReadFile(file);
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(database);
    // What the last row can tell is told at the start, the rest by who looks at all of them.
    if (auto opened = Tenants::Open(options_, clock_); opened.ok()) {
      tenants_ = *std::move(opened);
      EXPECT_EQ(Refused(kLocal, "audit.list", Json::Object{{"verify", true}}).code(), StatusCode::kDataLoss) << sql;
      tenants_.reset();
    } else {
      EXPECT_EQ(opened.status().reason(), "behind_kept_head") << sql << ": " << opened.status().message();
    }
    ASSERT_TRUE(WriteFileAtomically(file, *before, 0600).ok());
  }
  Reopen();
  Local("audit.list", Json::Object{{"verify", true}});
  // Also beside the process that has the store; and the head that was kept is missed when it is gone.
  const auto heads = Tenants::HeadsPath(options_);
  const auto kept = ReadAuditHead(heads);
  const auto beside = OpenTenantsToRead(file);
  ASSERT_TRUE(kept.ok() && beside.ok());
  const auto verified = VerifyAudit(**beside, *kept);
  ASSERT_TRUE(verified.ok()) << verified.status().message();
  EXPECT_EQ(*verified, *kept);
  std::filesystem::remove(heads);
  EXPECT_EQ(ReadAuditHead(heads).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Refused(kLocal, "audit.list", Json::Object{{"verify", true}}).code(), StatusCode::kDataLoss);
}

TEST_F(TenantsTest, ATenantsWeightIsItsKeys) {
  EXPECT_EQ(Ask(operator_key_)->weight, 1u);
  const Json made = Local("tenant.create", Json::Object{{"name", "acme"}, {"weight", 5}});
  EXPECT_EQ(made.Find("weight")->as_int(), 5);
  const Json bearer = NewKey({{"tenant", "acme"}});
  const Json pair = NewKey({{"tenant", "acme"}, {"access_key", true}});
  const auto weight = [&] {
    const uint32_t of_pair = admission_->FindAccessKey(TextOf(pair, "access_key_id"))->principal.weight;
    EXPECT_EQ(Ask(TextOf(bearer, "key"))->weight, of_pair);
    return of_pair;
  };
  EXPECT_EQ(weight(), 5u);
  Local("tenant.update", Json::Object{{"tenant", "acme"}, {"weight", 1000}});
  EXPECT_EQ(weight(), 1000u) << "from the next request on";
  Local("tenant.update", Json::Object{{"tenant", "acme"}});
  EXPECT_EQ(weight(), 1000u) << "what is left out stays";
  Reopen();
  EXPECT_EQ(weight(), 1000u);
  for (const int wrong : {0, 1001, -1}) {
    const Json arguments = Json::Object{{"tenant", "acme"}, {"weight", wrong}};
    EXPECT_EQ(Refused(kLocal, "tenant.update", arguments).param(), "weight");
  }
  const Json audit = Local("audit.list", Json::Object{{"limit", 1}});
  EXPECT_EQ(TextOf(audit.Find("data")->as_array()[0], "verb"), "tenant.update");
  EXPECT_EQ(audit.Find("data")->as_array()[0].Find("details")->Find("weight")->as_int(), 1000);
}

// Readers see each state whole while it changes: under TSan, too.
TEST_F(TenantsTest, ManyAskWhileOneChanges) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto who = Ask(operator_key_);
        EXPECT_TRUE(who.ok());
        if (who.ok()) admission_->Admit(*who, {});
      }
    });
  }
  for (int i = 0; i < 20; ++i) Local("key.revoke", Json::Object{{"id", TextOf(NewKey({}), "id")}});
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace bedplate
