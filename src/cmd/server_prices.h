#pragma once
/// What a server's log says at its start of prices that don't do what they seem to: nobody finds that out by a request,
/// which is answered and costs nothing.

#include "base/clock.h"
#include "base/status.h"
#include "ledger/book_writer.h"
#include "ledger/model_names.h"
#include "ledger/tenancy/tenant_records.h"

namespace bedplate {

/// Warns of prices that name a model by a further name, under which nothing is booked; and, where there are prices or
/// budgets of money, of models that have none for everybody, so that those budgets don't count them. Returns how many.
Result<size_t> WarnOfPrices(BookWriter& writer, const TenantState& tenants, const ModelNames& models,
                            const Clock& clock);

}  // namespace bedplate
