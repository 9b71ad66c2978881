#pragma once
/// Packed weights kept on disk between starts, so that a start maps them (packed_file.h) instead of packing again.
///
/// Which packed file belongs to a model is decided by the model's content, its SHA-256 (of several files: of their
/// SHA-256s in order). A start does not hash a gigabyte for that: the sum is written down once, together with device,
/// inode, size and times of modification and change of each file as they were when it was mapped, and believed as long
/// as all of these are the same. That is safe because a write to a file moves its time of change, which nobody can set
/// back, and another file under the same name has another inode. A file whose last change lies less than two seconds
/// back when it is to be summed gets no note: another write within the same tick of the clock would not show.
///
/// Folder:  CONTENT-FINGERPRINT.packed, PATHHASH.source (the notes), *.partial (being written and locked meanwhile).
///          Only files with these endings are ever removed, oldest use first, when a new one needs their room.
/// Crashes: files appear whole, by rename after a sync. What a killed process leaves is removed by the next writer.
/// Errors:  none stops a start. Whatever is wrong with the cache is logged, and the weights are packed.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "model/model_file.h"
#include "model/packed_file.h"

namespace bedplate {

struct PackedCacheOptions {
  std::filesystem::path folder;             // empty: no cache
  uint64_t bytes_max = uint64_t{64} << 30;  // of all packed files together
  bool write = true;                        // off: what is there is used, and nothing added
  /// A writer's end finishes files up to this size, which takes a second or so a gigabyte; larger ones are abandoned.
  uint64_t finish_bytes_max = uint64_t{2} << 30;
  /// How far back a file's last change must lie for its content to be noted.
  std::chrono::nanoseconds settled_after = std::chrono::seconds(2);
};

/// The packed file of this model, if there is a good one. Marks it as used now.
std::optional<OpenedPackedFile> FindPacked(const PackedCacheOptions& options, const ModelFile& model,
                                           const PackedPlan& plan, ThreadTeam& team);

/// Adds a model's packed weights to the cache on a thread of its own, while the model is served already. What the
/// arguments view must outlive the writer.
class PackedCacheWriter {
 public:
  PackedCacheWriter(PackedCacheOptions options, const ModelFile& model, const PackedPlan& plan, const std::byte* data);
  ~PackedCacheWriter();
  PackedCacheWriter(const PackedCacheWriter&) = delete;
  PackedCacheWriter& operator=(const PackedCacheWriter&) = delete;

 private:
  const PackedCacheOptions options_;
  const ModelFile& model_;
  const PackedPlan& plan_;
  const std::byte* const data_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct CachedPack {
  std::filesystem::path path;
  std::string label;  // the model file's name when it was packed
  uint64_t bytes = 0;
  int64_t used_unix_ns = 0;
};
/// Most recently used first. A folder that is not there holds none.
std::vector<CachedPack> ListPackedCache(const std::filesystem::path& folder);
/// Removes every packed file and note; returns the bytes of the packed files.
uint64_t ClearPackedCache(const std::filesystem::path& folder);

}  // namespace bedplate
