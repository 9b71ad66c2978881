#pragma once
/// Stored things that clients come back for: each has a kind, an id, an owner and an expiry, and its content is bytes
/// that only whoever stored them understands. Behind it is one SQLite file (https://sqlite.org/wal.html).
///
///   BP_ASSIGN_OR_RETURN(auto store, ObjectStore::Open(data / "objects.sqlite3", {}));
///   BP_RETURN_IF_ERROR(store->Put({.kind = "response", .id = id, .owner = OwnerOf(principal), ...}));
///
/// Owner:   nobody reads, replaces or deletes another's: to others a thing is as unknown as if it weren't there.
/// Expiry:  what has expired is unknown from that second on; its room is given back with a later Put.
/// Room:    at most bytes_max of content. A Put beyond it drops the oldest things of whoever holds the most.
/// After a crash: what Put has returned for is there after a kill of the process; a power cut may take the last seconds
///          before it (write-ahead log without a sync for each Put), and never leaves half of anything.
/// Threads: any; calls take turns. Not for a network thread: a call may wait for the disk.
/// Errors:  kNotFound; kTooLarge for what could never fit; kConflict where another owner has the id; and those of
///          base/database.h.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/database.h"
#include "base/status.h"
#include "request/admission.h"

namespace bedplate {

struct StoredObject {
  std::string kind;
  std::string id;  // unique within the kind
  std::string owner;
  int64_t created_unix_seconds = 0;
  int64_t expires_unix_seconds = 0;
  std::string content;
  bool operator==(const StoredObject&) const = default;
};

struct ObjectName {
  std::string_view kind, id, owner;
};

/// Tenant, project and key: what one key stores, no other sees.
std::string OwnerOf(const Principal& principal);

class ObjectStore {
 public:
  struct Options {
    uint64_t bytes_max = uint64_t{1} << 30;  // of content, all owners together
  };

  /// Opens the file or makes it.
  static Result<std::unique_ptr<ObjectStore>> Open(const std::filesystem::path& path, Options options);
  /// The same with the first call that needs it, which fails while the file can't be opened; the next one tries again.
  static std::unique_ptr<ObjectStore> OpenedWhenUsed(std::filesystem::path path, Options options);
  Status OpenNow();
  /// Without a file: gone with the object.
  static Result<std::unique_ptr<ObjectStore>> InMemory(Options options);
  ~ObjectStore();
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;

  /// Stores it, in place of the owner's earlier one of that name. The present is when it is created.
  Status Put(const StoredObject& object, int64_t now_unix_seconds);
  Result<StoredObject> Get(const ObjectName& name, int64_t now_unix_seconds);
  Status Delete(const ObjectName& name, int64_t now_unix_seconds);
  /// Of content, whatever hasn't been dropped yet.
  Result<uint64_t> BytesStored();

 private:
  ObjectStore(std::filesystem::path path, Options options);
  Status EnsureOpen();
  Status PutLocked(const StoredObject& object, int64_t now_unix_seconds);
  Status MakeRoom(uint64_t bytes);
  Result<uint64_t> BytesLocked();

  std::mutex mutex_;                    // guards database_
  std::unique_ptr<Database> database_;  // none before it was opened
  const std::filesystem::path path_;
  const Options options_;
};

}  // namespace bedplate
