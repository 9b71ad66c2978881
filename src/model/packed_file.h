#pragma once
/// One file of packed weights: what Weights::Load would make of a model's file, ready to be mapped.
///
///   header   fixed size: magic, version, the packing's fingerprint, the model file's content, sizes, a hash of itself
///            and of the tables
///   tables   for each matrix its name's hash, type, shape and place; then a hash for each chunk of the data
///   data     the matrices as in memory, from a multiple of 4096 bytes on; of 2 MiB, if it is that large
///
/// Numbers are little-endian. Nothing in the file is believed: header and places must equal, byte for byte, what the
/// model's own settings ask for, and every chunk its hash, so a truncated, damaged or foreign file is an error and
/// never an address. (Whoever can write the folder can also write hashes; that one could replace the model as well.)

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/thread_team.h"
#include "kernels/weight_type.h"
#include "model/kept_file.h"

namespace bedplate {

/// Where a packed matrix lies in the arena of a model's weights.
struct PackedPlace {
  uint64_t name_hash = 0;
  WeightType type = WeightType::kF32;
  uint32_t outputs = 0;
  uint32_t inputs = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

/// All matrices of a model in the order in which they are packed.
struct PackedPlan {
  std::vector<PackedPlace> places;
  uint64_t bytes = 0;  // of the arena
  void Add(std::string_view name, WeightType type, uint32_t outputs, uint32_t inputs, uint64_t bytes_each);
};

/// What this build's packing makes of fixed rows in each of the plan's types: changes by itself whenever the layout
/// does, so that nobody has to remember raising a version.
uint64_t PackingFingerprint(const PackedPlan& plan);

inline constexpr std::string_view kPackedFileSuffix = ".packed";

/// Maps a file and checks all of it; the hashes in parallel, which also brings it into memory. The key's fingerprint is
/// PackingFingerprint's.
/// `data_offset` is where the arena begins.
struct OpenedPackedFile {
  MappedFile file;
  uint64_t data_offset;
};
Result<OpenedPackedFile> OpenPackedFile(const std::filesystem::path& path, const KeptKey& key, const PackedPlan& plan,
                                        ThreadTeam& team);

/// Bytes of the whole file.
uint64_t PackedFileBytes(const PackedPlan& plan);

/// Writes and syncs. data: the arena. label: what people may call it. kCancelled when `stop` was raised.
Status WritePackedFile(int descriptor, const KeptKey& key, const PackedPlan& plan, const std::byte* data,
                       std::string_view label, const std::atomic<bool>& stop);

/// The label of a packed file; empty when it is none.
std::string PackedFileLabel(const std::filesystem::path& path);

}  // namespace bedplate
