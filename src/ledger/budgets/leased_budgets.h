#pragma once
/// Budgets as requests meet them: each that applies has an amount held back before a request runs, which grows ahead of
/// its answer and is settled with what the books charge. So what is spent, held and leased never exceeds a hard budget,
/// and a request thread makes no call of the books and waits for nothing.
///
///   LeasedBudgets budgets([&] { return tenants.Budgets(); }, writer, clock, options);
///   MeteredAdmission::Create(..., {.budgets = &budgets});     // books what a kill left, before leases are taken
///   BP_RETURN_IF_ERROR(budgets.Start());
///   budgets.Stop();                                           // then the writer may end, then this
///
/// Held:     the prompt and 256 tokens of output at the dearest price that they may have, and 256 more whenever those
///           are used up; where there is less, as many as there are.
/// Periods:  the next period's account and lease are made ten minutes before it begins. A request counts in the one in
///           which it was admitted. Where the clock has jumped to a period that nothing was made for, hard budgets
///           answer kBooksBusy until that is done: some milliseconds, where the disk works.
/// Leases:   with one gateway all that is left of a budget is leased, so all of it can be used.
/// Changes:  count once Refresh() returns. An amount lowered below what is spent or held is 0 left.
/// Threads:  any. Refresh, Start and the end wait for the disk. Everything given outlives this, this its holds.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "ledger/book_writer.h"
#include "ledger/budgets/budget.h"
#include "ledger/budgets/budget_alerts.h"
#include "ledger/budgets/budget_purse.h"
#include "ledger/metering/budget_desk.h"

namespace bedplate {

struct LeasedBudgetsOptions {
  std::string gateway = "gateway-1";
  uint32_t gateways = 1;              // that share each budget
  BudgetAlertSink* alerts = nullptr;  // none: they are only logged and counted
  Duration tick = std::chrono::seconds(1);
  bool own_thread = true;  // false: Refresh is called by a test
};

class LeasedBudgets final : public BudgetDesk {
 public:
  static constexpr int64_t kHeldTokens = 256;    // of output, at once
  static constexpr int64_t kAheadSeconds = 600;  // how long before it begins a period is made

  LeasedBudgets(std::function<std::vector<Budget>()> definitions, BookWriter& writer, const Clock& clock,
                LeasedBudgetsOptions options = {});
  ~LeasedBudgets() override;
  LeasedBudgets(const LeasedBudgets&) = delete;
  LeasedBudgets& operator=(const LeasedBudgets&) = delete;

  /// Gives back what earlier processes left leased, opens what is needed now, and goes on with that by itself.
  Status Start();
  /// Gives back what is leased, once requests have ended; where the disk refuses, that is left to the next Start().
  /// From then on this writes nothing, and the writer may end before it does. Its holds may still be booked.
  void Stop();
  /// Makes the definitions, prices and periods of now those that requests meet.
  Status Refresh();

  std::variant<std::shared_ptr<BudgetHold>, Refusal> Hold(const Principal& principal,
                                                          const Estimate& estimate) override;
  Status Book(Books& books, const RecordedUsage& recorded, BudgetHold* hold) override;

  /// By requests that run, of the present period.
  [[nodiscard]] Int128 HeldOf(const std::string& tenant, const std::string& name) const;

  struct Health {
    size_t budgets = 0;       // that are enabled
    uint64_t refused = 0;     // requests
    uint64_t cut = 0;         // answers that ended at their last paid token
    uint64_t alerts[3] = {};  // by kBudgetAlertLevels
    Status refresh;           // why the last one failed
  };
  [[nodiscard]] Health health() const;

 private:
  using PursePointer = std::shared_ptr<BudgetPurse>;                   // shared between this, its snapshots and holds
  using PurseKey = std::tuple<std::string, std::string, std::string>;  // tenant, name, period
  struct OfBudget {
    Budget budget;
    std::vector<PursePointer> purses;
    [[nodiscard]] PursePointer At(int64_t unix_seconds) const;
  };
  struct Snapshot {
    std::map<std::string, std::vector<OfBudget>, std::less<>> by_tenant;
    PriceList prices;
  };
  /// One purse, as whoever refreshes knows it.
  struct Kept {
    PursePointer purse;
    Int128 amount = 0;    // that was put in
    Int128 too_much = 0;  // that is still to be taken out
    unsigned told = 0;    // alerts, as bits by kBudgetAlertLevels
    unsigned telling = 0;
  };

  [[nodiscard]] std::shared_ptr<const Snapshot> Now() const;
  void Publish(std::shared_ptr<const Snapshot> next);
  Status Pass();
  Status OpenPurses(std::vector<Kept>& missing, int64_t now);
  Status ChangeAmounts(const std::map<PurseKey, Budget>& wanted, int64_t now);
  Status ChangeAmount(Kept& kept, const Budget& budget, int64_t now);
  void Retire(const std::map<PurseKey, Budget>& wanted);
  Status LookAtSpent(const std::map<PurseKey, Budget>& wanted, int64_t now);
  void Alert(Kept& kept, const Budget& budget, size_t level, Int128 spent, int64_t now);
  Status WriteTold(int64_t now);
  Status ReturnLost(Books& books);
  [[nodiscard]] LeaseOptions OptionsOfLease(Int128 amount) const;
  [[nodiscard]] std::unique_ptr<BudgetLease> LeaseFor(const BudgetPurse& purse);
  Status BookLost(Books& books, const RecordedUsage& recorded);
  void Wake();
  void Run() noexcept;

  const std::function<std::vector<Budget>()> definitions_;
  BookWriter& writer_;
  const Clock& clock_;
  const LeasedBudgetsOptions options_;

  std::mutex pass_mutex_;  // who refreshes; guards kept_
  std::map<PurseKey, Kept> kept_;
  mutable std::mutex snapshot_mutex_;  // guards snapshot_
  std::shared_ptr<const Snapshot> snapshot_;
  std::atomic<uint64_t> refused_{0}, cut_{0}, alerts_[3] = {};

  struct Told;  // alerts whose end is known, shared with the sink's callbacks, which may come later than the desk's end
  std::shared_ptr<Told> told_;
  mutable std::mutex wake_mutex_;  // guards the rest
  std::condition_variable wake_;
  bool woken_ = false, ending_ = false, stopped_ = false;
  Status refreshed_;
  size_t enabled_ = 0;
  std::thread thread_;  // last: it uses the others
};

}  // namespace bedplate
