// Method: a table, each text cut at every byte and every pair of bytes on character boundaries; random texts against
// brute force; what is held back is never more than a possible beginning of a stop string.

#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace bedplate {
namespace {

struct Outcome {
  std::string text;
  std::string stop;
  bool operator==(const Outcome&) const = default;
};

Outcome Match(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  Outcome out;
  for (const std::string& piece : pieces) {
    StopMatcher::Fed fed = matcher.Feed(piece);
    out.text += fed.text;
    if (fed.stop_string.has_value()) {
      out.stop = stops[*fed.stop_string];
      return out;
    }
  }
  out.text += matcher.Flush();
  return out;
}

bool Boundary(const std::string& text, size_t at) {
  return at == text.size() || (static_cast<uint8_t>(text[at]) & 0xC0) != 0x80;
}

TEST(StopMatcher, ATableCutEverywhere) {
  struct Case {
    std::vector<std::string> stops;
    std::string text;
    Outcome want;
  };
  const Case cases[] = {
      {{}, "anything", {"anything", ""}},
      {{"stop"}, "go on and stop here", {"go on and ", "stop"}},
      {{"stop"}, "stoppage", {"", "stop"}},
      {{"stop"}, "sto", {"sto", ""}},
      {{"aab"}, "aaab", {"a", "aab"}},
      {{"abab"}, "abaabab", {"aba", "abab"}},
      {{"abcd", "bc"}, "abcd", {"a", "bc"}},  // bc is complete first
      {{"c", "abc"}, "xabc", {"x", "abc"}},   // both end there: the longest
      {{"\n\n", "END"}, "one\ntwo\n\nthree", {"one\ntwo", "\n\n"}},
      {{"é"}, "caf\u00e9 \u00e8", {"caf", "é"}},
      {{"日本"}, "今日は日本", {"今日は", "日本"}},
      {{"🙂🙃"}, "🙂🙂🙃!", {"🙂", "🙂🙃"}},
  };
  for (const Case& c : cases) {
    for (size_t a = 0; a <= c.text.size(); ++a) {
      for (size_t b = a; b <= c.text.size(); ++b) {
        if (!Boundary(c.text, a) || !Boundary(c.text, b)) continue;
        EXPECT_EQ(Match(c.stops, {c.text.substr(0, a), c.text.substr(a, b - a), c.text.substr(b)}), c.want)
            << c.text << " cut at " << a << " and " << b;
      }
    }
  }
}

TEST(StopMatcher, HoldsBackOnlyWhatMayBecomeAStop) {
  Prng rng(TestSeed());
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops;
    for (int64_t i = rng.Range(1, 3); i > 0; --i) {
      std::string stop;
      for (int64_t n = rng.Range(1, 5); n > 0; --n) stop.push_back(rng.Pick({'a', 'b'}));
      stops.push_back(stop);
    }
    StopMatcher matcher(stops);
    std::string fed, got;
    while (fed.size() < 40) {
      std::string piece;
      for (int64_t n = rng.Range(1, 6); n > 0; --n) piece.push_back(rng.Pick({'a', 'b', 'c'}));
      const StopMatcher::Fed out = matcher.Feed(piece);
      fed += piece;
      got += out.text;
      if (out.stop_string.has_value()) break;
      const std::string held = fed.substr(got.size());
      ASSERT_TRUE(fed.starts_with(got));
      ASSERT_TRUE(held.empty() ||
                  std::ranges::any_of(stops, [&](const std::string& s) { return s.starts_with(held); }));
      for (const std::string& stop : stops) ASSERT_EQ(fed.find(stop), std::string::npos) << "missed " << stop;
    }
  }
}

}  // namespace
}  // namespace bedplate
