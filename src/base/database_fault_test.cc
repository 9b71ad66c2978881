// Method: a transaction on a disk whose n-th write fails, for every n until none is left: it is whole or nothing, as it
// was answered, for whoever opens the file next; and what the disk says is told by its reason.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/cat.h"
#include "base/database.h"
#include "base/database_testing.h"

namespace bedplate {
namespace {

struct Fault {
  int sqlite_code;
  StatusCode code;
  const char* reason;
};
constexpr Fault kFaults[] = {{SQLITE_FULL, StatusCode::kResourceExhausted, "disk_full"},
                             {SQLITE_READONLY, StatusCode::kIoError, "read_only"},
                             {SQLITE_IOERR_WRITE, StatusCode::kIoError, ""},
                             {SQLITE_IOERR_FSYNC, StatusCode::kIoError, ""}};

TEST(DatabaseFault, EveryFailingWriteIsToldAndLeavesNoHalf) {
  const auto folder = std::filesystem::temp_directory_path() / Cat("bedplate-database-fault-", ::getpid());
  FailingDisk disk;
  const DatabaseOptions options{.what = "the store",
                                .application_id = 7,
                                .make_tables = "CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT NOT NULL)",
                                .vfs = disk.name()};
  for (const Fault& fault : kFaults) {
    for (int64_t call = 1;; ++call) {
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder);
      auto database = *Database::Open(folder / "rows", options);
      disk.FailAt(call, fault.sqlite_code, true);
      const std::string text(5000, 'x');  // more than a page
      const Status written = database->InTransaction([&]() -> Status {
        for (int i = 0; i < 3; ++i) {
          BP_RETURN_IF_ERROR(Statement(*database, "INSERT INTO rows (text) VALUES (?)").Text(text).Run());
        }
        return Status::Ok();
      });
      const bool failed = disk.failed();
      disk.Mend();
      ASSERT_EQ(written.ok(), !failed);
      if (failed) {
        EXPECT_EQ(written.code(), fault.code) << written.message();
        EXPECT_EQ(written.reason(), fault.reason) << written.message();
      }
      const auto count = [&] {
        Statement rows(*database, "SELECT COUNT(*) FROM rows");
        return *rows.Step() ? rows.IntAt(0) : -1;
      };
      EXPECT_EQ(count(), failed ? 0 : 3);
      database.reset();
      database = *Database::Open(folder / "rows", options);
      EXPECT_EQ(count(), failed ? 0 : 3);
      if (!failed) break;
      ASSERT_LT(call, 100);
    }
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace bedplate
