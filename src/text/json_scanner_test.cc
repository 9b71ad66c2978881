// Method: each text of a table goes through byte by byte; simdjson says whether it is JSON, and the scanner must agree,
// but for control characters in strings, which it lets pass.
#include "text/json_scanner.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/random.h"

namespace bedplate {
namespace {

bool Scans(std::string_view text) {
  JsonScanner scanner;
  for (const char c : text) {
    if (!scanner.Push(c)) return false;
  }
  return scanner.done();
}

TEST(JsonScanner, AgreesWithTheParser) {
  for (const char* text : {"{}",
                           "[]",
                           " { } ",
                           "{\"a\":1}",
                           "{\"a\":1,}",
                           "{,}",
                           "[1,]",
                           "[1,2]",
                           "[01]",
                           "[-]",
                           "[-0]",
                           "[1.]",
                           "[1.5e+3]",
                           "[1e]",
                           "[.5]",
                           "[1e5 ]",
                           "[0.0]",
                           "[+1]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{a:1}",
                           "[tru]",
                           "[true]",
                           "[nul1]",
                           "[null,false]",
                           "[\"\\u00e9\"]",
                           "[\"\\u00g9\"]",
                           "[\"\\x\"]",
                           "[\"\\n\"]",
                           "{\"a\":[{\"b\":{}}]}",
                           "{]",
                           "[}",
                           "{}}",
                           "{} {}",
                           "\"a\"",
                           "[\"",
                           "{\"a\":\"b\"",
                           "[1 2]",
                           "{\"a\" 1}",
                           "{\"a\":1 \"b\":2}",
                           "[[[[]]]]"}) {
    EXPECT_EQ(Scans(text), ParseJson(text).ok()) << text;
  }
  EXPECT_TRUE(Scans("[\"a\nb\"]"));
}

TEST(JsonScanner, AgreesOnNoise) {
  Prng rng(TestSeed());
  constexpr std::string_view kBytes = "{}[],:\"\"\\1-.e truefalsn0u";
  for (int round = 0; round < 200'000; ++round) {
    std::string text = "[";
    const int64_t size = rng.Range(0, 8);
    for (int64_t i = 0; i < size; ++i) text += kBytes[rng.Next() % kBytes.size()];
    text += "]";
    EXPECT_EQ(Scans(text), ParseJson(text).ok()) << text;
  }
}

TEST(JsonScanner, EndsAtItsDepth) {
  EXPECT_FALSE(Scans(std::string(129, '[') + std::string(129, ']')));
  EXPECT_TRUE(Scans(std::string(128, '[') + std::string(128, ']')));
}

TEST(JsonScanner, EscapesWhatAStringMayNotHold) {
  std::string out;
  for (const char c : std::string_view("a\"\\\n\r\t\x01é", 9)) AppendEscaped(c, out);
  EXPECT_EQ(out, "a\\\"\\\\\\n\\r\\t\\u0001é");
}

}  // namespace
}  // namespace bedplate
