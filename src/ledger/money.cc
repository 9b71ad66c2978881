#include "ledger/money.h"

#include "base/cat.h"

namespace bedplate {

std::string DollarsText(Picodollars amount) {
  return FixedPointText(amount.value, 12, 2);
}

Result<Picodollars> ParseDollars(std::string_view text) {
  const std::optional<Int128> value = ParseFixedPoint(text, 12);
  if (!value) {
    return Status::InvalidArgument(Cat("'", text.substr(0, 60),
                                       "' is no amount in dollars; write plain digits with at most twelve after the "
                                       "point, such as 12.50 or 0.00000015"));
  }
  const Picodollars amount{*value};
  if (amount > kDollarsMax || amount.value < -kDollarsMax.value) {
    return Status::InvalidArgument(
        Cat(text.substr(0, 60), " dollars are beyond the largest amount, ", DollarsText(kDollarsMax)));
  }
  return amount;
}

}  // namespace bedplate
