#pragma once
/// What budgets are to metering: who holds an amount back before a request runs, and takes it when it is booked. The
/// metered admission calls this; nothing of it may wait or read the books, but for Book.
///
/// Threads: any, Book and Booked the writer's alone. The desk outlives its holds.

#include <memory>
#include <variant>

#include "ledger/books.h"
#include "request/admission.h"

namespace bedplate {

/// What one request holds, and how much of its answer is paid for. Destroyed, all of it is there for others again.
class BudgetHold : public OutputAllowance {
 public:
  /// The event is on its way to the books, where Book takes it from the budgets: what it doesn't need is free again,
  /// and no token more is paid for.
  virtual void Settle(const UsageEvent& event) = 0;
  /// What Book took is durable.
  virtual void Booked() = 0;
};

class BudgetDesk {
 public:
  virtual ~BudgetDesk() = default;
  virtual std::variant<std::shared_ptr<BudgetHold>, Refusal> Hold(const Principal& principal,
                                                                  const Estimate& estimate) = 0;
  /// In the event's group, after it was written. hold: the event's; none: an earlier process left it. The same event
  /// again is known (Outcome::kExists) and changes nothing. An error undoes the event, too.
  virtual Status Book(Books& books, const RecordedUsage& recorded, BudgetHold* hold) = 0;
};

}  // namespace bedplate
