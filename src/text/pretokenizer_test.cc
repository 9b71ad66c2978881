// Golden pieces of the reference library under every rule (scripts/tokenizer_reference.py --golden); any bytes are
// covered.
#include "text/pretokenizer.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"

namespace bedplate {
namespace {

std::vector<int64_t> PieceLengths(const PreTokenizer& pre, std::string_view text) {
  std::vector<uint32_t> ends;
  pre.Split(text, ends);
  std::vector<int64_t> lengths;
  uint32_t start = 0;
  for (const uint32_t end : ends) {
    lengths.push_back(static_cast<int64_t>(end) - start);
    start = end;
  }
  return lengths;
}

TEST(PreTokenizer, EqualsTheReferenceLibrary) {
  const auto file = ReadFile(Cat(BEDPLATE_SOURCE_DIR, "/tests/reference/pretokenizer_pieces.json"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto golden = ParseJson(*file);
  ASSERT_TRUE(golden.ok());
  const Json::Array& texts = golden->Find("texts")->as_array();
  size_t rules = 0;
  for (const auto& [rule, cases] : golden->as_object()) {
    if (rule == "texts") continue;
    ++rules;
    const auto pre = PreTokenizer::ByName(rule);
    ASSERT_TRUE(pre.ok()) << rule;
    for (size_t i = 0; i < texts.size(); ++i) {
      std::vector<int64_t> expected;
      for (const Json& length : cases.as_array()[i].as_array()) expected.push_back(length.as_int());
      EXPECT_EQ(PieceLengths(**pre, texts[i].as_string()), expected) << rule << ", text " << i;
    }
  }
  EXPECT_EQ(rules, 11u);
}

TEST(PreTokenizer, PiecesAreTheWholeTextWhateverItsBytes) {
  Prng prng(TestSeed());
  for (const char* name : {"gpt-2", "llama-bpe", "qwen2", "qwen35", "smollm", "deepseek-llm", "deepseek-coder",
                           "falcon", "gpt-4o", "tekken", "default"}) {
    const auto pre = PreTokenizer::ByName(name);
    ASSERT_TRUE(pre.ok());
    for (int round = 0; round < 500; ++round) {
      std::string text(static_cast<size_t>(prng.Range(0, 60)), '\0');
      for (char& c : text) c = static_cast<char>(prng.Next());
      size_t size = 0;
      for (const int64_t length : PieceLengths(**pre, text)) {
        ASSERT_GT(length, 0) << name;
        size += static_cast<size_t>(length);
      }
      ASSERT_EQ(size, text.size()) << name;
    }
  }
}

TEST(PreTokenizer, LongRunsTakeLinearTime) {
  for (const char* name : {"gpt-2", "llama-bpe", "qwen35", "smollm", "deepseek-llm", "deepseek-coder", "falcon",
                           "gpt-4o", "tekken", "default"}) {
    const auto pre = PreTokenizer::ByName(name);
    for (const char* unit : {" ", "\n", " \n", "A", "Aa",
                             "\xE3\x81\x82"
                             "A",
                             "1", "'s", ".", " .", "\xCC\x81", "\xFF"}) {
      std::string text;
      while (text.size() < (1u << 17)) text += unit;
      text += "x";
      std::vector<uint32_t> ends;
      (*pre)->Split(text, ends);
      EXPECT_EQ(ends.back(), text.size());
    }
  }
}

TEST(PreTokenizer, AnUnknownNameIsAnErrorThatListsTheKnown) {
  const auto pre = PreTokenizer::ByName("qwen9");
  ASSERT_FALSE(pre.ok());
  EXPECT_EQ(pre.status().code(), StatusCode::kUnimplemented);
  EXPECT_NE(pre.status().message().find("'qwen9'"), std::string::npos);
  EXPECT_NE(pre.status().message().find("qwen35"), std::string::npos);
  EXPECT_FALSE(PreTokenizer::ByName("").ok());
}

}  // namespace
}  // namespace bedplate
