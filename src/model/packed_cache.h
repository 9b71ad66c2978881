#pragma once
/// What a start makes of a model's file, kept on disk, so that the next one maps it instead of making it again: packed
/// weights (packed_file.h), and the tables of the tokenizer (kept_file.h).
///
/// Which files belong to a model is decided by the model's content, its SHA-256 (of several files: of their
/// SHA-256s in order). A start does not hash a gigabyte for that: the sum is written down once, together with device,
/// inode, size and times of modification and change of each file as they were when it was mapped, and believed as long
/// as all of these are the same. That is safe because a write to a file moves its time of change, which nobody can set
/// back, and another file under the same name has another inode. A file whose last change lies less than two seconds
/// back when it is to be summed gets no note: another write within the same tick of the clock would not show.
///
/// Folder:  CONTENT-FINGERPRINT.packed and .tokens, PATHHASH.source (the notes), *.partial (being written and locked
///          meanwhile). Only files with these endings are ever removed, oldest use first, when a new one needs their
///          room: within bytes_max, and so that disk_left_free stays free on the disk.
/// Crashes: files appear whole, by rename after a sync. What a killed process leaves is removed by the next writer.
/// Errors:  none stops a start. Whatever is wrong with the cache is logged, and weights and tables are made anew.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/shared_bytes.h"
#include "model/kept_file.h"
#include "model/model_file.h"
#include "model/packed_file.h"

namespace bedplate {

struct PackedCacheOptions {
  std::filesystem::path folder;                   // empty: no cache
  uint64_t bytes_max = uint64_t{64} << 30;        // of all kept files together
  uint64_t disk_left_free = uint64_t{256} << 20;  // a cache must not be what fills a disk
  bool write = true;                              // off: what is there is used, and nothing added
  /// A writer's end finishes files up to this size, which takes a second or so a gigabyte; larger ones are abandoned.
  uint64_t finish_bytes_max = uint64_t{2} << 30;
  /// How far back a file's last change must lie for its content to be noted.
  std::chrono::nanoseconds settled_after = std::chrono::seconds(2);
  /// Bytes that are free where the folder is; none: not known. Empty: the system is asked.
  std::function<std::optional<uint64_t>(const std::filesystem::path& folder)> disk_free = {};
};

/// Tables made from a model's file alone.
struct KeptTables {
  uint64_t fingerprint = 0;  // of what makes them
  SharedBytes bytes;         // empty: there are none to keep
};

/// The packed file of this model, if there is a good one. Marks it as used now.
std::optional<OpenedPackedFile> FindPacked(const PackedCacheOptions& options, const ModelFile& model,
                                           const PackedPlan& plan, ThreadTeam& team);

/// Gives the tables of this model by this maker to `use`, if there are good ones, and marks them as used now. Where
/// `use` answers kDataLoss they were not. Whether they were used.
bool UseTables(const PackedCacheOptions& options, const ModelFile& model, uint64_t fingerprint,
               const std::function<Status(SharedBytes)>& use);

/// Adds what is missing to the cache on a thread of its own, while the model is served already. What the arguments view
/// must outlive the writer.
class PackedCacheWriter {
 public:
  struct Work {
    const PackedPlan* plan = nullptr;  // none: the packed weights are there already
    const std::byte* weights = nullptr;
    KeptTables tables;
  };
  PackedCacheWriter(PackedCacheOptions options, const ModelFile& model, Work work);
  ~PackedCacheWriter();
  PackedCacheWriter(const PackedCacheWriter&) = delete;
  PackedCacheWriter& operator=(const PackedCacheWriter&) = delete;

 private:
  const PackedCacheOptions options_;
  const ModelFile& model_;
  const Work work_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// A model's content, 64 hex digits: as it is noted, or else summed now (a second or so a gigabyte) and noted where the
/// options let it. kUnavailable: the file is being changed, or there is no SHA-256.
Result<std::string> ModelContent(const PackedCacheOptions& options, const ModelFile& model);

struct KeptFile {
  enum class Kind : uint8_t { kWeights, kTables };
  Kind kind = Kind::kWeights;
  std::filesystem::path path;
  std::string label;  // the model file's name when it was made
  uint64_t bytes = 0;
  int64_t used_unix_ns = 0;
};
/// Most recently used first. A folder that is not there holds none.
std::vector<KeptFile> ListPackedCache(const std::filesystem::path& folder);
/// Removes every kept file and note; returns the bytes of the kept files.
uint64_t ClearPackedCache(const std::filesystem::path& folder);

}  // namespace bedplate
