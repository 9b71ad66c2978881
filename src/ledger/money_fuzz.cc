// Fuzzes the readers of amounts and of producers' marks: whatever the bytes, an error or what is written as text that
// reads back the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ledger/money.h"
#include "ledger/producer_mark.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<Picodollars> amount = ParseDollars(text);
  if (amount.ok()) {
    BP_CHECK(*amount <= kDollarsMax && amount->value >= -kDollarsMax.value);
    const Result<Picodollars> again = ParseDollars(DollarsText(*amount));
    BP_CHECK(again.ok() && *again == *amount);
  } else {
    BP_CHECK(!amount.status().message().empty());
  }
  for (const int decimals : {0, 3, 30}) {
    const std::optional<Int128> number = ParseFixedPoint(text, decimals);
    if (number) BP_CHECK(ParseFixedPoint(FixedPointText(*number, decimals, 0), decimals) == number);
  }
  const std::optional<ProducerMark> mark = ProducerMark::Parse(text);
  if (mark) {
    BP_CHECK(mark->Text() == text);
    BP_CHECK(mark->missing() < mark->high() || mark->high() == 0);
  }
  return 0;
}
