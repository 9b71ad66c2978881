// What the whole seam costs in the process, as a server with tenants has it: a key with limits over a minute and of
// concurrency, prices, a hard budget of money and one of tokens, a soft one, the flight recorder, and the books' writer
// at work beside it. A request of 32 tokens is authenticated, admitted, told its rates, noted for its prompt and each
// of its tokens, asks its budgets before each, and is settled; the counters are of the calls of one request together.
//
//   p50_ns, p99_ns           all of a request, the clock's reads included
//   admit_*, notes_*, settle_*  its parts: up to the permit and its rates; 33 notes and 31 tokens asked for; the end
//
// Limit: 20 microseconds at the 99th percentile of a request (./prove metering-cost). The second benchmark reads more
// memory than the caches hold before each call, as a step of an engine does: what then counts is mostly cache misses.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <thread>
#include <vector>

#include "base/cat.h"
#include "base/check.h"
#include "ledger/budgets/leased_budgets.h"
#include "ledger/kept_books.h"
#include "ledger/metering/metered_admission.h"
#include "ledger/office/office.h"
#include "ledger/tenancy/tenant_admission.h"

namespace bedplate {
namespace {

constexpr uint32_t kPrompt = 100, kTokens = 32;
constexpr int kOtherKeys = 100;

/// What cmd/gate.cc makes of a data folder with tenants.
class SeamUnderTest {
 public:
  SeamUnderTest() {
    folder_ = std::filesystem::temp_directory_path() / Cat("bedplate-seam-bench-", ::getpid());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    const Tenants::Options options{.data_folder = folder_ / "data", .secret_file = folder_ / "secrets.toml"};
    BP_CHECK(Tenants::Init(options, "host", us_, clock_).ok());
    tenants_ = *Tenants::Open(options, clock_);
    keys_ = std::make_unique<TenantAdmission>(*tenants_, clock_);
    const std::filesystem::path file = folder_ / "data/ledger.sqlite3";
    books_ = *KeptBooks::Open(file, folder_ / "heads", clock_);
    const auto definitions = [this] {
      std::vector<Budget> budgets;
      for (const auto& [names, budget] : tenants_->state()->budgets) budgets.push_back(budget);
      return budgets;
    };
    budgets_ = std::make_unique<LeasedBudgets>(definitions, books_->writer(), clock_);
    recorder_ = *FlightRecorder::Open(folder_ / "data/flight-recorder", {});
    metered_ = *MeteredAdmission::Create(*keys_, books_->writer(), *recorder_, clock_, {.budgets = budgets_.get()});
    BP_CHECK(budgets_->Start().ok());
    Office office(*tenants_, {.writer = &books_->writer(), .file = file, .budgets = budgets_.get()}, clock_);
    for (const char* meter : {"prompt", "cached", "output", "reasoning"}) {
      BP_CHECK(office.Do(us_, "price.add", Json::Object{{"meter", meter}, {"amount", "0.35"}}).ok());
    }
    const auto budget = [&](const char* name, const char* unit, const char* kind, const char* period) {
      Json::Object asked{{"name", name}, {"amount", "1000000"}, {"unit", unit}, {"kind", kind}, {"period", period}};
      BP_CHECK(office.Do(us_, "budget.create", std::move(asked)).ok());
    };
    budget("money", "usd", "hard", "day");
    budget("tokens", "tokens", "hard", "month");
    budget("told", "usd", "soft", "total");
    for (int i = 0; i <= kOtherKeys; ++i) {
      const auto made = tenants_->Do(
          us_, "key.create",
          Json::Object{
              {"requests_per_minute", 100'000}, {"tokens_per_minute", 100'000'000}, {"concurrent_requests", 100}});
      credentials_.push_back("Bearer " + made->Find("key")->as_string());
    }
  }
  ~SeamUnderTest() {
    budgets_->Stop();
    books_.reset();
    metered_.reset();
    recorder_.reset();
    budgets_.reset();
    tenants_.reset();
    std::filesystem::remove_all(folder_);
  }
  SeamUnderTest(const SeamUnderTest&) = delete;
  SeamUnderTest& operator=(const SeamUnderTest&) = delete;

  struct Taken {
    int64_t admit_ns = 0, notes_ns = 0, settle_ns = 0;
  };
  /// One request. between: before each call of the seam, and not counted.
  template <class Between>
  Taken Request(Between between) {
    Taken taken;
    const auto timed = [&](int64_t& sum_ns, auto call) {
      between();
      const auto begun = std::chrono::steady_clock::now();
      call();
      sum_ns += std::chrono::nanoseconds(std::chrono::steady_clock::now() - begun).count();
    };
    const std::string& credentials = credentials_[next_++ % credentials_.size()];
    Principal who;
    Admitted admitted;
    timed(taken.admit_ns, [&] {
      auto found = metered_->Authenticate(credentials);
      BP_CHECK(found.ok());
      who = *std::move(found);
    });
    const Estimate estimate{.model = "smollm2-135m",
                            .prompt_tokens = kPrompt,
                            .output_tokens_max = kTokens,
                            .request = "req_0123456789abcdef0123456789abcdef",
                            .attribution = {.end_user = "ada"},
                            .streamed = true};
    timed(taken.admit_ns, [&] { admitted = metered_->Admit(who, estimate); });
    BP_CHECK(std::holds_alternative<std::unique_ptr<Permit>>(admitted));
    const auto permit = std::get<std::unique_ptr<Permit>>(std::move(admitted));
    std::shared_ptr<OutputAllowance> allowance;
    timed(taken.admit_ns, [&] {
      allowance = permit->Allowance();
      benchmark::DoNotOptimize(permit->Rates());
    });
    Usage usage{.prompt_tokens = kPrompt};
    for (uint32_t i = 0; i <= kTokens; ++i) {
      usage.output_tokens = i;
      timed(taken.notes_ns, [&] {
        if (i > 1) BP_CHECK(allowance->TakeToken());  // the first of a sequence is held with its prompt
        permit->Note(usage);
      });
    }
    timed(taken.settle_ns, [&] { permit->Settle(usage); });
    return taken;
  }

 private:
  const SystemClock clock_;
  const Caller us_ = Caller::Local("bench");
  std::filesystem::path folder_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<TenantAdmission> keys_;
  std::unique_ptr<LeasedBudgets> budgets_;
  std::unique_ptr<FlightRecorder> recorder_;
  std::unique_ptr<KeptBooks> books_;
  std::unique_ptr<MeteredAdmission> metered_;
  std::vector<std::string> credentials_;
  size_t next_ = 0;
};

void Tell(benchmark::State& state, const std::vector<SeamUnderTest::Taken>& all) {
  const auto tell = [&](const std::string& name, auto of) {
    std::vector<int64_t> values;
    for (const SeamUnderTest::Taken& taken : all) values.push_back(of(taken));
    std::ranges::sort(values);
    for (const size_t percent : {50, 99}) {
      state.counters[Cat(name, "p", percent, "_ns")] = static_cast<int32_t>(values[values.size() * percent / 100]);
    }
  };
  tell("", [](const auto& taken) { return taken.admit_ns + taken.notes_ns + taken.settle_ns; });
  tell("admit_", [](const auto& taken) { return taken.admit_ns; });
  tell("notes_", [](const auto& taken) { return taken.notes_ns; });
  tell("settle_", [](const auto& taken) { return taken.settle_ns; });
}

void BM_Seam(benchmark::State& state) {
  SeamUnderTest seam;
  std::vector<SeamUnderTest::Taken> all;
  for (int i = 0; i < 2 * (kOtherKeys + 1); ++i) (void)seam.Request([] {});  // a key's first one makes its meters
  for (auto _ : state) {
    all.push_back(seam.Request([] {}));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // at most 1000 requests a second
  }
  Tell(state, all);
}
BENCHMARK(BM_Seam)->Iterations(5'000)->Unit(benchmark::kMicrosecond);

void BM_SeamFromMemory(benchmark::State& state) {
  SeamUnderTest seam;
  std::vector<SeamUnderTest::Taken> all;
  std::vector<uint64_t> other(size_t{8} << 20, 1);  // 64 MiB
  for (auto _ : state) {
    all.push_back(seam.Request([&] { benchmark::DoNotOptimize(std::reduce(other.begin(), other.end())); }));
  }
  Tell(state, all);
}
BENCHMARK(BM_SeamFromMemory)->Iterations(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace bedplate
