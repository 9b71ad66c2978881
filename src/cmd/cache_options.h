#pragma once
/// --cache-memory and --cache-disk: where a server's cached pages go that its pool has no room for
/// (pages/page_tiers.h). Both are of all models together, and each gets an equal part.

#include <filesystem>
#include <string>

#include "cmd/command_line.h"
#include "engine/engine.h"
#include "model/packed_cache.h"

namespace bedplate {

struct CacheOptions {
  std::string memory = "0";
  std::string disk = "0";

  void AddTo(CommandLine& command);
  /// Each model's part.
  Status ReadInto(EngineOptions& engine, size_t models) const;
  /// The file for the model's pages, if there is to be one. notes: where the model's content is noted. What goes wrong
  /// is logged, and the engine does without.
  void AttachFile(const PackedCacheOptions& notes, EngineOptions& engine, LoadedModel& model) const;
};

/// Where the files of cached pages are.
Result<std::filesystem::path> PageCacheFolder();

}  // namespace bedplate
