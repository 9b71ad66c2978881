// Any bytes as a regular expression, in both spellings: compiles or is refused as the client's mistake, within bounds.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/constraint/fuzz_walk.h"
#include "text/constraint/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  if (size == 0) return 0;
  const RegexOptions options{
      .spelling = data[0] % 2 == 0 ? RegexOptions::Spelling::kUtf8 : RegexOptions::Spelling::kJsonString,
      .whole = data[0] / 2 % 2 == 0};
  CompileBudget budget(2'000'000);
  const auto language = CompileRegex({reinterpret_cast<const char*>(data + 1), size - 1}, options,
                                     {.budget = budget, .states_max = 5000});
  if (!language.ok()) {
    BP_CHECK(language.status().code() == StatusCode::kInvalidArgument);
    return 0;
  }
  Grammar grammar;
  const RuleNumber rule = grammar.AddDfaRule("regex", *language);
  WalkAsFuzz(std::move(grammar), rule, {data, size});
  return 0;
}
