#pragma once
/// The ledger's tables: how its rows are written to and read from the file ledger.sqlite3. What may be written is for
/// books.h to say. Amounts are 16 bytes that sort as the numbers do (int128.h); ids are 16 bytes; each row has a
/// number, contiguous from 1, and the chain's hash after it.
///
/// Readers may open the file read-only beside the one writer (base/database.h).
/// Errors: those of base/database.h; kDataLoss for a row that isn't one, with its table and number.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/database.h"
#include "ledger/producer_mark.h"
#include "ledger/transfer.h"
#include "ledger/usage_event.h"

namespace bedplate {

/// A period that ended: [the end of the one before, end). Nothing is booked into it any more.
struct PeriodClose {
  struct Line {
    AccountId account;
    Int128 debits = 0, credits = 0;  // posted, of all that was booked before the end
    bool operator==(const Line&) const = default;
  };
  int64_t number = 0;
  int64_t end_unix_us = 0;
  std::string closer = {};  // who did it
  int64_t written_unix_us = 0;
  ChainHead transfers = {};              // the chain's head then
  std::vector<Line> trial_balance = {};  // by account
  bool operator==(const PeriodClose&) const = default;
};
CanonicalRow RowOf(const PeriodClose& close);

/// The names of the chains, which are also the tables'.
inline constexpr std::string_view kAccountsChain = "accounts", kTransfersChain = "transfers", kUsageChain = "usage",
                                  kPricesChain = "prices", kClosesChain = "closes";
inline constexpr std::string_view kChains[] = {kAccountsChain, kTransfersChain, kUsageChain, kPricesChain,
                                               kClosesChain};

DatabaseOptions LedgerFileOptions();

Status InsertRow(Database& database, const Account& account, const ChainHead& head);
Status InsertRow(Database& database, const BookedTransfer& transfer, const ChainHead& head);
Status InsertRow(Database& database, const BookedUsage& usage, const ChainHead& head);
Status InsertRow(Database& database, const PriceList::Numbered& price, const ChainHead& head);
Status InsertRow(Database& database, const PeriodClose& close, const ChainHead& head);

/// Rows in their order, each with its number and its stored hash (32 bytes); the visit may end it with an error.
template <class Row>
using VisitRow = std::function<Status(const Row& row, int64_t number, std::string_view hash)>;
Status VisitAccountRows(Database& database, const VisitRow<Account>& visit);
Status VisitTransferRows(Database& database, const VisitRow<BookedTransfer>& visit);
Status VisitUsageRows(Database& database, const VisitRow<BookedUsage>& visit);
Status VisitPriceRows(Database& database, const VisitRow<Price>& visit);
Status VisitCloseRows(Database& database, const VisitRow<PeriodClose>& visit);

/// The last row's; EmptyChain's where there is none.
Result<ChainHead> LastHead(Database& database, std::string_view chain);
/// The hash of the row of that number; none where there is no such row.
Result<std::optional<Sha256::Digest>> HashAt(Database& database, std::string_view chain, uint64_t number);

Result<std::optional<BookedTransfer>> FindTransfer(Database& database, TransferId id);
/// What resolved the reserve.
Result<std::optional<BookedTransfer>> FindResolution(Database& database, TransferId reserve);
Result<std::vector<BookedTransfer>> TransfersByReference(Database& database, std::string_view reference);
Result<std::vector<BookedTransfer>> TransfersOfUsage(Database& database, int64_t usage_number);
Result<std::optional<BookedUsage>> FindUsage(Database& database, const EventKey& key);
Result<std::vector<BookedUsage>> UsageByRequest(Database& database, std::string_view request);
/// What was posted to each account by the first `transfers` rows, as far as it is booked before the end.
Result<std::vector<PeriodClose::Line>> TrialBalance(Database& database, int64_t end_unix_us, uint64_t transfers);
/// What the payer had used at the price when it was last charged.
Result<int64_t> LastTotal(Database& database, AccountId payer, int64_t price_number);

Result<ProducerMark> ReadMark(Database& database, std::string_view producer, int64_t epoch);
/// Of the producer's events that are known; 0: there are none.
Result<int64_t> HighestEpoch(Database& database, std::string_view producer);
Status WriteMark(Database& database, std::string_view producer, int64_t epoch, const ProducerMark& mark);
Status VisitMarks(Database& database,
                  const std::function<Status(const std::string& producer, int64_t epoch, const ProducerMark&)>& visit);

}  // namespace bedplate
