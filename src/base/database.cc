#include "base/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/cat.h"

namespace bedplate {
namespace {

constexpr int kBusyWaitMs = 5000;

/// For its owner's eyes alone: SQLite gives its other files the same rights.
Status MakePrivateFile(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) {
    ::close(file);
    return Status::Ok();
  }
  if (errno == EACCES || errno == EROFS) return Status::Ok();  // what is there may be readable: SQLite tells
  return Status::IoError(Cat("cannot open ", path.string(), ": ", std::generic_category().message(errno)));
}

Status NoFile(const std::filesystem::path& path) {
  return Status::NotFound(Cat("there is no ", path.string()));
}

}  // namespace

Result<std::unique_ptr<Database>> Database::Open(const std::filesystem::path& path, DatabaseOptions options) {
  BP_CHECK(options.application_id != 0);
  std::unique_ptr<Database> database(new Database(path, std::move(options)));
  BP_RETURN_IF_ERROR(database->OpenFile());
  return database;
}

Database::Database(std::filesystem::path path, DatabaseOptions options)
    : path_(std::move(path)), options_(std::move(options)) {}

Database::~Database() {
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  sqlite3_close(connection_);
}

Status Database::OpenFile() {
  const bool in_memory = path_ == ":memory:";
  if (options_.read_only && !std::filesystem::exists(path_)) return NoFile(path_);
  if (options_.locked && !options_.read_only && !in_memory) {
    Result<std::unique_ptr<RandomAccessFile>> lock = OpenLockedFile(path_.string() + ".lock");
    if (lock.status().code() == StatusCode::kUnavailable) {
      return Status::Unavailable(Cat(options_.what, " in ", path_.parent_path().string(),
                                     " is in use by another process: stop that one, or give this one another data "
                                     "folder"))
          .WithReason("in_use");
    }
    if (!lock.ok()) return lock.status();
    lock_ = std::move(*lock);
  }
  if (!options_.read_only && !in_memory) BP_RETURN_IF_ERROR(MakePrivateFile(path_));
  const int flags =
      (options_.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path_.c_str(), &connection_, flags, options_.vfs) != SQLITE_OK) return Failure("open its file");
  sqlite3_extended_result_codes(connection_, 1);
  sqlite3_busy_timeout(connection_, kBusyWaitMs);
  BP_RETURN_IF_ERROR(Execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON"));
  BP_ASSIGN_OR_RETURN(const int64_t application, Number("PRAGMA application_id"));
  BP_ASSIGN_OR_RETURN(const int64_t form, Number("PRAGMA user_version"));
  BP_ASSIGN_OR_RETURN(const int64_t tables, Number("SELECT COUNT(*) FROM sqlite_master"));
  const bool ours = application == options_.application_id && form == options_.form;
  if (!ours && (tables > 0 || options_.read_only)) {
    return Status::DataLoss(Cat(path_.string(), " is no file of ", options_.what,
                                " that this build can read (application ", application, ", form ", form,
                                "); move it away, or use the build that made it"));
  }
  if (options_.read_only) return Status::Ok();
  const bool power_cut = options_.durability == DatabaseOptions::Durability::kPowerCut;
  BP_RETURN_IF_ERROR(Execute("PRAGMA journal_mode = WAL"));
  BP_RETURN_IF_ERROR(Execute(power_cut ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
  if (tables > 0) return Status::Ok();  // to make them asks for the lock that a writer holds
  return InTransaction([&] {
    // Another process may have made them while this one waited.
    const Result<int64_t> made = Number("SELECT COUNT(*) FROM sqlite_master");
    if (!made.ok() || *made > 0) return made.status();
    const std::string sql = Cat("PRAGMA application_id = ", options_.application_id,
                                "; PRAGMA user_version = ", options_.form, ";", options_.make_tables);
    return Execute(sql.c_str());
  });
}

Result<int64_t> Database::Number(const char* pragma) {
  Statement statement(*this, pragma);
  BP_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.IntAt(0) : 0;
}

Status Database::Execute(const char* sql) {
  if (sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return Status::Ok();
  return Failure("run a statement");
}

Status Database::InTransaction(const std::function<Status()>& work) {
  BP_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
  Status status = work();
  if (status.ok()) status = Execute("COMMIT");
  // What is told is why the work failed. Some errors have undone it already.
  if (!status.ok() && sqlite3_get_autocommit(connection_) == 0) (void)Execute("ROLLBACK");
  return status;
}

int64_t Database::RowsChanged() const {
  return sqlite3_changes64(connection_);
}

Status Database::Failure(std::string_view doing) const {
  std::string message = Cat(options_.what, " could not ", doing, ": ", sqlite3_errmsg(connection_));
  if (path_ != ":memory:") message += Cat(" (", path_.string(), ")");
  const int code = sqlite3_extended_errcode(connection_);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Status::Unavailable(std::move(message)).WithRetryAfterMs(1000);
    case SQLITE_FULL:
      return Status::ResourceExhausted(std::move(message)).WithReason("disk_full");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Status::IoError(std::move(message)).WithReason("read_only");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Status::DataLoss(message + "; restore a copy of it that is whole");
    case SQLITE_CONSTRAINT:
      return Status{StatusCode::kConflict, std::move(message)};
    case SQLITE_NOMEM:
      return Status::Internal(std::move(message)).WithReason("out_of_memory");
    default:
      return Status::IoError(std::move(message));
  }
}

Statement::Statement(Database& database, std::string_view sql) : database_(database), sql_(sql) {
  const auto idle = database_.idle_.find(sql_);
  if (idle != database_.idle_.end()) {
    statement_ = std::exchange(idle->second, nullptr);  // the entry stays for its return
  }
  if (statement_ == nullptr) {
    Note(sqlite3_prepare_v3(database_.connection_, sql_.data(), static_cast<int>(sql_.size()),
                            SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
  }
}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  sqlite3_stmt*& place = database_.idle_[std::move(sql_)];
  sqlite3_finalize(std::exchange(place, statement_));
}

// An empty view may have no bytes at all, which SQLite would take for a null.
Statement& Statement::Text(std::string_view value) {
  if (ok_) {
    Note(sqlite3_bind_text64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(), value.size(),
                             SQLITE_STATIC, SQLITE_UTF8));
  }
  return *this;
}

Statement& Statement::Blob(std::string_view value) {
  if (ok_) {
    Note(sqlite3_bind_blob64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(), value.size(),
                             SQLITE_STATIC));
  }
  return *this;
}

Statement& Statement::Int(int64_t value) {
  if (ok_) Note(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::Null() {
  if (ok_) Note(sqlite3_bind_null(statement_, ++bound_));
  return *this;
}

Result<bool> Statement::Step() {
  if (!ok_) return database_.Failure("prepare a statement");
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return database_.Failure("run a statement");
}

bool Statement::IsNullAt(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t Statement::IntAt(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Statement::ViewAt(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(bytes), size);
}

}  // namespace bedplate
