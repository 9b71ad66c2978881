// Method: random histories beside a model of the books that is maps and plain sums. After each operation: its answer is
// the model's, debits equal credits (I1), each event is charged once (I2), and the balances that it touched are the
// model's (I3). Every so often all of it from the rows alone (verify_books.h), and from a file that is opened again.
//
// BOOKS_OPERATIONS (20,000) operations, all of it every BOOKS_FOLD_EVERY (5,000); ./prove books-balance makes them a
// million and 10,000. TEST_SEED replays. BOOKS_KEEP names a data folder to leave the books in.

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "base/random.h"
#include "ledger/books_testing.h"
#include "ledger/verify_books.h"

namespace bedplate {
namespace {

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoll(text, nullptr, 10);
}

/// What the books should be.
struct ModelTransfer {
  Transfer transfer;
  bool open = false;  // a reserve that nothing resolved
  int64_t due_ms = 0;
};
struct ModelBalance {
  Int128 debits = 0, credits = 0, debits_held = 0, credits_held = 0;
};
struct Model {
  std::vector<Account> accounts;
  std::map<AccountId, ModelBalance> balances;
  std::map<TransferId, ModelTransfer> transfers;
  std::vector<TransferId> order;
  std::set<TransferId> open;
  std::map<TransferId, Transfer::Kind> resolutions;
  std::map<EventKey, UsageEvent> events;
  std::map<std::pair<size_t, size_t>, Int128> totals;  // by payer and price
  std::vector<Price> prices;
  Int128 charged = 0, owed = 0;  // by transfers, and by events

  void Move(const Transfer& transfer, Int128 posted, Int128 held) {
    balances[transfer.debit].debits += posted;
    balances[transfer.debit].debits_held += held;
    balances[transfer.credit].credits += posted;
    balances[transfer.credit].credits_held += held;
  }
  [[nodiscard]] const Account* Find(AccountId id) const {
    for (const Account& account : accounts) {
      if (account.Id() == id) return &account;
    }
    return nullptr;
  }
  /// "" where it is created, "exists", or why it is refused.
  std::string Write(const Transfer& transfer, int64_t now_ms) {
    using Kind = Transfer::Kind;
    const auto known = transfers.find(transfer.id);
    if (known != transfers.end()) return known->second.transfer == transfer ? "exists" : "id_taken";
    ModelTransfer* reserve = nullptr;
    if (transfer.pending) {
      const auto at = transfers.find(*transfer.pending);
      if (at == transfers.end() || at->second.transfer.kind != Kind::kReserve) return "unknown_pending";
      reserve = &at->second;
      if (!reserve->open) {
        const Kind how = resolutions.at(*transfer.pending);
        return how == Kind::kPost ? "pending_posted" : how == Kind::kVoid ? "pending_voided" : "pending_expired";
      }
      if (transfer.amount > reserve->transfer.amount) return "exceeds_pending";
    } else {
      const ModelBalance debit = balances[transfer.debit];
      if (Find(transfer.debit)->rule == AccountRule::kDebitsWithinCredits &&
          debit.debits + debit.debits_held + transfer.amount > debit.credits) {
        return "exceeds_credits";
      }
      const ModelBalance credit = balances[transfer.credit];
      if (Find(transfer.credit)->rule == AccountRule::kCreditsWithinDebits &&
          credit.credits + credit.credits_held + transfer.amount > credit.debits) {
        return "exceeds_debits";
      }
    }
    const bool holds = transfer.kind == Kind::kReserve;
    Move(transfer, holds ? 0 : transfer.amount,
         holds                ? transfer.amount
         : reserve != nullptr ? -reserve->transfer.amount
                              : 0);
    if (reserve != nullptr) {
      reserve->open = false;
      open.erase(*transfer.pending);
      resolutions[*transfer.pending] = transfer.kind;
    }
    if (holds) open.insert(transfer.id);
    const int64_t due_ms = transfer.timeout_ms == 0 ? INT64_MAX : now_ms + transfer.timeout_ms;
    transfers[transfer.id] = {transfer, holds, due_ms};
    order.push_back(transfer.id);
    return "";
  }
  size_t Expire(int64_t now_ms) {
    size_t expired = 0;
    for (const TransferId id : std::set(open)) {
      const ModelTransfer& reserve = transfers[id];
      if (reserve.due_ms > now_ms) continue;
      Transfer expiry = reserve.transfer;
      expiry.id = {DerivedId("expire", {IdBytes(id.value)})};
      expiry.kind = Transfer::Kind::kExpire;
      expiry.amount = 0;
      expiry.pending = id;
      Write(expiry, now_ms);
      ++expired;
    }
    return expired;
  }
};

class History {
 public:
  explicit History(uint64_t seed) : rng_(seed) {
    clock_.Advance(std::chrono::hours(24));
    Reopen();
  }
  /// The file and the kept heads as they are now.
  void Keep(const std::filesystem::path& folder) {
    books_.reset();
    std::filesystem::create_directories(folder);
    std::filesystem::copy_file(folder_.ledger(), folder / "ledger.sqlite3");
    std::filesystem::copy_file(folder_.heads(), folder.string() + ".ledger-head");
  }

  void Run(int64_t operations, int64_t fold_every) {
    for (const AccountRule rule : {AccountRule::kNone, AccountRule::kNone, AccountRule::kNone, AccountRule::kNone,
                                   AccountRule::kDebitsWithinCredits, AccountRule::kCreditsWithinDebits}) {
      OpenAccount(rule);
    }
    for (int64_t done = 0; done < operations && !testing::Test::HasFatalFailure();) {
      const int64_t size = std::min({rng_.Range(1, 512), operations - done, fold_every - done % fold_every});
      const Status durable = books_->Group([&] {
        for (int64_t i = 0; i < size && !testing::Test::HasFatalFailure(); ++i) Operation();
      });
      ASSERT_TRUE(durable.ok()) << durable.message();
      done += size;
      if (done % fold_every == 0) Everything();
      if (rng_.Chance(0.02)) Reopen();
    }
  }
  [[nodiscard]] std::string Told() const {
    return Cat(model_.order.size(), " transfers, ", model_.events.size(), " usage events, ", model_.prices.size(),
               " prices, ", closes_, " closed periods");
  }

 private:
  void Reopen() {
    books_.reset();
    heads_ = std::make_unique<HeadKeeper>(folder_.heads(), clock_, Duration(0));
    ASSERT_TRUE(heads_->Load().ok());
    auto opened = Books::Open(folder_.ledger(), clock_, heads_.get());
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    books_ = *std::move(opened);
    for (const TransferId id : model_.open) {  // intervals begin anew
      ModelTransfer& reserve = model_.transfers[id];
      if (reserve.transfer.timeout_ms != 0) reserve.due_ms = NowMs() + reserve.transfer.timeout_ms;
    }
  }
  [[nodiscard]] int64_t NowMs() const { return clock_.Now().time_since_epoch() / std::chrono::milliseconds(1); }
  [[nodiscard]] int64_t NowUs() const { return NowMs() * 1000; }

  void Operation() {
    const int64_t dice = rng_.Range(0, 999);
    if (dice < 2) {
      OpenAccount(rng_.Pick({AccountRule::kNone, AccountRule::kNone, AccountRule::kDebitsWithinCredits}));
    } else if (dice < 5) {
      AddPrice();
    } else if (dice < 6) {
      ClosePeriod();
    } else if (dice < 20) {
      Expire();
    } else if (dice < 300) {
      RecordUsage();
    } else {
      WriteTransfer();
    }
  }

  void OpenAccount(AccountRule rule) {
    if (model_.accounts.size() >= 200) return;
    const Account account = MoneyAccount(Cat("Assets:A", model_.accounts.size()), rule);
    ASSERT_EQ(*books_->OpenAccount(account), Outcome::kCreated);
    model_.accounts.push_back(account);
  }
  const Account& AnyAccount(bool ruled = true) {
    for (;;) {
      const auto last = static_cast<int64_t>(model_.accounts.size()) - 1;
      const Account& account = model_.accounts[static_cast<size_t>(rng_.Range(0, last))];
      if (ruled || account.rule == AccountRule::kNone) return account;
    }
  }
  /// One of the latest, mostly; a made-up one where there is none.
  Transfer Known() {
    if (model_.order.empty()) return Reserve(-1, model_.accounts[0], model_.accounts[1], 1);
    const auto size = static_cast<int64_t>(model_.order.size());
    const int64_t back = rng_.Chance(0.9) ? std::min<int64_t>(size, 50) : size;
    return model_.transfers[model_.order[static_cast<size_t>(size - rng_.Range(1, back))]].transfer;
  }

  void WriteTransfer() {
    // Pico-dollars, mostly; up to 10^12 dollars, so that all digits are in use.
    const Int128 amount = rng_.Chance(0.9)
                              ? Int128{rng_.Range(0, 1000)}
                              : Int128{rng_.Range(0, 1'000'000'000'000'000)} * rng_.Range(0, 1'000'000'000);
    Transfer transfer = Single(++made_, AnyAccount(), AnyAccount(), amount);
    if (transfer.debit == transfer.credit) return;
    transfer.occurred_unix_us = NowUs() - rng_.Range(0, 20'000'000);
    transfer.code = rng_.Pick({Transfer::Code::kAdjustment, Transfer::Code::kBudget});
    const int64_t dice = rng_.Range(0, 99);
    if (dice < 35) {
      transfer.kind = Transfer::Kind::kReserve;
      transfer.timeout_ms = rng_.Chance(0.5) ? 0 : static_cast<uint32_t>(rng_.Range(1, 20'000));
    } else if (dice < 70) {
      const Transfer reserve = Known();
      if (reserve.kind != Transfer::Kind::kReserve) return;
      transfer.kind = rng_.Chance(0.7) ? Transfer::Kind::kPost : Transfer::Kind::kVoid;
      transfer.pending = reserve.id;
      transfer.debit = reserve.debit;
      transfer.credit = reserve.credit;
      transfer.amount = transfer.kind == Transfer::Kind::kVoid ? 0 : rng_.Range(0, 1000);
    } else if (dice < 80) {
      transfer = Known();  // told again, or changed
      if (transfer.kind == Transfer::Kind::kExpire || transfer.usage_number) return;
      if (rng_.Chance(0.3)) transfer.reference += "x";
    }
    const auto written = books_->Write(transfer);
    const std::string told = model_.Write(transfer, NowMs());
    ASSERT_EQ(Answer(written), told) << IdText(transfer.id.value) << " " << KindName(transfer.kind);
    Touched(transfer);
  }
  template <class T>
  static std::string Answer(const Result<T>& result) {
    if (!result.ok()) return Cat(result.status().reason(), result.status().reason().empty() ? "no reason" : "");
    if constexpr (std::is_same_v<T, Outcome>) {
      return *result == Outcome::kExists ? "exists" : "";
    } else {
      return result->outcome == Outcome::kExists ? "exists" : "";
    }
  }

  void RecordUsage() {
    UsageEvent event{.key = {.producer = Cat("gateway-", rng_.Range(1, 2)), .epoch = rng_.Range(1, 2)}};
    int64_t& next = next_event_[{event.key.producer, event.key.epoch}];
    const bool skip = rng_.Chance(0.05);
    event.key.sequence = rng_.Chance(0.1) && next > 0 ? rng_.Range(1, next) : next + (skip ? rng_.Range(2, 4) : 1);
    const auto known = model_.events.find(event.key);
    if (known != model_.events.end()) {
      event = known->second;
      if (rng_.Chance(0.3)) ++event.quantities[0];
    } else {
      event.request = Cat("req-", event.key.sequence);
      event.model = rng_.Chance(0.5) ? "m" : "n";
      for (int64_t& quantity : event.quantities) quantity = rng_.Chance(0.3) ? 0 : rng_.Range(0, 3000);
      event.occurred_unix_us = NowUs() - rng_.Range(0, 20'000'000);
    }
    const Account& payer = AnyAccount(false);
    const Account& earner = AnyAccount(false);
    if (payer == earner) return;
    Settlement settlement{.payer = payer.Id(), .earner = earner.Id()};
    const Transfer reserve = Known();
    if (reserve.kind == Transfer::Kind::kReserve && model_.Find(reserve.debit)->rule == AccountRule::kNone &&
        model_.Find(reserve.credit)->rule == AccountRule::kNone) {
      settlement = {.payer = reserve.debit, .earner = reserve.credit, .pending = reserve.id};
    }
    const auto recorded = books_->RecordUsage(event, settlement);
    if (known != model_.events.end()) {
      ASSERT_EQ(Answer(recorded), known->second == event ? "exists" : "id_taken");
      return;
    }
    ASSERT_TRUE(recorded.ok()) << recorded.status().message();
    ASSERT_EQ(recorded->outcome, Outcome::kCreated);
    next = std::max(next, event.key.sequence);
    model_.events[event.key] = event;
    Charge(event, settlement, recorded->usage.number);
    ASSERT_TRUE(model_.charged == model_.owed) << "I2";
  }

  void Charge(const UsageEvent& event, const Settlement& settlement, int64_t number) {
    Int128 owed = 0;
    for (size_t meter = 0; meter < kMeters; ++meter) {
      size_t price = PriceOf(event, meter);
      // Cached tokens without a price of their own cost what the prompt's do, reasoning what the output's does.
      constexpr size_t kStandIn[] = {0, 0, 2, 2, 4};
      if (price == model_.prices.size()) price = PriceOf(event, kStandIn[meter]);
      if (price == model_.prices.size() || event.quantities[meter] == 0) continue;
      size_t payer = 0;
      while (model_.accounts[payer].Id() != settlement.payer) ++payer;
      Int128& total = model_.totals[{payer, price}];
      const Price& at = model_.prices[price];
      const Int128 before = total * at.amount.value / at.per;
      total += event.quantities[meter];
      owed += total * at.amount.value / at.per - before;
    }
    model_.owed += owed;
    Transfer charge{.debit = settlement.payer,
                    .credit = settlement.earner,
                    .reference = event.request,
                    .usage_number = number,
                    .occurred_unix_us = event.occurred_unix_us};
    const auto write = [&](const char* what, Int128 amount) {
      charge.id = {DerivedId(what, {event.key.producer, Cat(event.key.epoch), Cat(event.key.sequence)})};
      charge.amount = amount;
      model_.charged += amount;
      ASSERT_EQ(model_.Write(charge, NowMs()), "");
    };
    const auto reserve = settlement.pending ? model_.transfers.find(*settlement.pending) : model_.transfers.end();
    if (reserve != model_.transfers.end() && reserve->second.open) {
      const Int128 covered = std::min(owed, reserve->second.transfer.amount);
      charge.kind = Transfer::Kind::kPost;
      charge.pending = settlement.pending;
      write("usage", covered);
      charge.kind = Transfer::Kind::kSingle;
      charge.pending.reset();
      if (owed > covered) write("usage-rest", owed - covered);
    } else {
      write("usage", owed);
    }
    Touched(charge);
  }
  /// Which of the model's prices holds; their number where none does.
  [[nodiscard]] size_t PriceOf(const UsageEvent& event, size_t meter) const {  // of that meter alone
    size_t best = model_.prices.size();
    for (size_t i = 0; i < model_.prices.size(); ++i) {
      const Price& price = model_.prices[i];
      const bool holds = static_cast<size_t>(price.meter) == meter + 1 &&
                         price.from_unix_us <= event.occurred_unix_us && event.occurred_unix_us < price.to_unix_us &&
                         (price.model.empty() || price.model == event.model);
      if (!holds) continue;
      const Price* const other = best == model_.prices.size() ? nullptr : &model_.prices[best];
      const bool closer = other != nullptr && other->model.empty() && !price.model.empty();
      const bool later = other != nullptr && other->model == price.model && price.from_unix_us > other->from_unix_us;
      if (other == nullptr || closer || later) best = i;
    }
    return best;
  }

  void AddPrice() {
    if (model_.prices.size() >= 60) return;
    Price price{.model = rng_.Chance(0.5) ? "m" : "",
                .meter = static_cast<Meter>(rng_.Range(1, kMeters)),
                .amount = {rng_.Range(0, 1'000'000'000)},
                .per = rng_.Pick<int64_t>({1, 3, 1000, 3'600'000}),
                .from_unix_us = NowUs() + rng_.Range(-10'000'000, 10'000'000)};
    constexpr int64_t kNoEnd = std::numeric_limits<int64_t>::max();
    if (rng_.Chance(0.7)) price.to_unix_us = price.from_unix_us + rng_.Range(1, 60'000'000);
    const auto cuts = [](const Price& one, const Price& two) {
      return two.to_unix_us != kNoEnd && two.from_unix_us <= one.from_unix_us && one.from_unix_us < two.to_unix_us;
    };
    bool overlaps = false;
    for (const Price& other : model_.prices) {
      if (other.meter != price.meter || other.model != price.model) continue;
      overlaps = overlaps || other.from_unix_us == price.from_unix_us || cuts(price, other) || cuts(other, price);
    }
    ASSERT_EQ(Answer(books_->AddPrice(price)), overlaps ? "overlap" : "");
    if (!overlaps) model_.prices.push_back(price);
  }

  void ClosePeriod() {
    const int64_t end = NowUs() / 1'000'000 * 1'000'000 - rng_.Range(0, 10'000'000);
    const bool later = end > books_->open_period_from_unix_us();
    ASSERT_EQ(books_->ClosePeriod(end, "model").ok(), later);
    closes_ += later ? 1 : 0;
  }

  void Expire() {
    clock_.Advance(std::chrono::milliseconds(rng_.Range(1, 2000)));
    const auto expired = books_->ExpireDue();
    ASSERT_TRUE(expired.ok());
    // The books write them by the time that was over first, the model by age: the sums are the same.
    ASSERT_EQ(*expired, model_.Expire(NowMs()));
  }

  /// I1 and I3 of what a transfer touched.
  void Touched(const Transfer& transfer) {
    for (const AccountId id : {transfer.debit, transfer.credit}) Same(id);
    Int128 posted = 0, held = 0;
    for (const auto& [id, balance] : model_.balances) {
      posted += balance.debits - balance.credits;
      held += balance.debits_held - balance.credits_held;
    }
    ASSERT_TRUE(posted == 0 && held == 0) << "I1";
  }
  void Same(AccountId id) {
    const ModelBalance& want = model_.balances[id];
    const Balance got = *books_->balances().Of(id);
    ASSERT_TRUE(got.debits_posted == want.debits && got.credits_posted == want.credits &&
                got.debits_pending == want.debits_held && got.credits_pending == want.credits_held)
        << "I3 of " << model_.Find(id)->name;
  }

  void Everything() {
    const ChainHeads kept = *ReadHeads(folder_.heads());
    const auto report = VerifyBooks(books_->database(), {.kept = &kept, .pages = false});
    ASSERT_TRUE(report.ok()) << report.status().message();
    ASSERT_TRUE(report->findings.empty()) << report->findings.front();
    ASSERT_EQ(report->heads, books_->heads());
    ASSERT_EQ(report->heads.at("transfers").rows, model_.order.size());
    ASSERT_EQ(report->heads.at("usage").rows, model_.events.size());
    ASSERT_TRUE(CheckDebitsEqualCredits(books_->balances()).ok());
    ASSERT_EQ(books_->balances().open_reserves(), model_.open.size());
    for (const Account& account : model_.accounts) {
      Same(account.Id());
      ASSERT_TRUE(report->balances.Of(account.Id()) == books_->balances().Of(account.Id())) << account.name;
    }
  }

  Prng rng_;
  BooksFolder folder_;
  SimClock clock_;  // from the second day on, so that nothing occurred before 1970
  std::unique_ptr<HeadKeeper> heads_;
  std::unique_ptr<Books> books_;
  Model model_;
  int64_t made_ = 0, closes_ = 0;
  std::map<std::pair<std::string, int64_t>, int64_t> next_event_;
};

TEST(BooksModel, AMillionRandomOperationsOrFewer) {
  const int64_t operations = FromEnvironment("BOOKS_OPERATIONS", 20'000);
  History history(TestSeed());
  history.Run(operations, FromEnvironment("BOOKS_FOLD_EVERY", 5'000));
  if (const char* const folder = std::getenv("BOOKS_KEEP")) history.Keep(folder);
  std::fprintf(stderr, "%lld operations: %s\n", static_cast<long long>(operations), history.Told().c_str());
}

}  // namespace
}  // namespace bedplate
