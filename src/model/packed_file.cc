#include "model/packed_file.h"

#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/cat.h"
#include "base/check.h"
#include "base/random.h"
#include "kernels/matmul.h"
#include "model/chunk_hash.h"

namespace bedplate {
namespace {

constexpr uint32_t kVersion = 1;
constexpr uint64_t kPage = 4096, kHugePage = uint64_t{2} << 20;
// Small enough to spread over threads and to stay in a core's cache between copying and hashing; large enough that the
// table of hashes is nothing.
constexpr uint64_t kChunkBytes = uint64_t{4} << 20;
constexpr uint64_t kReadAheadChunks = 8;
constexpr uint64_t kAlign = 64;

struct PackedHeader {
  char magic[8] = {'B', 'P', 'P', 'A', 'C', 'K', 'E', 'D'};
  uint32_t version = kVersion;
  uint32_t places = 0;
  uint64_t fingerprint = 0;
  char content[64] = {};
  uint64_t data_offset = 0;
  uint64_t data_bytes = 0;
  uint64_t chunk_bytes = kChunkBytes;
  // From here on a header may differ from the one that is asked for.
  char label[128] = {};
  uint64_t tables_hash = 0;
  uint64_t header_hash = 0;  // of all that comes before
};
static_assert(sizeof(PackedHeader) == 256 && std::is_trivially_copyable_v<PackedHeader>);
constexpr size_t kPackedFixedBytes = offsetof(PackedHeader, label);

struct PlaceRecord {
  uint64_t name_hash, offset, bytes;
  uint32_t type, outputs, inputs, zero;
};
static_assert(sizeof(PlaceRecord) == 40);

uint64_t RoundUp(uint64_t n, uint64_t unit) {
  return (n + unit - 1) / unit * unit;
}

uint64_t ChunkCount(const PackedPlan& plan) {
  return (plan.bytes + kChunkBytes - 1) / kChunkBytes;
}

uint64_t TablesBytes(const PackedPlan& plan) {
  return plan.places.size() * sizeof(PlaceRecord) + ChunkCount(plan) * sizeof(uint64_t);
}

/// On a huge page's edge, so that a file system with large folios (ext4 from Linux 6.16 on, xfs, btrfs) lets the data
/// be mapped by huge pages: 40 instead of 80 ms to bring in a gigabyte, and 9 % more bytes a second afterwards.
uint64_t DataOffset(const PackedPlan& plan) {
  return RoundUp(sizeof(PackedHeader) + TablesBytes(plan), plan.bytes < kHugePage ? kPage : kHugePage);
}

std::vector<PlaceRecord> RecordsOf(const PackedPlan& plan) {
  std::vector<PlaceRecord> records;
  records.reserve(plan.places.size());
  for (const PackedPlace& p : plan.places) {
    records.push_back({p.name_hash, p.offset, p.bytes, static_cast<uint32_t>(p.type), p.outputs, p.inputs, 0});
  }
  return records;
}

PackedHeader HeaderFor(const KeptKey& key, const PackedPlan& plan) {
  BP_CHECK(key.content.size() == sizeof PackedHeader{}.content);
  PackedHeader header;
  header.places = static_cast<uint32_t>(plan.places.size());
  header.fingerprint = key.fingerprint;
  std::memcpy(header.content, key.content.data(), sizeof header.content);
  header.data_offset = DataOffset(plan);
  header.data_bytes = plan.bytes;
  return header;
}

uint64_t PackedHashOf(const PackedHeader& header) {
  return XXH3_64bits(&header, offsetof(PackedHeader, header_hash));
}

/// Whether every chunk has its hash.
bool DataIsWhole(const MappedFile& file, uint64_t data_offset, uint64_t data_bytes, const uint64_t* hashes,
                 ThreadTeam& team) {
  const uint64_t chunks = (data_bytes + kChunkBytes - 1) / kChunkBytes;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> whole{true};
  team.Run([&](ThreadTeam::Member) {
    for (uint64_t i = next.fetch_add(1); i < chunks && whole.load(); i = next.fetch_add(1)) {
      const uint64_t at = i * kChunkBytes;
      file.ReadAhead(data_offset + at + kReadAheadChunks * kChunkBytes, kChunkBytes);
      const uint64_t bytes = std::min(kChunkBytes, data_bytes - at);
      if (ChunkHash(file.bytes().data() + data_offset + at, bytes) != hashes[i]) whole.store(false);
    }
  });
  return whole.load();
}

}  // namespace

void PackedPlan::Add(std::string_view name, WeightType type, uint32_t outputs, uint32_t inputs, uint64_t bytes_each) {
  places.push_back({XXH3_64bits(name.data(), name.size()), type, outputs, inputs, bytes, bytes_each});
  bytes = RoundUp(bytes + bytes_each, kAlign);
}

uint64_t PackingFingerprint(const PackedPlan& plan) {
  // Full and partial tiles; whole chunks of inputs, and the shorter last chunk that formats of 32 inputs a block allow.
  constexpr uint32_t kOutputs = 83, kInputs[] = {512, 256, 96};
  bool used[kWeightTypeCount] = {};
  for (const PackedPlace& place : plan.places) used[static_cast<size_t>(place.type)] = true;
  uint64_t hash = kVersion;
  for (size_t t = 0; t < kWeightTypeCount; ++t) {
    if (!used[t]) continue;
    const auto type = static_cast<WeightType>(t);
    for (const uint32_t inputs : kInputs) {
      if (inputs % InfoOf(type).block_elements != 0) continue;
      std::vector<std::byte> rows(RowBytes(type, inputs) * kOutputs);
      for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::byte>(Mix64(i));
      std::vector<std::byte> packed(PackedBytes(type, kOutputs, inputs));
      PackTiles(type, kOutputs, inputs, rows.data(), 0, (kOutputs + kTileOutputs - 1) / kTileOutputs, packed.data());
      hash = HashWords(hash, t, XXH3_64bits(packed.data(), packed.size()));
    }
  }
  return hash;
}

uint64_t PackedFileBytes(const PackedPlan& plan) {
  return DataOffset(plan) + plan.bytes;
}

Result<OpenedPackedFile> OpenPackedFile(const std::filesystem::path& path, const KeptKey& key, const PackedPlan& plan,
                                        ThreadTeam& team) {
  BP_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  const auto wrong = [&](std::string_view what) { return Status::DataLoss(Cat(path.string(), " ", what)); };
  const std::byte* bytes = file.bytes().data();
  if (file.bytes().size() != PackedFileBytes(plan)) {
    return wrong(Cat("has ", file.bytes().size(), " bytes; it should have ", PackedFileBytes(plan)));
  }
  const PackedHeader wanted = HeaderFor(key, plan);
  PackedHeader header;
  std::memcpy(&header, bytes, sizeof header);
  if (std::memcmp(&header, &wanted, kPackedFixedBytes) != 0) return wrong("is not the packed form of this model");
  if (header.header_hash != PackedHashOf(header)) return wrong("has a damaged header");
  if (header.tables_hash != XXH3_64bits(bytes + sizeof header, TablesBytes(plan))) return wrong("has damaged tables");
  const std::vector<PlaceRecord> records = RecordsOf(plan);
  const size_t records_bytes = records.size() * sizeof(PlaceRecord);
  if (std::memcmp(bytes + sizeof header, records.data(), records_bytes) != 0) {
    return wrong("holds other matrices than this model");
  }
  std::vector<uint64_t> hashes(ChunkCount(plan));
  std::memcpy(hashes.data(), bytes + sizeof header + records_bytes, hashes.size() * sizeof(uint64_t));
  if (!DataIsWhole(file, header.data_offset, plan.bytes, hashes.data(), team)) return wrong("holds damaged data");
  return OpenedPackedFile{std::move(file), header.data_offset};
}

Status WritePackedFile(int descriptor, const KeptKey& key, const PackedPlan& plan, const std::byte* data,
                       std::string_view label, const std::atomic<bool>& stop) {
  const std::vector<PlaceRecord> records = RecordsOf(plan);
  PackedHeader header = HeaderFor(key, plan);
  std::vector<uint64_t> hashes;
  for (uint64_t at = 0; at < plan.bytes; at += kChunkBytes) {
    if (stop.load()) return Status::Cancelled("the program is ending");
    const uint64_t bytes = std::min(kChunkBytes, plan.bytes - at);
    hashes.push_back(ChunkHash(data + at, bytes));
    BP_RETURN_IF_ERROR(WriteAt(descriptor, {data + at, bytes}, header.data_offset + at));
  }
  std::string tables(TablesBytes(plan), '\0');
  const size_t records_bytes = records.size() * sizeof(PlaceRecord);
  std::memcpy(tables.data(), records.data(), records_bytes);
  std::memcpy(tables.data() + records_bytes, hashes.data(), hashes.size() * sizeof(uint64_t));
  label.copy(header.label, sizeof header.label - 1);
  header.tables_hash = XXH3_64bits(tables.data(), tables.size());
  header.header_hash = PackedHashOf(header);
  BP_RETURN_IF_ERROR(WriteAt(descriptor, std::as_bytes(std::span(tables)), sizeof header));
  BP_RETURN_IF_ERROR(WriteAt(descriptor, std::as_bytes(std::span(&header, 1)), 0));
  if (::fsync(descriptor) != 0) return Status::IoError(Cat("cannot sync: ", std::strerror(errno)));
  return Status::Ok();
}

std::string PackedFileLabel(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  PackedHeader header;
  if (!in.read(reinterpret_cast<char*>(&header), sizeof header) || header.header_hash != PackedHashOf(header))
    return "";
  return {header.label, ::strnlen(header.label, sizeof header.label)};
}

}  // namespace bedplate
