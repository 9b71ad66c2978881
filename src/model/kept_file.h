#pragma once
/// A file that was made from a model's file, and says from which and by what: kept in the cache (packed_cache.h) and
/// mapped again instead of being made again.
///
///   header   fixed size: magic, version, the maker's fingerprint, the model file's content, size, label, a hash of the
///            bytes and one of the header itself
///   bytes    from 4096 on
///
/// Numbers are little-endian. A file is used only if its header is the one that is asked for and all of its bytes have
/// their hash, so a truncated, damaged or foreign one is an error. (Packed weights have a form of their own, with a
/// hash for each chunk: packed_file.h.)

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/shared_bytes.h"
#include "base/status.h"

namespace bedplate {

/// What a kept file was made from, and by what.
struct KeptKey {
  std::string content;       // of the model's files: 64 hex digits
  uint64_t fingerprint = 0;  // of what makes the bytes
  [[nodiscard]] std::string FileName(std::string_view suffix) const;
};

/// The file's bytes, mapped and checked.
Result<SharedBytes> OpenKeptFile(const std::filesystem::path& path, const KeptKey& key);

/// Bytes of the whole file.
uint64_t KeptFileBytes(uint64_t bytes);

/// Writes and syncs. label: what people may call it.
Status WriteKeptFile(int descriptor, const KeptKey& key, std::span<const std::byte> bytes, std::string_view label);

/// The label of a kept file; empty when it is none.
std::string KeptFileLabel(const std::filesystem::path& path);

/// All of the bytes at this place of the file.
Status WriteAt(int descriptor, std::span<const std::byte> bytes, uint64_t offset);

}  // namespace bedplate
