#include "cmd/cache_options.h"

#include <memory>
#include <utility>

#include "base/cat.h"
#include "base/log.h"
#include "cmd/catalogue.h"
#include "cmd/memory_size.h"
#include "engine/cache_tiers.h"
#include "model/transformer.h"
#include "pages/page_folder.h"

namespace bedplate {
namespace {

Result<uint64_t> SizeOrNone(const std::string& text) {
  if (text == "0") return uint64_t{0};
  BP_ASSIGN_OR_RETURN(const size_t bytes, ParseMemorySize(text));
  return uint64_t{bytes};
}

Result<std::unique_ptr<RandomAccessFile>> OpenFile(const PackedCacheOptions& notes, uint64_t bytes_max,
                                                   EngineOptions& engine, LoadedModel& model) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path folder, PageCacheFolder());
  BP_ASSIGN_OR_RETURN(model.content, ModelContent(notes, static_cast<const Transformer&>(*model.model).file()));
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<PageKeys> keys, PageKeys::Create(CacheIdentity(model)));
  return OpenPageFile({folder, bytes_max}, keys->root(), engine.cache_disk_bytes);
}

}  // namespace

Result<std::filesystem::path> PageCacheFolder() {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
  return data / "cache" / "pages";
}

void CacheOptions::AddTo(CommandLine& command) {
  command.Add("--cache-memory", &memory,
              "memory for cached pages that the pool has no room for, such as 1GiB, out of --memory; 0: none",
              {.setting = "cache_memory"});
  command.Add(
      "--cache-disk", &disk,
      "disk space for cached pages, such as 20GiB: prompts that begin like earlier ones are read back instead of "
      "computed, after a restart too; 0: none",
      {.setting = "cache_disk"});
}

Status CacheOptions::ReadInto(EngineOptions& engine, size_t models) const {
  BP_ASSIGN_OR_RETURN(const uint64_t memory_bytes, SizeOrNone(memory));
  BP_ASSIGN_OR_RETURN(const uint64_t disk_bytes, SizeOrNone(disk));
  engine.cache_memory_bytes = memory_bytes / models;
  engine.cache_disk_bytes = disk_bytes / models;
  return Status::Ok();
}

void CacheOptions::AttachFile(const PackedCacheOptions& notes, EngineOptions& engine, LoadedModel& model) const {
  if (engine.cache_disk_bytes == 0) return;
  const Result<uint64_t> bytes_max = SizeOrNone(disk);
  Result<std::unique_ptr<RandomAccessFile>> file = OpenFile(notes, *bytes_max, engine, model);
  Status status =
      file.ok() ? std::move(PlanTiers(engine, *model.model)).status() : file.status();  // the disk may be full
  if (status.ok()) {
    model.page_file = std::move(*file);
  } else {
    engine.cache_disk_bytes = 0;
    LogWarning("cached pages are not kept on the disk", {{"model", model.id}, {"why", status.message()}});
  }
}

}  // namespace bedplate
