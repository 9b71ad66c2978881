#pragma once
/// The file of cached runs: what a slot holds survives the process.
///
///   header    4096 bytes: magic, version, the identity that the keys are of, the bytes of a run, a label, a hash of it
///   chunks    of 1024 slots: a table of 1024 records of 128 bytes, then the slots, each a run's bytes rounded up to
///             4096. So the file grows as slots are used, and its budget can change from start to start.
///   record    key, the key before it, a number that grows with each writing, the slot, hashes of the bytes and of
///             itself; zeros: the slot is free
///
/// Numbers are little-endian. Nothing in the file is believed: a record counts if its hash and its slot are right, and
/// bytes are given out if they have the hash and the key that were asked for. A slot is written record first (as free),
/// then bytes, then record, so that a killed process leaves it free or whole; after a power cut the hashes tell. There
/// is no sync: this is a cache.
///
/// Threads: one caller at a time.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random_access_file.h"
#include "pages/page_key.h"

namespace bedplate {

class PageFile {
 public:
  struct Options {
    PageKey identity;        // PageKeys::root()
    std::string label;       // what people may call it
    uint64_t run_bytes = 0;  // of the pages of all groups
    uint32_t slots_max = 0;  // what is beyond is cut off
  };
  /// A slot that is taken.
  struct Record {
    PageKey key, parent;
    uint64_t number = 0;
    uint32_t slot = 0;
  };
  struct Opened;

  /// An empty file becomes one of ours. kDataLoss: it is damaged, or not of this identity and layout.
  static Result<Opened> Open(std::unique_ptr<RandomAccessFile> file, const Options& options);
  /// The same, but what can't be used is logged, thrown away and begun anew.
  static Result<Opened> OpenOrReplace(std::unique_ptr<RandomAccessFile> file, const Options& options);

  [[nodiscard]] uint32_t slots() const { return options_.slots_max; }
  /// bytes: [run_bytes].
  Status Write(const Record& record, std::span<const std::byte> bytes);
  /// kDataLoss: the slot does not hold these bytes of that key.
  Status Read(uint32_t slot, const PageKey& key, std::span<std::byte> out);

  /// How many slots fit into a file of so many bytes.
  static uint32_t SlotsWithin(uint64_t bytes, uint64_t run_bytes);
  static uint64_t BytesPerRun(uint64_t run_bytes);
  /// The label of a file of runs; empty: it is none.
  static std::string LabelOf(RandomAccessFile& file);

 private:
  PageFile(std::unique_ptr<RandomAccessFile> file, const Options& options)
      : options_(options), file_(std::move(file)) {}
  static Result<Opened> OpenAs(std::unique_ptr<RandomAccessFile>& file, const Options& options);
  Result<std::vector<Record>> ReadRecords();

  const Options options_;
  std::unique_ptr<RandomAccessFile> file_;
};

struct PageFile::Opened {
  std::unique_ptr<PageFile> file;
  std::vector<Record> records;  // in the order in which they were written
};

}  // namespace bedplate
