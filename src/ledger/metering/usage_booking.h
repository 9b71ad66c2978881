#pragma once
/// From a flight recorder's slot to the books: one way for what ends as it should and for what a kill left behind.

#include <string>
#include <string_view>

#include "base/status.h"
#include "ledger/books.h"
#include "ledger/metering/budget_desk.h"
#include "ledger/metering/flight_slot.h"

namespace bedplate {

/// The tokens are split so that none is charged twice: cached ones are not among the prompt's, reasoning not among the
/// output's.
UsageEvent EventOf(std::string_view producer, FlightDescriptor descriptor, const FlightUsage& usage);

/// "Assets:Receivable:TENANT:PROJECT", debited.
Account ReceivableAccount(std::string_view tenant, std::string_view project);
/// "Income:Usage:MODEL", credited.
Account UsageIncomeAccount(std::string_view model);
/// As a part of an account's name. What one can't have is written as '_', and then a part of the name's hash follows,
/// so that two names never become the same.
std::string AccountPart(std::string_view name);

/// In a group: opens the accounts, writes the event and its charge, and takes it from the budgets, together. The same
/// again changes nothing. So does an event whose key is known for the same request with other numbers: that is what a
/// power cut leaves, which kept the books and an older slot. hold: the request's; none: a kill left it.
Status BookUsage(Books& books, const UsageEvent& event, BudgetDesk* budgets, BudgetHold* hold);

}  // namespace bedplate
