// The bedplate program: hands the command line over to one command.
#include <cstdlib>

#include "cmd/commands.h"

int main(int argc, char** argv) {
  bedplate::Program program(
      "bedplate: an AI cloud you own. Serves, adapts and trains language models on the compute you have.",
      BEDPLATE_VERSION,
      "Start here:\n"
      "  bedplate pull smollm2-135m        fetch a small model\n"
      "  bedplate chat smollm2-135m        talk to it in this terminal\n"
      "  bedplate serve smollm2-135m       serve it on http://127.0.0.1:8080, with a console\n"
      "Every command has --help with examples. Settings come from flags, BEDPLATE_* variables, "
      "bedplate.toml, in this order.");
  bedplate::AddServeCommand(program);
  bedplate::AddChatCommand(program);
  bedplate::AddPullCommand(program);
  bedplate::AddModelsCommand(program);
  bedplate::AddCacheCommand(program);
  bedplate::AddTenantCommand(program);
  bedplate::AddProjectCommand(program);
  bedplate::AddKeyCommand(program);
  bedplate::AddBudgetCommand(program);
  bedplate::AddPriceCommand(program);
  bedplate::AddUsageCommand(program);
  bedplate::AddLedgerCommand(program);
  bedplate::AddInspectCommand(program);
  bedplate::AddTokenizeCommand(program);
  bedplate::AddConstrainCommand(program);
  bedplate::AddRenderCommand(program);
  bedplate::AddLogprobsCommand(program);
  bedplate::AddPerplexityCommand(program);
  bedplate::AddBenchCommand(program);
  return program.Run(argc, argv, [](const char* name) -> const char* { return std::getenv(name); });
}
