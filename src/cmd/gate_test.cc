// Method: gates of folders that have, never had, and have lost their tenants.
#include "cmd/gate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/cat.h"
#include "base/file.h"
#include "cmd/server_prices.h"

namespace bedplate {
namespace {

class GateTest : public testing::Test {
 protected:
  GateTest() {
    ::setenv("BEDPLATE_DATA", data_.c_str(), 1);
    std::filesystem::create_directories(data_);
  }
  ~GateTest() override {
    ::unsetenv("BEDPLATE_DATA");
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] Result<Gate> Open(const std::string& secret_file, const ModelNames& models = {}) const {
    StoreOptions store;
    store.secret_file = secret_file;
    return Gate::Open({}, store, {}, models, clock_);
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      Cat("bedplate-gate-", ::getpid(), "-", testing::UnitTest::GetInstance()->current_test_info()->name());
  const std::filesystem::path data_ = folder_ / "data";
  const std::filesystem::path secrets_ = folder_ / "secrets.toml";
  const SystemClock clock_;
};

TEST_F(GateTest, AFolderWithoutTenantsAsksForNoKeys) {
  const auto gate = Open("");
  ASSERT_TRUE(gate.ok()) << gate.status().message();
  EXPECT_FALSE(gate->has_keys());
}

TEST_F(GateTest, TenantsThatAreGoneAreMissed) {
  ASSERT_TRUE(
      Tenants::Init({.data_folder = data_, .secret_file = secrets_}, "host", Caller::Local("local:0"), clock_).ok());
  {
    const auto gate = Open(secrets_);
    ASSERT_TRUE(gate.ok()) << gate.status().message();
    EXPECT_TRUE(gate->has_keys());
  }
  std::filesystem::remove(data_ / TenantStore::kFileName);
  // Any of what is left tells.
  for (const char* const gone : {"tenants.sqlite3.lock", "ledger.sqlite3", "flight-recorder"}) {
    for (const std::string& secret_file : {std::string(), secrets_.string()}) {
      EXPECT_EQ(Open(secret_file).status().code(), StatusCode::kDataLoss) << gone;
    }
    ASSERT_TRUE(std::filesystem::remove(data_ / gone)) << gone;
  }
  EXPECT_EQ(Open(secrets_).status().code(), StatusCode::kNotFound) << "a secret file belongs to tenants";
  EXPECT_TRUE(Open("").ok());
}

// A budget that was made by a further name, where no server knew it, holds the model that the name stands for.
TEST_F(GateTest, ABudgetByAFurtherNameHoldsItsModel) {
  const Tenants::Options where{.data_folder = data_, .secret_file = secrets_};
  const Caller local = Caller::Local("local:0");
  ASSERT_TRUE(Tenants::Init(where, "host", local, clock_).ok());
  {
    const auto tenants = *Tenants::Open(where, clock_);
    ASSERT_TRUE(
        tenants
            ->Do(local, "budget.create",
                 Json::Object{
                     {"tenant", "host"}, {"name", "b"}, {"model", "gpt-4o"}, {"amount", "10"}, {"unit", "tokens"}})
            .ok());
  }
  const auto admitted = [&](const ModelNames& models) {
    auto gate = Open(secrets_, models);
    EXPECT_TRUE(gate.ok()) << gate.status().message();
    return std::holds_alternative<std::unique_ptr<Permit>>(gate->admission().Admit(
        {.tenant = "host", .project = "default", .key = gate->office()->state()->keys.begin()->first},
        {.model = "smollm2", .prompt_tokens = 100, .output_tokens_max = 100, .request = "req-1"}));
  };
  EXPECT_TRUE(admitted({.served = {"smollm2"}, .aliases = {}}));
  EXPECT_FALSE(admitted({.served = {"smollm2"}, .aliases = {{"gpt-4o", "smollm2"}}}));
}

TEST_F(GateTest, PricesThatDoNotDoWhatTheySeemToAreTold) {
  const Tenants::Options where{.data_folder = data_, .secret_file = secrets_};
  const Caller local = Caller::Local("local:0");
  ASSERT_TRUE(Tenants::Init(where, "host", local, clock_).ok());
  const ModelNames models{.served = {"small", "large"}, .aliases = {{"gpt-4o", "large"}}};
  const auto tenants = *Tenants::Open(where, clock_);
  const auto books = *KeptBooks::Open(data_ / "ledger.sqlite3", folder_ / "heads", clock_);
  const auto warned = [&] { return *WarnOfPrices(books->writer(), *tenants->state(), models, clock_); };
  const auto price = [&](const std::string& model, Meter meter) {
    ASSERT_TRUE(
        books->writer()
            .Write([&](Books& to) { return to.AddPrice({.model = model, .meter = meter, .amount = {1}}).status(); })
            .ok());
  };
  EXPECT_EQ(warned(), 0u) << "nothing is of money";
  Office office(*tenants, {.writer = &books->writer(), .file = data_ / "ledger.sqlite3"}, clock_);
  ASSERT_TRUE(
      office.Do(local, "budget.create", Json::Object{{"tenant", "host"}, {"name", "b"}, {"amount", "10"}}).ok());
  EXPECT_EQ(warned(), 4u) << "two models, two meters";
  price("", Meter::kOutput);
  EXPECT_EQ(warned(), 2u);
  price("gpt-4o", Meter::kPrompt);
  EXPECT_EQ(warned(), 3u) << "and one of a name under which nothing is booked";
  price("large", Meter::kPrompt);
  price("small", Meter::kPrompt);
  EXPECT_EQ(warned(), 1u);
}

}  // namespace
}  // namespace bedplate
