#pragma once
/// Runs another program and reads what it prints. No shell is involved: arguments are passed as they are.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
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

/// Another program that is asked and answers, line by line. The destructor closes its input and waits for its end.
/// Threads: one caller at a time. Write and ReadLine block.
class ChildSession {
 public:
  /// arguments as in ChildProcess; what it says on standard error goes to the file `log`.
  static Result<std::unique_ptr<ChildSession>> Start(
      const std::vector<std::string>& arguments, const std::vector<std::pair<std::string, std::string>>& environment,
      const std::filesystem::path& log);
  ~ChildSession();
  ChildSession(const ChildSession&) = delete;
  ChildSession& operator=(const ChildSession&) = delete;

  /// line without its newline. Errors: kUnavailable when the program has ended.
  Status Write(std::string_view line);
  /// Errors: the same, and kDeadlineExceeded when there is no line in that time: the program is killed then.
  Result<std::string> ReadLine(std::chrono::milliseconds patience = std::chrono::hours(24));

 private:
  ChildSession(pid_t pid, int input, int output, std::filesystem::path log)
      : pid_(pid), input_(input), output_(output), log_(std::move(log)) {}
  [[nodiscard]] Status Ended() const;

  pid_t pid_;
  int input_, output_;
  std::filesystem::path log_;
  std::string pending_;  // read, but not a whole line yet
};

}  // namespace bedplate
