#pragma once
/// The most that a request can cost, from the prices as they are when it is admitted: what is held back of a budget of
/// money, never less than what the books will charge. The charge of q units at a price of P for D follows a running
/// total, so it is at most ceil(P * q / D); where tokens may be of either of two meters, at most one pico-dollar above
/// the dearer one's.
///
/// Threads: plain values. Cost: a walk of the price list to make one.

#include <array>
#include <optional>
#include <string_view>

#include "ledger/price.h"
#include "ledger/usage_event.h"

namespace bedplate {

class CostBound {
 public:
  /// Of no price: nothing costs anything.
  CostBound() = default;
  /// at_unix_us: when it is admitted. The event may say the next second, so the dearer of both is taken.
  CostBound(const PriceList& prices, std::string_view tenant, std::string_view model, std::string_view tier,
            int64_t at_unix_us);

  /// Of a prompt, cached or not, and so much output, reasoning or not. none: no room in 128 bits.
  [[nodiscard]] std::optional<Int128> Of(int64_t prompt_tokens, int64_t output_tokens) const;
  /// Of what was used.
  [[nodiscard]] std::optional<Int128> Of(const UsageEvent& event) const;

 private:
  struct Fraction {
    Int128 amount = 0;
    int64_t per = 1;
  };
  static constexpr size_t kMoments = 2;  // now, and a second later
  [[nodiscard]] std::optional<Int128> Most(Meter meter, int64_t quantity) const;
  [[nodiscard]] std::optional<Int128> MostOfEither(Meter one, Meter other, int64_t quantity) const;
  std::array<std::array<Fraction, kMoments>, kMeters> rates_{};
};

}  // namespace bedplate
