// One table. A later form of it comes with the step that changes an older file.

#include "objects/object_store.h"

#include <utility>

#include "base/cat.h"
#include "base/json.h"

namespace bedplate {
namespace {

DatabaseOptions FileOptions() {
  return {.what = "the store of objects",
          .application_id = 0x42704F62,  // 'BpOb'
          .form = 1,
          .make_tables =
              "CREATE TABLE objects ("
              "  number INTEGER PRIMARY KEY,"  // ascending, so that the lowest is the oldest
              "  kind TEXT NOT NULL,"
              "  id TEXT NOT NULL,"
              "  owner TEXT NOT NULL,"
              "  created INTEGER NOT NULL,"
              "  expires INTEGER NOT NULL,"
              "  bytes INTEGER NOT NULL,"
              "  content BLOB NOT NULL,"
              "  UNIQUE (kind, id));"
              "CREATE INDEX objects_by_expiry ON objects (expires);"
              "CREATE INDEX objects_by_owner ON objects (owner, number, bytes);",
          .durability = DatabaseOptions::Durability::kKill};
}

}  // namespace

std::string OwnerOf(const Principal& principal) {
  return WriteJson(Json::Array{principal.tenant, principal.project, principal.key});
}

Result<std::unique_ptr<ObjectStore>> ObjectStore::Open(const std::filesystem::path& path, Options options) {
  std::unique_ptr<ObjectStore> store = OpenedWhenUsed(path, options);
  BP_RETURN_IF_ERROR(store->OpenNow());
  return store;
}

std::unique_ptr<ObjectStore> ObjectStore::OpenedWhenUsed(std::filesystem::path path, Options options) {
  return std::unique_ptr<ObjectStore>(new ObjectStore(std::move(path), options));
}

Result<std::unique_ptr<ObjectStore>> ObjectStore::InMemory(Options options) {
  return Open(":memory:", options);
}

ObjectStore::ObjectStore(std::filesystem::path path, Options options) : path_(std::move(path)), options_(options) {}

ObjectStore::~ObjectStore() = default;

Status ObjectStore::OpenNow() {
  const std::lock_guard lock(mutex_);
  return EnsureOpen();
}

Status ObjectStore::EnsureOpen() {
  if (database_ != nullptr) return Status::Ok();
  BP_ASSIGN_OR_RETURN(database_, Database::Open(path_, FileOptions()));
  return Status::Ok();
}

Status ObjectStore::Put(const StoredObject& object, int64_t now_unix_seconds) {
  if (object.content.size() > options_.bytes_max) {
    return Status::TooLarge(Cat("the ", object.kind, " has ", object.content.size(),
                                " bytes; allowed: ", options_.bytes_max, " for all that is stored"));
  }
  const std::lock_guard lock(mutex_);
  BP_RETURN_IF_ERROR(EnsureOpen());
  return database_->InTransaction([&] { return PutLocked(object, now_unix_seconds); });
}

Status ObjectStore::PutLocked(const StoredObject& object, int64_t now_unix_seconds) {
  BP_RETURN_IF_ERROR(Statement(*database_, "DELETE FROM objects WHERE expires <= ?").Int(now_unix_seconds).Run());
  BP_RETURN_IF_ERROR(Statement(*database_, "DELETE FROM objects WHERE kind = ? AND id = ? AND owner = ?")
                         .Text(object.kind)
                         .Text(object.id)
                         .Text(object.owner)
                         .Run());
  Statement others(*database_, "SELECT 1 FROM objects WHERE kind = ? AND id = ?");
  BP_ASSIGN_OR_RETURN(const bool taken, others.Text(object.kind).Text(object.id).Step());
  if (taken) return Status{StatusCode::kConflict, Cat("the id of this ", object.kind, " is taken")};
  BP_RETURN_IF_ERROR(MakeRoom(object.content.size()));
  return Statement(
             *database_,
             "INSERT INTO objects (kind, id, owner, created, expires, bytes, content) VALUES (?, ?, ?, ?, ?, ?, ?)")
      .Text(object.kind)
      .Text(object.id)
      .Text(object.owner)
      .Int(object.created_unix_seconds)
      .Int(object.expires_unix_seconds)
      .Int(static_cast<int64_t>(object.content.size()))
      .Blob(object.content)
      .Run();
}

/// So that no one owner's things push out all others': the one who holds the most gives first.
Status ObjectStore::MakeRoom(uint64_t bytes) {
  for (;;) {
    BP_ASSIGN_OR_RETURN(const uint64_t stored, BytesLocked());
    if (stored + bytes <= options_.bytes_max) return Status::Ok();
    BP_RETURN_IF_ERROR(Statement(*database_,
                                 "DELETE FROM objects WHERE number = (SELECT MIN(number) FROM objects WHERE owner ="
                                 " (SELECT owner FROM objects GROUP BY owner ORDER BY SUM(bytes) DESC LIMIT 1))")
                           .Run());
  }
}

Result<StoredObject> ObjectStore::Get(const ObjectName& name, int64_t now_unix_seconds) {
  const std::lock_guard lock(mutex_);
  BP_RETURN_IF_ERROR(EnsureOpen());
  Statement select(
      *database_,
      "SELECT created, expires, content FROM objects WHERE kind = ? AND id = ? AND owner = ? AND expires > ?");
  select.Text(name.kind).Text(name.id).Text(name.owner).Int(now_unix_seconds);
  BP_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return Status::NotFound(Cat("there is no ", name.kind, " '", name.id.substr(0, 100), "'"));
  return StoredObject{.kind = std::string(name.kind),
                      .id = std::string(name.id),
                      .owner = std::string(name.owner),
                      .created_unix_seconds = select.IntAt(0),
                      .expires_unix_seconds = select.IntAt(1),
                      .content = select.BytesAt(2)};
}

Status ObjectStore::Delete(const ObjectName& name, int64_t now_unix_seconds) {
  const std::lock_guard lock(mutex_);
  BP_RETURN_IF_ERROR(EnsureOpen());
  BP_RETURN_IF_ERROR(
      Statement(*database_, "DELETE FROM objects WHERE kind = ? AND id = ? AND owner = ? AND expires > ?")
          .Text(name.kind)
          .Text(name.id)
          .Text(name.owner)
          .Int(now_unix_seconds)
          .Run());
  if (database_->RowsChanged() > 0) return Status::Ok();
  return Status::NotFound(Cat("there is no ", name.kind, " '", name.id.substr(0, 100), "'"));
}

Result<uint64_t> ObjectStore::BytesStored() {
  const std::lock_guard lock(mutex_);
  BP_RETURN_IF_ERROR(EnsureOpen());
  return BytesLocked();
}

Result<uint64_t> ObjectStore::BytesLocked() {
  Statement sum(*database_, "SELECT COALESCE(SUM(bytes), 0) FROM objects");
  BP_RETURN_IF_ERROR(sum.Step().status());
  return static_cast<uint64_t>(sum.IntAt(0));
}

}  // namespace bedplate
