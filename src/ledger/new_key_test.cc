// New keys: what is printed is a key file that knows the secret, and no two are alike.
#include "ledger/new_key.h"

#include <gtest/gtest.h>

#include <set>

#include "ledger/key_file.h"

namespace bedplate {
namespace {

TEST(NewKey, TheEntryIsAKeyFileThatKnowsTheSecret) {
  const auto key = MakeKey({.name = "ada", .tenant = "research", .project = "search"});
  ASSERT_TRUE(key.ok()) << key.status().message();
  EXPECT_EQ(key->secret.size(), 46u);
  EXPECT_EQ(key->entry.find(key->secret), std::string::npos) << "only the hash is kept";
  const auto file = KeyFile::Parse(key->entry, "keys.toml");
  ASSERT_TRUE(file.ok());
  const Key* const found = file->FindBearer(key->secret);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->principal.tenant, "research");
  EXPECT_EQ(found->principal.project, "search");
}

TEST(NewKey, APairSignsRequests) {
  const auto key = MakeKey({.name = "boto", .tenant = "", .project = "", .access_key = true});
  ASSERT_TRUE(key.ok()) << key.status().message();
  EXPECT_TRUE(key->secret.empty());
  EXPECT_EQ(key->access_key_id.size(), 20u);
  const auto file = KeyFile::Parse(key->entry, "keys.toml");
  ASSERT_TRUE(file.ok());
  ASSERT_NE(file->FindAccessKey(key->access_key_id), nullptr);
  EXPECT_EQ(file->FindAccessKey(key->access_key_id)->secret_access_key, key->secret_access_key);
}

TEST(NewKey, NamesThatAFileMayNotHaveAreRefused) {
  for (const auto* name : {"", "a b", "a\"\nsha256 = \"", "ä"}) {
    EXPECT_EQ(MakeKey({.name = name, .tenant = "", .project = ""}).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST(NewKey, LettersAreEvenAndNeverTheSame) {
  std::set<std::string> seen;
  std::set<char> letters;
  for (int i = 0; i < 100; ++i) {
    const auto text = RandomLetters(43);
    ASSERT_TRUE(text.ok());
    EXPECT_TRUE(seen.insert(*text).second);
    letters.insert(text->begin(), text->end());
  }
  EXPECT_EQ(letters.size(), 62u);
}

}  // namespace
}  // namespace bedplate
