#pragma once
/// Prices and rating. A price is a fraction, pico-dollars for so many units of one meter, so that $2.98 for 3,600,000
/// ms is exact. A charge follows the running total Q of what one payer has used at one price:
///
///   charge = floor(P * Q_after / D) - floor(P * Q_before / D)
///
/// so the charges of any events, in whatever order and pieces, sum to floor(P * Q / D), and each is what it would be
/// without rounding to within one pico-dollar.
///
/// Several meters may be charged at one price (MeterStoodInFor): they share its running total.
///
/// A price without an end holds until the next one of the same thing begins, and again when one that has an end is
/// over: a standing price is changed by adding another, and an offer for a month needs nothing put back.
///
/// Threads: plain values; PriceList one at a time.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ledger/money.h"
#include "ledger/transfer.h"

namespace bedplate {

/// What is counted of a request.
enum class Meter : uint8_t { kPrompt = 1, kCached = 2, kOutput = 3, kReasoning = 4, kAcceleratorMs = 5 };
inline constexpr size_t kMeters = 5;
inline constexpr std::string_view kMeterNames[] = {"prompt", "cached", "output", "reasoning", "accelerator-ms"};
std::string_view MeterName(Meter meter);
std::optional<Meter> ParseMeter(std::string_view name);
/// Whose price tokens of this meter are charged at where they have none of their own: cached ones are of the prompt,
/// reasoning is of the output. So a price that was forgotten makes nothing free.
std::optional<Meter> MeterStoodInFor(Meter meter);

struct Price {
  std::string tenant = {};  // whose; empty: everybody's who has none of its own
  std::string model = {};   // empty: of any that has none of its own
  std::string tier = {};    // empty: the same for tiers
  Meter meter = Meter::kPrompt;
  Picodollars amount = {};                                   // for `per` units; 0 to kDollarsMax
  int64_t per = 1;                                           // 1 to 10^15
  int64_t from_unix_us = 0;                                  // the price holds in [from, to)
  int64_t to_unix_us = std::numeric_limits<int64_t>::max();  // that: no end of its own
  bool operator==(const Price&) const = default;
};
/// kInvalidArgument.
Status CheckShape(const Price& price);
CanonicalRow RowOf(const Price& price, int64_t number);

/// kInvalidArgument, reason "overflow", where a total or a charge has no room; names what.
Result<Picodollars> ChargeOf(const Price& price, int64_t total_before, int64_t quantity);
/// floor(a * b / c), exact; none where it has no room. a, b >= 0; c > 0.
std::optional<Int128> MultiplyDivide(Int128 a, int64_t b, int64_t c);

class PriceList {
 public:
  struct Numbered {
    int64_t number = 0;  // in the books, from 1
    Price price;
  };

  /// Whether it may be added: its shape, and that no other of the same tenant, model, tier and meter begins when it
  /// does, or inside it where it has an end, or the other way round (kConflict, reason "overlap", with the other's
  /// number).
  [[nodiscard]] Status Check(const Price& price) const;
  void Add(int64_t number, Price price);
  void Remove(int64_t number);  // for a write that failed

  struct Asked {
    std::string_view tenant = {}, model = {}, tier = {};
    Meter meter = Meter::kPrompt;
    int64_t at_unix_us = 0;
  };
  /// What it is charged at: the closest of its own meter, else the closest of the meter that stands in for it. nullptr:
  /// there is neither, and it costs nothing.
  [[nodiscard]] const Numbered* FindCharged(Asked asked) const;
  /// The closest: of the tenant before everybody's, then of the model before any, then of the tier before any; of
  /// several, the one that began last. nullptr: there is none.
  [[nodiscard]] const Numbered* Find(const Asked& asked) const;
  [[nodiscard]] const Numbered* FindNumber(int64_t number) const;
  [[nodiscard]] std::span<const Numbered> prices() const { return prices_; }

 private:
  std::vector<Numbered> prices_;  // by number
};

}  // namespace bedplate
