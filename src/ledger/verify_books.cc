// One pass over each table, in the order in which rows refer to each other: accounts, prices, closes, transfers, usage.
// A pass goes on after a finding where it can, but tells only the first of its kind: one changed row makes all after it
// wrong.

#include "ledger/verify_books.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/cat.h"
#include "ledger/book_rows.h"
#include "ledger/price.h"
#include "ledger/producer_mark.h"

namespace bedplate {
namespace {

/// The first thing that is found wrong, and no other.
class FirstFinding {
 public:
  explicit FirstFinding(VerifyReport& report) : report_(report) {}
  void operator()(const Status& status) {
    if (!status.ok()) (*this)(status.message());
  }
  void operator()(std::string_view what) {
    if (std::exchange(found_, true)) return;
    report_.findings.emplace_back(what);
  }

 private:
  VerifyReport& report_;
  bool found_ = false;
};

class Verifier {
 public:
  Verifier(Database& database, const VerifyOptions& options) : database_(database), options_(options) {}

  Result<VerifyReport> Run() {
    if (options_.pages) BP_RETURN_IF_ERROR(Pages());
    BP_RETURN_IF_ERROR(Accounts());
    BP_RETURN_IF_ERROR(Prices());
    BP_RETURN_IF_ERROR(Closes());
    BP_RETURN_IF_ERROR(Transfers());
    TrialBalances();
    BP_RETURN_IF_ERROR(Usage());
    BP_RETURN_IF_ERROR(Marks());
    return std::move(report_);
  }

 private:
  struct Close {
    PeriodClose row;
    std::map<AccountId, PeriodClose::Line> booked;  // what the rows say was booked into this period
  };

  Status Pages() {
    Statement check(database_, "PRAGMA quick_check(1)");
    BP_ASSIGN_OR_RETURN(const bool row, check.Step());
    if (row && check.ViewAt(0) != "ok") report_.findings.push_back(Cat("the file is damaged: ", check.ViewAt(0)));
    return Status::Ok();
  }

  /// Reads a table with its chain: `visit` gets each row, also those after the first that is wrong.
  template <class Row, class VisitRows, class Visit>
  Status Chained(std::string_view chain, VisitRows visit_rows, Visit visit) {
    std::optional<ChainHead> kept;
    if (options_.kept != nullptr) {
      const auto at = options_.kept->find(chain);
      if (at != options_.kept->end()) kept = at->second;
    }
    ChainCheck check(chain, kept);
    FirstFinding finding(report_);
    bool whole = true;
    ChainHead head = check.head();
    const Status read = visit_rows(database_, [&](const Row& row, int64_t number, std::string_view hash) -> Status {
      if (whole) {
        const Status right = RowCheck(check, row, number, hash);
        finding(right);
        whole = right.ok();
        if (whole) head = check.head();
      }
      return visit(row, number, check.head());
    });
    if (read.code() != StatusCode::kDataLoss) BP_RETURN_IF_ERROR(read);
    finding(read);
    if (whole && read.ok()) finding(check.End());
    report_.heads[std::string(chain)] = head;
    return Status::Ok();
  }

  template <class Row>
  static Status RowCheck(ChainCheck& check, const Row& row, int64_t number, std::string_view hash) {
    if constexpr (requires { RowOf(row, number); }) {
      return check.Row(RowOf(row, number).bytes(), hash);
    } else {
      return check.Row(RowOf(row).bytes(), hash);
    }
  }

  Status Accounts() {
    FirstFinding finding(report_);
    return Chained<Account>(kAccountsChain, VisitAccountRows, [&](const Account& account, int64_t, const ChainHead&) {
      finding(CheckShape(account));
      if (report_.balances.FindAccount(account.Id()) == nullptr) {
        report_.balances.Open(account);
      } else {
        finding(Cat("the account ", account.name, " is there twice"));
      }
      return Status::Ok();
    });
  }

  Status Prices() {
    FirstFinding finding(report_);
    return Chained<Price>(kPricesChain, VisitPriceRows, [&](const Price& price, int64_t number, const ChainHead&) {
      finding(prices_.Check(price));
      prices_.Add(number, price);
      return Status::Ok();
    });
  }

  Status Closes() {
    FirstFinding finding(report_);
    return Chained<PeriodClose>(kClosesChain, VisitCloseRows, [&](const PeriodClose& close, int64_t, const ChainHead&) {
      const bool later = closes_.empty() || (closes_.back().row.end_unix_us < close.end_unix_us &&
                                             closes_.back().row.transfers.rows <= close.transfers.rows);
      if (!later) finding(Cat("close ", close.number, " does not come after the one before it"));
      closes_.push_back({close, {}});
      return Status::Ok();
    });
  }

  Status Transfers() {
    FirstFinding rules(report_), periods(report_);
    bool folds = true;
    BP_RETURN_IF_ERROR(Chained<BookedTransfer>(
        kTransfersChain, VisitTransferRows, [&](const BookedTransfer& booked, int64_t, const ChainHead& head) {
          if (folds) {
            Status allowed = report_.balances.Check(booked.transfer);
            if (!allowed.ok()) rules(Cat("row ", booked.number, " of transfers: ", allowed.message()));
            folds = allowed.ok();
            if (folds) report_.balances.Apply(booked.transfer);
            report_.balances.Commit();
          }
          if (booked.transfer.usage_number) ++charges_;
          periods(Period(booked, head));
          return Status::Ok();
        }));
    FirstFinding finding(report_);
    finding(CheckDebitsEqualCredits(report_.balances));
    return Status::Ok();
  }

  /// I9 of one transfer. head: of the chain, this row included.
  Status Period(const BookedTransfer& booked, const ChainHead& head) {
    const auto wrong = [&](std::string_view what) {
      return Status::DataLoss(Cat("row ", booked.number, " of transfers ", what));
    };
    const auto number = static_cast<uint64_t>(booked.number);
    int64_t open_from = std::numeric_limits<int64_t>::min();  // when the row was written
    for (const Close& close : closes_) {
      if (close.row.transfers.rows < number) open_from = close.row.end_unix_us;
      if (close.row.transfers.rows == number && close.row.transfers != head) {
        return wrong(Cat("is not the one that close ", close.row.number, " ended with"));
      }
    }
    const int64_t occurred = booked.transfer.occurred_unix_us;
    if (booked.booked_unix_us != std::max(occurred, open_from) || booked.correction != (occurred < open_from)) {
      return wrong("is booked into a closed period, or otherwise not where it belongs");
    }
    const auto period = std::find_if(closes_.begin(), closes_.end(),
                                     [&](const Close& close) { return booked.booked_unix_us < close.row.end_unix_us; });
    if (period != closes_.end() && booked.transfer.kind != Transfer::Kind::kReserve) {
      const bool room = Add(period->booked[booked.transfer.debit].debits, booked.transfer.amount) &&
                        Add(period->booked[booked.transfer.credit].credits, booked.transfer.amount);
      if (!room) return wrong("has an amount for which there is no room");
    }
    return Status::Ok();
  }

  static bool Add(Int128& to, Int128 amount) { return !__builtin_add_overflow(to, amount, &to); }

  /// Each close's is the sum of all periods up to it.
  void TrialBalances() {
    FirstFinding finding(report_);
    std::map<AccountId, PeriodClose::Line> sum;
    for (const Close& close : closes_) {
      for (const auto& [account, line] : close.booked) {
        PeriodClose::Line& to = sum[account];
        to.account = account;
        if (!Add(to.debits, line.debits) || !Add(to.credits, line.credits)) finding("a trial balance has no room");
      }
      std::vector<PeriodClose::Line> lines;
      for (const auto& [account, line] : sum) {
        if (line.debits != 0 || line.credits != 0) lines.push_back(line);
      }
      if (lines != close.row.trial_balance) {
        finding(Cat("the transfers booked before close ", close.row.number, " don't add up to its trial balance"));
      }
    }
  }

  Status Usage() {
    FirstFinding finding(report_);
    uint64_t charges = 0;
    BP_RETURN_IF_ERROR(Chained<BookedUsage>(
        kUsageChain, VisitUsageRows, [&](const BookedUsage& usage, int64_t, const ChainHead&) -> Status {
          const auto wrong = [&](std::string_view what) { finding(Cat("usage event ", usage.number, " ", what)); };
          const EventKey& key = usage.event.key;
          const Result<bool> claimed = marks_[{key.producer, key.epoch}].Claim(key.sequence);
          if (!claimed.ok() || !*claimed) wrong("is there twice");
          if (!IsRated(usage)) wrong("is not charged at its prices");
          BP_ASSIGN_OR_RETURN(const std::vector<BookedTransfer> transfers, TransfersOfUsage(database_, usage.number));
          charges += transfers.size();
          if (!IsCharged(usage, transfers)) wrong("has transfers that are not its charge");
          return Status::Ok();
        }));
    if (charges != charges_) finding("a transfer charges a usage event that is not there");
    return Status::Ok();
  }

  bool IsRated(const BookedUsage& usage) {
    if (!usage.payer) return usage.charges.empty();
    size_t next = 0;
    for (size_t i = 0; i < kMeters; ++i) {
      const auto meter = static_cast<Meter>(i + 1);
      const int64_t quantity = usage.event.quantities[i];
      if (quantity == 0) continue;
      const Charge* const charge = next < usage.charges.size() ? &usage.charges[next] : nullptr;
      // What had no price then may have one by now.
      if (charge == nullptr || charge->meter != meter) continue;
      ++next;
      const PriceList::Numbered* const price = prices_.FindNumber(charge->price_number);
      if (price == nullptr || charge->quantity != quantity) return false;
      if (price->price.meter != meter && price->price.meter != MeterStoodInFor(meter)) return false;
      int64_t& total = totals_[{*usage.payer, price->number}];
      const Result<Picodollars> amount = ChargeOf(price->price, total, quantity);
      if (!amount.ok() || *amount != charge->amount || charge->total_after != total + quantity) return false;
      total = charge->total_after;
    }
    return next == usage.charges.size();
  }

  static bool IsCharged(const BookedUsage& usage, const std::vector<BookedTransfer>& transfers) {
    if (!usage.payer) return transfers.empty();
    Int128 sum = 0;
    for (const BookedTransfer& booked : transfers) {
      const Transfer& transfer = booked.transfer;
      const bool moves = transfer.kind == Transfer::Kind::kSingle || transfer.kind == Transfer::Kind::kPost;
      if (!moves || transfer.debit != *usage.payer || !Add(sum, transfer.amount)) return false;
    }
    return !transfers.empty() && sum == usage.Total().value;
  }

  Status Marks() {
    FirstFinding finding(report_);
    size_t known = 0;
    const Status read =
        VisitMarks(database_, [&](const std::string& producer, int64_t epoch, const ProducerMark& mark) {
          const auto at = marks_.find({producer, epoch});
          ++known;
          if (at == marks_.end() || at->second != mark) {
            finding(Cat("the events of producer ", producer, ", epoch ", epoch, ", are not those that were claimed"));
          }
          return Status::Ok();
        });
    if (read.code() != StatusCode::kDataLoss) BP_RETURN_IF_ERROR(read);
    finding(read);
    if (known != marks_.size()) finding("a producer has events that were not claimed");
    return Status::Ok();
  }

  Database& database_;
  const VerifyOptions& options_;
  VerifyReport report_;
  PriceList prices_;
  std::vector<Close> closes_;
  uint64_t charges_ = 0;  // transfers that charge usage
  std::map<std::pair<AccountId, int64_t>, int64_t> totals_;
  std::map<std::pair<std::string, int64_t>, ProducerMark> marks_;
};

}  // namespace

Result<VerifyReport> VerifyBooks(Database& database, const VerifyOptions& options) {
  BP_RETURN_IF_ERROR(database.Execute("BEGIN"));  // one state, whatever is written meanwhile
  Result<VerifyReport> report = Verifier(database, options).Run();
  BP_RETURN_IF_ERROR(database.Execute("COMMIT"));
  return report;
}

}  // namespace bedplate
