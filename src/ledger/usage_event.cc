#include "ledger/usage_event.h"

#include "base/cat.h"

namespace bedplate {
namespace {

constexpr size_t kProducerBytesMax = 64, kFieldBytesMax = 256, kTagsBytesMax = 4096;

}  // namespace

Status CheckShape(const UsageEvent& event) {
  const auto wrong = [&](std::string_view what) {
    return Status::InvalidArgument(Cat("usage event ", event.key.producer.substr(0, kProducerBytesMax), "/",
                                       event.key.epoch, "/", event.key.sequence, ": ", what));
  };
  if (event.key.producer.empty() || event.key.producer.size() > kProducerBytesMax) {
    return wrong(Cat("its producer's name has ", event.key.producer.size(), " bytes; 1 to ", kProducerBytesMax));
  }
  if (event.key.epoch < 0) return wrong("its epoch is negative");
  if (event.key.sequence < 1) return wrong("events are numbered from 1");
  for (const std::string* field :
       {&event.request, &event.tenant, &event.project, &event.api_key, &event.model, &event.tier, &event.end_user}) {
    if (field->size() > kFieldBytesMax)
      return wrong(Cat("a field of ", field->size(), " bytes; at most ", kFieldBytesMax));
  }
  if (event.tags.size() > kTagsBytesMax)
    return wrong(Cat("tags of ", event.tags.size(), " bytes; at most ", kTagsBytesMax));
  if (event.occurred_unix_us < 0 || event.occurred_unix_us > kUnixUsMax) {
    return wrong(Cat("its time is ", event.occurred_unix_us, " us; 0 to ", kUnixUsMax));
  }
  for (size_t i = 0; i < kMeters; ++i) {
    if (event.quantities[i] >= 0) continue;
    return wrong(Cat("a negative number of ", MeterName(static_cast<Meter>(i + 1)), ": ", event.quantities[i]));
  }
  return Status::Ok();
}

Picodollars BookedUsage::Total() const {
  Picodollars total;
  for (const Charge& charge : charges) total = total + charge.amount;
  return total;
}

CanonicalRow RowOf(const BookedUsage& usage) {
  const UsageEvent& event = usage.event;
  CanonicalRow row;
  row.Int(usage.number).Bytes(event.key.producer).Int(event.key.epoch).Int(event.key.sequence);
  for (const std::string* field : {&event.request, &event.tenant, &event.project, &event.api_key, &event.model,
                                   &event.tier, &event.end_user, &event.tags}) {
    row.Bytes(*field);
  }
  for (const int64_t quantity : event.quantities) row.Int(quantity);
  row.Int(event.estimated ? 1 : 0).Int(event.occurred_unix_us);
  usage.payer ? row.Bytes(IdBytes(usage.payer->value)) : row.None();
  row.Int(static_cast<int64_t>(usage.charges.size()));
  for (const Charge& charge : usage.charges) {
    row.Int(static_cast<int64_t>(charge.meter))
        .Int(charge.price_number)
        .Int(charge.quantity)
        .Int(charge.total_after)
        .Amount(charge.amount.value);
  }
  return row;
}

}  // namespace bedplate
