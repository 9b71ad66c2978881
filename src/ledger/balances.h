#pragma once
/// The accounts' balances, and what is held back in open reserves: the fold of all transfers in their order. Nothing
/// else changes them, and folding the same transfers again gives the same.
///
///   BP_RETURN_IF_ERROR(balances.Check(transfer));   // would it be right?
///   balances.Apply(transfer);                       // it is written
///
/// Threads: one at a time. Cost: O(1) a transfer.
/// Errors of Check, by reason: "unknown_account"; "unit_differs"; "unknown_pending": no open reserve of that id;
///   "accounts_differ" from the reserve's; "exceeds_pending": a post of more than was reserved; "exceeds_credits",
///   "exceeds_debits": an account's rule (kResourceExhausted); "overflow".

#include <functional>
#include <optional>

#include "base/status.h"
#include "ledger/transfer.h"
#include "ledger/undo_map.h"

namespace bedplate {

struct Balance {
  Int128 debits_posted = 0, credits_posted = 0;
  Int128 debits_pending = 0, credits_pending = 0;
  bool operator==(const Balance&) const = default;
};

struct OpenReserve {
  AccountId debit = {}, credit = {};
  Int128 amount = 0;
  uint32_t timeout_ms = 0;
  bool operator==(const OpenReserve&) const = default;
};

class Balances {
 public:
  /// The account's balance becomes zero. It must be new.
  void Open(const Account& account);
  [[nodiscard]] Status Check(const Transfer& transfer) const;
  /// One that Check allows.
  void Apply(const Transfer& transfer);

  [[nodiscard]] const Account* FindAccount(AccountId id) const;
  [[nodiscard]] std::optional<Balance> Of(AccountId id) const;
  [[nodiscard]] const OpenReserve* FindReserve(TransferId id) const { return reserves_.Find(id); }
  [[nodiscard]] size_t accounts() const { return accounts_.map().size(); }
  [[nodiscard]] size_t open_reserves() const { return reserves_.map().size(); }
  void VisitAccounts(const std::function<void(AccountId, const Account&, const Balance&)>& visit) const;
  void VisitReserves(const std::function<void(TransferId, const OpenReserve&)>& visit) const;
  /// The reserves that were opened or resolved since the last Commit.
  void VisitChangedReserves(const std::function<void(TransferId)>& visit) const { reserves_.VisitChanged(visit); }

  /// For a write that fails: back to what it was at the mark, or at the last Commit.
  struct Marks {
    size_t accounts = 0, balances = 0, reserves = 0;
  };
  [[nodiscard]] Marks Mark() const { return {accounts_.Mark(), balances_.Mark(), reserves_.Mark()}; }
  void RollBack(const Marks& marks);
  void Commit();

 private:
  UndoMap<AccountId, Account> accounts_;
  UndoMap<AccountId, Balance> balances_;
  UndoMap<TransferId, OpenReserve> reserves_;
};

/// I1 over balances: for each unit, debits equal credits, posted and pending. kDataLoss names the unit.
Status CheckDebitsEqualCredits(const Balances& balances);

}  // namespace bedplate
