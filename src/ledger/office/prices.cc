// Prices: what the operator asks, of everybody or of one tenant.
#include "base/cat.h"
#include "ledger/book_rows.h"
#include "ledger/office/office.h"

namespace bedplate {
namespace {

constexpr int64_t kTokensPer = 1'000'000, kAcceleratorMsPer = 3'600'000;  // what prices are usually told for
constexpr int64_t kNoEnd = std::numeric_limits<int64_t>::max();

Json OrNull(const std::string& name) {
  return name.empty() ? Json() : Json(name);
}

Json PriceJson(const PriceList::Numbered& numbered) {
  const Price& price = numbered.price;
  return Json::Object{{"object", "price"},
                      {"number", numbered.number},
                      {"tenant", OrNull(price.tenant)},
                      {"model", OrNull(price.model)},
                      {"tier", OrNull(price.tier)},
                      {"meter", std::string(MeterName(price.meter))},
                      {"amount", DollarsText(price.amount)},
                      {"per", price.per},
                      {"from_at", price.from_unix_us / kSecondUs},
                      {"to_at", price.to_unix_us == kNoEnd ? Json() : Json(price.to_unix_us / kSecondUs)}};
}

Result<Price> PriceOf(const Arguments& arguments, int64_t now) {
  Price price;
  BP_ASSIGN_OR_RETURN(price.tenant, arguments.Text("tenant", ""));
  BP_ASSIGN_OR_RETURN(price.model, arguments.Text("model", ""));
  BP_ASSIGN_OR_RETURN(price.tier, arguments.Text("tier", ""));
  BP_ASSIGN_OR_RETURN(const std::string meter, arguments.Text("meter", ""));
  price.meter = *ParseMeter(meter);  // the table has their names
  BP_ASSIGN_OR_RETURN(const std::string dollars, arguments.Text("amount", ""));
  const Result<Picodollars> amount = ParseDollars(dollars);
  if (!amount.ok()) return Status(amount.status()).WithParam("amount");
  price.amount = *amount;
  BP_ASSIGN_OR_RETURN(const auto per, arguments.Int("per"));
  price.per = per.value_or(price.meter == Meter::kAcceleratorMs ? kAcceleratorMsPer : kTokensPer);
  BP_ASSIGN_OR_RETURN(const auto from, arguments.Int("from"));
  BP_ASSIGN_OR_RETURN(const auto to, arguments.Int("to"));
  price.from_unix_us = from.value_or(now) * kSecondUs;
  if (to) price.to_unix_us = *to * kSecondUs;
  BP_RETURN_IF_ERROR(CheckShape(price));
  return price;
}

}  // namespace

Result<Json> Office::AddPrice(const Actor& actor, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const Price price, PriceOf(arguments, clock_.UnixSeconds()));
  if (!price.tenant.empty() && tenants_.state()->FindTenant(price.tenant) == nullptr) {
    return Status::NotFound(Cat("there is no tenant '", price.tenant.substr(0, 64), "'"))
        .WithReason("tenant_not_found");
  }
  // Looked at first, so that the audit has no row of a price that could never be.
  BP_RETURN_IF_ERROR(books_.writer->Write([&](Books& books) { return books.prices().Check(price); }));
  PriceList::Numbered added{.number = 0, .price = price};
  Json details = PriceJson(added);
  std::erase_if(details.as_object(), [](const Json::Member& member) { return member.first == "number"; });
  BP_RETURN_IF_ERROR(tenants_.NoteInAudit(actor, "price.add", price.tenant, price.model, details));
  BP_RETURN_IF_ERROR(books_.writer->Write([&](Books& books) -> Status {
    BP_RETURN_IF_ERROR(books.prices().Check(price));  // somebody else may have been quicker
    BP_RETURN_IF_ERROR(std::move(books.AddPrice(price)).status());
    added.number = books.prices().prices().back().number;
    return Status::Ok();
  }));
  if (books_.budgets != nullptr) (void)books_.budgets->Refresh();  // what is held follows it; if not now, in a second
  return PriceJson(added);
}

Result<Json> Office::ListPrices(const Actor& actor, const Actor& reader, const Arguments& arguments) {
  BP_ASSIGN_OR_RETURN(const std::string tenant, arguments.Text("tenant", ""));
  BP_ASSIGN_OR_RETURN(const std::string model, arguments.Text("model", ""));
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToRead());
  Json::Array data;
  BP_RETURN_IF_ERROR(VisitPriceRows(*database, [&](const Price& price, int64_t number, std::string_view) {
    // Everybody's prices are for whoever pays them to see; another tenant's own are not.
    const bool seen = price.tenant.empty() || actor.Sees(price.tenant);
    const bool wanted = (tenant.empty() || price.tenant.empty() || price.tenant == tenant) &&
                        (model.empty() || price.model.empty() || price.model == model);
    if (seen && wanted) data.push_back(PriceJson({.number = number, .price = price}));
    return Status::Ok();
  }));
  BP_ASSIGN_OR_RETURN(Json::Array unpriced, ListUnpriced(reader, tenant, model));
  return Json(Json::Object{{"object", "list"}, {"data", std::move(data)}, {"unpriced", std::move(unpriced)}});
}

}  // namespace bedplate
