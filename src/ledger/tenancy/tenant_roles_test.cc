// Method: callers of every role try every verb of the table, in their own tenant and in others.
#include "ledger/tenancy/roles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "ledger/tenancy/key_text.h"
#include "ledger/tenancy/tenants_testing.h"

namespace bedplate {
namespace {

using TenantRolesTest = TenantsTest;

TEST_F(TenantRolesTest, NobodyMakesMoreOfAKeyThanTheyAre) {
  const auto caller = [&](Json::Object more) { return Caller::Key(TextOf(NewKey(std::move(more)), "id")); };
  const Caller admin = caller({{"role", "admin"}});
  const std::string owner_id(*KeyIdOf(operator_key_));
  for (const auto* role : {"owner", "billing", "auditor"}) {
    EXPECT_EQ(Refused(admin, "key.create", Json::Object{{"role", role}}).reason(), "role_not_allowed") << role;
  }
  Done(admin, "key.create", Json::Object{{"role", "admin"}});
  Done(admin, "key.create", Json::Object{});
  for (const auto* verb : {"key.rotate", "key.revoke"}) {
    EXPECT_EQ(Refused(admin, verb, Json::Object{{"id", owner_id}}).reason(), "role_not_allowed") << verb;
  }
  const Caller writer = caller({{"role", "admin"}, {"scopes", Json::Array{"admin.read", "admin.write"}}});
  EXPECT_EQ(Refused(writer, "key.create", Json::Object{{"scopes", Json::Array{"models"}}}).reason(),
            "role_not_allowed");
  EXPECT_EQ(Refused(writer, "key.rotate", Json::Object{{"id", admin.key}}).reason(), "role_not_allowed");
  EXPECT_EQ(WriteJson(*Done(writer, "key.create", Json::Object{}).Find("scopes")), R"(["admin.read","admin.write"])");
  const Caller reader = caller({{"role", "owner"}, {"scopes", Json::Array{"admin.read"}}});
  EXPECT_EQ(Refused(reader, "key.create", Json::Object{}).reason(), "role_not_allowed");
  Done(reader, "key.list", Json::Object{});
  const Caller narrow = caller({{"role", "admin"}, {"models", Json::Array{"a", "b"}}, {"expires_at", 500}});
  EXPECT_EQ(Refused(narrow, "key.create", Json::Object{{"models", Json::Array{"a", "c"}}}).reason(),
            "role_not_allowed");
  EXPECT_EQ(Refused(narrow, "key.create", Json::Object{{"expires_at", 501}}).reason(), "role_not_allowed");
  const Json made = Done(narrow, "key.create", Json::Object{});
  EXPECT_EQ(WriteJson(*made.Find("models")), R"(["a","b"])");
  EXPECT_EQ(made.Find("expires_at")->as_int(), 500);
  const Caller member = caller({});
  Done(member, "key.rotate", Json::Object{{"id", member.key}});
  EXPECT_EQ(Refused(member, "key.rotate", Json::Object{{"id", admin.key}}).reason(), "key_not_found");
}

// The arguments with which a verb asks for something of tenant `to`.
Json ArgumentsFor(const VerbRow& row, const std::string& to, const std::string& key_id, size_t number) {
  Json::Object arguments;
  if (row.subject == "id") arguments.emplace_back("id", key_id);
  const bool of_tenant = row.subject == "tenant" || row.name.starts_with("project") || row.of_budgets() ||
                         row.verb == TenantVerb::kKeyList || row.verb == TenantVerb::kKeyCreate;
  if (of_tenant) arguments.emplace_back("tenant", to);
  if (row.subject == "budget") arguments.emplace_back("budget", "only-" + to);
  if (row.verb == TenantVerb::kBudgetCreate) arguments.emplace_back("amount", "1");
  if (row.verb == TenantVerb::kBudgetUpdate) arguments.emplace_back("amount", "7");
  if (row.subject == "project") arguments.emplace_back("project", "only-" + to);
  if (row.name.ends_with(".create")) arguments.emplace_back("name", Cat("new-", number));
  return arguments;
}

// Whatever a key of any role asks about what another tenant has, it gets nothing and changes nothing. The operator's
// owner alone may: that is what it is for.
TEST_F(TenantRolesTest, NoVerbCrossesTenants) {
  std::map<std::string, std::map<Role, std::string>> ids;  // of keys, by tenant
  for (const std::string tenant : {"host", "alpha", "beta"}) {
    if (tenant != "host") Local("tenant.create", Json::Object{{"name", tenant}});
    Local("project.create", Json::Object{{"tenant", tenant}, {"name", "only-" + tenant}});
    Local("budget.create", Json::Object{{"tenant", tenant}, {"name", "only-" + tenant}, {"amount", "5"}});
    for (const Role role : kRoles) {
      ids[tenant][role] = TextOf(NewKey({{"tenant", tenant}, {"role", std::string(RoleName(role))}}), "id");
    }
  }
  const auto everything = [&] {
    return WriteJson(Local("key.list", Json::Object{})) + WriteJson(Local("tenant.list", Json::Object{})) +
           WriteJson(Local("project.list", Json::Object{})) + WriteJson(Local("budget.list", Json::Object{}));
  };
  size_t asked = 0;
  for (const auto& [from, keys] : ids) {
    for (const auto& [role, caller] : keys) {
      for (const auto& [to, targets] : ids) {
        if (from == to || (from == "host" && role == Role::kOwner)) continue;
        const std::string before = everything();
        for (const VerbRow& row : VerbRows()) {
          if (row.of_books()) continue;  // office_test.cc
          const std::string what = Cat(RoleName(role), " of ", from, ": ", row.name, " of ", to);
          const Json arguments = ArgumentsFor(row, to, targets.at(Role::kMember), ++asked);
          const auto done = tenants_->Do(Caller::Key(caller), row.name, arguments);
          const StatusCode code = done.status().code();
          if (done.ok()) {  // a list, of nothing of theirs
            EXPECT_FALSE(row.writes()) << what;
            EXPECT_EQ(WriteJson(*done).find(Cat("\"", to, "\"")), std::string::npos) << what;
          } else {
            EXPECT_TRUE(code == StatusCode::kPermissionDenied || code == StatusCode::kNotFound) << what;
          }
        }
        EXPECT_TRUE(everything() == before) << RoleName(role) << " of " << from << " to " << to;
      }
    }
  }
  const auto of_tenants = std::ranges::count_if(VerbRows(), [](const VerbRow& row) { return !row.of_books(); });
  EXPECT_EQ(asked, (3 * 5 * 2 - 2) * static_cast<size_t>(of_tenants));
}

// In its own tenant a key may what the table says, and nothing else: the table once more, as people read it.
TEST_F(TenantRolesTest, EachRoleMayWhatTheTableSays) {
  const std::map<Role, std::set<std::string_view>> may = {
      {Role::kOwner,
       {"tenant.list", "tenant.show", "project.create", "project.list", "project.show", "project.disable",
        "project.enable", "key.create", "key.list", "key.show", "key.update", "key.rotate", "key.revoke", "audit.list",
        "budget.create", "budget.list", "budget.show", "budget.update"}},
      {Role::kBilling,
       {"tenant.list", "tenant.show", "project.list", "project.show", "key.list", "key.show", "budget.create",
        "budget.list", "budget.show", "budget.update"}},
      {Role::kAdmin,
       {"project.list", "project.show", "key.create", "key.list", "key.show", "key.update", "key.rotate", "key.revoke",
        "budget.list", "budget.show"}},
      {Role::kMember, {"key.list", "budget.list"}},
      {Role::kAuditor,
       {"tenant.list", "tenant.show", "project.list", "project.show", "key.list", "key.show", "audit.list",
        "budget.list", "budget.show"}},
  };
  Local("tenant.create", Json::Object{{"name", "alpha"}});
  Local("project.create", Json::Object{{"tenant", "alpha"}, {"name", "only-alpha"}});
  Local("budget.create",
        Json::Object{{"tenant", "alpha"}, {"name", "only-alpha"}, {"project", "only-alpha"}, {"amount", "5"}});
  size_t number = 0;
  for (const Role role : kRoles) {
    const Caller caller = Caller::Key(
        TextOf(NewKey({{"tenant", "alpha"}, {"project", "only-alpha"}, {"role", std::string(RoleName(role))}}), "id"));
    for (const VerbRow& row : VerbRows()) {
      const std::string target = TextOf(NewKey({{"tenant", "alpha"}, {"project", "only-alpha"}}), "id");
      const Json arguments = ArgumentsFor(row, "alpha", target, ++number);
      const auto done = tenants_->Do(caller, row.name, arguments);
      EXPECT_EQ(done.ok(), may.at(role).contains(row.name))
          << RoleName(role) << ": " << row.name << " " << done.status().message();
      if (row.verb == TenantVerb::kProjectDisable && done.ok()) {  // it was its own, too
        Local("project.enable", arguments);
      }
    }
    Done(caller, "key.show", Json::Object{{"id", caller.key}});
    Done(caller, "key.rotate", Json::Object{{"id", caller.key}});
    Done(caller, "key.revoke", Json::Object{{"id", caller.key}});
  }
}

}  // namespace
}  // namespace bedplate
