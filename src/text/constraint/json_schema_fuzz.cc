// Any bytes as JSON Schema: compiles or is refused as the client's mistake, within bounds; what compiles lets a text go
// on from wherever it can get.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/constraint/fuzz_walk.h"
#include "text/constraint/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  const auto schema = ParseJson({reinterpret_cast<const char*>(data), size});
  if (!schema.ok()) return 0;
  Grammar grammar;
  CompileBudget budget(2'000'000);  // a twentieth of the real one: runs are quick
  const auto rule = AddJsonSchema(grammar, *schema, {}, budget);
  if (!rule.ok()) {
    BP_CHECK(rule.status().code() == StatusCode::kInvalidArgument && rule.status().message().starts_with("#"));
    return 0;
  }
  WalkAsFuzz(std::move(grammar), *rule, {data, size});
  return 0;
}
