#pragma once
/// What one request used: what the books charge, and what reports count. Its producer numbers its events (see
/// producer_mark.h), so that the same event told twice counts once.
///
/// Threads: plain values.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ledger/price.h"
#include "ledger/transfer.h"

namespace bedplate {

struct EventKey {
  std::string producer;  // 1 to 64 bytes: "gateway-1"
  int64_t epoch = 0;     // of the producer's start; not negative
  int64_t sequence = 0;  // from 1, contiguous within the epoch
  auto operator<=>(const EventKey&) const = default;
};

struct UsageEvent {
  EventKey key = {};
  std::string request = {};  // id; these are at most 256 bytes each
  std::string tenant = {}, project = {}, api_key = {}, model = {}, tier = {}, end_user = {};
  std::string tags = {};                      // JSON, or empty; at most 4096 bytes
  std::array<int64_t, kMeters> quantities{};  // by Meter less 1; none negative
  bool estimated = false;                     // by us, where a provider didn't tell
  int64_t occurred_unix_us = 0;
  bool operator==(const UsageEvent&) const = default;

  [[nodiscard]] int64_t QuantityOf(Meter meter) const { return quantities[static_cast<size_t>(meter) - 1]; }
};
/// kInvalidArgument.
Status CheckShape(const UsageEvent& event);

/// One meter of an event at its price.
struct Charge {
  Meter meter = Meter::kPrompt;
  int64_t price_number = 0;
  int64_t quantity = 0;
  int64_t total_after = 0;  // the payer's running total at this price, this event included
  Picodollars amount = {};
  bool operator==(const Charge&) const = default;
};

struct BookedUsage {
  UsageEvent event;
  int64_t number = 0;                   // from 1, in the order of writing
  std::optional<AccountId> payer = {};  // whose running totals it advanced; none: nobody was to be charged
  std::vector<Charge> charges = {};     // by meter; what it used and has no price isn't among them
  bool operator==(const BookedUsage&) const = default;

  [[nodiscard]] Picodollars Total() const;
};

CanonicalRow RowOf(const BookedUsage& usage);

}  // namespace bedplate
