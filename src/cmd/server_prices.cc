#include "cmd/server_prices.h"

#include <algorithm>

#include "base/cat.h"
#include "base/log.h"

namespace bedplate {

Result<size_t> WarnOfPrices(BookWriter& writer, const TenantState& tenants, const ModelNames& models,
                            const Clock& clock) {
  PriceList prices;
  BP_RETURN_IF_ERROR(writer.Write([&](Books& books) {
    prices = books.prices();
    return Status::Ok();
  }));
  size_t warned = 0;
  for (const PriceList::Numbered& one : prices.prices()) {
    const std::string id = models.IdOf(one.price.model);
    if (id == one.price.model) continue;
    ++warned;
    LogWarning("a price is of a further name of a model, under which nothing is booked: add one of the model's id",
               {{"price", Cat(one.number)}, {"name", one.price.model}, {"model", id}});
  }
  const bool of_money = !prices.prices().empty() || std::ranges::any_of(tenants.budgets, [](const auto& named) {
    return named.second.unit == Unit::kPicodollar && !named.second.disabled;
  });
  if (!of_money) return warned;
  for (const std::string& model : models.served) {
    for (const Meter meter : {Meter::kPrompt, Meter::kOutput}) {
      if (prices.Find({.model = model, .meter = meter, .at_unix_us = clock.UnixSeconds() * kSecondUs})) continue;
      ++warned;
      LogWarning(
          "a model has no price: who has none of their own is charged nothing for it, and no budget of money holds it",
          {{"model", model}, {"meter", std::string(MeterName(meter))}});
    }
  }
  return warned;
}

}  // namespace bedplate
