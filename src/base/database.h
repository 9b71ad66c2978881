#pragma once
/// One SQLite file (https://sqlite.org/wal.html) and the statements that run on it: what every room that keeps rows
/// shares. Which tables there are, and what they mean, is its caller's.
///
///   BP_ASSIGN_OR_RETURN(auto database, Database::Open(data / "things.sqlite3", {.what = "the store of things", ...}));
///   BP_RETURN_IF_ERROR(database->InTransaction([&] {
///     return Statement(*database, "INSERT INTO things (id, bytes) VALUES (?, ?)").Int(7).Blob(bytes).Run();
///   }));
///   Statement select(*database, "SELECT bytes FROM things WHERE id > ?");
///   select.Int(5);
///   for (;;) {
///     BP_ASSIGN_OR_RETURN(const bool row, select.Step());
///     if (!row) break;
///     Use(select.ViewAt(0));
///   }
///
/// File:     it carries the caller's application id and the form of its tables. A file of another application, of a
/// form
///           that this build doesn't know, or that is no database, is refused and left as it is.
/// Owns:     the connection, its prepared statements and the lock. Outlives its Statements.
/// Threads:  one at a time: a caller with several has a mutex, or a writer thread.
/// Errors:   kResourceExhausted, reason "disk_full"; kIoError, reason "read_only", where the file or its folder can't
/// be
///           written; kDataLoss for damage and for what is no file of ours; kUnavailable, with when to try again, while
///           another process writes for longer than five seconds, and where it holds the lock; kConflict where a row
///           breaks a rule of its table; kIoError otherwise. After an error inside InTransaction nothing of it is
///           there. Each message begins with `what`.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/random_access_file.h"
#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bedplate {

struct DatabaseOptions {
  enum class Durability : uint8_t {
    kKill,      // what was committed outlives a kill; a power cut may take the last seconds, never half a transaction
    kPowerCut,  // and a power cut: each commit is synced
  };

  std::string what;              // "the ledger", for messages
  int32_t application_id = 0;    // of the file; not 0
  int32_t form = 1;              // of its tables; raised when they change
  std::string_view make_tables;  // SQL, run once on a new file
  Durability durability = Durability::kPowerCut;
  /// Holds PATH.lock (flock) while open, so that a second one on the same file, in this process or another, is refused.
  bool locked = false;
  /// Looks at a file that must be there, also while another process writes it. Takes no lock.
  bool read_only = false;
  const char* vfs = nullptr;  // SQLite's layer below; tests bring one whose disk fails
};

class Database {
 public:
  /// Opens the file, or makes it for its owner's eyes alone. ":memory:": gone with the object.
  static Result<std::unique_ptr<Database>> Open(const std::filesystem::path& path, DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// One or more statements without values.
  Status Execute(const char* sql);
  /// All that `work` does, or nothing: where it fails, or the commit does, everything is undone and its error returned.
  /// Waits for other writers first. Not nested.
  Status InTransaction(const std::function<Status()>& work);
  [[nodiscard]] int64_t RowsChanged() const;  // by the last statement that changed some
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  friend class Statement;
  Database(std::filesystem::path path, DatabaseOptions options);
  Status OpenFile();
  Result<int64_t> Number(const char* pragma);
  [[nodiscard]] Status Failure(std::string_view doing) const;

  const std::filesystem::path path_;
  const DatabaseOptions options_;
  std::unique_ptr<RandomAccessFile> lock_;
  sqlite3* connection_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> idle_;  // prepared, by their text
};

/// One run of a statement. Its text is prepared once for each database and kept, so texts are literals: values go into
/// their places by Text, Blob, Int and Null, in order. What is bound must outlive the run.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Text(std::string_view value);
  Statement& Blob(std::string_view value);
  Statement& Int(int64_t value);
  Statement& Null();
  /// True: there is a row.
  Result<bool> Step();
  Status Run() { return Step().status(); }

  // Of the present row, columns from 0. A null reads as 0 or as empty.
  [[nodiscard]] bool IsNullAt(int column) const;
  [[nodiscard]] int64_t IntAt(int column) const;
  [[nodiscard]] std::string_view ViewAt(int column) const;  // valid until the next Step
  [[nodiscard]] std::string BytesAt(int column) const { return std::string(ViewAt(column)); }

 private:
  void Note(int result) { ok_ = ok_ && result == 0; }
  Database& database_;
  std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  bool ok_ = true;
};

}  // namespace bedplate
