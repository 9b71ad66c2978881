#pragma once
/// The program's commands, one file each. Add...Command describes a command to the parser; when it is the one that the
/// user asked for, `run` is set to what it does. main runs it after parsing and prints the Status of a failure.

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string_view>

#include "base/status.h"

namespace bedplate {

using Command = std::function<Status()>;

void AddServeCommand(CLI::App& app, Command& run);
void AddChatCommand(CLI::App& app, Command& run);
void AddPullCommand(CLI::App& app, Command& run);
void AddModelsCommand(CLI::App& app, Command& run);
void AddInspectCommand(CLI::App& app, Command& run);
void AddTokenizeCommand(CLI::App& app, Command& run);
void AddRenderCommand(CLI::App& app, Command& run);
void AddLogprobsCommand(CLI::App& app, Command& run);
void AddPerplexityCommand(CLI::App& app, Command& run);
void AddBenchCommand(CLI::App& app, Command& run);

/// The keys that bedplate.toml may hold (config_file.h).
std::span<const std::string_view> ServeConfigKeys();

}  // namespace bedplate
