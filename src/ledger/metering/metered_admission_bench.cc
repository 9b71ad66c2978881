// What a request costs in the process where books are kept: admitted, noted for the prompt and 32 tokens, and settled,
// beside a writer at work. The limit of the whole seam is 20 microseconds at the 99th percentile of a request.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/cat.h"
#include "base/check.h"
#include "ledger/metering/metered_admission.h"

namespace bedplate {
namespace {

constexpr uint32_t kNotes = 32;

void BM_AdmitNoteSettle(benchmark::State& state) {
  const auto folder = std::filesystem::temp_directory_path() / Cat("bedplate-metering-bench-", ::getpid());
  std::filesystem::create_directories(folder);
  const SystemClock clock;
  const auto inner = MakeOpenAdmission();
  const auto recorder = *FlightRecorder::Open(folder / "flight-recorder", {});
  BookWriter writer(*Books::Open(folder / "ledger.sqlite3", clock, nullptr), clock);
  const auto metered = *MeteredAdmission::Create(*inner, writer, *recorder, clock);
  const Principal who{.tenant = "acme", .project = "search", .key = "key-1"};
  std::vector<int32_t> request_ns, note_ns;
  const auto nanoseconds = [](auto from, auto to) {
    return static_cast<int32_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count());
  };
  for (auto _ : state) {
    const auto begun = std::chrono::steady_clock::now();
    Admitted admitted = metered->Admit(who, {.model = "m", .request = "req_1", .streamed = true});
    const auto& permit = std::get<std::unique_ptr<Permit>>(admitted);
    const auto noted = std::chrono::steady_clock::now();
    for (uint32_t i = 0; i <= kNotes; ++i) permit->Note({.prompt_tokens = 10, .output_tokens = i});
    const auto all_noted = std::chrono::steady_clock::now();
    permit->Settle({.prompt_tokens = 10, .output_tokens = kNotes});
    request_ns.push_back(nanoseconds(begun, std::chrono::steady_clock::now()));
    note_ns.push_back(nanoseconds(noted, all_noted) / (kNotes + 1));
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // 5000 requests a second
  }
  const auto at = [](std::vector<int32_t>& values, size_t percent) {
    std::ranges::sort(values);
    return values[values.size() * percent / 100];
  };
  state.counters["p50_ns"] = at(request_ns, 50);
  state.counters["p99_ns"] = at(request_ns, 99);
  state.counters["note_p99_ns"] = at(note_ns, 99);
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_AdmitNoteSettle)->Iterations(20'000);

}  // namespace
}  // namespace bedplate
