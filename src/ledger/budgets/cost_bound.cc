#include "ledger/budgets/cost_bound.h"

#include <algorithm>

namespace bedplate {
namespace {

std::optional<Int128> Sum(std::optional<Int128> a, std::optional<Int128> b) {
  return a && b ? CheckedAdd(*a, *b) : std::nullopt;
}

}  // namespace

CostBound::CostBound(const PriceList& prices, std::string_view tenant, std::string_view model, std::string_view tier,
                     int64_t at_unix_us) {
  for (size_t m = 0; m < kMeters; ++m) {
    for (size_t moment = 0; moment < kMoments; ++moment) {
      const PriceList::Numbered* const found =
          prices.FindCharged({.tenant = tenant,
                              .model = model,
                              .tier = tier,
                              .meter = static_cast<Meter>(m + 1),
                              .at_unix_us = at_unix_us + static_cast<int64_t>(moment) * kSecondUs});
      if (found != nullptr) rates_[m][moment] = {.amount = found->price.amount.value, .per = found->price.per};
    }
  }
}

std::optional<Int128> CostBound::Most(Meter meter, int64_t quantity) const {
  Int128 most = 0;
  for (const Fraction& rate : rates_[static_cast<size_t>(meter) - 1]) {
    const std::optional<Int128> floor = MultiplyDivide(rate.amount, quantity, rate.per);
    if (!floor || *floor == kInt128Max) return std::nullopt;
    // Rounded up also where it divides: a pico-dollar too much, and no second product of 190 bits.
    most = std::max(most, *floor + (rate.amount == 0 || quantity == 0 ? 0 : 1));
  }
  return most;
}

std::optional<Int128> CostBound::MostOfEither(Meter one, Meter other, int64_t quantity) const {
  const std::optional<Int128> a = Most(one, quantity), b = Most(other, quantity);
  if (!a || !b) return std::nullopt;
  const Int128 most = std::max(*a, *b);
  return most == 0 ? most : CheckedAdd(most, 1);
}

std::optional<Int128> CostBound::Of(int64_t prompt_tokens, int64_t output_tokens) const {
  return Sum(MostOfEither(Meter::kPrompt, Meter::kCached, prompt_tokens),
             MostOfEither(Meter::kOutput, Meter::kReasoning, output_tokens));
}

std::optional<Int128> CostBound::Of(const UsageEvent& event) const {
  std::optional<Int128> sum = 0;
  for (const Meter meter : {Meter::kPrompt, Meter::kCached, Meter::kOutput, Meter::kReasoning}) {
    sum = Sum(sum, Most(meter, event.QuantityOf(meter)));
  }
  return sum;
}

}  // namespace bedplate
