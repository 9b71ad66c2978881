// Method: grammars with texts that belong to them and texts that don't; what is refused says why, and where.
#include "text/constraint/gbnf.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "text/constraint/constraint_testing.h"

namespace bedplate {
namespace {

Result<std::unique_ptr<Language>> Compile(std::string_view text) {
  Grammar grammar;
  CompileBudget budget;
  BP_ASSIGN_OR_RETURN(const RuleNumber root, AddGbnf(grammar, text, budget));
  BP_RETURN_IF_ERROR(grammar.Finish(root));
  return std::make_unique<Language>(std::move(grammar));
}

TEST(Gbnf, AllowsWhatTheGrammarSays) {
  struct Case {
    const char* grammar;
    std::vector<std::string> in, out;
  };
  const Case cases[] = {
      {R"(root ::= "a" | "b" "c")", {"a", "bc"}, {"", "b", "abc"}},
      {"# a comment\nroot ::= item (\",\" item)* # more\nitem ::= [0-9]+\n", {"1", "12,3"}, {"", "1,", ",1"}},
      {"root ::= x\n | y\nx ::= \"x\"\ny ::= \"y\"", {"x", "y"}, {"xy"}},
      {R"(root ::= [^"\n]{2,3} "\"\\" )", {"ab\"\\", "abc\"\\"}, {"a\"\\", "abcd\"\\", "a\n\"\\"}},
      {R"g(root ::= "(" root ")" | "")g", {"", "()", "((()))"}, {"(", ")", "(()"}},
      {R"(root ::= root "+" term | term
          term ::= [a-z])",
       {"a", "a+b+c"},
       {"", "a+", "+a"}},
      {R"(root ::= e
          e ::= e "+" e | e "*" e | "x")",
       {"x", "x+x*x", "x*x*x+x"},
       {"", "x+", "xx"}},
      {R"(root ::= ("a" | "ab") ("c" | "bc"))", {"ac", "abc", "abbc"}, {"ab", "abb"}},
      {R"(root ::= "x"{300})", {std::string(300, 'x')}, {std::string(299, 'x'), std::string(301, 'x')}},
      {R"(root ::= [a-z]{2,1000})", {std::string(2, 'q'), std::string(1000, 'q')}, {"q", std::string(1001, 'q')}},
      {R"(root ::= ("a" "b"? | ""){5,} "!")", {"!", "a!", "ababa!", "aaaaaaaaa!"}, {"b!", "aa"}},
      {R"(root ::= . "\u00e9" [\x41-\x43])",
       {"\xC3\xA9\xC3\xA9"
        "B"},
       {"\xC3\xA9\xC3\xA9"
        "D",
        "\xA9\xC3\xA9"
        "B"}},
      {R"(root ::= dead | "a"
          dead ::= "b" dead)",
       {"a"},
       {"b", "ba"}},
      {R"(root ::= "a" gone? 
          gone ::= "b" gone)",
       {"a"},
       {"ab"}},
      {R"(root ::= ("a"*)* "b")", {"b", "aab"}, {"a"}},
  };
  for (const Case& c : cases) {
    Result<std::unique_ptr<Language>> language = Compile(c.grammar);
    ASSERT_TRUE(language.ok()) << c.grammar << ": " << language.status().message();
    for (const std::string& text : c.in) EXPECT_TRUE((*language)->Allows(text)) << c.grammar << " on " << text;
    for (const std::string& text : c.out) EXPECT_FALSE((*language)->Allows(text)) << c.grammar << " on " << text;
  }
}

TEST(Gbnf, RefusalsSayWhyAndWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "root"},
      {"start ::= \"a\"", "root"},
      {"root ::= \"a", "line 1: a string"},
      {"root ::= x", "no rule 'x'"},
      {"root ::= \"a\"\n\nroot ::= \"b\"", "stands twice"},
      {"root ::= (\"a\"", "'('"},
      {"root ::= \"a\")", "')'"},
      {"root ::= \"a\"\nx = \"b\"", "line 2"},
      {"root ::= [a", "class"},
      {"root ::= [b-a]", "out of order"},
      {"root ::= \"a\"{2,1}", "out of order"},
      {"root ::= \"a\"{1000001,5}", "up to 1000000"},
      {"root ::= \"a\"{1000001,}", "up to 1000000"},
      {"root ::= \"a\"{4294967297}", "up to 1000000"},
      {"root ::= \"a\"*********", "more than 8 repetitions"},
      {"root ::= \"\\q\"", "escape"},
      {"root ::= a\na ::= b \"x\"\nb ::= a | \"y\"", "begins with itself"},
      {"root ::= \"\" x root \"z\" | \"y\"\nx ::= \"q\"?", "begins with itself"},
      {"root ::= \"a\" root", "no text"},
      {"root ::= (=\"a\") \"b\"", "look-ahead"},
      {"root ::= (\"a\"?){1000}", "may be empty"},
      {"?start: \"a\"", "expected a rule"},
  };
  for (const auto& [grammar, why] : cases) {
    const auto language = Compile(grammar);
    ASSERT_FALSE(language.ok()) << grammar;
    EXPECT_EQ(language.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(language.status().message().find(why), std::string::npos)
        << grammar << ": " << language.status().message();
  }
}

TEST(Gbnf, WhatIsVeryLongIsRefusedSoon) {
  std::string lines = "root ::=", rules = "root ::= \"a\"";
  for (int i = 0; i < 500'000; ++i) lines += " \"a\"\n";
  for (int i = 0; i < 500'000; ++i) rules += "\na::=";
  for (const std::string& text :
       {lines, rules, "root ::= \"a\"" + std::string(4'000'000, '|'),
        "root ::= \"" + std::string(4'000'000, 'a') + "\"", "root ::= \"a\"" + std::string(1'000'000, '*'),
        "root ::= " + std::string(1'000'000, '(')}) {
    const CpuTime took;
    const auto language = Compile(text);
    EXPECT_EQ(language.status().code(), StatusCode::kInvalidArgument) << text.substr(0, 30);
    EXPECT_LT(took.seconds(), kSoonSeconds) << text.substr(0, 30);
  }
}

TEST(Gbnf, EmptyAlternativesArePaidFor) {
  for (const char* inside : {"", "(", "x ::= "}) {
    Grammar grammar;
    CompileBudget budget(1'000'000);
    const auto root = AddGbnf(grammar, Cat("root ::= \"a\"\n", inside, std::string(20'000, '|')), budget);
    EXPECT_EQ(root.status().code(), StatusCode::kInvalidArgument) << inside;
    EXPECT_TRUE(budget.spent()) << inside;
  }
  EXPECT_TRUE(Compile("root ::= \"a\"" + std::string(1000, '|')).ok());
}

TEST(Gbnf, DeepNestingIsCutAndNotFollowedForever) {
  Result<std::unique_ptr<Language>> language = Compile(R"g(root ::= "(" root ")" | "x")g");
  ASSERT_TRUE(language.ok());
  const auto nested = [](size_t depth) { return std::string(depth, '(') + "x" + std::string(depth, ')'); };
  EXPECT_TRUE((*language)->Allows(nested(4000)));
  EXPECT_FALSE((*language)->Allows(nested(6000)));
}

}  // namespace
}  // namespace bedplate
