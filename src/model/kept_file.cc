#include "model/kept_file.h"

#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>

#include "base/cat.h"
#include "base/check.h"
#include "base/file.h"
#include "model/chunk_hash.h"

namespace bedplate {
namespace {

constexpr uint64_t kBytesOffset = 4096;

struct KeptHeader {
  char magic[8] = {'B', 'P', 'K', 'E', 'P', 'T', '0', '1'};
  uint64_t fingerprint = 0;
  char content[64] = {};
  // From here on a header may differ from the one that is asked for.
  uint64_t bytes = 0;
  char label[128] = {};
  uint64_t bytes_hash = 0;
  uint64_t header_hash = 0;  // of all that comes before
};
static_assert(sizeof(KeptHeader) == 232 && std::has_unique_object_representations_v<KeptHeader>);
constexpr size_t kKeptFixedBytes = offsetof(KeptHeader, bytes);

KeptHeader HeaderFor(const KeptKey& key) {
  BP_CHECK(key.content.size() == sizeof KeptHeader{}.content);
  KeptHeader header;
  header.fingerprint = key.fingerprint;
  std::memcpy(header.content, key.content.data(), sizeof header.content);
  return header;
}

uint64_t KeptHashOf(const KeptHeader& header) {
  return XXH3_64bits(&header, offsetof(KeptHeader, header_hash));
}

}  // namespace

std::string KeptKey::FileName(std::string_view suffix) const {
  return Cat(content, fmt::format("-{:016x}", fingerprint), suffix);
}

uint64_t KeptFileBytes(uint64_t bytes) {
  return kBytesOffset + bytes;
}

Result<SharedBytes> OpenKeptFile(const std::filesystem::path& path, const KeptKey& key) {
  BP_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  const auto wrong = [&](std::string_view what) { return Status::DataLoss(Cat(path.string(), " ", what)); };
  const std::span<const std::byte> all = file.bytes();
  if (all.size() < kBytesOffset) return wrong("is too short");
  const KeptHeader wanted = HeaderFor(key);
  KeptHeader header;
  std::memcpy(&header, all.data(), sizeof header);
  if (std::memcmp(&header, &wanted, kKeptFixedBytes) != 0) return wrong("was not made from this model by this build");
  if (header.header_hash != KeptHashOf(header)) return wrong("has a damaged header");
  const std::span<const std::byte> bytes = all.subspan(kBytesOffset);
  if (bytes.size() != header.bytes) return wrong(Cat("holds ", bytes.size(), " bytes; it should ", header.bytes));
  if (header.bytes_hash != ChunkHash(bytes.data(), bytes.size())) return wrong("holds damaged bytes");
  return SharedBytes{.owner = std::make_shared<const MappedFile>(std::move(file)), .bytes = bytes};
}

Status WriteKeptFile(int descriptor, const KeptKey& key, std::span<const std::byte> bytes, std::string_view label) {
  KeptHeader header = HeaderFor(key);
  header.bytes = bytes.size();
  label.copy(header.label, sizeof header.label - 1);
  header.bytes_hash = ChunkHash(bytes.data(), bytes.size());
  header.header_hash = KeptHashOf(header);
  BP_RETURN_IF_ERROR(WriteAt(descriptor, bytes, kBytesOffset));
  BP_RETURN_IF_ERROR(WriteAt(descriptor, std::as_bytes(std::span(&header, 1)), 0));
  if (::fsync(descriptor) != 0) return Status::IoError(Cat("cannot sync: ", std::strerror(errno)));
  return Status::Ok();
}

std::string KeptFileLabel(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  KeptHeader header;
  if (!in.read(reinterpret_cast<char*>(&header), sizeof header) || header.header_hash != KeptHashOf(header)) return "";
  return {header.label, ::strnlen(header.label, sizeof header.label)};
}

Status WriteAt(int descriptor, std::span<const std::byte> bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Status::IoError(Cat("cannot write: ", std::strerror(errno)));
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return Status::Ok();
}

}  // namespace bedplate
