#pragma once
/// What budgets are to metering: who holds an amount back before a request runs, and takes it when it is booked. The
/// metered admission calls this; nothing of it may wait or read the books, but for Book.
///
/// Threads: any, Book the writer's alone. The desk outlives its holds.

#include <memory>
#include <variant>

#include "ledger/books.h"
#include "request/admission.h"

namespace bedplate {

/// What one request holds. Destroyed, all of it is there for others again.
class BudgetHold {
 public:
  virtual ~BudgetHold() = default;
  /// What was used so far, before it is written to the client: a time to hold more ahead.
  virtual void Note(const Usage& usage) = 0;
  /// The event is on its way to the books, where Book takes it from the budgets: what it doesn't need is free again.
  virtual void Settle(const UsageEvent& event) = 0;
};

class BudgetDesk {
 public:
  virtual ~BudgetDesk() = default;
  virtual std::variant<std::unique_ptr<BudgetHold>, Refusal> Hold(const Principal& principal,
                                                                  const Estimate& estimate) = 0;
  /// In the event's group, after it was written; also for those that an earlier process left. The same event again is
  /// known (Outcome::kExists) and changes nothing. An error undoes the event, too.
  virtual Status Book(Books& books, const RecordedUsage& recorded) = 0;
};

}  // namespace bedplate
