// Keys come from file and environment in the stated order; what can't be read is an error with its line or key.
#include "cmd/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() : path_(std::filesystem::temp_directory_path() / Cat("bedplate_settings_", ::getpid(), ".toml")) {}
  ~SettingsTest() override { std::filesystem::remove(path_); }
  Result<Settings> Load(std::string_view text) {
    EXPECT_TRUE(WriteFileAtomically(path_, text).ok());
    return Settings::Load(path_, [this](const char* name) -> const char* {
      const auto found = environment_.find(name);
      return found == environment_.end() ? nullptr : found->second.c_str();
    });
  }
  std::filesystem::path path_;
  std::map<std::string, std::string> environment_;
};

TEST_F(SettingsTest, TheEnvironmentWinsOverTheFile) {
  environment_ = {{"BEDPLATE_LISTEN", "from-environment"}};
  const Result<Settings> settings =
      Load("listen = \"from-file\"\nmodels = [\"a\", \"b\"]\nqueue = 7\nno_prefix_cache = true\n");
  ASSERT_TRUE(settings.ok()) << settings.status().message();
  EXPECT_EQ(settings->Find("listen")->texts, std::vector<std::string>{"from-environment"});
  EXPECT_EQ(settings->Find("listen")->origin, "BEDPLATE_LISTEN");
  EXPECT_EQ(settings->Find("models")->texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings->Find("queue")->texts, std::vector<std::string>{"7"});
  EXPECT_EQ(settings->Find("queue")->origin, path_.string() + ": queue");
  EXPECT_EQ(settings->Find("no_prefix_cache")->texts, std::vector<std::string>{"true"});
  EXPECT_EQ(settings->Find("memory"), nullptr);
}

TEST_F(SettingsTest, AnEmptyVariableIsUnset) {
  environment_ = {{"BEDPLATE_LISTEN", ""}, {"BEDPLATE_MEMORY", ""}};
  const Result<Settings> settings = Load("listen = \"from-file\"\n");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->Find("listen")->texts, std::vector<std::string>{"from-file"});
  EXPECT_EQ(settings->Find("memory"), nullptr);
}

TEST_F(SettingsTest, OnlyListsAreCutAtCommas) {
  environment_ = {{"BEDPLATE_MODELS", "a,b"}, {"BEDPLATE_ALIASES", "c,d"}, {"BEDPLATE_CHAT_TEMPLATE", "one,two.jinja"}};
  const Result<Settings> settings = Load("");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->Find("models")->texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings->Find("aliases")->texts, (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(settings->Find("chat_template")->texts, std::vector<std::string>{"one,two.jinja"});
}

TEST_F(SettingsTest, ErrorsNameTheLineOrTheKey) {
  EXPECT_NE(Load("listen = \n").status().message().find("line 1"), std::string::npos);
  const Status unknown = Load("lisen = 1\n").status();
  EXPECT_NE(unknown.message().find("\"lisen\""), std::string::npos);
  for (const Setting& known : KnownSettings()) {
    EXPECT_NE(unknown.message().find(known.key), std::string::npos) << known.key;
  }
  EXPECT_FALSE(Load("models = [[1]]\n").ok());
  EXPECT_FALSE(Settings::Load("/nowhere/bedplate.toml", [](const char*) -> const char* { return nullptr; }).ok());
}

TEST_F(SettingsTest, TheDocsListEveryKey) {
  const Result<std::string> docs = ReadFile(BEDPLATE_SOURCE_DIR "/docs/settings.md", size_t{1} << 20);
  ASSERT_TRUE(docs.ok());
  for (const Setting& known : KnownSettings()) {
    EXPECT_NE(docs->find(Cat("`", known.key, "`")), std::string::npos) << known.key;
  }
}

}  // namespace
}  // namespace bedplate
