// Small random vocabularies beside naive models of BPE and SentencePiece; trust, segments and hostile specs by cases.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "text/sentencepiece.h"
#include "text/tokenizer_test_specs.h"

namespace bedplate {
namespace {

std::unique_ptr<Tokenizer> Make(const TokenizerSpec& spec) {
  Result<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::Create(spec);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  return std::move(tokenizer).value();
}

std::vector<std::string> Texts(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  std::vector<std::string> texts;
  for (const TokenId id : ids) texts.emplace_back(tokenizer.TokenText(id));
  return texts;
}

/// The definition: while some adjacent pair has a merge, join the most urgent, leftmost one.
std::vector<std::string> NaiveBpe(const std::vector<std::string>& merges, std::string_view bytes) {
  std::map<std::string, size_t> rank;
  for (size_t i = 0; i < merges.size(); ++i) rank[merges[i]] = i;
  std::vector<std::string> parts;
  for (const char byte : bytes) parts.push_back(AlphabetText(std::string(1, byte)));
  while (true) {
    size_t best = parts.size();
    size_t best_rank = merges.size();
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = rank.find(parts[i] + " " + parts[i + 1]);
      if (found == rank.end() || found->second >= best_rank) continue;
      best = i;
      best_rank = found->second;
    }
    if (best == parts.size()) return parts;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Tokenizer, BpeEqualsItsDefinitionForShortAndLongPieces) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 15; ++round) {
    const TokenizerSpec spec = SmallBpeSpec(seed + round);
    const auto tokenizer = Make(spec);
    Prng prng(seed * 1000 + round);
    for (int i = 0; i < 30; ++i) {
      std::string text;  // letters only: one piece
      const size_t size = static_cast<size_t>(prng.Pick({prng.Range(1, 20), prng.Range(40, 56), prng.Range(57, 300)}));
      while (text.size() < size) text += prng.Pick<const char*>({"a", "b", "c", "\xC3\xA9"});
      ASSERT_EQ(Texts(*tokenizer, tokenizer->Encode(text, {.add_bos = false})), NaiveBpe(spec.merges, text)) << text;
    }
  }
}

/// The definition: while some adjacent pair makes a piece, join the pair of the highest score, leftmost; then take
/// unused pieces apart again and spell what is no piece in bytes.
class NaiveSentencePiece {
 public:
  explicit NaiveSentencePiece(const TokenizerSpec& spec) {
    for (size_t i = 0; i < spec.tokens.size(); ++i) {
      if (spec.kinds[i] == TokenKind::kNormal || spec.kinds[i] == TokenKind::kUnused) {
        pieces_[spec.tokens[i]] = {spec.scores[i], spec.kinds[i] == TokenKind::kUnused};
      }
    }
  }
  std::vector<std::string> Encode(const std::vector<std::string>& characters) {
    std::vector<std::string> parts = characters;
    std::map<std::string, std::pair<std::string, std::string>> made_of;
    const auto note = [&](size_t i) {
      if (i + 1 >= parts.size()) return;
      const auto found = pieces_.find(parts[i] + parts[i + 1]);
      if (found != pieces_.end()) made_of[found->first] = {parts[i], parts[i + 1]};
    };
    for (size_t i = 0; i < parts.size(); ++i) note(i);
    while (true) {
      size_t best = parts.size();
      float best_score = 0;
      for (size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = pieces_.find(parts[i] + parts[i + 1]);
        if (found == pieces_.end() || (best != parts.size() && found->second.score <= best_score)) continue;
        best = i;
        best_score = found->second.score;
      }
      if (best == parts.size()) break;
      parts[best] += parts[best + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
      if (best > 0) note(best - 1);
      note(best);
    }
    std::vector<std::string> out;
    for (const std::string& part : parts) Emit(part, made_of, out);
    return out;
  }

 private:
  struct Piece {
    float score;
    bool unused;
  };
  void Emit(const std::string& part, const std::map<std::string, std::pair<std::string, std::string>>& made_of,
            std::vector<std::string>& out) {
    const auto piece = pieces_.find(part);
    const auto halves = made_of.find(part);
    if (piece != pieces_.end() && piece->second.unused && halves != made_of.end()) {
      Emit(halves->second.first, made_of, out);
      Emit(halves->second.second, made_of, out);
    } else if (piece != pieces_.end()) {
      out.push_back(part);
    } else {
      for (const char byte : part) out.push_back(fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte)));
    }
  }
  std::map<std::string, Piece> pieces_;
};

TEST(Tokenizer, SentencePieceEqualsItsDefinitionForShortAndLongParts) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 21; ++round) {
    TokenizerSpec spec = SmallSentencePieceSpec(seed + round);
    spec.add_space_prefix = false;
    // A third of the vocabularies have no piece with a space mark inside, so that texts are cut at spaces.
    for (size_t i = 0; round % 3 == 0 && i < spec.tokens.size(); ++i) {
      const size_t mark = spec.tokens[i].rfind(kSpaceMark);
      if (mark != std::string::npos && mark > 0) spec.tokens[i] = Cat("z", i);
    }
    NaiveSentencePiece naive(spec);
    const auto tokenizer = Make(spec);
    Prng prng(seed * 1000 + round);
    for (int i = 0; i < 30; ++i) {
      std::string text;
      std::vector<std::string> characters;
      for (int64_t n = prng.Pick({prng.Range(1, 20), prng.Range(28, 36), prng.Range(37, 200)}); n > 0; --n) {
        const char* c = prng.Pick<const char*>({" ", "a", "b", "\xC3\xA9", "x", "\xF0\x9F\x98\x80"});
        if (*c == ' ' && text.ends_with("  ")) c = "a";  // three spaces are a user-defined token
        text += c;
        characters.emplace_back(*c == ' ' ? std::string(kSpaceMark) : c);
      }
      ASSERT_EQ(Texts(*tokenizer, tokenizer->Encode(text, {.add_bos = false})), naive.Encode(characters)) << text;
    }
  }
}

TEST(Tokenizer, AnyBytesComeBack) {
  Prng prng(TestSeed());
  for (const char* pre : {"gpt-2", "llama-bpe", "qwen2", "qwen35", "smollm", "deepseek-llm", "deepseek-coder", "falcon",
                          "gpt-4o", "tekken", "default"}) {
    TokenizerSpec spec = SmallBpeSpec(7);
    spec.pre = pre;
    const auto tokenizer = Make(spec);
    for (int i = 0; i < 300; ++i) {
      const std::string text = RandomBytes(prng, 200);
      ASSERT_EQ(tokenizer->Decode(tokenizer->Encode(text)), text) << pre;
    }
  }
  for (const bool prefix : {false, true}) {
    TokenizerSpec spec = SmallSentencePieceSpec(7);
    spec.add_space_prefix = prefix;
    // A user-defined token would let a space be prefixed inside the text.
    if (prefix) spec.kinds[4] = TokenKind::kNormal;
    const auto tokenizer = Make(spec);
    for (int i = 0; i < 1000; ++i) {
      const std::string text = RandomBytes(prng, 200);
      ASSERT_EQ(tokenizer->Decode(tokenizer->Encode(text)), text);
    }
  }
}

TEST(Tokenizer, ControlTokensAreReadOnlyInTrustedText) {
  const auto tokenizer = Make(SmallBpeSpec(1));
  const TokenId end = *tokenizer->Find("<|im_end|>");
  const TokenId tool = *tokenizer->Find("<tool>");
  const auto has = [](const std::vector<TokenId>& ids, TokenId id) { return std::ranges::count(ids, id); };

  const std::string_view text = "a<|im_end|>b<tool>";
  EXPECT_EQ(has(tokenizer->Encode(text), end), 0);
  EXPECT_EQ(has(tokenizer->Encode(text), tool), 1);  // user-defined: vocabulary like any other
  EXPECT_EQ(has(tokenizer->Encode(text, {.parse_special = true}), end), 1);

  const std::vector<TextSegment> prompt = {
      {"<|im_start|>", true}, {"user says <|im_end|>", false}, {"<|im_end|>", true}, {"<|im_", true}, {"end|>", true}};
  const std::vector<TokenId> ids = tokenizer->EncodeSegments(prompt);
  EXPECT_EQ(has(ids, end), 2);  // the last one lies in two trusted segments side by side
  EXPECT_EQ(ids.back(), end);
  EXPECT_EQ(tokenizer->Decode(ids, {.special = true}), "<|im_start|>user says <|im_end|><|im_end|><|im_end|>");

  // Neither half alone may be forged: an untrusted part completes no control token.
  for (const auto& forged : {std::vector<TextSegment>{{"<|im_", false}, {"end|>", true}},
                             std::vector<TextSegment>{{"<|im_", true}, {"end|>", false}},
                             std::vector<TextSegment>{{"<|im", true}, {"_", false}, {"end|>", true}}}) {
    EXPECT_EQ(has(tokenizer->EncodeSegments(forged), end), 0);
  }
}

TEST(Tokenizer, WhereATextIsCutDoesNotChangeItsIds) {
  Prng prng(TestSeed());
  const std::unique_ptr<Tokenizer> tokenizers[] = {Make(SmallBpeSpec(3)), Make(SmallSentencePieceSpec(3))};
  for (const auto& tokenizer : tokenizers) {
    for (int round = 0; round < 500; ++round) {
      const std::string text = RandomBytes(prng, 80);
      std::vector<TextSegment> segments;
      for (size_t at = 0; at < text.size();) {
        const size_t size = static_cast<size_t>(prng.Range(0, 9));
        segments.push_back({std::string_view(text).substr(at, size), prng.Chance(0.5)});
        at += size;
      }
      ASSERT_EQ(tokenizer->EncodeSegments(segments), tokenizer->Encode(text));
    }
  }
}

TEST(Tokenizer, CountsWithoutEncodingAndStopsEarly) {
  Prng prng(TestSeed());
  for (uint64_t round = 0; round < 40; ++round) {
    TokenizerSpec spec = round % 2 == 0 ? SmallBpeSpec(TestSeed() + round) : SmallSentencePieceSpec(TestSeed() + round);
    const auto tokenizer = Make(std::move(spec));
    for (int i = 0; i < 50; ++i) {
      const std::string text =
          prng.Chance(0.5) ? RandomBytes(prng, 300) : std::string(static_cast<size_t>(prng.Range(0, 300)), 'a');
      const TextSegment segment{.text = text, .trusted = true};
      const std::vector<TokenId> all = tokenizer->Encode(text, {.add_bos = false, .parse_special = true});
      ASSERT_LE(tokenizer->TokensAtLeast({&segment, 1}), all.size()) << text;
      const size_t most = static_cast<size_t>(prng.Range(0, 50));
      const std::vector<TokenId> begun =
          tokenizer->Encode(text, {.add_bos = false, .parse_special = true, .tokens_max = most});
      ASSERT_LE(begun.size(), all.size());
      ASSERT_TRUE(std::equal(begun.begin(), begun.end(), all.begin()));
      ASSERT_TRUE(begun.size() > most || begun == all) << begun.size();
    }
  }
  const std::string long_text(1301, 'z');
  const TextSegment segment{.text = long_text, .trusted = false};
  EXPECT_EQ(Make(SmallBpeSpec(1, 0))->TokensAtLeast({&segment, 1}), 101u) << "13 bytes: <|endoftext|>";
  TokenizerSpec vanishing = SmallSentencePieceSpec(1);
  vanishing.remove_extra_whitespaces = true;
  EXPECT_EQ(Make(std::move(vanishing))->TokensAtLeast({&segment, 1}), 0u);
}

TEST(Tokenizer, LongestSpecialTokenWins) {
  TokenizerSpec spec = SmallBpeSpec(1);
  for (const char* text : {"<a", "<ab>", "<a>"}) {
    spec.tokens.emplace_back(text);
    spec.kinds.push_back(TokenKind::kUserDefined);
  }
  const auto tokenizer = Make(spec);
  EXPECT_EQ(Texts(*tokenizer, tokenizer->Encode("<ab><a><ac", {.add_bos = false})),
            (std::vector<std::string>{"<ab>", "<a>", "<a", "c"}));
}

TEST(Tokenizer, BeginAndEndTokensFollowSpecAndOptions) {
  TokenizerSpec spec = SmallBpeSpec(1);
  EXPECT_FALSE(Make(spec)->adds_bos());  // gpt-2 vocabularies usually don't
  spec.add_bos = true;
  spec.add_eos = true;
  const auto tokenizer = Make(spec);
  EXPECT_EQ(tokenizer->Encode(""), std::vector<TokenId>{TokenId{0}});
  EXPECT_EQ(tokenizer->Encode("", {.add_bos = false, .add_eos = true}), std::vector<TokenId>{TokenId{2}});
  EXPECT_TRUE(Make(SmallSentencePieceSpec(1))->adds_bos());  // llama vocabularies usually do
}

TEST(Tokenizer, SpacePrefixComesAndGoes) {
  TokenizerSpec spec = SmallSentencePieceSpec(5);
  const auto tokenizer = Make(spec);
  const std::vector<TokenId> ids = tokenizer->Encode("x</s>x", {.add_bos = false, .parse_special = true});
  EXPECT_EQ(tokenizer->Decode(ids, {.special = true, .text_start = false}), " x</s> x");
  EXPECT_EQ(tokenizer->Decode(ids, {.special = true}), "x</s> x");
  EXPECT_TRUE(tokenizer->Encode("", {.add_bos = false}).empty());
  spec.remove_extra_whitespaces = true;
  const auto trimming = Make(spec);
  EXPECT_EQ(trimming->Decode(trimming->Encode("  x  y ")), "x y");
  EXPECT_TRUE(trimming->Encode(" ", {.add_bos = false}).empty());
}

TEST(Tokenizer, StripRightSwallowsWhiteSpace) {
  TokenizerSpec spec = SmallBpeSpec(1);
  spec.strip_right = {TokenId{2}};
  const auto tokenizer = Make(spec);
  const auto ids = tokenizer->Encode("<|im_end|> \n\xC2\xA0x<|im_start|> y", {.add_bos = false, .parse_special = true});
  EXPECT_EQ(tokenizer->Decode(ids, {.special = true}), "<|im_end|>x<|im_start|> y");
}

TEST(Tokenizer, WithoutByteTokensUnknownCharactersAreOneToken) {
  TokenizerSpec spec;
  spec.model = "llama";
  spec.tokens = {"<unk>", "a", "b"};
  spec.kinds = {TokenKind::kUnknown, TokenKind::kNormal, TokenKind::kNormal};
  spec.scores = {0, 0, 0};
  spec.unk = TokenId{0};
  spec.add_space_prefix = false;
  const auto tokenizer = Make(spec);
  EXPECT_EQ(Texts(*tokenizer, tokenizer->Encode("axyb")), (std::vector<std::string>{"a", "<unk>", "b"}));
  EXPECT_TRUE(tokenizer->missing_bytes().all());
}

TEST(Tokenizer, BytesThatTheVocabularyLacksAreNamedAndDropped) {
  TokenizerSpec spec = SmallBpeSpec(1);
  spec.tokens[4 + 'x'] = "renamed";
  const auto tokenizer = Make(spec);
  EXPECT_EQ(tokenizer->missing_bytes().count(), 1u);
  EXPECT_TRUE(tokenizer->missing_bytes().test('x'));
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode("axb")), "ab");
}

// Found by tokenizer_fuzz: such a space was decoded as the two bytes of its stand-in, U+0120.
TEST(Tokenizer, AByteTokenOfAnyKindStandsForItsByte) {
  for (const TokenKind kind : {TokenKind::kUnused, TokenKind::kByte, TokenKind::kUserDefined, TokenKind::kControl}) {
    TokenizerSpec spec = SmallBpeSpec(1, /*merge_count=*/0);
    spec.kinds[4 + ' '] = kind;
    const auto tokenizer = Make(spec);
    const bool missing = kind == TokenKind::kUserDefined || kind == TokenKind::kControl;
    EXPECT_EQ(tokenizer->missing_bytes().test(' '), missing);
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode("a b")), missing ? "ab" : "a b");
  }
}

TEST(Tokenizer, KnowsWhatEndsAnAnswer) {
  const auto small = Make(SmallBpeSpec(1));
  EXPECT_TRUE(small->IsEndOfGeneration(TokenId{0}));   // <|endoftext|>, by its name
  EXPECT_TRUE(small->IsEndOfGeneration(TokenId{2}));   // eos
  EXPECT_FALSE(small->IsEndOfGeneration(TokenId{1}));  // <|im_start|>
  EXPECT_FALSE(small->IsEndOfGeneration(TokenId{3}));
  EXPECT_TRUE(Make(SmallSentencePieceSpec(1))->IsEndOfGeneration(TokenId{3}));  // <end_of_turn>

  TokenizerSpec harmony = SmallBpeSpec(1);
  for (const char* text : {"<|end|>", "<|return|>", "<|call|>"}) {
    harmony.tokens.emplace_back(text);
    harmony.kinds.push_back(TokenKind::kControl);
  }
  const auto tokenizer = Make(harmony);
  EXPECT_FALSE(tokenizer->IsEndOfGeneration(*tokenizer->Find("<|end|>")));
  EXPECT_TRUE(tokenizer->IsEndOfGeneration(*tokenizer->Find("<|return|>")));
}

TEST(Tokenizer, AMegabyteWithoutSpacesIsNotQuadratic) {
  const auto bpe = Make(SmallBpeSpec(2, /*merge_count=*/400));
  const auto sentencepiece = Make(SmallSentencePieceSpec(2));
  for (const char* unit : {"a", "ab", " "}) {
    std::string text;
    while (text.size() < (1u << 20)) text += unit;
    EXPECT_EQ(bpe->Decode(bpe->Encode(text)), text);
    EXPECT_EQ(sentencepiece->Decode(sentencepiece->Encode(text), {.text_start = true}).size(), text.size());
  }
}

TEST(Tokenizer, HostileSpecsAreErrorsThatNameTheField) {
  struct Case {
    const char* named;
    void (*damage)(TokenizerSpec&);
  };
  const Case bpe_cases[] = {
      {"tokenizer.ggml.model is 'bert'", [](TokenizerSpec& s) { s.model = "bert"; }},
      {"tokenizer.ggml.pre is 'gpt-7'", [](TokenizerSpec& s) { s.pre = "gpt-7"; }},
      {"tokenizer.ggml.pre is missing", [](TokenizerSpec& s) { s.pre.clear(); }},
      {"tokenizer.ggml.tokens has 0", [](TokenizerSpec& s) { s.tokens.clear(); }},
      {"tokenizer.ggml.tokens[5]", [](TokenizerSpec& s) { s.tokens[5] = s.tokens[4]; }},
      {"tokenizer.ggml.token_type has", [](TokenizerSpec& s) { s.kinds.pop_back(); }},
      {"tokenizer.ggml.token_type[9] is 10", [](TokenizerSpec& s) { s.kinds[9] = static_cast<TokenKind>(9); }},
      {"tokenizer.ggml.bos_token_id is -1", [](TokenizerSpec& s) { s.bos = TokenId{-1}; }},
      {"tokenizer.ggml.eos_token_id is 1000000", [](TokenizerSpec& s) { s.eos = TokenId{1000000}; }},
      {"strip_right", [](TokenizerSpec& s) { s.strip_right = {TokenId{1000000}}; }},
      {"tokenizer.ggml.merges[0]", [](TokenizerSpec& s) { s.merges[0] = "ab"; }},
      {"tokenizer.ggml.merges[0]", [](TokenizerSpec& s) { s.merges[0] = ""; }},
      {"tokenizer.ggml.merges[0]", [](TokenizerSpec& s) { s.merges[0] = "a b c"; }},
      {"tokenizer.ggml.merges[0] is 'zz a': the left part", [](TokenizerSpec& s) { s.merges[0] = "zz a"; }},
      {"tokenizer.ggml.merges[0] is 'a zz': the right part", [](TokenizerSpec& s) { s.merges[0] = "a zz"; }},
      {"tokenizer.ggml.merges[0] is 'z z': what it makes", [](TokenizerSpec& s) { s.merges[0] = "z z"; }},
      {"tokenizer.ggml.merges[1]", [](TokenizerSpec& s) { s.merges[1] = s.merges[0]; }},
      {"stands for other bytes",
       [](TokenizerSpec& s) {
         s.tokens.emplace_back("\xC4\xA0\xC4\xA0\xC4\xA0");
         s.kinds.push_back(TokenKind::kUserDefined);
         s.tokens.emplace_back("\xC4\xA0\xC4\xA0");
         s.kinds.push_back(TokenKind::kNormal);
         s.merges = {"\xC4\xA0 \xC4\xA0", "\xC4\xA0\xC4\xA0 \xC4\xA0"};
       }},
      {"a control token",
       [](TokenizerSpec& s) {
         s.tokens[1] = "zz";
         s.merges[0] = "z z";
       }},
  };
  for (const Case& c : bpe_cases) {
    TokenizerSpec spec = SmallBpeSpec(1, /*merge_count=*/6);
    c.damage(spec);
    const auto tokenizer = Tokenizer::Create(spec);
    ASSERT_FALSE(tokenizer.ok()) << c.named;
    EXPECT_NE(tokenizer.status().message().find(c.named), std::string::npos) << tokenizer.status().message();
  }
  const Case sentencepiece_cases[] = {
      {"tokenizer.ggml.scores has", [](TokenizerSpec& s) { s.scores.pop_back(); }},
      {"tokenizer.ggml.scores[3] is not a number", [](TokenizerSpec& s) { s.scores[3] = std::nanf(""); }},
      {"of type byte", [](TokenizerSpec& s) { s.tokens[7] = "<0xG0>"; }},
      {"a byte that token 5",
       [](TokenizerSpec& s) { s.tokens[16] = "<0x0a>", s.tokens[5] = "<0x0A>", s.tokens[15] = "<0x00>"; }},
      {"tokenizer.ggml.unknown_token_id is missing",
       [](TokenizerSpec& s) {
         s.unk.reset();
         s.kinds[7] = TokenKind::kNormal;
       }},
  };
  for (const Case& c : sentencepiece_cases) {
    TokenizerSpec spec = SmallSentencePieceSpec(1);
    c.damage(spec);
    const auto tokenizer = Tokenizer::Create(spec);
    ASSERT_FALSE(tokenizer.ok()) << c.named;
    EXPECT_NE(tokenizer.status().message().find(c.named), std::string::npos) << tokenizer.status().message();
  }
}

TEST(Tokenizer, TokensKnowTheirBytes) {
  const auto bpe = Make(SmallBpeSpec(1));
  EXPECT_EQ(bpe->TokenBytes(TokenId{4 + ' '}), " ");
  EXPECT_EQ(bpe->TokenText(TokenId{4 + ' '}), "\xC4\xA0");
  EXPECT_EQ(bpe->TokenBytes(TokenId{4 + 0xC3}), "\xC3");
  EXPECT_EQ(bpe->TokenBytes(TokenId{2}), "");
  EXPECT_EQ(bpe->TokenBytes(TokenId{3}), "<tool>");
  const auto sentencepiece = Make(SmallSentencePieceSpec(1));
  EXPECT_EQ(sentencepiece->TokenBytes(TokenId{5 + 0xF0}), "\xF0");
  EXPECT_EQ(sentencepiece->TokenBytes(*sentencepiece->Find(kSpaceMark)), " ");
}

TEST(Tokenizer, IgnoredMergesTakeWholePiecesButNoControlTokens) {
  TokenizerSpec spec = SmallBpeSpec(1);
  spec.ignore_merges = true;
  spec.tokens.insert(spec.tokens.end(), {"hello", "secret"});
  spec.kinds.insert(spec.kinds.end(), {TokenKind::kNormal, TokenKind::kControl});
  const auto tokenizer = Make(spec);
  EXPECT_EQ(Texts(*tokenizer, tokenizer->Encode("hello", {.add_bos = false})), std::vector<std::string>{"hello"});
  EXPECT_EQ(tokenizer->Encode("secret", {.add_bos = false}).size(), 6u);
}

}  // namespace
}  // namespace bedplate
