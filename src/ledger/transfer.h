#pragma once
/// The words of double entry. An account counts one unit. A transfer moves an amount from the account that it credits
/// to the account that it debits, so that debits equal credits whatever is written; it is never changed or removed.
///
/// Two phases: a reserve moves nothing yet and holds the amount back; one later transfer resolves it: a post moves up
/// to that amount and releases the rest, a void or an expiry releases all of it.
///
/// Ids are 128 bits, made once by whoever wants the transfer, before it is written: the same transfer again is known by
/// its id and answered as `kExists`, and another one under that id is an error. They hold for ever.
///
/// Threads: plain values.

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"
#include "ledger/hash_chain.h"
#include "ledger/int128.h"

template <>
struct std::hash<bedplate::Uint128> {
  size_t operator()(const bedplate::Uint128& value) const noexcept {
    return static_cast<size_t>((value >> 64) ^ (value * 0x9E3779B97F4A7C15u));
  }
};

namespace bedplate {

using AccountId = Id<struct AccountTag, Uint128>;
using TransferId = Id<struct TransferTag, Uint128>;

/// The first 128 bits of SHA-256 over what the thing is and its parts: DerivedId("settle", {request_id}).
Uint128 DerivedId(std::string_view what, std::initializer_list<std::string_view> parts);
/// 32 hex digits.
std::string IdText(Uint128 id);
std::optional<Uint128> ParseId(std::string_view text);
/// 16 bytes, big-endian.
std::string IdBytes(Uint128 id);
std::optional<Uint128> IdFromBytes(std::string_view bytes);

enum class Unit : uint8_t { kPicodollar = 1, kToken = 2, kAcceleratorMs = 3 };
std::string_view UnitName(Unit unit);  // "USD", "TOKEN", "ACCMS", as exports say it
/// An amount in words: dollars for money, whole numbers otherwise.
std::string AmountText(Int128 amount, Unit unit);
/// Amounts of transfers are 0 to this; 10^11 of the largest have room in a balance.
inline constexpr Int128 kAmountMax = Int128{1'000'000'000'000'000} * 1'000'000'000'000;

/// What an account may not do, reserves counted as if they were posted.
enum class AccountRule : uint8_t {
  kNone = 0,
  kDebitsWithinCredits = 1,  // a budget: what is taken stays within what was put in
  kCreditsWithinDebits = 2,
};

struct Account {
  /// Of unit and name: an account is opened once, and the same again is known.
  [[nodiscard]] AccountId Id() const;
  Unit unit = Unit::kPicodollar;
  AccountRule rule = AccountRule::kNone;
  /// "Assets:Receivable:acme:search": a root (Assets, Liabilities, Equity, Income, Expenses) and 1 to 7 parts of 1 to
  /// 64 letters, digits, '.', '_', '-'.
  std::string name;
  bool operator==(const Account&) const = default;
};
/// kInvalidArgument.
Status CheckShape(const Account& account);

struct Transfer {
  enum class Kind : uint8_t {
    kSingle = 1,   // moves at once
    kReserve = 2,  // holds
    kPost = 3,     // resolves `pending`: moves `amount` of it
    kVoid = 4,     // resolves `pending`: nothing of it moves
    kExpire = 5,   // the same, written by the ledger when its time is over
  };
  /// Why: for people and reports.
  enum class Code : uint8_t {
    kCharge = 1,
    kBudget = 2,      // put into a budget, or taken out of it
    kLease = 3,       // lent to a gateway, or given back
    kAdjustment = 4,  // by a person
    kRounding = 5,
  };

  TransferId id = {};
  Kind kind = Kind::kSingle;
  Code code = Code::kCharge;
  AccountId debit = {}, credit = {};         // of a post, void or expiry: those of its reserve
  Int128 amount = 0;                         // of a void or expiry: 0
  std::optional<TransferId> pending = {};    // of a post, void or expiry
  uint32_t timeout_ms = 0;                   // of a reserve; 0: it waits for ever
  std::string reference = {};                // what it is for, such as a request's id; at most 256 bytes
  std::optional<int64_t> usage_number = {};  // the usage event that it charges
  int64_t occurred_unix_us = 0;              // when that which it books happened
  bool operator==(const Transfer&) const = default;
};
std::string_view KindName(Transfer::Kind kind);
std::string_view CodeName(Transfer::Code code);
/// What can be told from the transfer alone. kInvalidArgument.
Status CheckShape(const Transfer& transfer);

/// A transfer as it stands in the books.
struct BookedTransfer {
  Transfer transfer;
  int64_t number = 0;          // from 1, in the order of writing
  int64_t booked_unix_us = 0;  // when it counts: when it occurred, or the beginning of the open period if that is later
  int64_t written_unix_us = 0;
  bool correction = false;  // what occurred lies in a closed period
  bool operator==(const BookedTransfer&) const = default;
};

/// Times of the books are microseconds: 1970 to 9999.
inline constexpr int64_t kSecondUs = 1'000'000;
inline constexpr int64_t kUnixUsMax = int64_t{253'402'300'800} * kSecondUs - 1;

enum class Outcome : uint8_t { kCreated, kExists };

CanonicalRow RowOf(const Account& account, int64_t number);
CanonicalRow RowOf(const BookedTransfer& booked);

}  // namespace bedplate
