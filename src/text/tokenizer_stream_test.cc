// Streaming equals decoding at once, whatever the tokens' edges; broken bytes by a table of the standard's examples.
#include "text/tokenizer_stream.h"

#include <gtest/gtest.h>

#include "text/tokenizer_test_specs.h"

namespace bedplate {
namespace {

TEST(ToValidUtf8, ReplacesMaximalSubparts) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"abc", "abc"},
      {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"\x80", "\xEF\xBF\xBD"},
      {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xF0\x80\x80\x41", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\x41"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\x41"},
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"a\xE2\x82", "a\xEF\xBF\xBD"},
      {"\xEF\xBF\xBD", "\xEF\xBF\xBD"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(ToValidUtf8(text), expected);
}

TEST(StreamDecoder, HoldsBackOnlyWhatMayStillComplete) {
  const auto tokenizer = Tokenizer::Create(SmallBpeSpec(1, /*merge_count=*/0));
  ASSERT_TRUE(tokenizer.ok());
  const auto byte = [](int b) { return TokenId{4 + b}; };
  StreamDecoder decoder(**tokenizer);
  EXPECT_EQ(decoder.Push(byte(0xF0)), "");
  EXPECT_EQ(decoder.Push(byte(0x9F)), "");
  EXPECT_EQ(decoder.Push(byte(0x98)), "");
  EXPECT_EQ(decoder.held_bytes(), 3u);
  EXPECT_EQ(decoder.Push(TokenId{2}), "");  // a control token has no text
  EXPECT_EQ(decoder.Push(byte(0x80)), "\xF0\x9F\x98\x80");
  EXPECT_EQ(decoder.Push(byte(0xE2)), "");
  EXPECT_EQ(decoder.Push(byte('a')),
            "\xEF\xBF\xBD"
            "a");
  EXPECT_EQ(decoder.Push(byte(0xC3)), "");
  EXPECT_EQ(decoder.Flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(decoder.Flush(), "");
}

TEST(StreamDecoder, EqualsDecodingAtOnce) {
  Prng prng(TestSeed());
  for (const TokenizerSpec& spec : {SmallBpeSpec(5), SmallSentencePieceSpec(5)}) {
    const auto tokenizer = Tokenizer::Create(spec);
    ASSERT_TRUE(tokenizer.ok());
    for (int round = 0; round < 2000; ++round) {
      std::vector<TokenId> ids;
      for (int64_t n = prng.Range(0, 30); n > 0; --n) {
        ids.push_back({static_cast<int32_t>(prng.Range(0, (*tokenizer)->size() - 1))});
      }
      const bool special = prng.Chance(0.5);
      const bool text_start = prng.Chance(0.5);
      StreamDecoder decoder(**tokenizer, {.special = special, .text_start = text_start});
      std::string streamed;
      for (const TokenId id : ids) streamed += decoder.Push(id);
      streamed += decoder.Flush();
      ASSERT_EQ(streamed, ToValidUtf8((*tokenizer)->Decode(ids, {.special = special, .text_start = text_start})));
    }
  }
}

}  // namespace
}  // namespace bedplate
