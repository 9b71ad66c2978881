#pragma once
/// TOML that may hold secrets: the parser's own words can show what it stumbled over, so only the place is told.
/// Includes all of toml++: for .cc files.

#include <toml++/toml.h>

#include <string_view>

#include "base/cat.h"
#include "base/status.h"

namespace bedplate {

/// name: of the file, for messages.
inline Result<toml::table> ParseSecretToml(std::string_view text, std::string_view name) {
  try {
    return static_cast<toml::table&&>(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return Status::InvalidArgument(Cat(name, ", line ", error.source().begin.line, ", column ",
                                       error.source().begin.column, ": this is not TOML"));
  }
}

}  // namespace bedplate
