// bedplate cache: what is kept on the disk so that models start quickly.
#include <fmt/chrono.h>

#include <memory>

#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/memory_size.h"
#include "cmd/model_options.h"
#include "model/packed_cache.h"

namespace bedplate {
namespace {

struct Options {
  bool clear = false;
  bool json = false;
};

std::string_view KindName(KeptFile::Kind kind) {
  return kind == KeptFile::Kind::kWeights ? "weights" : "tokenizer";
}

void PrintJson(const std::vector<KeptFile>& files) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("packed");
  w.BeginArray();
  for (const KeptFile& file : files) {
    w.BeginObject();
    w.Key("model");
    w.String(file.label);
    w.Key("kind");
    w.String(KindName(file.kind));
    w.Key("path");
    w.String(file.path.string());
    w.Key("bytes");
    w.Uint(file.bytes);
    w.Key("used_at");
    w.Int(file.used_unix_ns / 1'000'000'000);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  fmt::print("{}\n", out);
}

void Print(const std::filesystem::path& folder, const std::vector<KeptFile>& files) {
  uint64_t sum = 0;
  for (const KeptFile& file : files) {
    sum += file.bytes;
    fmt::print("{:<40} {:<9} {:>10}  last used {:%Y-%m-%d %H:%M}\n", file.label, KindName(file.kind),
               MemorySizeText(file.bytes), fmt::localtime(static_cast<std::time_t>(file.used_unix_ns / 1'000'000'000)));
  }
  fmt::print("{} in {}\n", MemorySizeText(sum), folder.string());
}

Status Run(const Options& options) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path folder, PackedCacheFolder());
  if (options.clear) {
    fmt::print("removed {}\n", MemorySizeText(ClearPackedCache(folder)));
    return Status::Ok();
  }
  const std::vector<KeptFile> files = ListPackedCache(folder);
  if (options.json) {
    PrintJson(files);
  } else {
    Print(folder, files);
  }
  return Status::Ok();
}

}  // namespace

void AddCacheCommand(Program& program) {
  auto options = std::make_shared<Options>();
  CommandLine command = program.Add("cache", "List the packed weights and tokenizers that are kept for quick starts",
                                    [options] { return Run(*options); });
  command.Add("--clear", &options->clear, "remove them all; the next start of each model makes its own again");
  command.Add("--json", &options->json, "print one JSON object");
  command.Footer(
      "A model's weights are packed at its first start and kept in $BEDPLATE_DATA/cache/packed with the tables of its\n"
      "tokenizer, so that later starts map them. --packed-cache-max of serve, chat and the others bounds them; "
      "--no-packed-cache does without.");
}

}  // namespace bedplate
