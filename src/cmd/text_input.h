#pragma once
/// Small shared pieces of the commands: reading a file or standard input whole.

#include <string>

#include "base/status.h"

namespace bedplate {

/// "-" reads standard input.
Result<std::string> ReadInput(const std::string& path);

}  // namespace bedplate
