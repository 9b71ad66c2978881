// One table. Its file is a SQLite database with our application id and, as its user version, the table's form: a later
// form comes with the step that changes an older file, and a newer one than ours is refused rather than misread.

#include "objects/object_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/cat.h"
#include "base/json.h"

namespace bedplate {
namespace {

constexpr int kBusyWaitMs = 5000;
constexpr char kSetUp[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;";
// 'BpOb', as bytes.
constexpr int64_t kApplicationId = 0x42704F62;
constexpr int64_t kForm = 1;
constexpr char kMakeTable[] =
    "BEGIN IMMEDIATE;"
    "PRAGMA application_id = 1114656610;"
    "PRAGMA user_version = 1;"
    "CREATE TABLE IF NOT EXISTS objects ("
    "  number INTEGER PRIMARY KEY,"  // ascending, so that the lowest is the oldest
    "  kind TEXT NOT NULL,"
    "  id TEXT NOT NULL,"
    "  owner TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  content BLOB NOT NULL,"
    "  UNIQUE (kind, id));"
    "CREATE INDEX IF NOT EXISTS objects_by_expiry ON objects (expires);"
    "CREATE INDEX IF NOT EXISTS objects_by_owner ON objects (owner, number, bytes);"
    "COMMIT;";
static_assert(kApplicationId == 1114656610 && kForm == 1);

}  // namespace

/// One prepared statement. Texts and blobs that are bound outlive it.
class ObjectStore::Statement {
 public:
  Statement(const ObjectStore& store, const char* sql) : store_(store) {
    ok_ = sqlite3_prepare_v2(store.database_, sql, -1, &statement_, nullptr) == SQLITE_OK;
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Text(std::string_view value) {
    if (ok_)
      ok_ = sqlite3_bind_text64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(), value.size(),
                                SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
    return *this;
  }
  Statement& Blob(std::string_view value) {
    if (ok_)
      ok_ = sqlite3_bind_blob64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(), value.size(),
                                SQLITE_STATIC) == SQLITE_OK;
    return *this;
  }
  Statement& Int(int64_t value) {
    if (ok_) ok_ = sqlite3_bind_int64(statement_, ++bound_, value) == SQLITE_OK;
    return *this;
  }
  /// True: there is a row.
  Result<bool> Step() {
    if (!ok_) return store_.Failure("prepare");
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) return false;
    return store_.Failure("run a statement");
  }
  Status Run() { return Step().status(); }
  [[nodiscard]] int64_t IntAt(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string BytesAt(int column) const {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

 private:
  const ObjectStore& store_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  bool ok_ = false;
};

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

ObjectStore::~ObjectStore() {
  sqlite3_close(database_);
}

Status ObjectStore::OpenNow() {
  const std::lock_guard lock(mutex_);
  return EnsureOpen();
}

Status ObjectStore::EnsureOpen() {
  if (database_ != nullptr) return Status::Ok();
  Status opened = OpenFile();
  if (!opened.ok()) {
    sqlite3_close(database_);
    database_ = nullptr;
  }
  return opened;
}

Status ObjectStore::OpenFile() {
  if (path_ != ":memory:") {
    // For its owner's eyes alone: SQLite gives its other files the same rights.
    const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
      return Status::IoError(Cat("cannot open ", path_.string(), ": ", std::generic_category().message(errno)));
    ::close(file);
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path_.c_str(), &database_, flags, nullptr) != SQLITE_OK) return Failure("open its file");
  sqlite3_busy_timeout(database_, kBusyWaitMs);
  const auto number = [&](const char* pragma) -> Result<int64_t> {
    Statement statement(*this, pragma);
    BP_ASSIGN_OR_RETURN(const bool row, statement.Step());
    return row ? statement.IntAt(0) : 0;
  };
  BP_ASSIGN_OR_RETURN(const int64_t application, number("PRAGMA application_id"));
  BP_ASSIGN_OR_RETURN(const int64_t form, number("PRAGMA user_version"));
  BP_ASSIGN_OR_RETURN(const int64_t tables, number("SELECT COUNT(*) FROM sqlite_master"));
  if (tables > 0 && (application != kApplicationId || form != kForm)) {
    return Status::DataLoss(Cat(path_.string(), " is no store of objects that this build can read (application ",
                                application, ", form ", form, "); move it away, or use the build that made it"));
  }
  BP_RETURN_IF_ERROR(Execute(kSetUp));
  return tables > 0 ? Status::Ok() : Execute(kMakeTable);  // to make it asks for the lock that a writer holds
}

Status ObjectStore::Put(const StoredObject& object, int64_t now_unix_seconds) {
  if (object.content.size() > options_.bytes_max) {
    return Status::TooLarge(Cat("the ", object.kind, " has ", object.content.size(),
                                " bytes; allowed: ", options_.bytes_max, " for all that is stored"));
  }
  const std::lock_guard lock(mutex_);
  BP_RETURN_IF_ERROR(EnsureOpen());
  BP_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
  Status status = PutLocked(object, now_unix_seconds);
  if (status.ok()) status = Execute("COMMIT");
  if (!status.ok()) (void)Execute("ROLLBACK");  // what is told is why the Put failed
  return status;
}

Status ObjectStore::PutLocked(const StoredObject& object, int64_t now_unix_seconds) {
  BP_RETURN_IF_ERROR(Statement(*this, "DELETE FROM objects WHERE expires <= ?").Int(now_unix_seconds).Run());
  BP_RETURN_IF_ERROR(Statement(*this, "DELETE FROM objects WHERE kind = ? AND id = ? AND owner = ?")
                         .Text(object.kind)
                         .Text(object.id)
                         .Text(object.owner)
                         .Run());
  Statement others(*this, "SELECT 1 FROM objects WHERE kind = ? AND id = ?");
  BP_ASSIGN_OR_RETURN(const bool taken, others.Text(object.kind).Text(object.id).Step());
  if (taken) return Status{StatusCode::kConflict, Cat("the id of this ", object.kind, " is taken")};
  BP_RETURN_IF_ERROR(MakeRoom(object.content.size()));
  return Statement(
             *this,
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
    BP_RETURN_IF_ERROR(Statement(*this,
                                 "DELETE FROM objects WHERE number = (SELECT MIN(number) FROM objects WHERE owner ="
                                 " (SELECT owner FROM objects GROUP BY owner ORDER BY SUM(bytes) DESC LIMIT 1))")
                           .Run());
  }
}

Result<StoredObject> ObjectStore::Get(const ObjectName& name, int64_t now_unix_seconds) {
  const std::lock_guard lock(mutex_);
  BP_RETURN_IF_ERROR(EnsureOpen());
  Statement select(
      *this, "SELECT created, expires, content FROM objects WHERE kind = ? AND id = ? AND owner = ? AND expires > ?");
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
  BP_RETURN_IF_ERROR(Statement(*this, "DELETE FROM objects WHERE kind = ? AND id = ? AND owner = ? AND expires > ?")
                         .Text(name.kind)
                         .Text(name.id)
                         .Text(name.owner)
                         .Int(now_unix_seconds)
                         .Run());
  if (sqlite3_changes(database_) > 0) return Status::Ok();
  return Status::NotFound(Cat("there is no ", name.kind, " '", name.id.substr(0, 100), "'"));
}

Result<uint64_t> ObjectStore::BytesStored() {
  const std::lock_guard lock(mutex_);
  BP_RETURN_IF_ERROR(EnsureOpen());
  return BytesLocked();
}

Result<uint64_t> ObjectStore::BytesLocked() {
  Statement sum(*this, "SELECT COALESCE(SUM(bytes), 0) FROM objects");
  BP_RETURN_IF_ERROR(sum.Step().status());
  return static_cast<uint64_t>(sum.IntAt(0));
}

Status ObjectStore::Execute(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return Status::Ok();
  return Failure("run a statement");
}

Status ObjectStore::Failure(std::string_view what) const {
  std::string message = Cat("the store of objects could not ", what, ": ", sqlite3_errmsg(database_));
  switch (sqlite3_errcode(database_)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Status::Unavailable(std::move(message)).WithRetryAfterMs(1000);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Status::DataLoss(std::move(message));
    default:
      return Status::IoError(std::move(message));
  }
}

}  // namespace bedplate
