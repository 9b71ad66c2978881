// A small model in a file with a vocabulary: a second start takes weights and tokenizer from the cache and means the
// same; what is damaged or gone there is made again.
#include "engine/model_loader.h"

#include <gtest/gtest.h>

#include "model/tiny_model_testing.h"
#include "model/tokenizer_data.h"

namespace bedplate {
namespace {

namespace fs = std::filesystem;

constexpr TinyShape kShape{"llama", 64, 16, 96, 0, false};
constexpr std::string_view kTemplate = "{% for m in messages %}{{ m['content'] }}{% endfor %}";

void AddVocabulary(GgufBuilder& file) {
  std::vector<std::string> tokens;
  for (char c = 'a'; c <= 'z'; ++c) tokens.emplace_back(1, c);
  for (const char* more : {"ab", "cd", "abcd", "<eos>"}) tokens.emplace_back(more);
  while (tokens.size() < kTinyVocabulary) tokens.push_back("unused" + std::to_string(tokens.size()));
  std::vector<int32_t> types(kTinyVocabulary, TokenizerData::kNormal);
  types[29] = TokenizerData::kControl;
  file.String("tokenizer.ggml.model", "gpt2");
  file.String("tokenizer.ggml.pre", "gpt-2");
  file.Strings("tokenizer.ggml.tokens", tokens);
  file.Array("tokenizer.ggml.token_type", GgufType::kInt32, types);
  file.Strings("tokenizer.ggml.merges", {"a b", "c d", "ab cd"});
  file.Uint("tokenizer.ggml.eos_token_id", 29);
  file.String("tokenizer.chat_template", kTemplate);
}

class ModelLoaderTest : public ::testing::Test {
 protected:
  /// A start and its end.
  void Start() {
    const auto loaded = LoadModel(tiny_.path(), "tiny", 0, {.packed_cache = cache_});
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    from_cache_ = static_cast<const Transformer&>(*loaded->model).weights().from_cache();
  }
  TextSide Text() const {
    const auto file = ModelFile::Open(tiny_.path());
    EXPECT_TRUE(file.ok());
    auto side = LoadTextSide(*file, "", cache_);
    EXPECT_TRUE(side.ok()) << side.status().message();
    EXPECT_EQ(Ids(*side->tokenizer), (std::vector<int32_t>{28, 26, 4, 29}));
    EXPECT_TRUE(side->chat_template.has_value());
    return std::move(*side);
  }
  static std::vector<int32_t> Ids(const Tokenizer& tokenizer) {
    std::vector<int32_t> ids;
    for (const TokenId id : tokenizer.Encode("abcdabe<eos>", {.parse_special = true})) ids.push_back(id.value);
    return ids;
  }
  fs::path Kept(KeptFile::Kind kind) const {
    for (const KeptFile& file : ListPackedCache(cache_.folder)) {
      if (file.kind == kind) return file.path;
    }
    return {};
  }

  const TinyModel tiny_{kShape, TestSeed(), AddVocabulary};
  const TemporaryFolder folder_;
  PackedCacheOptions cache_{.folder = folder_.path(), .settled_after = std::chrono::nanoseconds(0)};
  bool from_cache_ = false;
};

TEST_F(ModelLoaderTest, TheSecondStartMapsWeightsAndTokenizer) {
  EXPECT_FALSE(Text().from_cache);
  Start();
  EXPECT_FALSE(from_cache_);
  EXPECT_TRUE(Text().from_cache);
  Start();
  EXPECT_TRUE(from_cache_);
  EXPECT_EQ(ListPackedCache(cache_.folder).size(), 2u);
}

TEST_F(ModelLoaderTest, WhatIsGoneOrDamagedIsMadeAgain) {
  Start();
  fs::remove(Kept(KeptFile::Kind::kTables));
  EXPECT_FALSE(Text().from_cache);
  Start();
  EXPECT_TRUE(from_cache_);
  EXPECT_TRUE(Text().from_cache);

  std::ofstream(Kept(KeptFile::Kind::kTables), std::ios::binary | std::ios::in | std::ios::ate) << 'x';
  EXPECT_FALSE(Text().from_cache);
  EXPECT_TRUE(Kept(KeptFile::Kind::kTables).empty());
  Start();
  EXPECT_TRUE(Text().from_cache);

  fs::remove(Kept(KeptFile::Kind::kWeights));
  Start();
  EXPECT_FALSE(from_cache_);
  Start();
  EXPECT_TRUE(from_cache_);
}

TEST_F(ModelLoaderTest, ATemplateGivenReplacesTheFilesOwn) {
  Start();
  const auto file = ModelFile::Open(tiny_.path());
  ASSERT_TRUE(file.ok());
  const auto side = LoadTextSide(*file, "{% nonsense", cache_);
  EXPECT_FALSE(side.ok());  // it was read, and not the file's
}

TEST_F(ModelLoaderTest, ACacheThatIsNotWrittenToStaysEmpty) {
  cache_.write = false;
  Start();
  Start();
  EXPECT_FALSE(from_cache_);
  EXPECT_TRUE(ListPackedCache(cache_.folder).empty());
}

}  // namespace
}  // namespace bedplate
