#include "ledger/office/office.h"

#include "ledger/book_rows.h"
#include "ledger/tenancy/control_message.h"

namespace bedplate {

// Usage is booked under a model's id, so that is what prices, budgets and questions name.
Json Office::WithModelIds(const Json& arguments) const {
  if (!arguments.is_object()) return arguments;
  const auto use_id = [&](Json& name) {
    if (name.is_string()) name = books_.models.IdOf(name.as_string());
  };
  Json named = arguments;
  for (auto& [name, value] : named.as_object()) {
    if (name != "model") continue;
    use_id(value);
    if (!value.is_array()) continue;
    for (Json& one : value.as_array()) use_id(one);
  }
  return named;
}

Result<Json> Office::Do(const Caller& caller, std::string_view verb, const Json& arguments) {
  const VerbRow* const row = FindVerb(verb);
  if (row != nullptr && row->of_budgets()) return DoBudgets(caller, *row, WithModelIds(arguments));
  if (row == nullptr || !row->of_books()) return tenants_.Do(caller, verb, arguments);
  BP_ASSIGN_OR_RETURN(const Actor actor, tenants_.ActorOf(caller, *row));
  if (books_.writer == nullptr) {
    return Status::NotFound("no books are kept here: they are where there are tenants").WithReason("no_books");
  }
  const Json named = WithModelIds(arguments);
  const Arguments read(named, ArgumentsOf(row->verb));
  BP_RETURN_IF_ERROR(read.Check());
  switch (row->verb) {
    case TenantVerb::kPriceAdd:
      return AddPrice(actor, read);
    case TenantVerb::kPriceList: {
      BP_ASSIGN_OR_RETURN(const Actor reader, tenants_.ActorOf(caller, RowOf(TenantVerb::kUsageReport)));
      return ListPrices(actor, reader, read);
    }
    case TenantVerb::kUsageReport:
      return ReportUsageTo(actor, read);
    case TenantVerb::kRequestList:
      return ListRequests(actor, read);
    case TenantVerb::kRequestShow:
      return ShowRequest(actor, read);
    case TenantVerb::kPeriodClose:
      return ClosePeriod(actor, read);
    case TenantVerb::kPeriodList:
      return ListPeriods();
    default:
      return Status::Internal("a verb of the books that nobody does");
  }
}

std::string Office::AnswerControl(const Caller& caller, std::string_view line) {
  const Result<ControlRequest> request = ParseControlRequest(line);
  if (!request.ok()) return ControlReply(request.status());
  return ControlReply(Do(caller, request->verb, request->arguments));
}

Result<std::unique_ptr<Database>> Office::OpenToRead() const {
  DatabaseOptions options = LedgerFileOptions();
  options.read_only = true;
  return Database::Open(books_.file, std::move(options));
}

}  // namespace bedplate
