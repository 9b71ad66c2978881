#include "cmd/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

Result<std::string> ValueText(const toml::node& node, std::string_view key) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<int64_t>()) return Cat(*number);
  if (const auto number = node.value_exact<double>()) return Cat(*number);
  if (const auto flag = node.value_exact<bool>()) return std::string(*flag ? "true" : "false");
  if (const toml::array* array = node.as_array()) {
    std::string joined;
    for (const toml::node& item : *array) {
      const auto text = item.value_exact<std::string>();
      if (!text) return Status::InvalidArgument(Cat(key, " holds something that is not a string"));
      joined += Cat(joined.empty() ? "" : ",", *text);
    }
    return joined;
  }
  return Status::InvalidArgument(Cat(key, " must be a string, a number, a boolean or an array of strings"));
}

}  // namespace

Status ApplyConfigFile(const std::filesystem::path& path, std::span<const std::string_view> known) {
  BP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, size_t{1} << 20));
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return Status::InvalidArgument(Cat(path.string(), ", line ", error.source().begin.line, ": ", error.description()));
  }
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string names;
      for (const std::string_view one : known) names += Cat(names.empty() ? "" : ", ", one);
      return Status::InvalidArgument(Cat(path.string(), ": unknown key \"", name, "\"; known: ", names));
    }
    BP_ASSIGN_OR_RETURN(const std::string value, ValueText(node, Cat(path.string(), ": ", name)));
    std::string variable = "BEDPLATE_";
    for (const char c : name) variable += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    ::setenv(variable.c_str(), value.c_str(), 0);
  }
  return Status::Ok();
}

std::filesystem::path FindConfigFile(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--config" && i + 1 < argc) return argv[i + 1];
    if (argument.substr(0, 9) == "--config=") return argument.substr(9);
  }
  std::error_code ignored;
  return std::filesystem::exists("bedplate.toml", ignored) ? "bedplate.toml" : "";
}

}  // namespace bedplate
