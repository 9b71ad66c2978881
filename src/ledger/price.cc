#include "ledger/price.h"

#include <algorithm>

#include "base/cat.h"

namespace bedplate {
namespace {

constexpr int64_t kPerMax = 1'000'000'000'000'000;
constexpr size_t kNameBytesMax = 128;

bool SameThing(const Price& a, const Price& b) {
  return a.meter == b.meter && a.tenant == b.tenant && a.model == b.model && a.tier == b.tier;
}

// Until another of the same thing begins.
bool IsOpenEnded(const Price& price) {
  return price.to_unix_us == std::numeric_limits<int64_t>::max();
}

// A price that says when it ends holds all that time: no other may begin in it.
bool BeginsWithin(const Price& a, const Price& b) {
  return !IsOpenEnded(b) && a.from_unix_us >= b.from_unix_us && a.from_unix_us < b.to_unix_us;
}

std::string Words(const Price& price) {
  const auto or_any = [](const std::string& name) { return name.empty() ? "any" : name; };
  return Cat("the price of ", MeterName(price.meter), " for tenant ", or_any(price.tenant), ", model ",
             or_any(price.model), ", tier ", or_any(price.tier));
}

}  // namespace

std::string_view MeterName(Meter meter) {
  const auto index = static_cast<size_t>(meter) - 1;
  return index < kMeters ? kMeterNames[index] : "?";
}

std::optional<Meter> ParseMeter(std::string_view name) {
  const auto* const at = std::find(std::begin(kMeterNames), std::end(kMeterNames), name);
  if (at == std::end(kMeterNames)) return std::nullopt;
  return static_cast<Meter>(at - std::begin(kMeterNames) + 1);
}

std::optional<Meter> MeterStoodInFor(Meter meter) {
  switch (meter) {
    case Meter::kCached:
      return Meter::kPrompt;
    case Meter::kReasoning:
      return Meter::kOutput;
    case Meter::kPrompt:
    case Meter::kOutput:
    case Meter::kAcceleratorMs:
      break;
  }
  return std::nullopt;
}

Status CheckShape(const Price& price) {
  const auto wrong = [&](std::string_view what) { return Status::InvalidArgument(Cat(Words(price), " ", what)); };
  if (price.meter < Meter::kPrompt || price.meter > Meter::kAcceleratorMs) return wrong("is of no known meter");
  for (const std::string* name : {&price.tenant, &price.model, &price.tier}) {
    if (name->size() > kNameBytesMax) return wrong(Cat("has a name above ", kNameBytesMax, " bytes"));
  }
  if (price.amount.value < 0) return wrong(Cat("is negative: ", DollarsText(price.amount)));
  if (price.amount > kDollarsMax) return wrong(Cat("is above ", DollarsText(kDollarsMax), " dollars"));
  if (price.per < 1 || price.per > kPerMax) return wrong(Cat("is for ", price.per, " units; 1 to ", kPerMax));
  if (price.from_unix_us >= price.to_unix_us) return wrong("ends before it begins");
  return Status::Ok();
}

CanonicalRow RowOf(const Price& price, int64_t number) {
  CanonicalRow row;
  row.Int(number)
      .Bytes(price.tenant)
      .Bytes(price.model)
      .Bytes(price.tier)
      .Int(static_cast<int64_t>(price.meter))
      .Amount(price.amount.value)
      .Int(price.per)
      .Int(price.from_unix_us)
      .Int(price.to_unix_us);
  return row;
}

std::optional<Int128> MultiplyDivide(Int128 a, int64_t b, int64_t c) {
  BP_CHECK(a >= 0 && b >= 0 && c > 0);
  // The product has up to 190 bits: three 64-bit digits, divided as by hand.
  const auto factor = static_cast<Uint128>(b);
  const Uint128 low = (static_cast<Uint128>(a) & ~uint64_t{0}) * factor;
  const Uint128 high = (static_cast<Uint128>(a) >> 64) * factor + (low >> 64);
  const uint64_t digits[3] = {static_cast<uint64_t>(high >> 64), static_cast<uint64_t>(high),
                              static_cast<uint64_t>(low)};
  Uint128 rest = 0, quotient = 0;
  for (const uint64_t digit : digits) {
    const Uint128 part = rest << 64 | digit;
    if (quotient >> 63 != 0) return std::nullopt;
    quotient = quotient << 64 | part / static_cast<uint64_t>(c);  // part < c * 2^64
    rest = part % static_cast<uint64_t>(c);
  }
  return static_cast<Int128>(quotient);
}

Result<Picodollars> ChargeOf(const Price& price, int64_t total_before, int64_t quantity) {
  BP_CHECK(total_before >= 0);
  if (quantity < 0)
    return Status::InvalidArgument(Cat("a negative number of ", MeterName(price.meter), ": ", quantity));
  const auto overflow = [&](std::string_view what) {
    return Status::InvalidArgument(Cat(Words(price), ": ", what, " has no room")).WithReason("overflow");
  };
  int64_t total_after = 0;
  if (__builtin_add_overflow(total_before, quantity, &total_after)) return overflow("the total of what was used");
  const std::optional<Int128> before = MultiplyDivide(price.amount.value, total_before, price.per);
  const std::optional<Int128> after = MultiplyDivide(price.amount.value, total_after, price.per);
  if (!before || !after || *after - *before > kAmountMax) return overflow("the charge");
  return Picodollars{*after - *before};
}

Status PriceList::Check(const Price& price) const {
  BP_RETURN_IF_ERROR(CheckShape(price));
  for (const Numbered& other : prices_) {
    const bool together = other.price.from_unix_us == price.from_unix_us || BeginsWithin(other.price, price) ||
                          BeginsWithin(price, other.price);
    if (together && SameThing(other.price, price)) {
      return Status(StatusCode::kConflict, Cat(Words(price), " would hold at the same time as number ", other.number))
          .WithReason("overlap");
    }
  }
  return Status::Ok();
}

void PriceList::Add(int64_t number, Price price) {
  prices_.push_back({number, std::move(price)});
}

void PriceList::Remove(int64_t number) {
  std::erase_if(prices_, [&](const Numbered& price) { return price.number == number; });
}

const PriceList::Numbered* PriceList::Find(const Asked& asked) const {
  const Numbered* best = nullptr;
  int best_closeness = -1;
  for (const Numbered& numbered : prices_) {
    const Price& price = numbered.price;
    const auto fits = [](const std::string& own, std::string_view wanted) { return own.empty() || own == wanted; };
    if (price.meter != asked.meter || asked.at_unix_us < price.from_unix_us || asked.at_unix_us >= price.to_unix_us ||
        !fits(price.tenant, asked.tenant) || !fits(price.model, asked.model) || !fits(price.tier, asked.tier)) {
      continue;
    }
    const int closeness = (price.tenant.empty() ? 0 : 4) + (price.model.empty() ? 0 : 2) + (price.tier.empty() ? 0 : 1);
    const bool later = closeness == best_closeness && price.from_unix_us > best->price.from_unix_us;
    if (closeness > best_closeness || later) {
      best = &numbered;
      best_closeness = closeness;
    }
  }
  return best;
}

const PriceList::Numbered* PriceList::FindCharged(Asked asked) const {
  const Numbered* const own = Find(asked);
  const std::optional<Meter> other = MeterStoodInFor(asked.meter);
  if (own != nullptr || !other) return own;
  asked.meter = *other;
  return Find(asked);
}

const PriceList::Numbered* PriceList::FindNumber(int64_t number) const {
  const auto at = std::find_if(prices_.begin(), prices_.end(), [&](const Numbered& p) { return p.number == number; });
  return at == prices_.end() ? nullptr : &*at;
}

}  // namespace bedplate
