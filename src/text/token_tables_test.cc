// Small random vocabularies: a tokenizer opened on a copy of another's tables does the same as it, to the byte; blocks
// that are cut short, or damaged where it can be told, are refused.
#include "text/token_tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "text/tokenizer.h"
#include "text/tokenizer_build.h"
#include "text/tokenizer_test_specs.h"

namespace bedplate {
namespace {

using Bytes = std::vector<std::byte>;

/// As a mapped file would give them.
SharedBytes Share(const Bytes& bytes) {
  auto copy = std::make_shared<const Bytes>(bytes);
  const std::span<const std::byte> view = *copy;
  return {.owner = std::move(copy), .bytes = view};
}
Bytes BlockOf(const TokenizerSpec& spec) {
  const auto tables = BuildTokenTables(spec);
  EXPECT_TRUE(tables.ok()) << tables.status().message();
  return {tables->block.bytes.begin(), tables->block.bytes.end()};
}

/// Every field of a spec set to something, and every mechanism in use.
std::vector<TokenizerSpec> Specs(uint64_t seed) {
  std::vector<TokenizerSpec> specs = {SmallBpeSpec(seed), SmallBpeSpec(seed + 1), SmallSentencePieceSpec(seed),
                                      SmallSentencePieceSpec(seed + 1)};
  specs[0].pre = "llama-bpe";  // takes whole pieces
  specs[0].strip_right = {TokenId{1}};
  specs[1].add_bos = true;
  specs[1].add_eos = true;
  specs[1].ignore_merges = false;
  specs[2].add_space_prefix = false;
  specs[2].pad = TokenId{3};
  specs[3].remove_extra_whitespaces = true;
  specs[3].kinds[7] = TokenKind::kNormal;  // a byte without a token
  return specs;
}

TEST(TokenTables, ATokenizerOnThemDoesTheSame) {
  Prng prng(TestSeed());
  for (uint64_t round = 0; round < 20; ++round) {
    for (const TokenizerSpec& spec : Specs(TestSeed() + round)) {
      const auto made = Tokenizer::Create(spec);
      ASSERT_TRUE(made.ok()) << made.status().message();
      const Tokenizer& a = **made;
      const auto opened = Tokenizer::Open(Share({a.tables().bytes.begin(), a.tables().bytes.end()}));
      ASSERT_TRUE(opened.ok()) << opened.status().message();
      const Tokenizer& b = **opened;
      EXPECT_TRUE(std::ranges::equal(a.tables().bytes, b.tables().bytes));
      ASSERT_EQ(a.size(), b.size());
      EXPECT_EQ(a.model(), b.model());
      EXPECT_EQ(a.pre(), b.pre());
      EXPECT_EQ(a.bos(), b.bos());
      EXPECT_EQ(a.eos(), b.eos());
      EXPECT_EQ(a.unk(), b.unk());
      EXPECT_EQ(a.pad(), b.pad());
      EXPECT_EQ(a.adds_bos(), b.adds_bos());
      EXPECT_EQ(a.adds_eos(), b.adds_eos());
      EXPECT_EQ(a.adds_space_prefix(), b.adds_space_prefix());
      EXPECT_EQ(a.missing_bytes(), b.missing_bytes());
      EXPECT_TRUE(std::ranges::equal(a.end_of_generation(), b.end_of_generation()));
      for (int32_t i = 0; i < static_cast<int32_t>(a.size()); ++i) {
        ASSERT_EQ(b.TokenText(TokenId{i}), spec.tokens[static_cast<size_t>(i)]);
        ASSERT_EQ(a.TokenBytes(TokenId{i}), b.TokenBytes(TokenId{i}));
        ASSERT_EQ(a.Kind(TokenId{i}), b.Kind(TokenId{i}));
        ASSERT_EQ(a.Find(a.TokenText(TokenId{i})), b.Find(b.TokenText(TokenId{i})));
      }
      for (int i = 0; i < 30; ++i) {
        std::string text = RandomBytes(prng, 200);
        if (prng.Chance(0.3)) text.insert(text.size() / 2, spec.tokens[2] + "  x");
        const Tokenizer::EncodeOptions options{.add_eos = true, .parse_special = prng.Chance(0.5)};
        const auto ids = a.Encode(text, options);
        ASSERT_EQ(ids, b.Encode(text, options));
        ASSERT_EQ(a.Decode(ids), b.Decode(ids));
        const TextSegment segment{.text = text};
        ASSERT_EQ(a.TokensAtLeast({&segment, 1}), b.TokensAtLeast({&segment, 1}));
      }
    }
  }
}

TEST(TokenTables, EqualSpecsGiveEqualBytesAndFingerprints) {
  for (const TokenizerSpec& spec : Specs(TestSeed())) EXPECT_EQ(BlockOf(spec), BlockOf(spec));
  EXPECT_EQ(Tokenizer::TablesFingerprint(), Tokenizer::TablesFingerprint());
}

TEST(TokenTables, CutShortOrLongerIsRefused) {
  for (const TokenizerSpec& spec : Specs(TestSeed())) {
    const Bytes whole = BlockOf(spec);
    for (size_t size = 0; size < whole.size(); size += size < 600 ? 1 : 509) {
      const auto opened = Tokenizer::Open(Share({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
      ASSERT_EQ(opened.status().code(), StatusCode::kDataLoss) << size;
    }
    Bytes longer = whole;
    longer.resize(whole.size() + 64);
    EXPECT_EQ(Tokenizer::Open(Share(longer)).status().code(), StatusCode::kDataLoss);
  }
}

TEST(TokenTables, WhatUseReliesOnIsChecked) {
  struct Case {
    const char* what;
    void (*damage)(TokenParts&);
    bool sentencepiece = false;
  };
  const Case cases[] = {
      {"the number of tokens", [](TokenParts& p) { p.facts.tokens = 0; }},
      {"where tokens' texts begin", [](TokenParts& p) { p.facts.tokens += 1; }},
      {"where tokens' texts begin", [](TokenParts& p) { p.text_offsets[3] = 1u << 30; }},
      {"where tokens' bytes begin", [](TokenParts& p) { p.byte_offsets.back() += 1; }},
      {"the kinds of tokens", [](TokenParts& p) { p.kinds.pop_back(); }},
      {"the kinds of tokens", [](TokenParts& p) { p.kinds[0] = static_cast<TokenKind>(6); }},
      {"the ids of special tokens", [](TokenParts& p) { p.facts.eos = static_cast<int32_t>(p.facts.tokens); }},
      {"the facts", [](TokenParts& p) { p.facts.token_bytes_max = 0; }},
      {"the facts", [](TokenParts& p) { p.facts.add_bos = 3; }},
      {"special tokens", [](TokenParts& p) { p.specials[0] = -1; }},
      {"special tokens are not in order", [](TokenParts& p) { std::swap(p.specials[0], p.specials[3]); }},
      {"the index of texts", [](TokenParts& p) { p.by_text[0].id = 1 << 20; }},
      {"the index of texts", [](TokenParts& p) { std::ranges::for_each(p.by_text, [](auto& s) { s.id = 0; }); }},
      {"the index of texts", [](TokenParts& p) { p.by_text.pop_back(); }},
      {"the tokens of bytes", [](TokenParts& p) { p.byte_ids.pop_back(); }},
      {"the merges", [](TokenParts& p) { p.merges[5].merge.merged = -2; }},
      {"the merges", [](TokenParts& p) { p.merges.resize(1); }},
      {"of a build that knew 'gpt-2' otherwise", [](TokenParts& p) { p.whole = p.by_text; }},
      {"the scores", [](TokenParts& p) { p.scores[1] = std::nanf(""); }, true},
      {"which pieces are unused", [](TokenParts& p) { p.unused.resize(1); }, true},
      {"text that no token stands for",
       [](TokenParts& p) {
         p.byte_ids[9] = -1;
         p.facts.unk = -1;
       },
       true},
  };
  for (const Case& c : cases) {
    const TokenizerSpec spec = c.sentencepiece ? SmallSentencePieceSpec(1) : SmallBpeSpec(1);
    const auto good = BuildTokenTables(spec);
    ASSERT_TRUE(good.ok());
    TokenParts parts;
    parts.facts = good->facts;
    const auto copy = [](const auto& from, auto& to) { to.assign(from.begin(), from.end()); };
    copy(good->pre, parts.pre), copy(good->texts, parts.texts), copy(good->text_offsets, parts.text_offsets);
    copy(good->bytes, parts.bytes), copy(good->byte_offsets, parts.byte_offsets), copy(good->kinds, parts.kinds);
    copy(good->specials, parts.specials), copy(good->by_text, parts.by_text), copy(good->byte_ids, parts.byte_ids);
    copy(good->merges, parts.merges), copy(good->pieces, parts.pieces), copy(good->scores, parts.scores);
    copy(good->unused, parts.unused), copy(good->joiners, parts.joiners);
    c.damage(parts);
    const auto written = WriteTokenTables(parts);
    const Status status = written.ok() ? Tokenizer::Open(written->block).status() : written.status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << c.what;
    EXPECT_NE(status.message().find(c.what), std::string::npos) << c.what << ": " << status.message();
  }
}

}  // namespace
}  // namespace bedplate
