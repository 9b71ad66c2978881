#include "ledger/tenancy/arguments.h"

#include <algorithm>
#include <charconv>

#include "base/cat.h"
#include "base/check.h"
#include "ledger/tenancy/tenant_records.h"

namespace bedplate {
namespace {

Status WrongArgument(std::string_view name, std::string_view rule) {
  return Status::InvalidArgument(Cat(name, " must be ", rule)).WithParam(std::string(name));
}

// "a, b or c"
std::string OneOf(std::span<const std::string_view> words) {
  std::string all;
  for (size_t i = 0; i < words.size(); ++i) {
    all += Cat(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
  }
  return all;
}

bool IsText(const Json& value, const Argument& rule) {
  if (!value.is_string() || value.as_string().empty() || value.as_string().size() > Argument::kTextBytesMax)
    return false;
  return rule.words.empty() || std::ranges::find(rule.words, value.as_string()) != rule.words.end();
}

}  // namespace

const Argument& Arguments::RuleOf(std::string_view name) const {
  const Argument* const rule = known_.Find(name);
  BP_CHECK(rule != nullptr);
  return *rule;
}

const Json* Arguments::Find(std::string_view name) const {
  const Json* const value = object_.Find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool Arguments::Clears(std::string_view name) const {
  const Json* const value = object_.Find(name);
  return value != nullptr && value->is_null();
}

Status Arguments::Check() const {
  if (!object_.is_object())
    return Status::InvalidArgument(Cat("the arguments must be an object, not ", object_.kind()));
  for (const auto& [name, value] : object_.as_object()) {
    if (known_.Find(name) != nullptr) continue;
    std::string all;
    for (const Argument& one : known_.own) all += Cat(all.empty() ? "" : ", ", one.name);
    return Status::InvalidArgument(Cat("'", name.substr(0, 64),
                                       "' is no argument of this; known: ", all.empty() ? "none" : all,
                                       known_.limits.empty() ? "" : ", and the limits of a key"))
        .WithParam(name.substr(0, 64));
  }
  for (const Argument& one : known_.own) {
    if (one.needed && !Has(one.name)) return WrongArgument(one.name, "given");
  }
  return Status::Ok();
}

Result<std::string> Arguments::Text(std::string_view name, std::string_view otherwise) const {
  const Argument& rule = RuleOf(name);
  const Json* const value = Find(name);
  if (value == nullptr) return std::string(otherwise);
  if (rule.kind == Argument::Kind::kName) {
    if (value->is_string() && IsTenantName(value->as_string())) return value->as_string();
    return Status::InvalidArgument(
               Cat(name, " must have 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first"))
        .WithParam(std::string(name));
  }
  if (IsText(*value, rule)) return value->as_string();
  return WrongArgument(
      name, rule.words.empty() ? Cat("a string of 1 to ", Argument::kTextBytesMax, " bytes") : OneOf(rule.words));
}

Result<std::optional<int64_t>> Arguments::Int(std::string_view name) const {
  const Argument& rule = RuleOf(name);
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
  if (!number || *number < rule.min || *number > rule.max) {
    return WrongArgument(name, Cat("an integer from ", rule.min, " to ", rule.max));
  }
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
  const Argument& rule = RuleOf(name);
  const Json* const value = Find(name);
  if (value == nullptr) return std::optional<std::vector<std::string>>();
  const auto fits = [&](const Json& one) { return IsText(one, rule); };
  if (!value->is_array() || value->as_array().size() > Argument::kTextsMax ||
      !std::ranges::all_of(value->as_array(), fits)) {
    return WrongArgument(name, rule.words.empty() ? std::string("an array of strings, none empty")
                                                  : Cat("an array of ", OneOf(rule.words)));
  }
  std::vector<std::string> texts;
  for (const Json& one : value->as_array()) texts.push_back(one.as_string());
  return std::optional(std::move(texts));
}

Result<std::vector<std::string>> Arguments::OneOrTexts(std::string_view name) const {
  const Json* const value = Find(name);
  if (value == nullptr) return std::vector<std::string>();
  if (value->is_array()) {
    BP_ASSIGN_OR_RETURN(auto texts, Texts(name));
    return *std::move(texts);
  }
  BP_ASSIGN_OR_RETURN(std::string text, Text(name, ""));
  return std::vector<std::string>{std::move(text)};
}

}  // namespace bedplate
