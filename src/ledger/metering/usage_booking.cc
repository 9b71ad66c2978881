#include "ledger/metering/usage_booking.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/cat.h"
#include "base/log.h"

namespace bedplate {
namespace {

constexpr size_t kPartBytesMax = 64;
constexpr size_t kHashDigits = 12;

bool MayBeInAccountName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/// Whether the books have the key for the same request, with what they charged for it.
Result<bool> IsOfSameRequest(Books& books, const UsageEvent& event) {
  BP_ASSIGN_OR_RETURN(const std::optional<BookedUsage> known, FindUsage(books.database(), event.key));
  if (!known || known->event.request != event.request || known->event.api_key != event.api_key) return false;
  LogWarning("a request was booked before with other numbers, which stand",
             {{"request", event.request},
              {"output_tokens", Cat(event.QuantityOf(Meter::kOutput))},
              {"booked_output_tokens", Cat(known->event.QuantityOf(Meter::kOutput))}});
  return true;
}

}  // namespace

UsageEvent EventOf(std::string_view producer, FlightDescriptor descriptor, const FlightUsage& usage) {
  UsageEvent event{.key = {std::string(producer), descriptor.epoch, usage.sequence},
                   .request = std::move(descriptor.request),
                   .tenant = std::move(descriptor.tenant),
                   .project = std::move(descriptor.project),
                   .api_key = std::move(descriptor.api_key),
                   .model = std::move(descriptor.model),
                   .tier = std::move(descriptor.tier),
                   .end_user = std::move(descriptor.end_user),
                   .tags = std::move(descriptor.tags),
                   .occurred_unix_us = descriptor.started_unix_us};
  const auto set = [&](Meter meter, int64_t tokens) { event.quantities[static_cast<size_t>(meter) - 1] = tokens; };
  const uint32_t cached = std::min(usage.cached_tokens, usage.prompt_tokens);
  const uint32_t reasoning = std::min(usage.reasoning_tokens, usage.output_tokens);
  set(Meter::kPrompt, usage.prompt_tokens - cached);
  set(Meter::kCached, cached);
  set(Meter::kOutput, usage.output_tokens - reasoning);
  set(Meter::kReasoning, reasoning);
  return event;
}

std::string AccountPart(std::string_view name) {
  std::string part(name);
  std::ranges::replace_if(part, [](char c) { return !MayBeInAccountName(c); }, '_');
  if (part == name && !part.empty() && part.size() <= kPartBytesMax) return part;
  const std::string hash = IdText(DerivedId("account-part", {name})).substr(0, kHashDigits);
  return Cat(part.substr(0, kPartBytesMax - kHashDigits - 1), "-", hash);
}

Account ReceivableAccount(std::string_view tenant, std::string_view project) {
  return {.name = Cat("Assets:Receivable:", AccountPart(tenant), ":", AccountPart(project))};
}

Account UsageIncomeAccount(std::string_view model) {
  return {.name = Cat("Income:Usage:", AccountPart(model))};
}

Status BookUsage(Books& books, const UsageEvent& event, BudgetDesk* budgets, BudgetHold* hold) {
  const Status booked = books.Together([&]() -> Status {
    const Account payer = ReceivableAccount(event.tenant, event.project);
    const Account earner = UsageIncomeAccount(event.model);
    BP_RETURN_IF_ERROR(books.OpenAccount(payer).status());
    BP_RETURN_IF_ERROR(books.OpenAccount(earner).status());
    BP_ASSIGN_OR_RETURN(const RecordedUsage recorded,
                        books.RecordUsage(event, Settlement{.payer = payer.Id(), .earner = earner.Id()}));
    return budgets == nullptr ? Status::Ok() : budgets->Book(books, recorded, hold);
  });
  if (booked.reason() != "id_taken") return booked;
  BP_ASSIGN_OR_RETURN(const bool same, IsOfSameRequest(books, event));
  return same ? Status::Ok() : booked;
}

}  // namespace bedplate
