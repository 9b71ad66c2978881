// Plan. Every call runs inside a group, which is one transaction of the file; a call outside one is a group of its own.
// A call checks against memory (balances, prices, marks), then writes the row, then changes memory. A refusal leaves
// both alone; a failing write breaks the group, and Group rolls back the file and, by the undo maps, memory. Together()
// is the same inside a group: a savepoint of the file and a mark of memory.

#include "ledger/books.h"

#include <algorithm>

#include "base/cat.h"
#include "base/utc_time.h"

namespace bedplate {
namespace {

using Kind = Transfer::Kind;

Status IdTaken(std::string_view what, std::string_view id) {
  return Status(StatusCode::kConflict, Cat("the id of this ", what, " stands for another one: ", id))
      .WithReason("id_taken");
}

std::string KeyText(const EventKey& key) {
  return Cat(key.producer, "/", key.epoch, "/", key.sequence);
}

}  // namespace

size_t Books::MeterKeyHash::operator()(const MeterKey& key) const noexcept {
  return std::hash<AccountId>{}(key.first) ^ std::hash<int64_t>{}(key.second * 0x9E3779B97F4A7C15);
}
size_t Books::ProducerKeyHash::operator()(const ProducerKey& key) const noexcept {
  return std::hash<std::string>{}(key.first) ^ std::hash<int64_t>{}(key.second * 0x9E3779B97F4A7C15);
}

struct Books::State {
  Balances::Marks balances;
  size_t prices = 0, totals = 0, marks = 0, deadlines = 0;
  std::map<std::string_view, ChainHead> heads;
  int64_t open_from_unix_us = 0;
};

Books::Books(std::unique_ptr<Database> database, const Clock& clock, HeadKeeper* heads)
    : database_(std::move(database)), clock_(clock), kept_heads_(heads) {}

Books::~Books() = default;

Result<std::unique_ptr<Books>> Books::Open(const std::filesystem::path& file, const Clock& clock, HeadKeeper* heads,
                                           const char* vfs) {
  DatabaseOptions options = LedgerFileOptions();
  options.vfs = vfs;
  BP_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(file, std::move(options)));
  std::unique_ptr<Books> books(new Books(std::move(database), clock, heads));
  BP_RETURN_IF_ERROR(books->Load());
  return books;
}

Status Books::Load() {
  for (const std::string_view chain : kChains) {
    BP_ASSIGN_OR_RETURN(heads_[chain], LastHead(*database_, chain));
  }
  BP_RETURN_IF_ERROR(CheckKeptHeads());
  BP_RETURN_IF_ERROR(VisitAccountRows(*database_, [&](const Account& account, int64_t, std::string_view) {
    balances_.Open(account);
    return Status::Ok();
  }));
  BP_RETURN_IF_ERROR(VisitTransferRows(*database_, [&](const BookedTransfer& booked, int64_t, std::string_view) {
    const Status right = balances_.Check(booked.transfer);
    if (!right.ok()) return Status::DataLoss(Cat("row ", booked.number, " of transfers is wrong: ", right.message()));
    balances_.Apply(booked.transfer);
    balances_.Commit();
    return Status::Ok();
  }));
  BP_RETURN_IF_ERROR(VisitPriceRows(*database_, [&](const Price& price, int64_t number, std::string_view) {
    prices_.Add(number, price);
    return Status::Ok();
  }));
  BP_RETURN_IF_ERROR(VisitCloseRows(*database_, [&](const PeriodClose& close, int64_t, std::string_view) {
    open_from_unix_us_ = close.end_unix_us;
    return Status::Ok();
  }));
  balances_.Commit();
  balances_.VisitReserves([&](TransferId id, const OpenReserve& reserve) { Await(id, reserve.timeout_ms); });
  deadlines_.Commit();
  NoteHeads();
  return Status::Ok();
}

/// Whether the rows that the kept heads know of are there. What lies before them is for `ledger verify`.
Status Books::CheckKeptHeads() {
  if (kept_heads_ == nullptr) return Status::Ok();
  for (const std::string_view chain : kChains) {
    const std::optional<ChainHead> kept = kept_heads_->Kept(chain);
    if (!kept) continue;
    BP_ASSIGN_OR_RETURN(const std::optional<Sha256::Digest> hash, HashAt(*database_, chain, kept->rows));
    if (hash == kept->hash) continue;
    return Status::DataLoss(
               Cat("the ledger ", database_->path().string(), " has ", heads_[chain].rows, " rows of ", chain,
                   hash ? ", of which one is not what it was" : "", "; the head that was kept outside is of row ",
                   kept->rows,
                   ". Its end was lost, or an older copy was put in its place: restore the newest copy. `bedplate "
                   "ledger verify` says more"))
        .WithReason("behind_kept_head");
  }
  return Status::Ok();
}

Books::State Books::Mark() const {
  return {.balances = balances_.Mark(),
          .prices = prices_.prices().size(),
          .totals = totals_.Mark(),
          .marks = marks_.Mark(),
          .deadlines = deadlines_.Mark(),
          .heads = heads_,
          .open_from_unix_us = open_from_unix_us_};
}

void Books::RollBack(const State& state) {
  balances_.RollBack(state.balances);
  while (prices_.prices().size() > state.prices) prices_.Remove(prices_.prices().back().number);
  totals_.RollBack(state.totals);
  marks_.RollBack(state.marks);
  deadlines_.RollBack(state.deadlines);
  heads_ = state.heads;
  open_from_unix_us_ = state.open_from_unix_us;
}

Status Books::Group(const std::function<void()>& work) {
  BP_CHECK(!in_group_);
  const State before = Mark();
  broken_ = Status::Ok();
  in_group_ = true;
  const Status committed = database_->InTransaction([&]() -> Status {
    work();
    BP_RETURN_IF_ERROR(broken_);
    return StoreMarks();
  });
  in_group_ = false;
  if (!committed.ok()) RollBack(before);
  balances_.Commit();
  totals_.Commit();
  marks_.Commit();
  deadlines_.Commit();
  if (committed.ok()) NoteHeads();
  return committed;
}

Status Books::Together(const std::function<Status()>& work) {
  BP_CHECK(in_group_);
  BP_RETURN_IF_ERROR(broken_);
  const State before = Mark();
  BP_RETURN_IF_ERROR(Stored(database_->Execute("SAVEPOINT together")));
  Status status = work();
  if (!status.ok()) {
    RollBack(before);
    if (broken_.ok()) BP_RETURN_IF_ERROR(Stored(database_->Execute("ROLLBACK TO together")));
  }
  if (broken_.ok()) BP_RETURN_IF_ERROR(Stored(database_->Execute("RELEASE together")));
  return status;
}

Status Books::Alone(const std::function<Status()>& work) {
  if (in_group_) {
    BP_RETURN_IF_ERROR(broken_);
    return work();
  }
  Status status;
  BP_RETURN_IF_ERROR(Group([&] { status = work(); }));
  return status;
}

Status Books::StoreMarks() {
  Status stored;
  marks_.VisitChanged([&](const ProducerKey& key) {
    if (stored.ok()) stored = WriteMark(*database_, key.first, key.second, *marks_.Find(key));
  });
  return stored;
}

void Books::NoteHeads() {
  if (kept_heads_ == nullptr) return;
  for (const auto& [chain, head] : heads_) kept_heads_->Note(chain, head);
  kept_heads_->Keep();
}

void Books::KeepHeads() {
  if (kept_heads_ != nullptr) kept_heads_->Keep();
}

ChainHeads Books::heads() const {
  return {heads_.begin(), heads_.end()};
}

/// What goes wrong with the file breaks the whole group.
Status Books::Stored(Status status) {
  if (!status.ok() && broken_.ok()) broken_ = status;
  return status;
}

int64_t Books::NextNumber(std::string_view chain) const {
  return static_cast<int64_t>(heads_.at(chain).rows) + 1;
}

template <class Row>
Status Books::Append(std::string_view chain, const CanonicalRow& bytes, const Row& row) {
  BP_ASSIGN_OR_RETURN(const ChainHead head, Extended(heads_.at(chain), bytes.bytes()));
  BP_RETURN_IF_ERROR(Stored(InsertRow(*database_, row, head)));
  heads_.at(chain) = head;
  return Status::Ok();
}

Result<Outcome> Books::OpenAccount(const Account& account) {
  BP_RETURN_IF_ERROR(CheckShape(account));
  const AccountId id = account.Id();
  if (const Account* const known = balances_.FindAccount(id)) {
    if (*known == account) return Outcome::kExists;
    return IdTaken("account", account.name);
  }
  BP_RETURN_IF_ERROR(Alone([&]() -> Status {
    BP_RETURN_IF_ERROR(Append(kAccountsChain, RowOf(account, NextNumber(kAccountsChain)), account));
    balances_.Open(account);
    return Status::Ok();
  }));
  return Outcome::kCreated;
}

Result<Outcome> Books::Write(const Transfer& transfer) {
  BP_RETURN_IF_ERROR(CheckShape(transfer));
  if (transfer.kind == Kind::kExpire || transfer.usage_number) {
    return Status::InvalidArgument("expiries and charges of usage are written by the ledger");
  }
  Outcome outcome = Outcome::kCreated;
  BP_RETURN_IF_ERROR(Alone([&]() -> Status {
    BP_ASSIGN_OR_RETURN(outcome, WriteInGroup(transfer));
    return Status::Ok();
  }));
  return outcome;
}

Result<Outcome> Books::WriteInGroup(const Transfer& transfer) {
  Result<std::optional<BookedTransfer>> known = FindTransfer(*database_, transfer.id);
  if (!known.ok()) return Stored(std::move(known).status());
  if (known->has_value()) {
    if ((*known)->transfer == transfer) return Outcome::kExists;
    return IdTaken("transfer", IdText(transfer.id.value));
  }
  if (transfer.pending && balances_.FindReserve(*transfer.pending) == nullptr) {
    Result<std::optional<BookedTransfer>> resolution = FindResolution(*database_, *transfer.pending);
    if (!resolution.ok()) return Stored(std::move(resolution).status());
    if (resolution->has_value()) {
      const Kind how = (*resolution)->transfer.kind;
      const std::string_view word = how == Kind::kPost ? "posted" : how == Kind::kVoid ? "voided" : "expired";
      return Status(StatusCode::kConflict, Cat("reserve ", IdText(transfer.pending->value), " was ", word))
          .WithReason(Cat("pending_", word));
    }
  }
  BP_RETURN_IF_ERROR(balances_.Check(transfer));
  BP_RETURN_IF_ERROR(Book(transfer));
  return Outcome::kCreated;
}

/// One that Check allows and whose id is new.
Status Books::Book(const Transfer& transfer) {
  BookedTransfer booked{.transfer = transfer,
                        .number = NextNumber(kTransfersChain),
                        .booked_unix_us = std::max(transfer.occurred_unix_us, open_from_unix_us_),
                        .written_unix_us = clock_.UnixSeconds() * 1'000'000,
                        .correction = transfer.occurred_unix_us < open_from_unix_us_};
  BP_RETURN_IF_ERROR(Append(kTransfersChain, RowOf(booked), booked));
  balances_.Apply(transfer);
  if (transfer.kind == Kind::kReserve) Await(transfer.id, transfer.timeout_ms);
  if (transfer.pending) deadlines_.Erase(*transfer.pending);
  return Status::Ok();
}

Result<Outcome> Books::AddPrice(const Price& price) {
  for (const PriceList::Numbered& known : prices_.prices()) {
    if (known.price == price) return Outcome::kExists;
  }
  BP_RETURN_IF_ERROR(prices_.Check(price));
  BP_RETURN_IF_ERROR(Alone([&]() -> Status {
    const PriceList::Numbered numbered{NextNumber(kPricesChain), price};
    BP_RETURN_IF_ERROR(Append(kPricesChain, RowOf(price, numbered.number), numbered));
    prices_.Add(numbered.number, price);
    return Status::Ok();
  }));
  return Outcome::kCreated;
}

Result<int64_t> Books::TotalOf(const MeterKey& key) {
  if (const int64_t* const total = totals_.Find(key)) return *total;
  Result<int64_t> total = LastTotal(*database_, key.first, key.second);
  if (!total.ok()) return Stored(std::move(total).status());
  totals_.Set(key, *total);
  return total;
}

Result<ProducerMark> Books::MarkOf(const ProducerKey& key) {
  if (const ProducerMark* const mark = marks_.Find(key)) return *mark;
  Result<ProducerMark> mark = ReadMark(*database_, key.first, key.second);
  if (!mark.ok()) return Stored(std::move(mark).status());
  return mark;
}

Result<std::vector<Charge>> Books::Rate(const UsageEvent& event, AccountId payer) {
  std::vector<Charge> charges;
  for (size_t i = 0; i < kMeters; ++i) {
    const auto meter = static_cast<Meter>(i + 1);
    const int64_t quantity = event.quantities[i];
    const PriceList::Numbered* const price = prices_.FindCharged({.tenant = event.tenant,
                                                                  .model = event.model,
                                                                  .tier = event.tier,
                                                                  .meter = meter,
                                                                  .at_unix_us = event.occurred_unix_us});
    if (quantity == 0 || price == nullptr) continue;
    BP_ASSIGN_OR_RETURN(int64_t total, TotalOf({payer, price->number}));
    for (const Charge& before : charges) {  // of the meter that this one's price is of
      if (before.price_number == price->number) total = before.total_after;
    }
    BP_ASSIGN_OR_RETURN(const Picodollars amount, ChargeOf(price->price, total, quantity));
    charges.push_back({.meter = meter,
                       .price_number = price->number,
                       .quantity = quantity,
                       .total_after = total + quantity,
                       .amount = amount});
  }
  return charges;
}

Result<RecordedUsage> Books::RecordUsage(const UsageEvent& event, const std::optional<Settlement>& settlement,
                                         std::span<const Transfer> also) {
  BP_RETURN_IF_ERROR(CheckShape(event));
  RecordedUsage recorded;
  BP_RETURN_IF_ERROR(Alone([&]() -> Status {
    const ProducerKey producer{event.key.producer, event.key.epoch};
    BP_ASSIGN_OR_RETURN(ProducerMark mark, MarkOf(producer));
    if (mark.Knows(event.key.sequence)) {
      Result<std::optional<BookedUsage>> known = FindUsage(*database_, event.key);
      if (!known.ok()) return Stored(std::move(known).status());
      if (!known->has_value() || (*known)->event != event) return IdTaken("usage event", KeyText(event.key));
      recorded = {Outcome::kExists, **known};
      return Status::Ok();
    }
    return Together([&]() -> Status {
      BP_RETURN_IF_ERROR(mark.Claim(event.key.sequence).status());
      marks_.Set(producer, mark);
      BookedUsage& usage = recorded.usage;
      usage = {.event = event, .number = NextNumber(kUsageChain)};
      if (settlement) {
        usage.payer = settlement->payer;
        BP_ASSIGN_OR_RETURN(usage.charges, Rate(event, settlement->payer));
      }
      BP_RETURN_IF_ERROR(Append(kUsageChain, RowOf(usage), usage));
      for (const Charge& charge : usage.charges) totals_.Set({*usage.payer, charge.price_number}, charge.total_after);
      if (settlement) BP_RETURN_IF_ERROR(Charged(usage, *settlement));
      for (const Transfer& transfer : also) BP_RETURN_IF_ERROR(Write(transfer).status());
      return Status::Ok();
    });
  }));
  return recorded;
}

Status Books::Charged(const BookedUsage& usage, const Settlement& settlement) {
  const EventKey& key = usage.event.key;
  const std::string epoch = Cat(key.epoch), sequence = Cat(key.sequence);
  Int128 owed = usage.Total().value;
  Transfer charge{.id = {DerivedId("usage", {key.producer, epoch, sequence})},
                  .debit = settlement.payer,
                  .credit = settlement.earner,
                  .reference = usage.event.request,
                  .usage_number = usage.number,
                  .occurred_unix_us = usage.event.occurred_unix_us};
  const OpenReserve* const reserve = settlement.pending ? balances_.FindReserve(*settlement.pending) : nullptr;
  if (reserve != nullptr) {
    charge.kind = Kind::kPost;
    charge.pending = settlement.pending;
    charge.amount = std::min(owed, reserve->amount);
    BP_RETURN_IF_ERROR(WriteInGroup(charge).status());
    owed -= charge.amount;
    if (owed == 0) return Status::Ok();
    charge.kind = Kind::kSingle;
    charge.pending.reset();
    charge.id = {DerivedId("usage-rest", {key.producer, epoch, sequence})};
  }
  charge.amount = owed;
  return WriteInGroup(charge).status();
}

void Books::Await(TransferId reserve, uint32_t timeout_ms) {
  if (timeout_ms == 0) return;
  const Instant deadline = clock_.Now() + std::chrono::milliseconds(timeout_ms);
  deadlines_.Set(reserve, deadline);
  due_.emplace(deadline, reserve);
}

std::optional<Instant> Books::NextExpiry() const {
  if (due_.empty()) return std::nullopt;
  return due_.top().first;  // or before it, if that one is over
}

bool Books::Renew(TransferId reserve) {
  const OpenReserve* const open = balances_.FindReserve(reserve);
  if (open == nullptr) return false;
  Await(reserve, open->timeout_ms);
  return true;
}

Result<size_t> Books::ExpireDue() {
  const Instant now = clock_.Now();
  std::vector<Due> due;
  while (!due_.empty() && due_.top().first <= now) {
    const Instant* const deadline = deadlines_.Find(due_.top().second);
    if (deadline != nullptr && *deadline == due_.top().first) due.push_back(due_.top());
    due_.pop();
  }
  if (due.empty()) return size_t{0};
  const Status written = Alone([&]() -> Status {
    for (const auto& [deadline, id] : due) {
      const OpenReserve reserve = *balances_.FindReserve(id);
      BP_RETURN_IF_ERROR(Book({.id = {DerivedId("expire", {IdBytes(id.value)})},
                               .kind = Kind::kExpire,
                               .debit = reserve.debit,
                               .credit = reserve.credit,
                               .pending = id,
                               .occurred_unix_us = clock_.UnixSeconds() * 1'000'000}));
    }
    return Status::Ok();
  });
  // What wasn't written, now or by the end of the group, is due again; what was is over.
  for (const Due& again : due) due_.push(again);
  BP_RETURN_IF_ERROR(written);
  return due.size();
}

Status Books::CheckClose(int64_t end_unix_us) const {
  if (end_unix_us <= open_from_unix_us_) {
    return Status(StatusCode::kConflict, Cat("the books are closed up to ", UtcText(open_from_unix_us_ / kSecondUs),
                                             " already, and stay so; a period that is still open ends after that"))
        .WithReason("already_closed");
  }
  const int64_t now = clock_.UnixSeconds();
  if (end_unix_us > now * kSecondUs) {
    return Status::InvalidArgument(Cat("the period is not over: its end, ", UtcText(end_unix_us / kSecondUs),
                                       ", lies in the future (it is ", UtcText(now),
                                       "); close it then, or name an earlier end"))
        .WithReason("period_not_over")
        .WithParam("end");
  }
  return Status::Ok();
}

Result<PeriodClose> Books::ClosePeriod(int64_t end_unix_us, const std::string& closer) {
  BP_RETURN_IF_ERROR(CheckClose(end_unix_us));
  PeriodClose close;
  BP_RETURN_IF_ERROR(Alone([&]() -> Status {
    BP_ASSIGN_OR_RETURN(close, CloseInGroup(end_unix_us, closer));
    return Status::Ok();
  }));
  return close;
}

Result<PeriodClose> Books::CloseInGroup(int64_t end_unix_us, const std::string& closer) {
  PeriodClose close{.number = NextNumber(kClosesChain),
                    .end_unix_us = end_unix_us,
                    .closer = closer,
                    .written_unix_us = clock_.UnixSeconds() * 1'000'000,
                    .transfers = heads_.at(kTransfersChain)};
  Result<std::vector<PeriodClose::Line>> lines = TrialBalance(*database_, end_unix_us, close.transfers.rows);
  if (!lines.ok()) return Stored(std::move(lines).status());
  close.trial_balance = *std::move(lines);
  BP_RETURN_IF_ERROR(Append(kClosesChain, RowOf(close), close));
  open_from_unix_us_ = end_unix_us;
  return close;
}

}  // namespace bedplate
