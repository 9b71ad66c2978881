// The bedplate program: parses the command line and hands over to one command.
#include <cstdio>

#include "cmd/commands.h"

int main(int argc, char** argv) {
  CLI::App app{"bedplate: an AI cloud you own. Serves, adapts and trains language models on the compute you have."};
  app.name("bedplate");
  app.require_subcommand(1);
  app.set_version_flag("--version", BEDPLATE_VERSION);
  app.footer(
      "Start here:\n"
      "  bedplate pull smollm2-135m        fetch a small model\n"
      "  bedplate chat smollm2-135m        talk to it in this terminal\n"
      "  bedplate serve smollm2-135m       serve it on http://127.0.0.1:8080, with a console\n"
      "Every command has --help with examples.");
  bedplate::Command run;
  bedplate::AddTokenizeCommand(app, run);
  bedplate::AddRenderCommand(app, run);
  bedplate::AddLogprobsCommand(app, run);
  bedplate::AddPerplexityCommand(app, run);
  bedplate::AddBenchCommand(app, run);
  CLI11_PARSE(app, argc, argv);
  const bedplate::Status status = run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "bedplate: %s\n", status.message().c_str());
  return 1;
}
