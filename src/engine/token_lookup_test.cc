// Method: examples of copies, changes inside them and repetition; brute force for the run in common; random texts for
// the bounds of a guess.

#include "engine/token_lookup.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace bedplate {
namespace {

std::vector<TokenId> Tokens(std::string_view letters) {
  std::vector<TokenId> tokens;
  for (const char c : letters) tokens.push_back(TokenId{c});
  return tokens;
}
std::string Guessed(const TokenLookup& lookup, size_t most = 8) {
  std::vector<TokenId> out(most);
  out.resize(lookup.Guess(out));
  std::string letters;
  for (const TokenId t : out) letters.push_back(static_cast<char>(t.value));
  return letters;
}
std::string AfterWriting(TokenLookup& lookup, std::string_view letters, size_t most = 8) {
  for (const TokenId t : Tokens(letters)) lookup.Append(t);
  return Guessed(lookup, most);
}

TEST(TokenLookup, GoesOnAsThePromptDid) {
  TokenLookup lookup({}, Tokens("the quick brown fox; copy: "), 100);
  EXPECT_EQ(AfterWriting(lookup, "the q"), "uick bro");
  EXPECT_EQ(AfterWriting(lookup, "uick brown"), " fox; co");
  EXPECT_EQ(lookup.prediction_accepted(), 0u);
}

TEST(TokenLookup, KnowsNothingOfNewThings) {
  TokenLookup lookup({}, Tokens("abcdefgh"), 100);
  EXPECT_EQ(Guessed(lookup), "");
  EXPECT_EQ(AfterWriting(lookup, "xyz"), "");
}

TEST(TokenLookup, PrefersTheLongestRunInCommonThenTheLatest) {
  TokenLookup longest({}, Tokens("1abcX 2bcY 3abcX "), 100);
  EXPECT_EQ(AfterWriting(longest, "abc", 1), "X");
  TokenLookup latest({}, Tokens("1bcX 2bcY "), 100);
  EXPECT_EQ(AfterWriting(latest, "bc", 1), "Y");
}

TEST(TokenLookup, APredictionIsGuessedFromItsBeginning) {
  TokenLookup lookup(Tokens("int main() { return 0; }"), Tokens("prompt"), 100);
  EXPECT_EQ(Guessed(lookup), "int main");
  EXPECT_EQ(AfterWriting(lookup, "int main() "), "{ return");
  EXPECT_EQ(lookup.prediction_accepted(), 11u);
  EXPECT_EQ(AfterWriting(lookup, "{ return 0; }", 8), "");  // it ends there, and the prompt is not its continuation
  EXPECT_EQ(lookup.prediction_accepted(), 24u);
}

TEST(TokenLookup, FindsACopyAgainAfterAReplacementAnInsertionAndAnOmission) {
  const auto source = Tokens("alpha(beta, gamma) + delta * epsilon - zeta");
  TokenLookup replaced(source, {}, 100);
  EXPECT_EQ(AfterWriting(replaced, "alpha(BB", 4), "");
  EXPECT_EQ(AfterWriting(replaced, ",", 4), " gam");  // one token of the source's near continuation is enough
  TokenLookup inserted(source, {}, 100);
  EXPECT_EQ(AfterWriting(inserted, "alpha(beta, 12, g", 4), "amma");
  TokenLookup omitted(source, {}, 100);
  EXPECT_EQ(AfterWriting(omitted, "alpha(beta) ", 4), "+ de");
}

TEST(TokenLookup, FollowingLateIsAsGoodAsAppending) {
  Prng rng(TestSeed());
  for (int round = 0; round < 50; ++round) {
    const auto prompt = Tokens("the quick brown fox; copy: ");
    const auto prediction = rng.Chance(0.5) ? Tokens("copy: the quick") : std::vector<TokenId>();
    TokenLookup at_once(prediction, prompt, 10), late(prediction, prompt, 10);
    std::vector<TokenId> sequence = prompt;
    for (int i = 0; i < 100; ++i) {
      sequence.push_back(rng.Chance(0.7) ? prompt[static_cast<size_t>(i) % prompt.size()] : TokenId{'x'});
      at_once.Append(sequence.back());
      if (!rng.Chance(0.1)) continue;
      late.Follow(sequence);
      ASSERT_EQ(Guessed(late), Guessed(at_once));
      ASSERT_EQ(late.Chance(0), at_once.Chance(0));
      ASSERT_EQ(late.prediction_accepted(), at_once.prediction_accepted());
    }
  }
}

TEST(TokenLookup, RepetitionGoesOn) {
  TokenLookup lookup({}, Tokens("abab"), 100);
  EXPECT_EQ(Guessed(lookup), "abababab");
  EXPECT_EQ(AfterWriting(lookup, "cccc", 5), "ccccc");
}

TEST(TokenLookup, LearnsWhatItsGuessesAreWorth) {
  TokenLookup good(Tokens(std::string(200, 'a')), {}, 300);
  TokenLookup bad({}, Tokens("ab"), 3000);
  for (int i = 0; i < 100; ++i) good.Append(TokenId{'a'});
  Prng rng(TestSeed());
  double worst = 1;
  for (int i = 0; i < 2000; ++i) {
    bad.Append(TokenId{static_cast<int32_t>(rng.Range(0, 5))});
    if (!Guessed(bad).empty()) worst = std::min(worst, bad.Chance(0));
  }
  EXPECT_GT(good.Chance(0), 0.97);
  EXPECT_LT(worst, 0.25);
}

TEST(TokenLookup, GuessesStayInBoundsWhateverIsWritten) {
  Prng rng(TestSeed());
  for (int round = 0; round < 200; ++round) {
    const auto draw = [&](int64_t most) {
      std::vector<TokenId> tokens(static_cast<size_t>(rng.Range(0, most)));
      for (TokenId& t : tokens) t = TokenId{static_cast<int32_t>(rng.Range(0, 3))};
      return tokens;
    };
    const auto prediction = draw(40), prompt = draw(40);
    TokenLookup lookup(prediction, prompt, static_cast<size_t>(rng.Range(0, 10)));
    for (int i = 0; i < 400; ++i) {
      std::vector<TokenId> out(static_cast<size_t>(rng.Range(0, 20)));
      const uint32_t guessed = lookup.Guess(out);
      ASSERT_LE(guessed, out.size());
      for (uint32_t g = 0; g < guessed; ++g) {
        ASSERT_GE(out[g].value, 0);
        ASSERT_GT(lookup.Chance(g), 0.0);
        ASSERT_LE(lookup.Chance(g), 1.0);
      }
      lookup.Append(guessed > 0 && rng.Chance(0.8) ? out[0] : TokenId{static_cast<int32_t>(rng.Range(0, 3))});
    }
    ASSERT_LE(lookup.prediction_accepted(), 400u);
  }
}

}  // namespace
}  // namespace bedplate
