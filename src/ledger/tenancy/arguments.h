#pragma once
/// Reads the arguments of a verb (tenants.h) out of a JSON object, by the verb's table (verb_arguments.h), which says
/// what each may be. What it doesn't name is an error: a limit that was spelt wrongly would be none. Null is as if it
/// weren't there. Errors are kInvalidArgument and name the argument. Reading what the table doesn't have is a bug of
/// ours.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "ledger/tenancy/verb_arguments.h"

namespace bedplate {

class Arguments {
 public:
  /// object outlives this.
  Arguments(const Json& object, VerbArguments known) : object_(object), known_(known) {}

  /// An object, of the table's members and no others, and of all that are needed.
  [[nodiscard]] Status Check() const;
  /// Is there, and null: what it says is to be as if it had never been said.
  [[nodiscard]] bool Clears(std::string_view name) const;
  [[nodiscard]] bool Has(std::string_view name) const { return Find(name) != nullptr; }
  [[nodiscard]] Result<std::string> Text(std::string_view name, std::string_view otherwise) const;
  /// A whole number, also as a text of digits, as a URL's query has it.
  [[nodiscard]] Result<std::optional<int64_t>> Int(std::string_view name) const;
  /// Also as a text. False where it isn't there.
  [[nodiscard]] Result<bool> Flag(std::string_view name) const;
  [[nodiscard]] Result<std::optional<std::vector<std::string>>> Texts(std::string_view name) const;
  /// Of a kOneOrTexts; none where it isn't there.
  [[nodiscard]] Result<std::vector<std::string>> OneOrTexts(std::string_view name) const;
  [[nodiscard]] const Json& object() const { return object_; }

 private:
  [[nodiscard]] const Argument& RuleOf(std::string_view name) const;
  [[nodiscard]] const Json* Find(std::string_view name) const;
  const Json& object_;
  const VerbArguments known_;
};

}  // namespace bedplate
