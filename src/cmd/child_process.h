#pragma once
/// Runs another program and reads what it prints. No shell is involved: arguments are passed as they are.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace bedplate {

struct ChildProcess {
  std::vector<std::string> arguments;                            // the first is the program, looked for on PATH
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  /// Takes standard output as it comes; an error ends the child and is what Run returns. Absent: output is dropped.
  std::function<Status(std::string_view)> on_output;
  /// Called about five times a second while the child runs. An error ends it, too.
  std::function<Status()> on_tick;
};

struct ChildResult {
  int exit_status = 0;   // 128 + the signal, if one ended it
  std::string messages;  // the last 4 KiB of its standard error
};

/// Errors: kNotFound when there is no such program; kIoError when it cannot be started; what the callbacks return.
Result<ChildResult> RunChild(const ChildProcess& child);

}  // namespace bedplate
