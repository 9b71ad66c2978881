// Key files as people write them: what is read, and that every mistake is told with its place and without a value.
#include "ledger/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

constexpr std::string_view kSecret = "open-sesame-open-sesame";
constexpr std::string_view kSha256 = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

KeyFile Parsed(std::string_view text) {
  auto file = KeyFile::Parse(text, "keys.toml");
  EXPECT_TRUE(file.ok()) << file.status().message();
  return *std::move(file);
}

std::string ErrorOf(std::string_view text) {
  const auto file = KeyFile::Parse(text, "keys.toml");
  EXPECT_FALSE(file.ok());
  return file.status().message();
}

std::string WithBearer(std::string_view more) {
  return Cat("[[keys]]\nname = \"ada\"\nsha256 = \"", *Sha256HexOf(kSecret), "\"\n", more);
}

TEST(KeyFile, ReadsEveryField) {
  const KeyFile file = Parsed(WithBearer(R"(
tenant = "research"
project = "search"
access_key_id = "BPAKABCDEFGHIJKLMNOP"
secret_access_key = "0123456789012345678901234567890123456789"
expires = 2027-01-31T02:00:00+02:00
models = ["small", "large"]
concurrent_requests = 4
requests_per_minute = 60
tokens_per_minute = 20_000
body_bytes_max = 1_048_576
output_tokens_max = 1024
request_seconds_max = 120
[[keys]]
name = "a-bot.2"
sha256 = "AA00000000000000000000000000000000000000000000000000000000000000"
expires = 2027-01-31
)"));
  ASSERT_EQ(file.keys().size(), 2u);
  const Key* const key = file.FindBearer(kSecret);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->principal.tenant, "research");
  EXPECT_EQ(key->principal.project, "search");
  EXPECT_EQ(key->principal.key, "ada");
  EXPECT_EQ(key->principal.models, (std::vector<std::string>{"small", "large"}));
  EXPECT_EQ(key->principal.caps,
            (RequestCaps{.body_bytes_max = 1 << 20, .output_tokens_max = 1024, .time_ms_max = 120'000}));
  EXPECT_EQ(key->limits.concurrent_requests, 4u);
  EXPECT_EQ(key->limits.requests_per_minute, 60u);
  EXPECT_EQ(key->limits.tokens_per_minute, 20'000u);
  EXPECT_EQ(key->expires_unix_seconds, 1'801'353'600);  // date -u -d 2027-01-31 +%s
  EXPECT_EQ(key->secret_access_key, "0123456789012345678901234567890123456789");
  EXPECT_EQ(file.FindAccessKey("BPAKABCDEFGHIJKLMNOP"), key);
  EXPECT_EQ(file.FindByName("ada"), key);
  const Key* const other = file.FindByName("a-bot.2");
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->principal.tenant, "default");
  EXPECT_EQ(other->expires_unix_seconds, 1'801'353'600);
  EXPECT_EQ(other->limits.tokens_per_minute, 0u);
  EXPECT_NE(other->principal.cache_salt, key->principal.cache_salt);
  EXPECT_NE(other->principal.cache_salt, 0u);
}

TEST(KeyFile, FindsNothingElse) {
  const KeyFile file = Parsed(WithBearer(""));
  EXPECT_EQ(file.FindBearer(""), nullptr);
  EXPECT_EQ(file.FindBearer("open-sesame-open-sesamf"), nullptr);
  EXPECT_EQ(file.FindBearer(*Sha256HexOf(kSecret)), nullptr) << "what the file shows is no key";
  EXPECT_EQ(file.FindAccessKey(""), nullptr);
  EXPECT_EQ(file.FindByName("ad"), nullptr);
}

TEST(KeyFile, TheCacheSaltChangesWithTheCredentials) {
  const KeyFile before = Parsed(WithBearer(""));
  const KeyFile after = Parsed(Cat("[[keys]]\nname = \"ada\"\nsha256 = \"", kSha256, "\"\n"));
  EXPECT_NE(before.keys()[0].principal.cache_salt, after.keys()[0].principal.cache_salt);
  EXPECT_EQ(before.keys()[0].principal.cache_salt,
            Parsed(WithBearer("models = [\"m\"]")).keys()[0].principal.cache_salt);
}

TEST(KeyFile, AKeyThatNamesNoTenantHasAShareOfItsOwn) {
  const KeyFile alone = Parsed(WithBearer("weight = 3\n")), tenant = Parsed(WithBearer("tenant = \"t\""));
  EXPECT_TRUE(alone.keys()[0].principal.shares_by_key);
  EXPECT_EQ(alone.keys()[0].principal.weight, 3u);
  EXPECT_FALSE(tenant.keys()[0].principal.shares_by_key);
  EXPECT_EQ(tenant.keys()[0].principal.weight, 1u);
  const std::string bob = Cat("[[keys]]\nname = \"bob\"\nsha256 = \"", kSha256, "\"");
  EXPECT_EQ(Parsed(WithBearer("weight = 3\n") + bob).keys().size(), 2u) << "and a weight of its own";
}

TEST(KeyFile, EveryMistakeIsTold) {
  constexpr std::string_view kPair = "access_key_id = \"BPAKABCDEFGHIJKLMNOP\"\nsecret_access_key = \"SECRET\"\n";
  const struct {
    std::string text;
    std::string_view told;
  } cases[] = {
      {"", "[[keys]] tables, at least one"},
      {"keys = []", "[[keys]] tables, at least one"},
      {"keys = [1]", "[[keys]] tables, at least one"},
      {WithBearer("") + "[other]\n", "and nothing else"},
      {"[[keys]]\nname = SECRET", "line 2, column 8: this is not TOML"},
      {"[[keys]]\nsha256 = \"x\"", "key 1: name must be 1 to 64"},
      {"[[keys]]\nname = \"a b\"", "key 1: name must be 1 to 64"},
      {"[[keys]]\nname = \"ada\"", "key \"ada\": sha256 must be given"},
      {"[[keys]]\nname = \"ada\"\nsha256 = \"SECRET\"", "sha256 must be 64 hex digits"},
      {"[[keys]]\nname = \"ada\"\nsha256 = 7", "sha256 must be a string"},
      {WithBearer("request_per_minute = 3"), "line 4 has a field that is not known; known: name, tenant"},
      {WithBearer("requests_per_minute = 0"), "requests_per_minute must be an integer from 1 to 100000"},
      {WithBearer("requests_per_minute = \"SECRET\""), "requests_per_minute must be an integer"},
      {WithBearer("tokens_per_minute = 1000000000"), "tokens_per_minute must be an integer from 1 to 100000000"},
      {WithBearer("models = []"), "models must be an array of strings"},
      {WithBearer("models = [\"\"]"), "models must be an array of strings"},
      {WithBearer("models = \"m\""), "models must be an array of strings"},
      {WithBearer("expires = \"2027-01-31\""), "expires must be a time with an offset"},
      {WithBearer("expires = 2027-01-31T00:00:00"), "expires must be a time with an offset"},
      {WithBearer("tenant = \"\""), "tenant must be a string, and not empty"},
      {WithBearer("access_key_id = \"BPAKABCDEFGHIJKLMNOP\""), "together with secret_access_key"},
      {WithBearer("access_key_id = \"short\"\nsecret_access_key = \"SECRET\""), "access_key_id must be 16 to 128"},
      {WithBearer(kPair), "secret_access_key must be 32 to 128"},
      {WithBearer("weight = 0"), "weight must be an integer from 1 to 1000; leave it out for 1"},
      {WithBearer("tenant = \"t\"\nweight = 2\n") +
           Cat("[[keys]]\nname = \"bob\"\ntenant = \"t\"\nsha256 = \"", kSha256, "\""),
       "are of one tenant, whose weight must be the same in both"},
      {WithBearer("") + WithBearer(""), "two keys have the name of key \"ada\""},
      {WithBearer("") + Cat("[[keys]]\nname = \"bob\"\nsha256 = \"", *Sha256HexOf(kSecret), "\""),
       "two keys have the sha256"},
  };
  for (const auto& one : cases) {
    const std::string error = ErrorOf(one.text);
    EXPECT_NE(error.find(one.told), std::string::npos) << one.text << "\n" << error;
    EXPECT_TRUE(error.starts_with("keys.toml")) << error;
    EXPECT_EQ(error.find("SECRET"), std::string::npos) << error;
  }
}

TEST(KeyFile, OnlyItsOwnerMayReadIt) {
  const auto path = std::filesystem::temp_directory_path() / Cat("bedplate-keys-", ::getpid(), ".toml");
  ASSERT_TRUE(WriteFileAtomically(path, WithBearer("")).ok());
  for (const mode_t mode : {0640u, 0604u, 0620u, 0644u}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const auto file = KeyFile::Load(path);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.status().code(), StatusCode::kPermissionDenied);
    EXPECT_NE(file.status().message().find(Cat("chmod 600 ", path.string())), std::string::npos);
  }
  for (const mode_t mode : {0600u, 0400u}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_TRUE(KeyFile::Load(path).ok());
  }
  std::filesystem::remove(path);
  EXPECT_EQ(KeyFile::Load(path).status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(KeyFile::Load(path.parent_path()).ok());
}

}  // namespace
}  // namespace bedplate
