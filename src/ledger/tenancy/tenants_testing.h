#pragma once
/// What tests of tenants begin with.

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/cat.h"
#include "base/file.h"
#include "ledger/tenancy/tenant_admission.h"
#include "ledger/tenancy/tenants.h"

namespace bedplate {

/// Tenants in a folder of the test's, with the operator's, "host"; what is done is expected to work, or to be refused.
class TenantsTest : public testing::Test {
 protected:
  TenantsTest()
      : folder_(
            std::filesystem::temp_directory_path() /
            Cat("bedplate-tenants-", ::getpid(), "-", testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    const auto made = Tenants::Init(options_, "host", kLocal, clock_);
    EXPECT_TRUE(made.ok()) << made.status().message();
    operator_key_ = made->Find("key")->as_string();
    Reopen();
  }
  ~TenantsTest() override { std::filesystem::remove_all(folder_); }

  void Reopen() {
    admission_.reset();
    tenants_.reset();
    auto opened = Tenants::Open(options_, clock_);
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    tenants_ = *std::move(opened);
    admission_ = std::make_unique<TenantAdmission>(*tenants_, clock_);
  }
  Json Done(const Caller& caller, std::string_view verb, const Json& arguments) {
    auto done = tenants_->Do(caller, verb, arguments);
    EXPECT_TRUE(done.ok()) << verb << ": " << done.status().message();
    return done.ok() ? *done : Json(Json::Object{});
  }
  Json Local(std::string_view verb, const Json& arguments) { return Done(kLocal, verb, arguments); }
  Status Refused(const Caller& caller, std::string_view verb, const Json& arguments) {
    const auto done = tenants_->Do(caller, verb, arguments);
    EXPECT_FALSE(done.ok()) << verb << " " << WriteJson(arguments);
    return done.status();
  }
  Json NewKey(Json::Object more) { return Local("key.create", std::move(more)); }
  Result<Principal> Ask(const std::string& key) { return admission_->Authenticate("Bearer " + key); }
  std::string ReasonOf(const std::string& key) { return Ask(key).status().reason(); }
  static std::string TextOf(const Json& object, std::string_view member) {
    const Json* const value = object.Find(member);
    return value != nullptr && value->is_string() ? value->as_string() : std::string();
  }
  // Everything that lies in the two folders.
  [[nodiscard]] std::string Files() const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) all += *ReadFile(entry.path());
    }
    return all;
  }

  static inline const Caller kLocal = Caller::Local("local:0");
  const std::filesystem::path folder_;
  const Tenants::Options options_{.data_folder = folder_ / "data", .secret_file = folder_ / "config" / "secrets.toml"};
  SimClock clock_;
  std::string operator_key_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<TenantAdmission> admission_;
};

}  // namespace bedplate
