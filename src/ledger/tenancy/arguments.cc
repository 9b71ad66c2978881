#include "ledger/tenancy/arguments.h"

#include <algorithm>
#include <charconv>

#include "base/cat.h"
#include "ledger/tenancy/tenant_records.h"

namespace bedplate {
namespace {

constexpr size_t kTextBytesMax = 1024;
constexpr size_t kTextsMax = 1000;

Status WrongArgument(std::string_view name, std::string_view rule) {
  return Status::InvalidArgument(Cat(name, " must be ", rule)).WithParam(std::string(name));
}

}  // namespace

const Json* Arguments::Find(std::string_view name) const {
  const Json* const value = object_.Find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool Arguments::Clears(std::string_view name) const {
  const Json* const value = object_.Find(name);
  return value != nullptr && value->is_null();
}

Status Arguments::Check(std::initializer_list<std::string_view> known, bool limits) const {
  if (!object_.is_object())
    return Status::InvalidArgument(Cat("the arguments must be an object, not ", object_.kind()));
  for (const auto& [name, value] : object_.as_object()) {
    if (std::ranges::find(known, name) != known.end() || (limits && IsLimitName(name))) continue;
    std::string all;
    for (const std::string_view one : known) all += Cat(all.empty() ? "" : ", ", one);
    return Status::InvalidArgument(Cat("'", name.substr(0, 64), "' is no argument of this; known: ",
                                       all.empty() ? "none" : all, limits ? ", and the limits of a key" : ""))
        .WithParam(name.substr(0, 64));
  }
  return Status::Ok();
}

Result<std::string> Arguments::Text(std::string_view name, std::string_view otherwise) const {
  const Json* const value = Find(name);
  if (value == nullptr) return std::string(otherwise);
  if (!value->is_string() || value->as_string().empty() || value->as_string().size() > kTextBytesMax) {
    return WrongArgument(name, Cat("a string of 1 to ", kTextBytesMax, " bytes"));
  }
  return value->as_string();
}

Result<std::string> Arguments::Needed(std::string_view name) const {
  if (!Has(name)) return WrongArgument(name, "given");
  return Text(name, "");
}

Result<std::optional<int64_t>> Arguments::Int(std::string_view name, int64_t min, int64_t max) const {
  const Json* const value = Find(name);
  if (value == nullptr) return std::optional<int64_t>();
  std::optional<int64_t> number;
  if (value->is_int()) number = value->as_int();
  if (value->is_string()) {
    const std::string& text = value->as_string();
    int64_t read = 0;
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), read);
    if (error == std::errc() && stopped == text.data() + text.size()) number = read;
  }
  if (!number || *number < min || *number > max) return WrongArgument(name, Cat("an integer from ", min, " to ", max));
  return number;
}

Result<bool> Arguments::Flag(std::string_view name) const {
  const Json* const value = Find(name);
  if (value == nullptr) return false;
  if (value->is_bool()) return value->as_bool();
  if (value->is_string() && (value->as_string() == "true" || value->as_string() == "false")) {
    return value->as_string() == "true";
  }
  return WrongArgument(name, "true or false");
}

Result<std::optional<std::vector<std::string>>> Arguments::Texts(std::string_view name) const {
  const Json* const value = Find(name);
  if (value == nullptr) return std::optional<std::vector<std::string>>();
  const auto fits = [](const Json& one) {
    return one.is_string() && !one.as_string().empty() && one.as_string().size() <= kTextBytesMax;
  };
  if (!value->is_array() || value->as_array().size() > kTextsMax || !std::ranges::all_of(value->as_array(), fits)) {
    return WrongArgument(name, "an array of strings, none empty");
  }
  std::vector<std::string> texts;
  for (const Json& one : value->as_array()) texts.push_back(one.as_string());
  return std::optional(std::move(texts));
}

}  // namespace bedplate
