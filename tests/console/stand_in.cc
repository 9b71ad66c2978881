// The real server for tests of the console's pages: tenants with keys of every role, prices, and two months of usage in
// the books, ending now; an engine without a model behind the APIs. On 127.0.0.1, on a free port.
//
//   console_stand_in FOLDER      an empty folder; says where it is and what keys there are as one line of JSON on
//                                stdout, and ends when stdin does
//
// What was used is made up, always the same for one day: so many requests a day, fewer at weekends, of three tenants.

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/cat.h"
#include "base/random.h"
#include "ledger/kept_books.h"
#include "ledger/office/office.h"
#include "ledger/tenancy/tenant_admission.h"
#include "serve/fake_engine_testing.h"
#include "serve/server.h"

namespace bedplate {
namespace {

constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kDaysBack = 60;
constexpr const char* kModels[] = {"smollm2-135m", "qwen2.5-coder-1.5b", "gemma-3-270m"};

const Caller kHere = Caller::Local("local:0");

std::string Member(const Json& object, std::string_view name) {
  const Json* const value = object.Find(name);
  BP_CHECK(value != nullptr && value->is_string());
  return value->as_string();
}

/// A key as the tests use it.
struct MadeKey {
  std::string id, secret, tenant, project;
};

class StandIn {
 public:
  explicit StandIn(const std::filesystem::path& folder) {
    const Tenants::Options options{.data_folder = folder / "data", .secret_file = folder / "secrets.toml"};
    const Result<Json> made = Tenants::Init(options, "northwind", kHere, clock_);
    BP_CHECK(made.ok());
    keys_["operator"] = {Member(*made, "id"), Member(*made, "key"), "northwind", "default"};
    auto opened = Tenants::Open(options, clock_);
    BP_CHECK(opened.ok());
    tenants_ = *std::move(opened);
    const std::filesystem::path file = options.data_folder / "ledger.sqlite3";
    auto books = KeptBooks::Open(file, folder / "ledger-head", clock_);
    BP_CHECK(books.ok());
    books_ = *std::move(books);
    office_ = std::make_unique<Office>(*tenants_, Office::BooksKept{&books_->writer(), file}, clock_);
    admission_ = std::make_unique<TenantAdmission>(*tenants_, clock_);
  }

  void MakeTenants() {
    for (const char* tenant : {"acme", "globex", "quiet"}) Do("tenant.create", Json::Object{{"name", tenant}});
    for (const char* project : {"search", "support-chat"}) {
      Do("project.create", Json::Object{{"tenant", "acme"}, {"name", project}});
    }
    Do("tenant.disable", Json::Object{{"tenant", "quiet"}});
    for (const char* role : {"owner", "billing", "admin", "member", "auditor"}) {
      MakeKey(Cat("acme-", role), "acme", "search", role);
    }
    MakeKey("support-bot", "acme", "support-chat", "member");
    MakeKey("globex-batch", "globex", "default", "member");
    Do("key.update", Json::Object{{"id", keys_["support-bot"].id},
                                  {"requests_per_minute", 60},
                                  {"tokens_per_minute", 20'000},
                                  {"models", Json::Array{kModels[0], kModels[1]}}});
    const MadeKey gone = MakeKey("old-laptop", "acme", "search", "member");
    Do("key.revoke", Json::Object{{"id", gone.id}});
  }

  void MakePrices() {
    const int64_t from = clock_.UnixSeconds() - (kDaysBack + 30) * kDaySeconds;
    const auto add = [&](const char* tenant, const char* model, const char* meter, const char* amount) {
      Json::Object price{{"meter", meter}, {"amount", amount}, {"from", from}};
      if (*tenant != 0) price.emplace_back("tenant", tenant);
      if (*model != 0) price.emplace_back("model", model);
      Do("price.add", Json(std::move(price)));
    };
    add("", "", "prompt", "0.80");
    add("", "", "cached", "0.20");
    add("", "", "output", "3.20");
    add("", kModels[1], "prompt", "2.50");
    add("", kModels[1], "output", "12.50");
    add("globex", "", "output", "2.80");
  }

  void UseModels() {
    std::vector<UsageEvent> events;
    const int64_t now = clock_.UnixSeconds(), today = now - now % kDaySeconds;
    Prng random(static_cast<uint64_t>(today));
    for (int64_t day = today - kDaysBack * kDaySeconds; day <= today; day += kDaySeconds) {
      const int64_t weekday = (day / kDaySeconds + 4) % 7;  // 0: Sunday
      const int64_t requests =
          (weekday == 0 || weekday == 6 ? 6 : 24) + (day - today + kDaysBack * kDaySeconds) / kDaySeconds / 4;
      for (int64_t i = 0; i < requests; ++i) events.push_back(Event(day, std::min(day + kDaySeconds, now), random));
    }
    std::ranges::sort(events, {}, &UsageEvent::occurred_unix_us);
    for (size_t i = 0; i < events.size(); ++i) {
      events[i].key = {"stand-in", 1, static_cast<int64_t>(i + 1)};
      events[i].request = Cat("req_", 100'000 + i);
    }
    const Status written = books_->writer().Write([&](Books& books) -> Status {
      for (const UsageEvent& event : events) {
        const Account payer{.name = Cat("Assets:Receivable:", event.tenant, ":", event.project)};
        const Account earner{.name = Cat("Income:Usage:", event.model)};
        for (const Account& account : {payer, earner}) {
          BP_RETURN_IF_ERROR(std::move(books.OpenAccount(account)).status());
        }
        const Settlement settlement{.payer = payer.Id(), .earner = earner.Id()};
        BP_RETURN_IF_ERROR(std::move(books.RecordUsage(event, settlement)).status());
      }
      return Status::Ok();
    });
    BP_CHECK(written.ok());
  }

  /// Until stdin ends.
  void Serve() {
    ServerOptions options;
    options.listen = {"127.0.0.1", 0};
    options.has_keys = true;
    options.log_requests = false;
    options.office = office_.get();
    ServedModel model;
    model.engine = &engine_;
    auto server = Server::Create(options, {model}, *admission_, clock_);
    BP_CHECK(server.ok());
    (*server)->Start();
    Json::Object keys;
    for (const auto& [name, key] : keys_) keys.emplace_back(name, Json::Object{{"id", key.id}, {"key", key.secret}});
    const Json said = Json::Object{{"url", Cat("http://127.0.0.1:", (*server)->port())}, {"keys", std::move(keys)}};
    std::printf("%s\n", WriteJson(said).c_str());
    std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    (*server)->Stop();
    (*server)->Wait();
  }

 private:
  Json Do(std::string_view verb, const Json& arguments) {
    Result<Json> done = office_->Do(kHere, verb, arguments);
    if (!done.ok()) std::fprintf(stderr, "%s: %s\n", std::string(verb).c_str(), done.status().message().c_str());
    BP_CHECK(done.ok());
    return *std::move(done);
  }
  MadeKey MakeKey(const std::string& name, const char* tenant, const char* project, const char* role) {
    const Json made =
        Do("key.create", Json::Object{{"tenant", tenant}, {"project", project}, {"name", name}, {"role", role}});
    return keys_[name] = {Member(made, "id"), Member(made, "key"), tenant, project};
  }
  UsageEvent Event(int64_t from, int64_t to, Prng& random) {
    const MadeKey& key =
        keys_[random.Pick({"acme-member", "acme-member", "support-bot", "support-bot", "globex-batch", "operator"})];
    const int64_t prompt = random.Range(40, 6000), cached = random.Chance(0.4) ? random.Range(0, 3000) : 0;
    UsageEvent event{.tenant = key.tenant,
                     .project = key.project,
                     .api_key = key.id,
                     .model = kModels[random.Chance(0.5) ? 0 : random.Range(1, 2)],
                     .quantities = {prompt, cached, random.Range(5, 1500), 0, 0},
                     .occurred_unix_us = random.Range(from, std::max(from, to - 1)) * 1'000'000};
    return event;
  }

  const SystemClock clock_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<KeptBooks> books_;
  std::unique_ptr<Office> office_;
  std::unique_ptr<TenantAdmission> admission_;
  FakeEngine engine_{"fake", FakeEngine::Mode::kAnswer};
  std::map<std::string, MadeKey> keys_;  // by name
};

}  // namespace
}  // namespace bedplate

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: console_stand_in FOLDER\n");
    return 2;
  }
  bedplate::StandIn stand_in(argv[1]);
  stand_in.MakeTenants();
  stand_in.MakePrices();
  stand_in.UseModels();
  stand_in.Serve();
  return 0;
}
