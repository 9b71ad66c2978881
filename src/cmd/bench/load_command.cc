#include "cmd/bench/load_command.h"

#include <curl/curl.h>

#include <cstdio>
#include <cstdlib>

#include "base/cat.h"
#include "base/file.h"
#include "cmd/progress.h"
#include "cmd/text_input.h"

namespace bedplate {
namespace {

Result<LoadPlan> MakePlan(const LoadCommandOptions& options) {
  LoadShape shape = options.shape;
  if (!options.trace.empty()) {
    BP_ASSIGN_OR_RETURN(const std::string text, ReadInput(options.trace));
    return PlanTrace(text, shape);
  }
  if (shape.requests == 0) shape.requests = options.rate > 0 ? 100 : 4 * shape.streams;
  return options.rate > 0 ? PlanRate(shape, options.rate) : PlanStreams(shape);
}

std::string Title(const LoadCommandOptions& options) {
  std::string how = Cat(options.shape.streams, options.shape.streams == 1 ? " stream" : " streams");
  if (!options.trace.empty()) {
    how = Cat("the trace ", options.trace);
  } else if (options.rate > 0) {
    how = Cat(options.rate, " requests/s");
  }
  return Cat(options.target.url, ", ", options.target.model, ", ", how);
}

}  // namespace

void LoadCommandOptions::AddTo(CommandLine& command) {
  command.Add("--url", &target.url, "measure a server with OpenAI's API under load, instead of a model");
  command.Add("--rate", &rate, "with --url: requests a second at random times, instead of --streams", {.max = 1e6});
  command.Add("--trace", &trace,
              "with --url: a file of JSON lines {\"at\": seconds, \"prompt_tokens\": N, \"output_tokens\": N}");
  command.Add("--requests", &shape.requests, "with --url: how many; default: 4 a stream, or 100 at a rate",
              {.max = 1e6});
  command.Add("--completions", &target.completions, "with --url: plain completions instead of chats");
  command.Add("--key", &target.key, "with --url: the API key; default: $OPENAI_API_KEY");
  command.Add("--good-first-ms", &good_first_ms, "with --url: an answer is good whose first token comes within this",
              {.max = 1e9});
  command.Add("--good-between-ms", &good_between_ms, "with --url: and whose tokens come this fast, on average",
              {.max = 1e9});
  command.Add("--seed", &shape.seed, "with --url: of prompts and arrivals");
}

Status RunLoadCommand(LoadCommandOptions options) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return Status::Internal("libcurl cannot start");
  if (options.target.key.empty()) {
    if (const char* key = std::getenv("OPENAI_API_KEY")) options.target.key = key;
  }
  if (options.target.model.empty()) {
    BP_ASSIGN_OR_RETURN(options.target.model, FirstModelOf(options.target));
  }
  BP_ASSIGN_OR_RETURN(const LoadPlan plan, MakePlan(options));
  const std::string title = Title(options);
  ProgressBar progress("load", plan.requests.size(), !options.json);
  BP_ASSIGN_OR_RETURN(const std::vector<RequestRecord> records,
                      RunLoad(options.target, plan, [&](size_t ended) { progress.Set(ended); }));
  progress.Finish();
  const LoadTargets good = options.good();
  const LoadReport report = Summarise(records, good);
  std::printf("%s",
              options.json ? (LoadJson(report, records, good) + "\n").c_str() : LoadTable(report, title, good).c_str());
  if (!options.plot.empty()) BP_RETURN_IF_ERROR(WriteFileAtomically(options.plot, LoadSvg(records, title)));
  if (report.failed == report.requests) return Status::Unavailable(Cat("every request failed: ", report.first_error));
  return Status::Ok();
}

}  // namespace bedplate
