#pragma once
/// Reads the members of a JSON object that a client sent. Null counts as absent, as clients write unset options so.
/// Errors are kInvalidArgument with the member's path as param, and say what was found and what is allowed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "serve/field_table.h"

namespace bedplate {

class FieldReader {
 public:
  /// object: must be one; path: of it, "" at the top. Both outlive the reader. With a table no other member is read
  /// than those in it: what a decoder reads can't be missing from the documents.
  FieldReader(const Json& object, std::string path, FieldTable table = {})
      : object_(object), path_(std::move(path)), table_(table) {}

  /// The member, or nullptr when absent or null.
  [[nodiscard]] const Json* Get(std::string_view name) const;
  [[nodiscard]] std::string PathOf(std::string_view name) const;

  Result<std::optional<bool>> Bool(std::string_view name) const;
  Result<std::optional<int64_t>> Int(std::string_view name, int64_t low, int64_t high) const;
  Result<std::optional<double>> Number(std::string_view name, double low, double high) const;
  /// Result's string lives as long as the object.
  Result<const std::string*> String(std::string_view name) const;  // nullptr: absent
  Result<std::string> RequiredString(std::string_view name) const;

  /// "temperature: expected a number, got a string instead", with the param.
  [[nodiscard]] Status WrongType(std::string_view name, std::string_view expected, const Json& got) const;

 private:
  const Json& object_;
  const std::string path_;
  const FieldTable table_;  // empty: any member
};

/// The same for a value that is not a member, such as an array's element.
Status WrongType(std::string path, std::string_view expected, const Json& got);

/// A value of the right type that is wrong: "stopSequences: at most 16", with the path as param.
Status InvalidField(std::string path, std::string_view why);
Status Unsupported(std::string path, std::string message);  // reason "unsupported_parameter"

}  // namespace bedplate
