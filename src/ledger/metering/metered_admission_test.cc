// Method: real books, a real writer and a real recorder in a folder, behind an admission that counts. What was
// admitted, noted, settled, given up and killed is held against what the books say afterwards, which `verify` must find
// whole.
#include "ledger/metering/metered_admission.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "base/cat.h"
#include "base/database_testing.h"
#include "base/random.h"
#include "ledger/books_testing.h"
#include "ledger/metering/usage_booking.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

constexpr int64_t kPromptPrice = 1'000, kCachedPrice = 100, kOutputPrice = 5'000, kReasoningPrice = 7'000;

/// Admits everybody, and counts what becomes of it.
class CountingInner final : public Admission {
 public:
  Result<Principal> Authenticate(std::string_view) override { return Principal{}; }
  Result<AccessKey> FindAccessKey(std::string_view) override { return Status::NotFound("none"); }
  Admitted Admit(const Principal&, const Estimate& estimate) override {
    if (estimate.model == "refused") return Refusal{.kind = Refusal::Kind::kRequests, .retry_after_ms = 7};
    ++running;
    return std::make_unique<InnerPermit>(*this);
  }
  std::atomic<int> running{0}, settled{0};

 private:
  struct InnerPermit final : Permit {
    explicit InnerPermit(CountingInner& of) : owner(of) {}
    ~InnerPermit() override { --owner.running; }
    void Note(const Usage&) override {}
    void Settle(const Usage&) override { ++owner.settled; }
    [[nodiscard]] RateLimits Rates() const override { return {}; }
    CountingInner& owner;
  };
};

Principal Asker() {
  return {.tenant = "acme", .project = "search", .key = "key-1"};
}
Estimate Asked(std::string request) {
  return {.model = "m",
          .request = std::move(request),
          .attribution = {.end_user = "ada", .tags = R"({"team":"a"})", .tier = "flex"},
          .streamed = true};
}

/// All of it on one folder, as a server has it.
struct Metering {
  explicit Metering(const BooksFolder& folder, FlightRecorderOptions recorder_options = {.slots = 64},
                    BookWriterOptions writer_options = {}, const char* vfs = nullptr) {
    auto books = Books::Open(folder.ledger(), clock, nullptr, vfs);
    EXPECT_TRUE(books.ok()) << books.status().message();
    const Price prices[] = {{.meter = Meter::kPrompt, .amount = {kPromptPrice}},
                            {.meter = Meter::kCached, .amount = {kCachedPrice}},
                            {.meter = Meter::kOutput, .amount = {kOutputPrice}},
                            {.meter = Meter::kReasoning, .amount = {kReasoningPrice}}};
    for (const Price& price : prices) EXPECT_TRUE((*books)->AddPrice(price).ok());
    recorder_options.epoch_min = *HighestEpoch((*books)->database(), "gateway-1") + 1;
    recorder = *FlightRecorder::Open(RecorderPath(folder), recorder_options);
    writer = std::make_unique<BookWriter>(*std::move(books), clock, writer_options);
    admission = *MeteredAdmission::Create(inner, *writer, *recorder, clock);
  }
  static std::filesystem::path RecorderPath(const BooksFolder& folder) {
    return folder.ledger().parent_path() / "flight-recorder";
  }
  std::unique_ptr<Permit> Admit(std::string request) {
    Admitted admitted = admission->Admit(Asker(), Asked(std::move(request)));
    auto* const permit = std::get_if<std::unique_ptr<Permit>>(&admitted);
    return permit == nullptr ? nullptr : std::move(*permit);
  }
  std::optional<Refusal> Refused(const Estimate& estimate) {
    Admitted admitted = admission->Admit(Asker(), estimate);
    const auto* const refusal = std::get_if<Refusal>(&admitted);
    return refusal == nullptr ? std::nullopt : std::optional(*refusal);
  }
  /// All that was submitted before is in the books.
  void WaitForBooks() const {
    EXPECT_TRUE(writer->Write([](Books&) { return Status::Ok(); }).ok());
  }

  SystemClock clock;
  CountingInner inner;
  std::unique_ptr<FlightRecorder> recorder;
  std::unique_ptr<BookWriter> writer;
  std::unique_ptr<MeteredAdmission> admission;

  ~Metering() {
    admission.reset();  // nothing of it is called any more
    writer.reset();     // writes what waits, and frees the slots
  }
  Metering(const Metering&) = delete;
  Metering& operator=(const Metering&) = delete;
};

/// What the books say, read beside whoever writes them.
std::vector<BookedUsage> BookedOf(const BooksFolder& folder, std::string_view request) {
  DatabaseOptions options = LedgerFileOptions();
  options.read_only = true;
  const auto database = *Database::Open(folder.ledger(), std::move(options));
  return *UsageByRequest(*database, request);
}
void ExpectWhole(const BooksFolder& folder) {
  DatabaseOptions options = LedgerFileOptions();
  options.read_only = true;
  const auto database = *Database::Open(folder.ledger(), std::move(options));
  const auto report = VerifyBooks(*database, {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->findings.empty()) << report->findings[0];
}

TEST(MeteredAdmission, WhatIsSettledIsChargedOnceAndNoTokenTwice) {
  const BooksFolder folder;
  const Usage used{.prompt_tokens = 100, .cached_tokens = 30, .output_tokens = 50, .reasoning_tokens = 20};
  {
    Metering metering(folder);
    const auto permit = metering.Admit("req_1");
    ASSERT_NE(permit, nullptr);
    permit->Note({.prompt_tokens = 100});
    EXPECT_EQ(metering.admission->health().recorder.taken, 1u);
    permit->Settle(used);
    permit->Settle({.prompt_tokens = 1});  // idempotent
    permit->Note({.prompt_tokens = 1});
    metering.WaitForBooks();
    EXPECT_EQ(metering.inner.settled.load(), 1);
    EXPECT_EQ(metering.admission->health().recorder.taken, 0u) << "durable, so free";
  }
  const auto booked = BookedOf(folder, "req_1");
  ASSERT_EQ(booked.size(), 1u);
  const UsageEvent& event = booked[0].event;
  EXPECT_EQ(event.key, (EventKey{"gateway-1", 1, 1}));
  EXPECT_EQ(event.tenant, "acme");
  EXPECT_EQ(event.project, "search");
  EXPECT_EQ(event.api_key, "key-1");
  EXPECT_EQ(event.model, "m");
  EXPECT_EQ(event.tier, "flex");
  EXPECT_EQ(event.end_user, "ada");
  EXPECT_EQ(event.tags, R"({"team":"a"})");
  EXPECT_EQ(event.quantities, (std::array<int64_t, kMeters>{70, 30, 30, 20, 0}));
  EXPECT_EQ(booked[0].Total().value, 70 * kPromptPrice + 30 * kCachedPrice + 30 * kOutputPrice + 20 * kReasoningPrice);
  EXPECT_EQ(booked[0].payer, ReceivableAccount("acme", "search").Id());
  ExpectWhole(folder);
}

TEST(MeteredAdmission, WhatDidNotRunIsChargedToNobodyAndLeavesNoGap) {
  const BooksFolder folder;
  {
    Metering metering(folder);
    for (int i = 0; i < 200; ++i) EXPECT_NE(metering.Admit(Cat("given-up-", i)), nullptr);
    EXPECT_EQ(metering.inner.running.load(), 0);
    EXPECT_EQ(metering.admission->health().recorder.taken, 0u);
    metering.Admit("cut-before-its-answer")->Settle({});
    {
      const auto noted = metering.Admit("given-up-after-a-note");
      noted->Note({.prompt_tokens = 9, .output_tokens = 2});
    }
  }
  EXPECT_TRUE(BookedOf(folder, "given-up-7").empty());
  EXPECT_EQ(BookedOf(folder, "cut-before-its-answer").at(0).Total().value, 0);
  const BookedUsage noted = BookedOf(folder, "given-up-after-a-note").at(0);
  EXPECT_EQ(noted.event.key.sequence, 2);
  EXPECT_EQ(noted.event.QuantityOf(Meter::kOutput), 2);
  ExpectWhole(folder);
}

TEST(MeteredAdmission, RefusesWhatCouldNotBeCharged) {
  const BooksFolder folder;
  Metering metering(folder, {.slots = 2}, {.places_max = 3});
  EXPECT_EQ(metering.Refused({.model = "refused"})->kind, Refusal::Kind::kRequests)
      << "the inner one's word comes first";
  auto first = metering.Admit("1"), second = metering.Admit("2");
  const auto refused = metering.Refused(Asked("3"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, Refusal::Kind::kBooksBusy) << "two slots";
  EXPECT_EQ(StatusOf(*refused).code(), StatusCode::kUnavailable);
  EXPECT_GT(StatusOf(*refused).retry_after_ms(), 0u);
  EXPECT_EQ(metering.inner.running.load(), 2) << "given back";
  first.reset();
  std::vector<BookWriter::Place> places;
  while (places.size() < 2) places.push_back(*metering.writer->TakePlace());
  EXPECT_EQ(metering.Refused(Asked("3"))->kind, Refusal::Kind::kBooksBusy) << "three places";
  EXPECT_EQ(metering.admission->health().refused, 2u);
  places.clear();
  EXPECT_NE(metering.Admit("3"), nullptr);
}

TEST(MeteredAdmission, TellsBudgetsWhatIsHeldUsedAndBooked) {
  struct Desk final : BudgetDesk {
    struct TestHold final : BudgetHold {
      explicit TestHold(Desk& of) : desk(of) { ++desk.held; }
      ~TestHold() override { --desk.held; }
      bool TakeToken() override { return true; }
      void Settle(const UsageEvent&) override { ++desk.settled; }
      void Booked() override { ++desk.durable; }
      Desk& desk;
    };
    std::variant<std::shared_ptr<BudgetHold>, Refusal> Hold(const Principal&, const Estimate& estimate) override {
      if (estimate.prompt_tokens > 10) return Refusal{.kind = Refusal::Kind::kTokens, .retry_after_ms = 5};
      return std::make_shared<TestHold>(*this);
    }
    Status Book(Books&, const RecordedUsage& recorded, BudgetHold* hold) override {
      EXPECT_NE(hold, nullptr);
      if (recorded.usage.event.request == "no") return Status::ResourceExhausted("not that one");
      if (recorded.outcome == Outcome::kCreated) booked += recorded.usage.event.QuantityOf(Meter::kOutput);
      return Status::Ok();
    }
    std::atomic<int> held{0}, durable{0}, settled{0};
    int64_t booked = 0;  // the writer's thread
  };
  const BooksFolder folder;
  Desk desk;
  {
    Metering metering(folder);
    metering.admission = *MeteredAdmission::Create(metering.inner, *metering.writer, *metering.recorder, metering.clock,
                                                   {.budgets = &desk});
    Estimate large = Asked("large");
    large.prompt_tokens = 11;
    EXPECT_EQ(metering.Refused(large)->kind, Refusal::Kind::kTokens);
    EXPECT_EQ(metering.inner.running.load(), 0);
    auto permit = metering.Admit("fine");
    permit->Note({.prompt_tokens = 1});
    permit->Settle({.prompt_tokens = 1, .output_tokens = 4});
    metering.Admit("no")->Settle({.prompt_tokens = 1});
    permit.reset();
    metering.WaitForBooks();
    EXPECT_EQ(desk.held.load(), 0);
    EXPECT_EQ(desk.durable.load(), 1);
    EXPECT_EQ(desk.settled.load(), 2);
    EXPECT_EQ(metering.admission->health().unbooked, 1u);
    EXPECT_EQ(metering.admission->health().recorder.taken, 1u) << "what the books refuse is not forgotten";
  }
  EXPECT_EQ(desk.booked, 4);
  EXPECT_TRUE(BookedOf(folder, "no").empty()) << "undone together";
}

TEST(MeteredAdmission, ModelsNamesBecomeAccountsAndStayApart) {
  EXPECT_EQ(UsageIncomeAccount("smollm2-135m").name, "Income:Usage:smollm2-135m");
  std::set<std::string> names;
  const std::string models[] = {"a/b", "a_b", "a:b", "", "ü", std::string(200, 'x'), std::string(201, 'x')};
  for (const std::string& model : models) {
    const Account account = UsageIncomeAccount(model);
    EXPECT_TRUE(CheckShape(account).ok()) << account.name;
    names.insert(account.name);
  }
  EXPECT_EQ(names.size(), std::size(models));
}

// The disk refuses until the end, as a full one does.
TEST(MeteredAdmission, WhatTheDiskDoesNotTakeIsBookedByTheNextStart) {
  const BooksFolder folder;
  {
    FailingDisk disk;
    Metering metering(folder, {.slots = 64}, {}, disk.name());
    const auto permit = metering.Admit("req_1");
    permit->Note({.prompt_tokens = 1});
    disk.FailAt(1, SQLITE_FULL, /*once=*/false);
    permit->Settle({.prompt_tokens = 5, .output_tokens = 3});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(metering.admission->health().recorder.taken, 1u);
  }
  EXPECT_TRUE(BookedOf(folder, "req_1").empty());
  {
    Metering metering(folder);
    EXPECT_EQ(metering.admission->health().recovered, 1u);
    metering.WaitForBooks();
    EXPECT_EQ(metering.admission->health().recorder.taken, 0u);
  }
  const auto booked = BookedOf(folder, "req_1");
  ASSERT_EQ(booked.size(), 1u);
  EXPECT_EQ(booked[0].event.key, (EventKey{"gateway-1", 1, 1})) << "under the key that it had";
  EXPECT_EQ(booked[0].event.QuantityOf(Meter::kOutput), 3);
  ExpectWhole(folder);
}

// A power cut keeps the books and may keep an older recorder: what was booked stands.
TEST(MeteredAdmission, AnOlderRecorderChangesNothingThatIsBooked) {
  const BooksFolder folder;
  const auto path = Metering::RecorderPath(folder), older = folder.ledger().parent_path() / "older";
  {
    Metering metering(folder);
    const auto permit = metering.Admit("req_1");
    permit->Note({.prompt_tokens = 5, .output_tokens = 1});
    std::filesystem::copy_file(path, older);  // reads the same pages
    permit->Settle({.prompt_tokens = 5, .output_tokens = 3});
  }
  std::filesystem::rename(older, path);
  for (int start = 0; start < 2; ++start) {
    Metering metering(folder);
    metering.WaitForBooks();
    EXPECT_EQ(metering.admission->health().recovered, start == 0 ? 1u : 0u);
    EXPECT_EQ(metering.admission->health().unbooked, 0u);
    EXPECT_EQ(metering.admission->health().recorder.taken, 0u);
  }
  const auto booked = BookedOf(folder, "req_1");
  ASSERT_EQ(booked.size(), 1u);
  EXPECT_EQ(booked[0].event.QuantityOf(Meter::kOutput), 3);
  ExpectWhole(folder);
}

TEST(MeteredAdmission, ALostRecorderNeverMakesAnEpochTwice) {
  const BooksFolder folder;
  for (int start = 1; start <= 3; ++start) {
    Metering metering(folder);
    EXPECT_EQ(metering.recorder->epoch(), start);
    metering.Admit(Cat("req_", start))->Settle({.prompt_tokens = 5});
    metering.WaitForBooks();
    std::filesystem::remove(Metering::RecorderPath(folder));
  }
  for (int start = 1; start <= 3; ++start) EXPECT_EQ(BookedOf(folder, Cat("req_", start)).size(), 1u) << start;
}

/// What a server that will be killed has told its clients, by request.
struct Told {
  static constexpr size_t kMax = 20'000;
  std::atomic<uint32_t> requests{0};
  struct One {
    std::atomic<uint32_t> tokens{0}, finished{0};
  };
  std::array<One, kMax> by_request;
};

void ServeUntilKilled(const BooksFolder& folder, Told& told, uint64_t seed) {
  Metering metering(folder);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Prng prng(seed + t);
      for (;;) {
        const uint32_t number = told.requests.fetch_add(1);
        if (number >= Told::kMax) ::pause();
        Told::One& one = told.by_request[number];
        const auto permit = metering.Admit(Cat("req_", number));
        if (!permit) {  // the disk is slow: slots wait for it
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          continue;
        }
        const auto length = static_cast<uint32_t>(prng.Range(1, 20));
        for (uint32_t n = 1; n <= length; ++n) {
          permit->Note({.prompt_tokens = 3, .output_tokens = n});
          one.tokens.store(n, std::memory_order_release);
          std::this_thread::sleep_for(std::chrono::microseconds(prng.Range(0, 100)));
        }
        permit->Settle({.prompt_tokens = 3, .output_tokens = length});
        one.finished.store(1, std::memory_order_release);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(MeteredAdmission, AKillAnywhereChargesWhatWasToldAndAtMostOneEventMore) {
  const BooksFolder folder;
  Prng prng(TestSeed());
  void* const shared = ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& told = *new (shared) Told;
  for (int round = 0; round < 25; ++round) {
    const uint32_t before = told.requests.load();
    const uint64_t seed = prng.Next();
    const pid_t child = ::fork();
    if (child == 0) {
      ServeUntilKilled(folder, told, seed);
      ::_exit(1);
    }
    while (told.requests.load() < std::min<uint32_t>(before + 4, Told::kMax)) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(prng.Range(0, 30'000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  {
    Metering metering(folder);
  }  // recovers
  uint32_t finished = 0, cut = 0, more = 0;
  for (uint32_t number = 0; number < std::min<uint32_t>(told.requests.load(), Told::kMax); ++number) {
    const Told::One& one = told.by_request[number];
    const auto booked = BookedOf(folder, Cat("req_", number));
    ASSERT_LE(booked.size(), 1u) << number;
    const int64_t charged = booked.empty() ? 0 : booked[0].event.QuantityOf(Meter::kOutput);
    const int64_t heard = one.tokens.load();
    if (one.finished.load() != 0) {
      ++finished;
      ASSERT_EQ(charged, heard) << number;
    } else {
      ++cut;
      ASSERT_TRUE(charged == heard || charged == heard + 1) << number << ": " << charged << " of " << heard;
      more += charged > heard ? 1 : 0;
    }
    if (!booked.empty()) ASSERT_EQ(booked[0].event.QuantityOf(Meter::kPrompt), 3) << "with the first event";
  }
  EXPECT_GT(finished, 25u);
  EXPECT_GT(cut, 25u);
  RecordProperty("one_more", static_cast<int>(more));
  ExpectWhole(folder);
  ::munmap(shared, sizeof(Told));
}

}  // namespace
}  // namespace bedplate
