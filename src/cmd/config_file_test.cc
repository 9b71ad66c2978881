// A file's keys become defaults below the environment; what can't be read is an error with its line.
#include "cmd/config_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/cat.h"
#include "base/file.h"
#include "cmd/memory_size.h"

namespace bedplate {
namespace {

constexpr std::string_view kKnown[] = {"bp_test_listen", "bp_test_models", "bp_test_queue"};

class ConfigFile : public testing::Test {
 protected:
  ConfigFile() : path_(std::filesystem::temp_directory_path() / Cat("bedplate_config_", ::getpid(), ".toml")) {}
  ~ConfigFile() override {
    std::filesystem::remove(path_);
    for (const char* name : {"BEDPLATE_BP_TEST_LISTEN", "BEDPLATE_BP_TEST_MODELS", "BEDPLATE_BP_TEST_QUEUE"})
      ::unsetenv(name);
  }
  Status Apply(std::string_view text) {
    EXPECT_TRUE(WriteFileAtomically(path_, text).ok());
    return ApplyConfigFile(path_, kKnown);
  }
  std::filesystem::path path_;
};

TEST_F(ConfigFile, FillsTheEnvironmentsGaps) {
  ::setenv("BEDPLATE_BP_TEST_LISTEN", "from-environment", 1);
  ASSERT_TRUE(Apply("bp_test_listen = \"from-file\"\nbp_test_models = [\"a\", \"b\"]\nbp_test_queue = 7\n").ok());
  EXPECT_STREQ(std::getenv("BEDPLATE_BP_TEST_LISTEN"), "from-environment");
  EXPECT_STREQ(std::getenv("BEDPLATE_BP_TEST_MODELS"), "a,b");
  EXPECT_STREQ(std::getenv("BEDPLATE_BP_TEST_QUEUE"), "7");
}

TEST_F(ConfigFile, ErrorsNameTheLineOrTheKey) {
  EXPECT_NE(Apply("bp_test_listen = \n").message().find("line 1"), std::string::npos);
  const Status unknown = Apply("lisen = 1\n");
  EXPECT_NE(unknown.message().find("lisen"), std::string::npos);
  EXPECT_NE(unknown.message().find("bp_test_listen"), std::string::npos);
  EXPECT_FALSE(Apply("bp_test_models = [1]\n").ok());
}

TEST_F(ConfigFile, IsFoundOnTheCommandLine) {
  const char* apart[] = {"bedplate", "serve", "--config", "x.toml"};
  const char* joined[] = {"bedplate", "serve", "--config=y.toml"};
  EXPECT_EQ(FindConfigFile(4, apart), "x.toml");
  EXPECT_EQ(FindConfigFile(3, joined), "y.toml");
}

TEST(MemorySize, ReadsWhatPeopleWrite) {
  EXPECT_EQ(*ParseMemorySize("8GiB"), size_t{8} << 30);
  EXPECT_EQ(*ParseMemorySize("1.5G"), size_t{3} << 29);
  EXPECT_EQ(*ParseMemorySize("512 MB"), size_t{512} << 20);
  EXPECT_EQ(*ParseMemorySize("2000000000"), 2000000000u);
  for (const std::string_view bad : {"", "GiB", "-1G", "8 gallons", "0", "1e40G", "nan"}) {
    EXPECT_FALSE(ParseMemorySize(bad).ok()) << bad;
  }
  EXPECT_EQ(MemorySizeText(size_t{3} << 29), "1.50 GiB");
  EXPECT_GT(AvailableMemory(), 0u);
}

}  // namespace
}  // namespace bedplate
