// Method: the contract through the front door; random operations beside a map that knows what should be there; a file
// that is reopened, that a killed process left, and that is no store.

#include "objects/object_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "base/cat.h"
#include "base/random.h"

namespace bedplate {
namespace {

constexpr int64_t kNow = 1000;

StoredObject Object(std::string id, std::string content, std::string owner = "a", int64_t expires = 2000) {
  return {.kind = "response",
          .id = std::move(id),
          .owner = std::move(owner),
          .created_unix_seconds = kNow,
          .expires_unix_seconds = expires,
          .content = std::move(content)};
}
ObjectName Name(std::string_view id, std::string_view owner = "a") {
  return {.kind = "response", .id = id, .owner = owner};
}
std::unique_ptr<ObjectStore> InMemory(uint64_t bytes_max = 1 << 20) {
  return *ObjectStore::InMemory({.bytes_max = bytes_max});
}

class StoreFile : public testing::Test {
 protected:
  StoreFile() { std::filesystem::create_directories(folder_); }
  ~StoreFile() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path path() const { return folder_ / "objects.sqlite3"; }
  const std::filesystem::path folder_ = std::filesystem::temp_directory_path() / Cat("bedplate-objects-", ::getpid());
};

TEST(ObjectStore, GivesBackWhatWasPut) {
  const auto store = InMemory();
  const StoredObject whole = Object("r1", std::string("bytes \0 of any kind \xff", 21));
  ASSERT_TRUE(store->Put(whole, kNow).ok());
  EXPECT_EQ(*store->Get(Name("r1"), kNow), whole);
  const StoredObject again = Object("r1", "");
  ASSERT_TRUE(store->Put(again, kNow).ok());
  EXPECT_EQ(*store->Get(Name("r1"), kNow), again);
  EXPECT_EQ(*store->BytesStored(), 0u);
}

TEST_F(StoreFile, OpensWhileAnotherProcessWrites) {
  ASSERT_TRUE((*ObjectStore::Open(path(), {}))->Put(Object("r1", "x"), kNow).ok());
  sqlite3* writer = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &writer), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(writer, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto store = ObjectStore::Open(path(), {});
  EXPECT_TRUE(store.ok()) << store.status().message();
  EXPECT_TRUE((*store)->Get(Name("r1"), kNow).ok());
  sqlite3_close(writer);
}

TEST(ObjectStore, AnothersIsUnknown) {
  const auto store = InMemory();
  ASSERT_TRUE(store->Put(Object("r1", "mine"), kNow).ok());
  const auto got = store->Get(Name("r1", "b"), kNow), none = store->Get(Name("r1x", "b"), kNow);
  EXPECT_EQ(got.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(none.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->Delete(Name("r1", "b"), kNow).code(), StatusCode::kNotFound);
  EXPECT_EQ(store->Put(Object("r1", "theirs", "b"), kNow).code(), StatusCode::kConflict);
  EXPECT_EQ(store->Get(Name("r1"), kNow)->content, "mine");
  EXPECT_NE(OwnerOf({.tenant = "a", .project = "b\",\"c", .key = "d"}),
            OwnerOf({.tenant = "a\",\"b", .project = "c", .key = "d"}));
}

TEST(ObjectStore, WhatHasExpiredIsUnknown) {
  const auto store = InMemory();
  ASSERT_TRUE(store->Put(Object("r1", "x"), kNow).ok());
  EXPECT_TRUE(store->Get(Name("r1"), 1999).ok());
  EXPECT_EQ(store->Get(Name("r1"), 2000).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store->Delete(Name("r1"), 2000).code(), StatusCode::kNotFound);
  ASSERT_TRUE(store->Put(Object("r2", "yy", "b", 3000), 2000).ok());
  EXPECT_EQ(*store->BytesStored(), 2u) << "the expired one's room is given back";
}

TEST(ObjectStore, WhoHoldsTheMostMakesRoom) {
  const auto store = InMemory(100);
  ASSERT_TRUE(store->Put(Object("small", std::string(20, 's'), "b"), kNow).ok());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(store->Put(Object(Cat("r", i), std::string(30, 'x')), kNow).ok());
  EXPECT_TRUE(store->Get(Name("small", "b"), kNow).ok()) << "the oldest, but its owner holds little";
  EXPECT_FALSE(store->Get(Name("r17"), kNow).ok());
  EXPECT_TRUE(store->Get(Name("r18"), kNow).ok());
  EXPECT_TRUE(store->Get(Name("r19"), kNow).ok());
  EXPECT_EQ(*store->BytesStored(), 80u);
  EXPECT_EQ(store->Put(Object("huge", std::string(101, 'x')), kNow).code(), StatusCode::kTooLarge);
}

TEST(ObjectStore, EqualsAMapUnderRandomOperations) {
  const auto store = InMemory();
  std::map<std::pair<std::string, std::string>, StoredObject> map;  // by id and owner
  Prng rng(TestSeed());
  int64_t now = kNow;
  for (int i = 0; i < 2000; ++i) {
    now += rng.Range(0, 2);
    std::erase_if(map, [&](const auto& entry) { return entry.second.expires_unix_seconds <= now; });
    const std::string owner(1, static_cast<char>('a' + rng.Range(0, 2)));
    const std::string id = Cat(owner, rng.Range(0, 30));
    const auto known = map.find({id, owner});
    if (rng.Chance(0.5)) {
      StoredObject object = Object(id, std::string(static_cast<size_t>(rng.Range(0, 50)), 'x'), owner);
      object.expires_unix_seconds = now + rng.Range(1, 200);
      ASSERT_TRUE(store->Put(object, now).ok());
      map[{id, owner}] = object;
    } else if (rng.Chance(0.3)) {
      ASSERT_EQ(store->Delete(Name(id, owner), now).ok(), known != map.end());
      map.erase({id, owner});
    } else {
      const auto got = store->Get(Name(id, owner), now);
      ASSERT_EQ(got.ok(), known != map.end());
      if (got.ok()) {
        ASSERT_EQ(*got, known->second);
      }
    }
  }
}

TEST_F(StoreFile, OutlivesTheProcess) {
  {
    const auto store = *ObjectStore::Open(path(), {});
    ASSERT_TRUE(store->Put(Object("r1", "kept"), kNow).ok());
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600)) << file.path();
    }
  }
  EXPECT_EQ((*ObjectStore::Open(path(), {}))->Get(Name("r1"), kNow)->content, "kept");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store = ObjectStore::Open(path(), {});
    const bool put = store.ok() && (*store)->Put(Object("r2", "killed"), kNow).ok();
    if (put) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ((*ObjectStore::Open(path(), {}))->Get(Name("r2"), kNow)->content, "killed");
}

TEST_F(StoreFile, OpensWhenItCan) {
  const std::filesystem::path later = folder_ / "later";
  const auto store = ObjectStore::OpenedWhenUsed(later / "objects.sqlite3", {});
  EXPECT_EQ(store->OpenNow().code(), StatusCode::kIoError);
  EXPECT_EQ(store->Put(Object("r1", "a"), kNow).code(), StatusCode::kIoError);
  EXPECT_EQ(store->Get(Name("r1"), kNow).status().code(), StatusCode::kIoError);
  std::filesystem::create_directory(later);
  EXPECT_TRUE(store->Put(Object("r1", "a"), kNow).ok());
  EXPECT_EQ(store->Get(Name("r1"), kNow)->content, "a");
}

TEST_F(StoreFile, OfAnotherKindIsRefused) {
  std::ofstream(path()) << std::string(5000, 'x');
  const auto garbage = ObjectStore::Open(path(), {});
  ASSERT_FALSE(garbage.ok());
  EXPECT_EQ(garbage.status().code(), StatusCode::kDataLoss) << garbage.status().message();
  EXPECT_EQ(ObjectStore::Open(folder_ / "no" / "such" / "folder", {}).status().code(), StatusCode::kIoError);
}

}  // namespace
}  // namespace bedplate
