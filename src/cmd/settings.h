#pragma once
/// Settings: what bedplate.toml and the environment may say, for every command. This is the one list of their keys.
///   models = ["smollm2-135m"]
///   listen = "127.0.0.1:8080"
///   memory = "8GiB"
/// A key is in the environment as BEDPLATE_<KEY>: BEDPLATE_MEMORY=8GiB. Flags win over the environment, the environment
/// over the file. An empty variable counts as unset. An option says which setting it reads in command_line.h.

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace bedplate {

struct Setting {
  std::string_view key;
  std::string_view about;
};
std::span<const Setting> KnownSettings();
bool IsSetting(std::string_view key);

/// A variable's value, or nullptr: ::getenv, or a test's table.
using EnvironmentLookup = std::function<const char*(const char*)>;

/// "a,b" is a and b: lists on a command line and in the environment.
std::vector<std::string> SplitAtCommas(std::string_view text);

class Settings {
 public:
  struct Value {
    std::vector<std::string> texts;  // more than one for lists
    std::string origin;              // for messages: "BEDPLATE_MEMORY" or "bedplate.toml: memory"
  };

  /// Reads the file at `path`; when that is empty, the one that BEDPLATE_CONFIG names, else ./bedplate.toml where there
  /// is one. Errors: a file that can't be read or parsed (with the line), and keys that are not known (with those that
  /// are).
  static Result<Settings> Load(const std::filesystem::path& path, const EnvironmentLookup& environment);

  /// nullptr when nobody set it.
  [[nodiscard]] const Value* Find(std::string_view key) const;

 private:
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace bedplate
