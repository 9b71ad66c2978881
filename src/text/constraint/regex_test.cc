// Method: tables of patterns with texts that match and texts that don't, in both spellings; what is refused says why.
#include "text/constraint/regex.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "text/constraint/json_text.h"

namespace bedplate {
namespace {

Result<ByteDfa> CompilePattern(std::string_view pattern, RegexOptions options) {
  CompileBudget budget;
  return CompileRegex(pattern, options, {.budget = budget});
}

struct RegexCase {
  const char* pattern;
  std::vector<std::string> in, out;
};

TEST(Regex, MatchesAsAWhole) {
  const RegexCase cases[] = {
      {"", {""}, {"a"}},
      {"abc", {"abc"}, {"", "ab", "abcd"}},
      {"a|bc|", {"a", "bc", ""}, {"b", "abc"}},
      {"a*b+c?", {"b", "aabbc", "bc"}, {"", "a", "c", "bcc"}},
      {"(ab){2}", {"abab"}, {"ab", "ababab"}},
      {"a{0000000000002}", {"aa"}, {"a", "a{0000000000002}"}},
      {"a{2,}", {"aa", "aaaaa"}, {"a"}},
      {"a{1,3}", {"a", "aaa"}, {"", "aaaa"}},
      {"a{0}b", {"b"}, {"ab"}},
      {"a{,3}", {"a{,3}"}, {"aaa"}},
      {"(a*)*b", {"b", "aab"}, {"a"}},
      {"[a-cx]", {"a", "c", "x"}, {"d", "-", ""}},
      {"[^a-c]", {"d", "\n", "\xC3\xA9", "\xF0\x9F\x98\x80"}, {"a", "", "dd", "\xC3", "\xED\xA0\x80", "\xFF"}},
      {"[\\d_-]+", {"1-2_3"}, {"a"}},
      {"[]", {}, {"", "a"}},
      {"[^]", {"a", "\n"}, {""}},
      {"[\\]\\\\]", {"]", "\\"}, {"a"}},
      {"\\d\\w\\s",
       {"1a ", "1_\xC2\xA0"},
       {"a1 ",
        "\xD9\xA1"
        "a "}},
      {"\\D\\W\\S", {"a-b"}, {"1-b", "aab", "a- "}},
      {".", {"a", "\xE2\x82\xAC"}, {"\n", "\r", "\xE2\x80\xA8", ""}},
      {"\\x41\\u0042\\u{43}\\uD83D\\uDE00", {"ABC\xF0\x9F\x98\x80"}, {"abc"}},
      {"\\n\\t\\0\\cA", {std::string("\n\t\0\x01", 4)}, {"nt"}},
      {"\\.\\*\\/\\-", {".*/-"}, {"a*/-"}},
      {"(?:a|b)(?<name>c)", {"ac", "bc"}, {"c"}},
      {"a+?b*?", {"a", "aabb"}, {"b"}},
      {"^a$", {"a"}, {"ab", "^a$"}},
      {"a^b", {}, {"ab", "a^b"}},
      {"(^|b)a", {"a", "ba"}, {"aa"}},
      {"a($|b)", {"a", "ab"}, {"aa"}},
      {"^(?=.*[0-9])(?=.*[a-z]).{3,}$", {"ab1", "1bc"}, {"abc", "123", "a1"}},
      {"^(?!ab)[a-z]+$", {"a", "ba", "acb"}, {"ab", "abc"}},
      {"\\p{Lu}\\p{Ll}*",
       {"A",
        "\xC3\x89"
        "t\xC3\xA9"},
       {"a", "AB"}},
      {"\\P{L}", {"1", " "}, {"a"}},
      {"\xC3\xA9[\xC3\xA0-\xC3\xBF]",
       {"\xC3\xA9\xC3\xA8"},
       {"\xC3\xA9"
        "e"}},
  };
  for (const RegexCase& c : cases) {
    const Result<ByteDfa> dfa = CompilePattern(c.pattern, {});
    ASSERT_TRUE(dfa.ok()) << c.pattern << ": " << dfa.status().message();
    for (const std::string& text : c.in) EXPECT_TRUE(dfa->Accepts(text)) << c.pattern << " on " << text;
    for (const std::string& text : c.out) EXPECT_FALSE(dfa->Accepts(text)) << c.pattern << " on " << text;
  }
}

TEST(Regex, IsFoundAnywhereWithoutAnchors) {
  const RegexCase cases[] = {
      {"b",
       {"b", "abc",
        "\xC3\xA9"
        "b"},
       {"", "ac"}},
      {"^b", {"b", "bc"}, {"ab"}},
      {"b$", {"b", "ab"}, {"bc"}},
      {"^b$", {"b"}, {"ab", "bc", "b\n"}},
      {"^a|c$", {"ab", "bc"}, {"ba", "cb"}},
      {"", {"", "anything"}, {"\xFF"}},
  };
  for (const RegexCase& c : cases) {
    const Result<ByteDfa> dfa = CompilePattern(c.pattern, {.whole = false});
    ASSERT_TRUE(dfa.ok()) << c.pattern;
    for (const std::string& text : c.in) EXPECT_TRUE(dfa->Accepts(text)) << c.pattern << " on " << text;
    for (const std::string& text : c.out) EXPECT_FALSE(dfa->Accepts(text)) << c.pattern << " on " << text;
  }
}

TEST(Regex, SpellsCharactersAsInsideAJsonString) {
  const RegexCase cases[] = {
      {"[^b]*",
       {"", "a", "\\n", "\\\"", "\\\\", "\\u001F", "\\u001f", "\xC3\xA9"},
       {"b", "\n", "\"", "\\", "\\u0061", "\\/"}},
      {"\\\\d", {"\\\\d"}, {"\\d"}},
      {"/", {"/"}, {"\\/"}},
      {"\\x00", {"\\u0000"}, {std::string(1, '\0')}},
  };
  for (const RegexCase& c : cases) {
    const Result<ByteDfa> dfa = CompilePattern(c.pattern, {.spelling = RegexOptions::Spelling::kJsonString});
    ASSERT_TRUE(dfa.ok()) << c.pattern;
    for (const std::string& text : c.in) EXPECT_TRUE(dfa->Accepts(text)) << c.pattern << " on " << text;
    for (const std::string& text : c.out) EXPECT_FALSE(dfa->Accepts(text)) << c.pattern << " on " << text;
  }
  EXPECT_EQ(SpellInJson("a\"\\\n\x01/\xC3\xA9"), "a\\\"\\\\\\n\\u0001/\xC3\xA9");
  for (const char* one : {"a", "\xC3\xA9", "\\u00e9", "\\uD83D\\uDE00", "\\/", "\\n"})
    EXPECT_TRUE(AnyJsonChar().Accepts(one)) << one;
  for (const char* none : {"", "ab", "\"", "\\", "\\uD83D", "\\uDE00", "\\uD83D\\u0041", "\n", "\xC3", "\\x"}) {
    EXPECT_FALSE(AnyJsonChar().Accepts(none)) << none;
  }
}

TEST(Regex, RefusalsSayWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"(a", "'('"},
      {"a)", "')'"},
      {"[a", "'['"},
      {"*a", "repeat"},
      {"a**", "repeat"},
      {"^*", "repeat"},
      {"(a)\\1", "back references"},
      {"\\bword", "word boundaries"},
      {"a(?=b)", "look-ahead"},
      {"(?<=a)b", "look-behind"},
      {"(?i)a", "flags"},
      {"a{3,2}", "out of order"},
      {"[z-a]", "out of order"},
      {"a\\", "backslash"},
      {"\\q", "\\q"},
      {"\\u12", "hexadecimal"},
      {"\\uD800", "surrogate"},
      {"\\p{Nope}", "Nope"},
      {"a{99999999}", "large"},
      {"a{1000000000}", "large"},
      {"a{1,4294967295}", "large"},
      {"a{18446744073709551617}", "large"},
      {"a{1000001,}", "large"},
      {"a++", "possessive"},
      {"(?:a{1000}){1000}", "states"},
      {"(a|b)*a(a|b){20}", "states"},
      {"\xFF", "UTF-8"},
  };
  for (const auto& [pattern, why] : cases) {
    const Result<ByteDfa> dfa = CompilePattern(pattern, {});
    ASSERT_FALSE(dfa.ok()) << pattern;
    EXPECT_EQ(dfa.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(dfa.status().message().find(why), std::string::npos) << pattern << ": " << dfa.status().message();
  }
}

TEST(Regex, EmptyAlternativesArePaidFor) {
  for (const char* inside : {"", "(", "(?="}) {
    CompileBudget budget(1'000'000);
    const auto dfa =
        CompileRegex(Cat(inside, std::string(20'000, '|'), *inside == '\0' ? "" : ")"), {}, {.budget = budget});
    EXPECT_EQ(dfa.status().code(), StatusCode::kInvalidArgument) << inside;
    EXPECT_TRUE(budget.spent()) << inside;
  }
  const auto many = CompilePattern(std::string(4'000'000, '|'), {});
  ASSERT_FALSE(many.ok());
  EXPECT_NE(many.status().message().find("states"), std::string::npos) << many.status().message();
  EXPECT_TRUE(CompilePattern("a" + std::string(1000, '|'), {}).ok());
}

}  // namespace
}  // namespace bedplate
