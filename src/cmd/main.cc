// The bedplate program: parses the command line and hands over to one command.
#include <cstdio>
#include <exception>

#include "cmd/commands.h"
#include "cmd/config_file.h"

namespace bedplate {
namespace {

// `serve` reads its defaults from a file before the command line is parsed: the file only fills the environment's gaps.
Status ReadConfig(int argc, const char* const* argv) {
  if (argc < 2 || std::string_view(argv[1]) != "serve") return Status::Ok();
  const std::filesystem::path config = FindConfigFile(argc, argv);
  return config.empty() ? Status::Ok() : ApplyConfigFile(config, ServeConfigKeys());
}

int Fail(const Status& status) {
  std::fprintf(stderr, "bedplate: %s\n", status.message().c_str());
  return 1;
}

}  // namespace
}  // namespace bedplate

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
  bedplate::AddServeCommand(app, run);
  bedplate::AddChatCommand(app, run);
  bedplate::AddPullCommand(app, run);
  bedplate::AddModelsCommand(app, run);
  bedplate::AddInspectCommand(app, run);
  bedplate::AddTokenizeCommand(app, run);
  bedplate::AddRenderCommand(app, run);
  bedplate::AddLogprobsCommand(app, run);
  bedplate::AddPerplexityCommand(app, run);
  bedplate::AddBenchCommand(app, run);
  if (const bedplate::Status config = bedplate::ReadConfig(argc, argv); !config.ok()) return bedplate::Fail(config);
  CLI11_PARSE(app, argc, argv);
  bedplate::Status status;
  try {
    status = run();
  } catch (const std::exception& error) {  // a library's, such as no more threads or memory
    status = bedplate::Status::Internal(error.what());
  }
  return status.ok() ? 0 : bedplate::Fail(status);
}
