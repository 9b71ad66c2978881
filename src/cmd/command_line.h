#pragma once
/// The program's command line: its commands, and each command's options, described once.
///
/// An option's value comes from its flag; else, where the option names a setting (settings.h), from the environment or
/// bedplate.toml; else it stays what it was. Every command takes --config and --data.
/// CLI11 parses, and is seen by command_line.cc alone: its headers cost ten seconds of compiling wherever they go.

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "cmd/settings.h"

namespace bedplate {

/// Where an option's value goes; it must outlive the Program. A bool* is a flag without a value. A vector takes comma-
/// separated values; as a positional argument, several arguments too.
using OptionTarget = std::variant<bool*, std::string*, uint32_t*, uint64_t*, float*, double*, std::optional<uint32_t>*,
                                  std::optional<uint64_t>*, std::vector<std::string>*, std::vector<uint32_t>*>;

struct OptionRules {
  bool required = false;
  double min = 0;  // of numbers, both ends allowed
  double max = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> choices = {};  // of words; empty: any
  std::string_view setting = {};               // a key of settings.h that gives this option's default
  std::vector<std::string_view> actions =
      {};  // with any other ACTION, the command's argument, it is refused; empty: any
};

/// Describes one command; a handle on what Program owns.
class CommandLine {
 public:
  /// names: "--prompt", "-p,--prompt", or "MODEL" for a positional argument.
  void Add(std::string_view names, OptionTarget target, std::string_view help, OptionRules rules = {});
  /// Printed below the options of --help: examples.
  void Footer(std::string_view text);

 private:
  friend class Program;
  struct Command;
  explicit CommandLine(Command* command) : command_(command) {}
  Command* command_;
};

class Program {
 public:
  Program(std::string_view about, std::string_view version, std::string_view footer);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// run is called when the user asks for this command, after its options have their values.
  CommandLine Add(std::string_view name, std::string_view about, std::function<Status()> run);

  /// Parses, runs the command, and returns the exit status: 0; 1 when the command failed, after printing why; 2 when
  /// the command line or a setting is wrong. A data folder from --data or a setting is put into BEDPLATE_DATA.
  int Run(int argc, const char* const* argv, const EnvironmentLookup& environment);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Sets target to the value that texts spell, or says what is wrong with them.
Status AssignOption(OptionTarget target, const OptionRules& rules, const std::vector<std::string>& texts);

}  // namespace bedplate
