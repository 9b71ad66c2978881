// bedplate cache: what is kept on the disk so that models start quickly and prompts are not computed again.
#include <fmt/chrono.h>

#include <memory>

#include "base/json.h"
#include "cmd/cache_options.h"
#include "cmd/commands.h"
#include "cmd/memory_size.h"
#include "cmd/model_options.h"
#include "model/packed_cache.h"
#include "pages/page_folder.h"

namespace bedplate {
namespace {

struct ClearOptions {
  bool clear = false;
  bool json = false;
};

std::string_view KindOf(const KeptFile& file) {
  return file.kind == KeptFile::Kind::kWeights ? "weights" : "tokenizer";
}
std::string_view KindOf(const PageFileEntry&) {
  return "prompts";
}

template <class File>
void WriteFiles(JsonWriter& w, std::string_view key, const std::vector<File>& files) {
  w.Key(key);
  w.BeginArray();
  for (const File& file : files) {
    w.BeginObject();
    w.Key("model");
    w.String(file.label);
    w.Key("kind");
    w.String(KindOf(file));
    w.Key("path");
    w.String(file.path.string());
    w.Key("bytes");
    w.Uint(file.bytes);
    w.Key("used_at");
    w.Int(file.used_unix_ns / 1'000'000'000);
    w.EndObject();
  }
  w.EndArray();
}

template <class File>
void Print(const std::filesystem::path& folder, const std::vector<File>& files) {
  uint64_t sum = 0;
  for (const File& file : files) {
    sum += file.bytes;
    fmt::print("{:<40} {:<9} {:>10}  last used {:%Y-%m-%d %H:%M}\n", file.label, KindOf(file),
               MemorySizeText(file.bytes), fmt::localtime(static_cast<std::time_t>(file.used_unix_ns / 1'000'000'000)));
  }
  fmt::print("{} in {}\n", MemorySizeText(sum), folder.string());
}

Status RunCache(const ClearOptions& options) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path packed_folder, PackedCacheFolder());
  BP_ASSIGN_OR_RETURN(const std::filesystem::path page_folder, PageCacheFolder());
  if (options.clear) {
    fmt::print("removed {}\n", MemorySizeText(ClearPackedCache(packed_folder) + ClearPageFiles(page_folder)));
    return Status::Ok();
  }
  const std::vector<KeptFile> packed = ListPackedCache(packed_folder);
  const std::vector<PageFileEntry> pages = ListPageFiles(page_folder);
  if (options.json) {
    std::string out;
    JsonWriter w(out);
    w.BeginObject();
    WriteFiles(w, "packed", packed);
    WriteFiles(w, "pages", pages);
    w.EndObject();
    fmt::print("{}\n", out);
  } else {
    Print(packed_folder, packed);
    Print(page_folder, pages);
  }
  return Status::Ok();
}

}  // namespace

void AddCacheCommand(Program& program) {
  auto options = std::make_shared<ClearOptions>();
  CommandLine command = program.Add("cache", "List the packed weights, tokenizers and prompts that are kept",
                                    [options] { return RunCache(*options); });
  command.Add("--clear", &options->clear,
              "remove all that is not in use; models make their own again, and prompts are computed again");
  command.Add("--json", &options->json, "print one JSON object");
  command.Footer(
      "A model's weights are packed at its first start and kept in $BEDPLATE_DATA/cache/packed with the tables of its\n"
      "tokenizer, so that later starts map them. --packed-cache-max of serve, chat and the others bounds them; "
      "--no-packed-cache does without.\n"
      "With --cache-disk, serve keeps the keys and values of prompts in $BEDPLATE_DATA/cache/pages.");
}

}  // namespace bedplate
