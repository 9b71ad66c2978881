#pragma once
/// What one request holds of each budget that applies to it.
///
/// Threads: any; a mutex, since the engine takes tokens while a connection settles.

#include <memory>
#include <mutex>
#include <vector>

#include "ledger/budgets/budget_purse.h"
#include "ledger/budgets/cost_bound.h"
#include "ledger/metering/budget_desk.h"

namespace bedplate {

class DeskHold final : public BudgetHold {
 public:
  /// What the request will need, as its estimate says.
  struct Needs {
    int64_t prompt_tokens = 0;
    int64_t output_tokens_max = 0;
    int64_t sequences = 1;  // each of which has its first token
    int64_t step = 256;     // tokens that are held at once
  };
  DeskHold(CostBound bound, Needs needs, std::atomic<uint64_t>& cut);
  ~DeskHold() override;

  /// Holds the prompt and the first tokens. False: the purse has too little.
  bool Add(std::shared_ptr<BudgetPurse> purse);
  /// Too little alone because of what others hold: they may give it back.
  [[nodiscard]] bool IsHeldByOthers(const BudgetPurse& purse) const;

  bool TakeToken() override;
  void Settle(const UsageEvent& event) override;
  void Booked() override;

  /// The writer's thread: takes it from each of the budgets.
  Status Spend(Books& books, const RecordedUsage& recorded);

 private:
  struct Part {
    std::shared_ptr<BudgetPurse> purse;
    std::optional<BudgetLease::Hold> hold;  // of a hard one
    int64_t counted = 0;                    // in purse->held
    Int128 spent = 0;                       // what the last Spend took
  };
  [[nodiscard]] std::optional<int64_t> Needed(const BudgetPurse& purse, int64_t output_tokens) const;
  bool ExtendTo(int64_t output_tokens);
  static void Count(Part& part, int64_t held);

  const CostBound bound_;
  const Needs needs_;
  std::atomic<uint64_t>& cut_;
  std::mutex mutex_;  // guards the rest
  std::vector<Part> parts_;
  int64_t paid_ = 0;   // tokens of output
  int64_t taken_ = 0;  // of them
  bool settled_ = false;
  bool was_cut_ = false;
};

/// What of a budget the event uses: the charge, or its tokens.
Int128 UsedOf(Unit unit, const BookedUsage& usage);

}  // namespace bedplate
