// The secret file: where it may lie and who may read it, what rotation keeps, and that sealed secrets open for nothing
// else.
#include "ledger/tenancy/secret_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

class SecretFileTest : public testing::Test {
 protected:
  SecretFileTest() : folder_(std::filesystem::temp_directory_path() / Cat("bedplate-secrets-", ::getpid())) {
    std::filesystem::create_directories(folder_ / "data");
  }
  ~SecretFileTest() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] SecretFile Made() const {
    auto made = SecretFile::Create(path_, data_, 7);
    EXPECT_TRUE(made.ok()) << made.status().message();
    return *std::move(made);
  }

  const std::filesystem::path folder_;
  const std::filesystem::path data_ = folder_ / "data";
  const std::filesystem::path path_ = folder_ / "config" / "secrets.toml";
};

TEST_F(SecretFileTest, IsReadBack) {
  const SecretFile made = Made();
  struct stat about = {};
  ASSERT_EQ(::stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
  const auto read = SecretFile::Load(path_, data_);
  ASSERT_TRUE(read.ok()) << read.status().message();
  ASSERT_EQ(read->versions().size(), 1u);
  EXPECT_EQ(read->present().id, "v1");
  EXPECT_EQ(read->present().created_unix_seconds, 7);
  EXPECT_EQ(read->present().pepper, made.present().pepper);
  EXPECT_EQ(read->present().encryption_key, made.present().encryption_key);
  EXPECT_NE(read->present().pepper, read->present().encryption_key);
  EXPECT_EQ(SecretFile::Create(path_, data_, 8).status().code(), StatusCode::kConflict) << "what is there is kept";
}

TEST_F(SecretFileTest, OtherModesAreRefused) {
  (void)Made();
  for (const mode_t mode : {0400u, 0640u, 0604u, 0660u, 0644u, 0700u, 04600u}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    const auto read = SecretFile::Load(path_, data_);
    ASSERT_FALSE(read.ok()) << mode;
    EXPECT_EQ(read.status().code(), StatusCode::kPermissionDenied);
    EXPECT_NE(read.status().message().find(Cat("chmod 600 ", path_.string())), std::string::npos);
  }
  EXPECT_EQ(SecretFile::Load(folder_ / "none", data_).status().code(), StatusCode::kNotFound);
}

TEST_F(SecretFileTest, InsideTheDataFolderItIsRefused) {
  (void)Made();
  std::filesystem::create_directory_symlink(data_, folder_ / "link");
  for (const auto& inside : {data_ / "secrets.toml", data_ / "deeper" / "secrets.toml",
                             folder_ / "link" / "secrets.toml", data_ / ".." / "data" / "secrets.toml"}) {
    EXPECT_EQ(SecretFile::Create(inside, data_, 7).status().code(), StatusCode::kPermissionDenied) << inside;
    EXPECT_EQ(SecretFile::Load(inside, data_).status().code(), StatusCode::kPermissionDenied) << inside;
  }
  EXPECT_EQ(SecretFile::Load(path_, folder_).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(SecretFile::Load(path_, Cat(folder_.string(), "/")).status().code(), StatusCode::kPermissionDenied);
  EXPECT_TRUE(SecretFile::Load(path_, folder_ / "dat").ok());
  EXPECT_TRUE(SecretFile::Create(folder_ / "database", data_, 7).ok()) << "a name that begins alike is elsewhere";
}

TEST_F(SecretFileTest, RotationKeepsWhatIsStillNeeded) {
  const SecretFile first = Made();
  const auto second = first.WithNewVersion(9);
  ASSERT_TRUE(second.ok());
  const auto third = second->WithNewVersion(10);
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(third->present().id, "v3");
  EXPECT_NE(third->present().pepper, first.present().pepper);
  ASSERT_NE(third->Find("v1"), nullptr);
  EXPECT_EQ(third->Find("v1")->pepper, first.present().pepper);
  const SecretFile less = third->WithOnly({"v1"});
  EXPECT_EQ(less.versions().size(), 2u);
  EXPECT_EQ(less.Find("v2"), nullptr);
  ASSERT_TRUE(less.Save(path_).ok());
  const auto read = SecretFile::Load(path_, data_);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->versions().size(), 2u);
  const auto fourth = read->WithNewVersion(11);
  ASSERT_TRUE(fourth.ok());
  EXPECT_NE(fourth->present().id, "v3") << "ids are never used twice while they are there";
  SecretFile full = first;
  while (full.versions().size() < SecretFile::kVersionsMax) full = *full.WithNewVersion(1);
  EXPECT_EQ(full.WithNewVersion(1).status().code(), StatusCode::kConflict);
}

TEST_F(SecretFileTest, MistakesAreToldWithoutAValue) {
  const std::string hex(64, 'a');
  const std::string good =
      Cat("[[versions]]\nid = \"v1\"\ncreated_at = 1\npepper = \"", hex, "\"\nencryption_key = \"", hex, "\"\n");
  ASSERT_TRUE(SecretFile::Parse(good, "s").ok());
  const std::string cases[] = {"",
                               "versions = []",
                               "versions = [1]",
                               "[[versions]]",
                               good + "[more]\n",
                               good + good,
                               good + "more = \"SECRET\"",
                               "[[versions]]\nid = \"V 1\"\ncreated_at = 1\npepper = \"SECRET\"",
                               "[[versions]]\nid = \"v1\"\ncreated_at = 1\npepper = \"SECRET\"\nencryption_key = 1",
                               "[[versions]]\nid = \"v1\"\ncreated_at = 1\npepper = SECRET"};
  for (const std::string& text : cases) {
    const auto parsed = SecretFile::Parse(text, "s");
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.status().message().find("SECRET"), std::string::npos) << parsed.status().message();
    EXPECT_TRUE(parsed.status().message().starts_with("s")) << parsed.status().message();
  }
}

TEST_F(SecretFileTest, SealedSecretsOpenForNothingElse) {
  const SecretFile file = *Made().WithNewVersion(8);
  const SecretVersion& version = file.present();
  for (const std::string_view secret : {"", "x", "0123456789012345678901234567890123456789012"}) {
    const auto sealed = SealSecret(version, secret, "key 1");
    ASSERT_TRUE(sealed.ok());
    EXPECT_NE(*sealed, *SealSecret(version, secret, "key 1")) << "a nonce is used once";
    if (secret.size() > 1) EXPECT_EQ(sealed->find(secret), std::string::npos);
    const auto opened = OpenSecret(version, *sealed, "key 1");
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    EXPECT_EQ(*opened, secret);
    EXPECT_EQ(OpenSecret(version, *sealed, "key 2").status().code(), StatusCode::kDataLoss);
    EXPECT_EQ(OpenSecret(*file.Find("v1"), *sealed, "key 1").status().code(), StatusCode::kDataLoss);
    for (size_t i = 0; i < sealed->size(); ++i) {
      std::string changed = *sealed;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      EXPECT_EQ(OpenSecret(version, changed, "key 1").status().code(), StatusCode::kDataLoss) << i;
      EXPECT_EQ(OpenSecret(version, sealed->substr(0, i), "key 1").status().code(), StatusCode::kDataLoss) << i;
    }
  }
}

}  // namespace
}  // namespace bedplate
