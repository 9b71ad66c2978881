#include "pages/page_file.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>

#include "base/cat.h"
#include "base/check.h"
#include "base/log.h"

namespace bedplate {
namespace {

constexpr uint32_t kVersion = 1;
constexpr uint64_t kBlock = 4096;  // what file systems and disks write at once
constexpr uint64_t kChunkSlots = 1024;

struct Header {
  char magic[8] = {'B', 'P', 'R', 'U', 'N', 'S', '\n', '\0'};
  uint32_t version = kVersion;
  uint32_t run_tokens = kPageTokens;
  uint64_t run_bytes = 0;
  Sha256::Digest identity{};
  // From here on a header may differ from the one that is asked for.
  char label[128] = {};
  uint64_t hash = 0;  // of all that comes before
};
static_assert(sizeof(Header) == 192 && std::is_trivially_copyable_v<Header>);

struct StoredRecord {
  Sha256::Digest key{}, parent{};
  uint64_t number = 0;
  uint64_t bytes_hash = 0;  // seeded with the key
  uint32_t slot = 0;
  uint32_t zeros[9] = {};
  uint64_t hash = 0;  // of all that comes before
};
static_assert(sizeof(StoredRecord) == 128 && std::is_trivially_copyable_v<StoredRecord>);

constexpr uint64_t kTableBytes = kChunkSlots * sizeof(StoredRecord);

template <class T>
uint64_t HashOf(const T& value) {
  return XXH3_64bits(&value, offsetof(T, hash));
}

template <class T>
std::span<const std::byte> BytesOf(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

uint64_t ChunkOffset(uint64_t chunk, uint64_t run_bytes) {
  return kBlock + chunk * (kTableBytes + kChunkSlots * PageFile::BytesPerRun(run_bytes));
}

uint64_t RecordOffset(uint32_t slot, uint64_t run_bytes) {
  return ChunkOffset(slot / kChunkSlots, run_bytes) + slot % kChunkSlots * sizeof(StoredRecord);
}

uint64_t BytesOffset(uint32_t slot, uint64_t run_bytes) {
  return ChunkOffset(slot / kChunkSlots, run_bytes) + kTableBytes +
         slot % kChunkSlots * PageFile::BytesPerRun(run_bytes);
}

/// Where a file of so many slots ends.
uint64_t FileBytes(uint32_t slots, uint64_t run_bytes) {
  return slots == 0 ? kBlock : BytesOffset(slots - 1, run_bytes) + PageFile::BytesPerRun(run_bytes);
}

uint64_t HashOf(const PageKey& key, std::span<const std::byte> bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), key.Word());
}

bool IsZero(const StoredRecord& record) {
  return std::ranges::all_of(BytesOf(record), [](std::byte b) { return b == std::byte{0}; });
}

Header HeaderFor(const PageFile::Options& options) {
  Header header;
  header.run_bytes = options.run_bytes;
  header.identity = options.identity.digest;
  options.label.copy(header.label, sizeof header.label - 1);
  header.hash = HashOf(header);
  return header;
}

Status CheckHeader(RandomAccessFile& file, const PageFile::Options& options) {
  Header header;
  BP_RETURN_IF_ERROR(file.ReadAt(0, std::as_writable_bytes(std::span(&header, 1))));
  if (header.hash != HashOf(header)) return Status::DataLoss("its header is damaged");
  const Header wanted = HeaderFor(options);
  if (std::memcmp(&header, &wanted, offsetof(Header, label)) != 0) {
    return Status::DataLoss("it is of another model or another layout of pages");
  }
  return Status::Ok();
}

/// Cuts off the slots from slots_max on, and forgets them.
Status Shorten(RandomAccessFile& file, const PageFile::Options& options) {
  if (const uint64_t last = options.slots_max % kChunkSlots; last > 0) {
    const std::vector<std::byte> zeros((kChunkSlots - last) * sizeof(StoredRecord));
    BP_RETURN_IF_ERROR(file.WriteAt(RecordOffset(options.slots_max, options.run_bytes), zeros));
  }
  return file.Truncate(FileBytes(options.slots_max, options.run_bytes));
}

}  // namespace

uint64_t PageFile::BytesPerRun(uint64_t run_bytes) {
  return (run_bytes + kBlock - 1) / kBlock * kBlock;
}

uint32_t PageFile::SlotsWithin(uint64_t bytes, uint64_t run_bytes) {
  const uint64_t chunk = ChunkOffset(1, run_bytes) - ChunkOffset(0, run_bytes);
  const uint64_t room = bytes - std::min(bytes, kBlock);
  const uint64_t rest = room % chunk - std::min(room % chunk, kTableBytes);
  return static_cast<uint32_t>(
      std::min<uint64_t>(room / chunk * kChunkSlots + rest / BytesPerRun(run_bytes), uint64_t{1} << 28));
}

Result<PageFile::Opened> PageFile::Open(std::unique_ptr<RandomAccessFile> file, const Options& options) {
  return OpenAs(file, options);
}

Result<PageFile::Opened> PageFile::OpenOrReplace(std::unique_ptr<RandomAccessFile> file, const Options& options) {
  Result<Opened> opened = OpenAs(file, options);
  if (opened.ok() || opened.status().code() != StatusCode::kDataLoss) return opened;
  LogWarning("the file of cached pages is not usable and is begun anew",
             {{"model", options.label}, {"why", opened.status().message()}});
  BP_RETURN_IF_ERROR(file->Truncate(0));
  return OpenAs(file, options);
}

/// Takes the file if it can be used.
Result<PageFile::Opened> PageFile::OpenAs(std::unique_ptr<RandomAccessFile>& file, const Options& options) {
  BP_CHECK(options.run_bytes > 0);
  BP_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size == 0) {
    const Header header = HeaderFor(options);
    BP_RETURN_IF_ERROR(file->WriteAt(0, BytesOf(header)));
  } else {
    BP_RETURN_IF_ERROR(CheckHeader(*file, options));
  }
  if (size > FileBytes(options.slots_max, options.run_bytes)) BP_RETURN_IF_ERROR(Shorten(*file, options));
  Opened opened{.file = std::unique_ptr<PageFile>(new PageFile(std::move(file), options)), .records = {}};
  Result<std::vector<Record>> records = opened.file->ReadRecords();
  if (!records.ok()) {
    file = std::move(opened.file->file_);
    return std::move(records).status();
  }
  opened.records = std::move(*records);
  return opened;
}

Result<std::vector<PageFile::Record>> PageFile::ReadRecords() {
  BP_ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  std::vector<Record> records;
  std::vector<StoredRecord> table(kChunkSlots);
  uint64_t damaged = 0;
  for (uint64_t chunk = 0; ChunkOffset(chunk, options_.run_bytes) < size; ++chunk) {
    const uint64_t offset = ChunkOffset(chunk, options_.run_bytes);
    const auto whole = static_cast<size_t>(std::min(kChunkSlots, (size - offset) / sizeof(StoredRecord)));
    BP_RETURN_IF_ERROR(file_->ReadAt(offset, std::as_writable_bytes(std::span(table).first(whole))));
    for (size_t i = 0; i < whole; ++i) {
      const auto slot = static_cast<uint32_t>(chunk * kChunkSlots + i);
      if (IsZero(table[i])) continue;
      const bool good = table[i].hash == HashOf(table[i]) && table[i].slot == slot && slot < options_.slots_max &&
                        BytesOffset(slot, options_.run_bytes) + options_.run_bytes <= size;
      damaged += good ? 0 : 1;
      if (good) records.push_back({{table[i].key}, {table[i].parent}, table[i].number, slot});
    }
  }
  if (damaged > 0) {
    LogWarning("some cached pages in the file are cut off or damaged and are not used",
               {{"model", options_.label}, {"runs", Cat(damaged)}});
  }
  std::ranges::sort(records, {}, &Record::number);
  return records;
}

Status PageFile::Write(const Record& record, std::span<const std::byte> bytes) {
  BP_CHECK(bytes.size() == options_.run_bytes && record.slot < options_.slots_max);
  const uint64_t at = RecordOffset(record.slot, options_.run_bytes);
  StoredRecord stored;
  BP_RETURN_IF_ERROR(file_->WriteAt(at, BytesOf(stored)));
  BP_RETURN_IF_ERROR(file_->WriteAt(BytesOffset(record.slot, options_.run_bytes), bytes));
  stored.key = record.key.digest;
  stored.parent = record.parent.digest;
  stored.number = record.number;
  stored.bytes_hash = HashOf(record.key, bytes);
  stored.slot = record.slot;
  stored.hash = HashOf(stored);
  return file_->WriteAt(at, BytesOf(stored));
}

Status PageFile::Read(uint32_t slot, const PageKey& key, std::span<std::byte> out) {
  BP_CHECK(out.size() == options_.run_bytes && slot < options_.slots_max);
  StoredRecord stored;
  BP_RETURN_IF_ERROR(
      file_->ReadAt(RecordOffset(slot, options_.run_bytes), std::as_writable_bytes(std::span(&stored, 1))));
  if (stored.hash != HashOf(stored) || stored.slot != slot || stored.key != key.digest) {
    return Status::DataLoss(Cat("the record of slot ", slot, " is damaged"));
  }
  BP_RETURN_IF_ERROR(file_->ReadAt(BytesOffset(slot, options_.run_bytes), out));
  if (stored.bytes_hash != HashOf(key, out)) return Status::DataLoss(Cat("the bytes of slot ", slot, " are damaged"));
  return Status::Ok();
}

std::string PageFile::LabelOf(RandomAccessFile& file) {
  Header header;
  if (!file.ReadAt(0, std::as_writable_bytes(std::span(&header, 1))).ok() || header.hash != HashOf(header)) return "";
  return {header.label, ::strnlen(header.label, sizeof header.label)};
}

}  // namespace bedplate
