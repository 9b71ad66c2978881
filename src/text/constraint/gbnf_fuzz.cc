// Any bytes as a grammar: compiles or is refused as the client's mistake, within bounds; what compiles lets a text go
// on from wherever it can get.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/constraint/fuzz_walk.h"
#include "text/constraint/gbnf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  Grammar grammar;
  CompileBudget budget(200'000);
  const auto rule = AddGbnf(grammar, {reinterpret_cast<const char*>(data), size}, budget);
  if (!rule.ok()) {
    BP_CHECK(rule.status().code() == StatusCode::kInvalidArgument);
    return 0;
  }
  WalkAsFuzz(std::move(grammar), *rule, {data, size});
  return 0;
}
