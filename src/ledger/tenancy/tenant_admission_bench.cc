// What a request's key costs in the process: authenticated, admitted and settled, among a thousand keys. Nothing of it
// calls the store; the limit of the whole seam is 20 microseconds at the 99th percentile.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/cat.h"
#include "base/check.h"
#include "ledger/tenancy/tenant_admission.h"

namespace bedplate {
namespace {

constexpr int kKeys = 1000;

void BM_KeyToPermit(benchmark::State& state) {
  const auto folder = std::filesystem::temp_directory_path() / Cat("bedplate-bench-", ::getpid());
  const Tenants::Options options{.data_folder = folder / "data", .secret_file = folder / "secrets.toml"};
  const SystemClock clock;
  BP_CHECK(Tenants::Init(options, "host", Caller::Local("bench"), clock).ok());
  const auto tenants = *Tenants::Open(options, clock);
  std::vector<std::string> credentials;
  for (int i = 0; i < kKeys; ++i) {
    const auto made = tenants->Do(Caller::Local("bench"), "key.create",
                                  Json::Object{{"requests_per_minute", 100'000}, {"tokens_per_minute", 100'000'000}});
    credentials.push_back("Bearer " + made->Find("key")->as_string());
  }
  TenantAdmission admission(*tenants, clock);
  std::vector<int64_t> taken_ns;
  size_t next = 0;
  for (auto _ : state) {
    const auto begun = std::chrono::steady_clock::now();
    const auto who = admission.Authenticate(credentials[next++ % kKeys]);
    BP_CHECK(who.ok());
    Admitted admitted = admission.Admit(*who, {.model = {}, .prompt_tokens = 10, .output_tokens_max = 10});
    if (auto* const permit = std::get_if<std::unique_ptr<Permit>>(&admitted)) (*permit)->Settle({.prompt_tokens = 10});
    const auto taken = std::chrono::steady_clock::now() - begun;
    taken_ns.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count());
  }
  std::ranges::sort(taken_ns);
  state.SetLabel(Cat("99th percentile ", taken_ns[taken_ns.size() * 99 / 100], " ns"));
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_KeyToPermit);

}  // namespace
}  // namespace bedplate
