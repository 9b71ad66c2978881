// Method: the contract through the front door, on files: what is committed is there and the rest isn't; who else has
// the file, and what no file of ours is, is refused by name.

#include "base/database.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

DatabaseOptions ThingsOptions() {
  return {.what = "the store of things",
          .application_id = 0x42705465,
          .form = 3,
          .make_tables = "CREATE TABLE things (id INTEGER PRIMARY KEY, bytes BLOB) STRICT",
          .locked = true};
}

class DatabaseFile : public testing::Test {
 protected:
  DatabaseFile() { std::filesystem::create_directories(folder_); }
  ~DatabaseFile() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path path() const { return folder_ / "things.sqlite3"; }
  const std::filesystem::path folder_ = std::filesystem::temp_directory_path() / Cat("bedplate-database-", ::getpid());
};

Status Insert(Database& database, int64_t id, std::string_view bytes) {
  return Statement(database, "INSERT INTO things (id, bytes) VALUES (?, ?)").Int(id).Blob(bytes).Run();
}
int64_t Count(Database& database) {
  Statement count(database, "SELECT COUNT(*) FROM things");
  return *count.Step() ? count.IntAt(0) : -1;
}

TEST_F(DatabaseFile, GivesBackWhatWasCommitted) {
  const std::string bytes("any \0 bytes \xff", 13);
  {
    const auto database = *Database::Open(path(), ThingsOptions());
    ASSERT_TRUE(database->InTransaction([&] { return Insert(*database, 1, bytes); }).ok());
    ASSERT_TRUE(Statement(*database, "INSERT INTO things (id, bytes) VALUES (?, ?)").Int(2).Null().Run().ok());
    ASSERT_TRUE(Insert(*database, 3, {}).ok());
    EXPECT_EQ(database->RowsChanged(), 1);
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600)) << file.path();
    }
  }
  const auto database = *Database::Open(path(), ThingsOptions());
  Statement select(*database, "SELECT id, bytes FROM things WHERE id >= ? ORDER BY id");
  select.Int(1);
  ASSERT_TRUE(*select.Step());
  EXPECT_EQ(select.IntAt(0), 1);
  EXPECT_EQ(select.ViewAt(1), bytes);
  ASSERT_TRUE(*select.Step());
  EXPECT_TRUE(select.IsNullAt(1));
  ASSERT_TRUE(*select.Step());
  EXPECT_FALSE(select.IsNullAt(1));
  EXPECT_EQ(select.BytesAt(1), "");
  EXPECT_FALSE(*select.Step());
}

TEST_F(DatabaseFile, StatementsAreKeptAndMayOverlap) {
  const auto database = *Database::Open(path(), ThingsOptions());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Insert(*database, i, "x").ok());
  constexpr std::string_view kSql = "SELECT id FROM things ORDER BY id";
  int pairs = 0;
  Statement outer(*database, kSql);
  while (*outer.Step()) {
    Statement inner(*database, kSql);
    while (*inner.Step()) ++pairs;
  }
  EXPECT_EQ(pairs, 9);
  const Status wrong = Statement(*database, "SELECT nothing FROM nowhere").Run();
  EXPECT_EQ(wrong.code(), StatusCode::kIoError);
  EXPECT_NE(wrong.message().find("the store of things could not prepare"), std::string::npos) << wrong.message();
}

TEST_F(DatabaseFile, ATransactionIsWholeOrNothing) {
  const auto database = *Database::Open(path(), ThingsOptions());
  const Status failed = database->InTransaction([&]() -> Status {
    BP_RETURN_IF_ERROR(Insert(*database, 1, "x"));
    return Status::InvalidArgument("no");
  });
  EXPECT_EQ(failed.message(), "no");
  EXPECT_EQ(Count(*database), 0);
  ASSERT_TRUE(Insert(*database, 1, "x").ok());
  const Status twice = database->InTransaction([&]() -> Status {
    BP_RETURN_IF_ERROR(Insert(*database, 2, "x"));
    return Insert(*database, 1, "x");
  });
  EXPECT_EQ(twice.code(), StatusCode::kConflict) << twice.message();
  EXPECT_EQ(Count(*database), 1);
  EXPECT_TRUE(database->InTransaction([&] { return Insert(*database, 2, "x"); }).ok());
}

TEST_F(DatabaseFile, ASecondOneIsRefusedUntilTheFirstEnds) {
  auto first = *Database::Open(path(), ThingsOptions());
  const auto second = Database::Open(path(), ThingsOptions());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(second.status().reason(), "in_use");
  EXPECT_NE(second.status().message().find(folder_.string()), std::string::npos) << second.status().message();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(Database::Open(path(), ThingsOptions()).ok() ? 0 : 7);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7) << "another process, too";
  first.reset();
  EXPECT_TRUE(Database::Open(path(), ThingsOptions()).ok());
}

TEST_F(DatabaseFile, AReaderLooksWhileAnotherWrites) {
  DatabaseOptions reading = ThingsOptions();
  reading.read_only = true;
  EXPECT_EQ(Database::Open(path(), reading).status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path()));
  const auto writer = *Database::Open(path(), ThingsOptions());
  ASSERT_TRUE(Insert(*writer, 1, "x").ok());
  const auto reader = Database::Open(path(), reading);
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  EXPECT_EQ(Count(**reader), 1);
  ASSERT_TRUE(Insert(*writer, 2, "x").ok());
  EXPECT_EQ(Count(**reader), 2);
  const Status write = Insert(**reader, 3, "x");
  EXPECT_EQ(write.code(), StatusCode::kIoError);
  EXPECT_EQ(write.reason(), "read_only");
}

TEST_F(DatabaseFile, OfAnotherKindOrFormIsRefusedAndLeftAlone) {
  {
    (void)*Database::Open(path(), ThingsOptions());
  }
  DatabaseOptions other = ThingsOptions();
  other.form = 4;
  EXPECT_EQ(Database::Open(path(), other).status().code(), StatusCode::kDataLoss);
  other = ThingsOptions();
  other.application_id = 77;
  EXPECT_EQ(Database::Open(path(), other).status().code(), StatusCode::kDataLoss);
  EXPECT_TRUE(Database::Open(path(), ThingsOptions()).ok());
  std::ofstream(path()) << std::string(5000, 'x');
  const auto garbage = Database::Open(path(), ThingsOptions());
  ASSERT_FALSE(garbage.ok());
  EXPECT_EQ(garbage.status().code(), StatusCode::kDataLoss) << garbage.status().message();
  EXPECT_EQ(*ReadFile(path()), std::string(5000, 'x'));
  EXPECT_EQ(Database::Open(folder_ / "no" / "such" / "folder", ThingsOptions()).status().code(), StatusCode::kIoError);
}

TEST_F(DatabaseFile, AKilledWriterLeavesWhatItCommitted) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto database = Database::Open(path(), ThingsOptions());
    if (!database.ok() || !Insert(**database, 1, "kept").ok()) ::_exit(1);
    (void)(*database)->InTransaction([&]() -> Status {
      (void)Insert(**database, 2, "lost");
      ::kill(::getpid(), SIGKILL);
      return Status::Ok();
    });
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto database = Database::Open(path(), ThingsOptions());
  ASSERT_TRUE(database.ok()) << database.status().message();
  EXPECT_EQ(Count(**database), 1);
}

}  // namespace
}  // namespace bedplate
