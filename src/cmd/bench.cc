// bedplate bench: prefill and decode speed of a model on this machine, without HTTP or sampling.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <numeric>

#include "base/cat.h"
#include "base/json.h"
#include "base/random.h"
#include "cmd/commands.h"
#include "cmd/engine_load.h"
#include "cmd/memory_size.h"
#include "cmd/model_options.h"
#include "cmd/progress.h"

namespace bedplate {
namespace {

struct Options {
  ModelOptions model;
  uint32_t prompt = 512;
  uint32_t generate = 128;
  std::vector<uint32_t> streams = {1};
  uint32_t rounds = 5;
  bool json = false;
  bool rounds_from_stdin = false;
  bool engine = false;
};

struct Round {
  double prefill_tokens_per_second = 0;
  double decode_tokens_per_second = 0;  // over all streams
};

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Streams with pages of their own; tokens are drawn beforehand so that only the model is measured.
class Bench {
 public:
  static Result<std::unique_ptr<Bench>> Create(StepModel& model, const Options& options) {
    auto bench = std::unique_ptr<Bench>(new Bench(model, options));
    const std::vector<uint32_t> pages(model.page_groups().size(), bench->pages_per_stream_ * bench->streams_max_);
    BP_RETURN_IF_ERROR(model.Reserve(bench->limits_, pages));
    return bench;
  }

  Round Run(uint32_t streams) {
    Round round;
    double prefill_seconds = 0;
    for (uint32_t s = 0; s < streams; ++s) prefill_seconds += Prefill(s);
    round.prefill_tokens_per_second = streams * double{1.0} * options_.prompt / prefill_seconds;
    if (options_.generate == 0) return round;
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t i = 0; i < options_.generate; ++i) Decode(streams, options_.prompt + i);
    round.decode_tokens_per_second = double{1.0} * streams * options_.generate / SecondsSince(start);
    return round;
  }

 private:
  Bench(StepModel& model, const Options& options)
      : model_(model),
        options_(options),
        streams_max_(*std::max_element(options.streams.begin(), options.streams.end())) {
    limits_.rows_max = std::max(std::min(options.prompt, 512u), streams_max_);
    limits_.logit_rows_max = streams_max_;
    pages_per_stream_ = (options.prompt + options.generate + kPageTokens - 1) / kPageTokens;
    logits_.resize(size_t{streams_max_} * model.vocabulary());
    pages_.resize(size_t{streams_max_} * pages_per_stream_);
    for (uint32_t i = 0; i < pages_.size(); ++i) pages_[i] = PageId{i};
    for (uint32_t i = 0; i < std::max(options.prompt, streams_max_); ++i) {
      tokens_.push_back(TokenId{static_cast<int32_t>(HashWords(1, 2, i) % model.vocabulary())});
    }
  }

  SequenceSlice Slice(uint32_t stream, uint32_t start, uint32_t rows) const {
    SequenceSlice slice{rows, start, {}};
    slice.page_tables.assign(model_.page_groups().size(),
                             std::span(pages_).subspan(size_t{stream} * pages_per_stream_, pages_per_stream_));
    return slice;
  }

  double Prefill(uint32_t stream) {
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t at = 0; at < options_.prompt; at += limits_.rows_max) {
      const uint32_t rows = std::min(limits_.rows_max, options_.prompt - at);
      const SequenceSlice slice = Slice(stream, at, rows);
      const uint32_t last = rows - 1;
      const bool ends = at + rows == options_.prompt;
      model_.Forward({std::span(tokens_).subspan(at, rows), {&slice, 1}, {&last, ends ? 1u : 0u}}, logits_.data());
    }
    return SecondsSince(start);
  }

  void Decode(uint32_t streams, uint32_t position) {
    std::vector<SequenceSlice> slices;
    std::vector<uint32_t> rows(streams);
    std::iota(rows.begin(), rows.end(), 0u);
    for (uint32_t s = 0; s < streams; ++s) slices.push_back(Slice(s, position, 1));
    model_.Forward({std::span(tokens_).first(streams), slices, rows}, logits_.data());
  }

  StepModel& model_;
  const Options& options_;
  const uint32_t streams_max_;
  StepLimits limits_;
  uint32_t pages_per_stream_ = 0;
  std::vector<PageId> pages_;
  std::vector<TokenId> tokens_;
  std::vector<float> logits_;
};

std::string RoundJson(const Round& round, uint32_t streams) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("streams");
  w.Uint(streams);
  w.Key("prefill_tokens_per_second");
  w.Double(round.prefill_tokens_per_second);
  w.Key("decode_tokens_per_second");
  w.Double(round.decode_tokens_per_second);
  w.EndObject();
  return out;
}

struct Spread {
  double median, low, high;
};
Spread SpreadOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

// A worker for harnesses that alternate engines: one round for each line on standard input.
void ServeRounds(Bench& bench, const Options& options) {
  bench.Run(options.streams.front());  // touches weights and pages once
  std::printf("{\"ready\":true}\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    for (const uint32_t streams : options.streams) std::printf("%s\n", RoundJson(bench.Run(streams), streams).c_str());
    std::fflush(stdout);
  }
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
Status RunEngine(const Options& options, LoadedModel model) {
  const SystemClock clock;
  const EngineLoad load{.streams = options.streams.front(), .prompt = options.prompt, .generate = options.generate};
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

Status Run(const Options& options) {
  BP_ASSIGN_OR_RETURN(LoadedModel loaded, OpenModel(options.model));
  if (options.prompt + options.generate > loaded.model->context_length()) {
    return Status::InvalidArgument(Cat("--prompt and --generate need ", options.prompt + options.generate,
                                       " positions; the model's context holds ", loaded.model->context_length()));
  }
  if (options.engine) return RunEngine(options, std::move(loaded));
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Bench> bench, Bench::Create(*loaded.model, options));
  if (options.rounds_from_stdin) {
    ServeRounds(*bench, options);
    return Status::Ok();
  }
  std::string results;
  JsonWriter w(results);
  w.BeginArray();
  if (!options.json) {
    std::printf("%s, %u threads, prompt %u, generate %u, median (low-high) of %u rounds, tokens/s\n", loaded.id.c_str(),
                options.model.Threads(), options.prompt, options.generate, options.rounds);
    std::printf("%8s  %28s  %28s\n", "streams", "prefill", "decode, all streams");
  }
  for (const uint32_t streams : options.streams) {
    bench->Run(streams);
    std::vector<double> prefill, decode;
    ProgressBar progress(Cat(streams, streams == 1 ? " stream" : " streams"), options.rounds, !options.json);
    for (uint32_t i = 0; i < options.rounds; ++i) {
      const Round round = bench->Run(streams);
      prefill.push_back(round.prefill_tokens_per_second);
      decode.push_back(round.decode_tokens_per_second);
      w.Raw(RoundJson(round, streams));
      progress.Set(i + 1);
    }
    progress.Finish();
    if (options.json) continue;
    const Spread p = SpreadOf(prefill), d = SpreadOf(decode);
    std::printf("%8u  %28s  %28s\n", streams, fmt::format("{:.1f} ({:.1f}-{:.1f})", p.median, p.low, p.high).c_str(),
                fmt::format("{:.1f} ({:.1f}-{:.1f})", d.median, d.low, d.high).c_str());
  }
  w.EndArray();
  if (options.json) std::printf("%s\n", results.c_str());
  return Status::Ok();
}

}  // namespace

void AddBenchCommand(Program& program) {
  auto options = std::make_shared<Options>();
  CommandLine command = program.Add("bench", "Measure a model's prefill and decode speed on this machine",
                                    [options] { return Run(*options); });
  options->model.AddTo(command);
  command.Add("--prompt", &options->prompt, "tokens of each prompt", {.min = 1, .max = 1 << 20});
  command.Add("--generate", &options->generate, "tokens to generate after it", {.max = 1 << 20});
  command.Add("--streams", &options->streams, "how many sequences decode together; several values, comma-separated",
              {.min = 1, .max = 1024});
  command.Add("--rounds", &options->rounds, "how often each is measured", {.min = 1, .max = 1000});
  command.Add("--json", &options->json, "print every round as JSON");
  command.Add("--rounds-from-stdin", &options->rounds_from_stdin,
              "stay loaded and run one round for each line on standard input (for harnesses that alternate engines)");
  command.Add("--engine", &options->engine,
              "hand whole requests to the engine, as many at once as --streams says (its first value), and print JSON: "
              "what serving reaches if HTTP costs nothing");
  command.Footer("Example:\n  bedplate bench qwen2.5-coder-1.5b --prompt 512 --generate 128 --streams 1,4,16");
}

}  // namespace bedplate
