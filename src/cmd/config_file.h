#pragma once
/// bedplate.toml: defaults for `serve`, below flags and environment. A key is an option's long name with underscores:
///   models = ["smollm2-135m"]
///   listen = "127.0.0.1:8080"
///   memory = "8GiB"

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate {

/// Reads the file and sets BEDPLATE_<KEY> for each key that the environment does not set already, so that the parser's
/// order (flag, environment, default) puts the file where it belongs. Keys outside `known` are errors that list them.
Status ApplyConfigFile(const std::filesystem::path& path, std::span<const std::string_view> known);

/// The file that `--config` names on this command line, or ./bedplate.toml where there is one, or empty.
std::filesystem::path FindConfigFile(int argc, const char* const* argv);

}  // namespace bedplate
