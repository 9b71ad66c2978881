#pragma once
/// Reads the arguments of a verb (tenants.h) out of a JSON object. What isn't known is an error: a limit that was spelt
/// wrongly would be none. Null is as if it weren't there. Errors are kInvalidArgument and name the argument.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace bedplate {

class Arguments {
 public:
  /// object outlives this.
  explicit Arguments(const Json& object) : object_(object) {}

  /// An object, of these members and no others; limits: and those of a key (tenant_records.h).
  [[nodiscard]] Status Check(std::initializer_list<std::string_view> known, bool limits = false) const;
  /// Is there, and null: what it says is to be as if it had never been said.
  [[nodiscard]] bool Clears(std::string_view name) const;
  [[nodiscard]] bool Has(std::string_view name) const { return Find(name) != nullptr; }
  [[nodiscard]] Result<std::string> Text(std::string_view name, std::string_view otherwise) const;
  [[nodiscard]] Result<std::string> Needed(std::string_view name) const;
  /// A whole number, also as a text of digits, as a URL's query has it.
  [[nodiscard]] Result<std::optional<int64_t>> Int(std::string_view name, int64_t min, int64_t max) const;
  /// Also as a text. False where it isn't there.
  [[nodiscard]] Result<bool> Flag(std::string_view name) const;
  [[nodiscard]] Result<std::optional<std::vector<std::string>>> Texts(std::string_view name) const;
  [[nodiscard]] const Json& object() const { return object_; }

 private:
  [[nodiscard]] const Json* Find(std::string_view name) const;
  const Json& object_;
};

}  // namespace bedplate
