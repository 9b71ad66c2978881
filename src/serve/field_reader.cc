#include "serve/field_reader.h"

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {

Status WrongType(std::string path, std::string_view expected, const Json& got) {
  return Status::InvalidArgument(
             Cat("Invalid type for '", path, "': expected ", expected, ", but got ", got.kind(), " instead."))
      .WithParam(std::move(path))
      .WithReason("invalid_type");
}

Status Unsupported(std::string path, std::string message) {
  return Status::InvalidArgument(std::move(message)).WithParam(std::move(path)).WithReason("unsupported_parameter");
}

const Json* FieldReader::Get(std::string_view name) const {
  BP_DCHECK(table_.empty() || FindField(table_, name) != nullptr);
  const Json* value = object_.Find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string FieldReader::PathOf(std::string_view name) const {
  return path_.empty() ? std::string(name) : Cat(path_, ".", name);
}

Status FieldReader::WrongType(std::string_view name, std::string_view expected, const Json& got) const {
  return bedplate::WrongType(PathOf(name), expected, got);
}

Result<std::optional<bool>> FieldReader::Bool(std::string_view name) const {
  const Json* value = Get(name);
  if (value == nullptr) return std::optional<bool>();
  if (!value->is_bool()) return WrongType(name, "a boolean", *value);
  return std::optional(value->as_bool());
}

Result<std::optional<int64_t>> FieldReader::Int(std::string_view name, int64_t low, int64_t high) const {
  const Json* value = Get(name);
  if (value == nullptr) return std::optional<int64_t>();
  // Some clients write 16.0 for 16.
  const bool whole = value->is_double() && value->as_double() >= -9e15 && value->as_double() <= 9e15 &&
                     value->as_double() == static_cast<double>(static_cast<int64_t>(value->as_double()));
  if (!value->is_int() && !whole) return WrongType(name, "an integer", *value);
  const int64_t number = whole ? static_cast<int64_t>(value->as_double()) : value->as_int();
  if (number < low || number > high) {
    return Status::InvalidArgument(
               Cat("Invalid '", PathOf(name), "': ", number, " is out of range; allowed: ", low, " to ", high, "."))
        .WithParam(PathOf(name))
        .WithReason("integer_out_of_range");
  }
  return std::optional(number);
}

Result<std::optional<double>> FieldReader::Number(std::string_view name, double low, double high) const {
  const Json* value = Get(name);
  if (value == nullptr) return std::optional<double>();
  if (!value->is_number()) return WrongType(name, "a number", *value);
  if (!(value->as_double() >= low && value->as_double() <= high)) {
    return Status::InvalidArgument(Cat("Invalid '", PathOf(name), "': ", value->as_double(),
                                       " is out of range; allowed: ", low, " to ", high, "."))
        .WithParam(PathOf(name))
        .WithReason("decimal_out_of_range");
  }
  return std::optional(value->as_double());
}

Result<const std::string*> FieldReader::String(std::string_view name) const {
  const Json* value = Get(name);
  if (value == nullptr) return static_cast<const std::string*>(nullptr);
  if (!value->is_string()) return WrongType(name, "a string", *value);
  return &value->as_string();
}

Result<std::string> FieldReader::RequiredString(std::string_view name) const {
  BP_ASSIGN_OR_RETURN(const std::string* value, String(name));
  if (value == nullptr) {
    return Status::InvalidArgument(Cat("Missing required parameter: '", PathOf(name), "'."))
        .WithParam(PathOf(name))
        .WithReason("missing_required_parameter");
  }
  return *value;
}

Status InvalidField(std::string path, std::string_view why) {
  return Status::InvalidArgument(Cat(path, ": ", why)).WithParam(std::move(path));
}

}  // namespace bedplate
