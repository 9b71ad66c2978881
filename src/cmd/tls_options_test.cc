// Certificates in a data folder of the test's own: what is made, kept, renewed and refused.
#include "cmd/tls_options.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

class TlsOptionsTest : public testing::Test {
 protected:
  TlsOptionsTest() : folder_(std::filesystem::temp_directory_path() / Cat("bedplate-tls-", ::getpid())) {
    ::setenv("BEDPLATE_DATA", folder_.c_str(), 1);
    clock_.Advance(std::chrono::hours(24) * 10'000);  // 1997
  }
  ~TlsOptionsTest() override {
    ::unsetenv("BEDPLATE_DATA");
    std::filesystem::remove_all(folder_);
  }
  TlsChoice Made(const std::string& host = "127.0.0.1") {
    TlsOptions options;
    options.self_signed = true;
    auto choice = options.Load({host, 8080}, clock_);
    EXPECT_TRUE(choice.ok()) << choice.status().message();
    return *std::move(choice);
  }

  const std::filesystem::path folder_;
  SimClock clock_;
};

TEST_F(TlsOptionsTest, WithoutAWishThereIsNone) {
  const auto choice = TlsOptions{}.Load({"127.0.0.1", 8080}, clock_);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->context, nullptr);
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(TlsOptionsTest, ACertificateIsMadeOnceAndRenewedInTime) {
  const TlsChoice first = Made();
  ASSERT_NE(first.context, nullptr);
  struct stat state{};
  ASSERT_EQ(::stat((folder_ / "tls/key.pem").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777u, 0600u);
  EXPECT_EQ(first.trust_path, (folder_ / "tls/cert.pem").string());
  EXPECT_EQ(Made().sha256, first.sha256);
  EXPECT_EQ(Made("::").sha256, first.sha256);
  const TlsChoice elsewhere = Made("192.0.2.7");
  EXPECT_NE(elsewhere.sha256, first.sha256) << "the first didn't name that address";
  EXPECT_EQ(Made().sha256, elsewhere.sha256);
  clock_.Advance(std::chrono::hours(24) * 800);
  EXPECT_NE(Made().sha256, elsewhere.sha256);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "tls/key.pem", "damaged", 0600).ok());
  Made();
}

TEST_F(TlsOptionsTest, FilesOfTheUsersOwn) {
  Made();
  TlsOptions options;
  options.certificate = folder_ / "tls/cert.pem";
  EXPECT_NE(options.Load({"::", 1}, clock_).status().message().find("go together"), std::string::npos);
  options.key = folder_ / "tls/key.pem";
  const auto choice = options.Load({"::", 1}, clock_);
  ASSERT_TRUE(choice.ok()) << choice.status().message();
  EXPECT_TRUE(choice->trust_path.empty());
  options.self_signed = true;
  EXPECT_FALSE(options.Load({"::", 1}, clock_).ok());
  options.self_signed = false;
  ASSERT_EQ(::chmod(options.key.c_str(), 0644), 0);
  const Status open = options.Load({"::", 1}, clock_).status();
  EXPECT_EQ(open.code(), StatusCode::kPermissionDenied);
  EXPECT_NE(open.message().find("chmod 600"), std::string::npos);
  options.key = folder_ / "nowhere.pem";
  EXPECT_FALSE(options.Load({"::", 1}, clock_).ok());
}

}  // namespace
}  // namespace bedplate
