// Method: random automata: minimised, the language is the same and no two states are equivalent by a table of pairs;
// Meet() is what Intersect() finds. Then shapes that make refinement slow, against the clock.
#include "text/constraint/byte_dfa.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "base/random.h"
#include "text/constraint/constraint_testing.h"
#include "text/constraint/regex.h"

namespace bedplate {
namespace {

ByteDfa RandomDfa(Prng& random) {
  ByteDfa dfa;
  const auto n = static_cast<uint32_t>(random.Range(1, 14));
  dfa.states.assign(n, {});
  for (ByteDfa::State& state : dfa.states) {
    state.accepting = random.Chance(0.4);
    for (uint8_t low = 'a'; low <= 'd'; ++low) {
      if (random.Chance(0.4)) continue;
      const auto high = static_cast<uint8_t>(random.Range(low, 'd'));
      state.edges.push_back({low, high, static_cast<uint32_t>(random.Range(0, n - 1))});
      low = high;
    }
  }
  return dfa;
}

/// All words of at most so many letters.
std::vector<std::string> Words(size_t letters_max) {
  std::vector<std::string> words{""};
  for (size_t i = 0; i < words.size(); ++i) {
    for (char c = 'a'; c <= 'd' && words[i].size() < letters_max; ++c) words.push_back(words[i] + c);
  }
  return words;
}

/// The states that some word tells apart, for all pairs.
bool AllDiffer(const ByteDfa& dfa) {
  const size_t n = dfa.states.size();
  std::vector<std::vector<bool>> differ(n + 1, std::vector<bool>(n + 1));  // n: no state
  for (size_t s = 0; s <= n; ++s) {
    for (size_t t = 0; t <= n; ++t) {
      differ[s][t] = (s < n && dfa.states[s].accepting) != (t < n && dfa.states[t].accepting);
    }
  }
  const auto next = [&](size_t s, char c) -> size_t {
    return s < n ? dfa.Walk(static_cast<uint32_t>(s), std::string_view(&c, 1)).value_or(static_cast<uint32_t>(n)) : n;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t s = 0; s <= n; ++s) {
      for (size_t t = 0; t <= n; ++t) {
        for (char c = 'a'; c <= 'd' && !differ[s][t]; ++c) {
          if (!differ[next(s, c)][next(t, c)]) continue;
          differ[s][t] = changed = true;
        }
      }
    }
  }
  for (size_t s = 0; s < n; ++s) {
    for (size_t t = s + 1; t <= n; ++t) {
      if (!differ[s][t]) return false;
    }
  }
  return true;
}

TEST(ByteDfa, MinimisedIsTheSameLanguageWithoutEquivalentStates) {
  Prng random(TestSeed());
  const std::vector<std::string> words = Words(6);
  for (int round = 0; round < 400; ++round) {
    const ByteDfa dfa = RandomDfa(random);
    ByteDfa small = dfa;
    CompileBudget budget;
    ASSERT_TRUE(small.Minimise(budget));
    for (const std::string& word : words) ASSERT_EQ(small.Accepts(word), dfa.Accepts(word)) << word;
    EXPECT_TRUE(small.IsEmpty() || AllDiffer(small)) << "round " << round;
    ByteDfa again = small;
    ASSERT_TRUE(again.Minimise(budget));
    EXPECT_EQ(again.Key(), small.Key());
  }
}

TEST(ByteDfa, MeetIsWhatIntersectFinds) {
  Prng random(TestSeed());
  for (int round = 0; round < 400; ++round) {
    CompileBudget budget;
    ByteDfa a = RandomDfa(random), b = RandomDfa(random);
    ASSERT_TRUE(a.Minimise(budget) && b.Minimise(budget));
    const MaybeDfa both = Intersect(a, b, {.budget = budget});
    ASSERT_TRUE(both.has_value());
    EXPECT_EQ(Meet(a, b, budget), !both->IsEmpty());
  }
}

TEST(ByteDfa, WhatRefinesSlowlyCompilesOrIsRefusedWithinASecond) {
  std::string alternatives = "a{3000}";
  for (int i = 0; i < 40; ++i) alternatives += Cat("|b{", 100 + i, "}c{0,", 900 + i, "}");
  const std::string nothing_between(1000, '|');
  for (const std::string& pattern : {std::string("a{5900}"), std::string("a{0,5900}"), std::string("(ab?){0,20000}"),
                                     std::string("(a{0,90}b){0,300}"), std::string("[ab]{0,30000}c"), alternatives,
                                     Cat("(", nothing_between, "a){1,3000}"), std::string("(\\p{L}|\\p{N}){1,200}")}) {
    CompileBudget budget;
    const CpuTime took;
    const Result<ByteDfa> dfa = CompileRegex(pattern, {}, {.budget = budget});
    // Some tenths here; under a sanitizer, a few times as much.
    EXPECT_LT(took.seconds(), kSoonSeconds) << pattern.substr(0, 60) << (dfa.ok() ? " compiles" : " is refused");
  }
  CompileBudget budget;
  EXPECT_TRUE(CompileRegex("a{5900}", {}, {.budget = budget}).ok());
  EXPECT_TRUE(CompileRegex("a{0,5900}", {}, {.budget = budget}).ok()) << "and there was enough for both";
}

TEST(ByteDfa, MinimisingIsWithinTheBudget) {
  CompileBudget large;
  ByteDfa dfa = *CompileRegex("a{0,5900}", {}, {.budget = large});
  CompileBudget small(200'000);
  EXPECT_FALSE(dfa.Minimise(small));
}

}  // namespace
}  // namespace bedplate
