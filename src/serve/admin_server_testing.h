#pragma once
/// What tests of the admin API begin with.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/cat.h"
#include "ledger/kept_books.h"
#include "ledger/office/office.h"
#include "ledger/tenancy/tenant_admission.h"
#include "serve/served_testing.h"

namespace bedplate {

/// A real server with tenants in a folder of the test's, and the key of the operator's first owner.
class AdminServer : public testing::Test {
 protected:
  AdminServer()
      : folder_(
            std::filesystem::temp_directory_path() /
            Cat("bedplate-admin-", ::getpid(), "-", testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    const Tenants::Options options{.data_folder = folder_ / "data", .secret_file = folder_ / "secrets.toml"};
    const auto made = Tenants::Init(options, "host", kHere, clock_);
    EXPECT_TRUE(made.ok()) << made.status().message();
    owner_ = made->Find("key")->as_string();
    auto opened = Tenants::Open(options, clock_);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    tenants_ = *std::move(opened);
    auto books = KeptBooks::Open(folder_ / "data" / "ledger.sqlite3", folder_ / "ledger-head", clock_);
    EXPECT_TRUE(books.ok()) << books.status().message();
    books_ = *std::move(books);
    office_ = std::make_unique<Office>(
        *tenants_, Office::BooksKept{&books_->writer(), folder_ / "data" / "ledger.sqlite3"}, clock_);
    Start(QuietOptions());
  }
  ~AdminServer() override {
    served_.reset();
    office_.reset();
    books_.reset();
    tenants_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Start(ServerOptions options) {
    options.has_keys = true;
    options.office = office_.get();
    served_ = std::make_unique<Served>(FakeEngine::Mode::kAnswer, options,
                                       std::make_unique<TenantAdmission>(*tenants_, clock_));
  }
  Json Here(std::string_view verb, const Json& arguments) {
    auto done = office_->Do(kHere, verb, arguments);
    EXPECT_TRUE(done.ok()) << verb << ": " << done.status().message();
    return done.ok() ? *done : Json(Json::Object{});
  }
  static std::string TextOf(const Json& object, std::string_view member) {
    const Json* const value = object.Find(member);
    return value != nullptr && value->is_string() ? value->as_string() : std::string();
  }
  RawAnswer Ask(std::string_view method, std::string_view path, std::string_view key, std::string_view body = "") {
    const std::string fields = Cat("Authorization: Bearer ", key, "\r\n");
    if (method == "POST") return served_->Ask(PostText(path, body, fields));
    return served_->Ask(Cat(method, " ", path, " HTTP/1.1\r\nHost: localhost\r\n", fields, "\r\n"));
  }
  static Json Body(const RawAnswer& answer) {
    const Result<Json> body = ParseJson(answer.body);
    EXPECT_TRUE(body.ok()) << answer.body;
    return body.ok() ? *body : Json();
  }

  static inline const Caller kHere = Caller::Local("local:0");
  const std::filesystem::path folder_;
  const SystemClock clock_;
  std::string owner_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<KeptBooks> books_;
  std::unique_ptr<Office> office_;
  std::unique_ptr<Served> served_;
};

}  // namespace bedplate
