// Method: the catalogue's own entries are checked for sense; names are resolved against a temporary data folder.
#include "cmd/catalogue.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "model/test_files.h"

namespace bedplate {
namespace {

class DataFolderTest : public testing::Test {
 protected:
  DataFolderTest() {
    ::setenv("BEDPLATE_DATA", folder_.path().c_str(), 1);
    std::filesystem::create_directories(folder_.path() / "models");
  }
  ~DataFolderTest() override { ::unsetenv("BEDPLATE_DATA"); }
  TemporaryFolder folder_;
};

TEST(Catalogue, EntriesMakeSense) {
  std::set<std::string> names;
  for (const CatalogueModel& model : Catalogue()) {
    EXPECT_TRUE(IsModelName(model.name));
    EXPECT_TRUE(names.insert(model.name).second);
    EXPECT_EQ(model.sha256.size(), 64u);
    EXPECT_EQ(model.sha256.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_GT(model.bytes, 1'000'000u);
    EXPECT_FALSE(model.license.empty());
    ASSERT_GE(model.sources.size(), 2u);
    for (const ModelSource& source : model.sources) EXPECT_NE(source.parts.empty(), source.address.empty());
    for (const PackagedPart& part : model.sources[0].parts) EXPECT_NE(part.package.find("=="), std::string::npos);
  }
  EXPECT_EQ(FindInCatalogue("qwen2.5-coder-1.5b")->sources[0].parts.size(), 22u);
  EXPECT_EQ(FindInCatalogue("none"), nullptr);
}

TEST(Catalogue, NamesAreFitForFiles) {
  for (const char* good : {"a", "qwen2.5-coder", "A_b.C-1"}) EXPECT_TRUE(IsModelName(good)) << good;
  for (const char* bad : {"", ".", "..", "-x", "a/b", "a b", "a\n", "ü"}) EXPECT_FALSE(IsModelName(bad)) << bad;
}

TEST_F(DataFolderTest, ResolvesNamesAndPaths) {
  const std::filesystem::path models = folder_.path() / "models";
  folder_.Write("models/tiny.gguf", "GGUF");
  folder_.Write("models/big-00001-of-00002.gguf", "GGUF");
  folder_.Write("models/big-00002-of-00002.gguf", "GGUF");
  folder_.Write("models/half.gguf.partial", "GG");
  std::filesystem::create_directories(models / "folder");
  folder_.Write("models/folder/config.json", "{}");

  EXPECT_EQ(*ResolveModel("tiny"), models / "tiny.gguf");
  EXPECT_EQ(*ResolveModel("big"), models / "big-00001-of-00002.gguf");
  EXPECT_EQ(*ResolveModel("folder"), models / "folder");
  EXPECT_EQ(*ResolveModel((models / "tiny.gguf").string()), models / "tiny.gguf");
  const auto installed = InstalledModels();
  ASSERT_TRUE(installed.ok());
  EXPECT_EQ(installed->size(), 3u);

  EXPECT_NE(ResolveModel("smollm2-135m").status().message().find("run: bedplate pull smollm2-135m"), std::string::npos);
  const Status unknown = ResolveModel("smolm2").status();
  EXPECT_EQ(unknown.code(), StatusCode::kNotFound);
  for (const char* word : {"\"smolm2\"", "smollm2-135m", "tiny", "big"})
    EXPECT_NE(unknown.message().find(word), std::string::npos) << word;
  EXPECT_NE(ResolveModel("x/none.gguf").status().message().find("there is no file or folder x/none.gguf"),
            std::string::npos);
  EXPECT_FALSE(ResolveModel("half").ok());
}

TEST_F(DataFolderTest, NoFolderYetHoldsNone) {
  ::setenv("BEDPLATE_DATA", (folder_.path() / "not there").c_str(), 1);
  ASSERT_TRUE(InstalledModels().ok());
  EXPECT_TRUE(InstalledModels()->empty());
}

}  // namespace
}  // namespace bedplate
