#pragma once
/// The program's commands, one file each. Add...Command describes a command to the program (command_line.h): its
/// options, and the function that runs it.

#include "cmd/command_line.h"

namespace bedplate {

void AddServeCommand(Program& program);
void AddChatCommand(Program& program);
void AddPullCommand(Program& program);
void AddModelsCommand(Program& program);
void AddCacheCommand(Program& program);
void AddTenantCommand(Program& program);
void AddProjectCommand(Program& program);
void AddKeyCommand(Program& program);
void AddBudgetCommand(Program& program);
void AddPriceCommand(Program& program);
void AddUsageCommand(Program& program);
void AddLedgerCommand(Program& program);
void AddInspectCommand(Program& program);
void AddTokenizeCommand(Program& program);
void AddConstrainCommand(Program& program);
void AddRenderCommand(Program& program);
void AddLogprobsCommand(Program& program);
void AddPerplexityCommand(Program& program);
void AddBenchCommand(Program& program);

}  // namespace bedplate
