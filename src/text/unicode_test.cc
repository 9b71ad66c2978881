// Classes by a table of examples, one a class and version; UTF-8 reading by cases and by writing every code point.
#include "text/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace bedplate {
namespace {

TEST(Unicode, ClassesByExample) {
  const std::pair<uint32_t, CharClass> cases[] = {
      {'A', CharClass::kUpper},          {'z', CharClass::kLower},
      {0x1C5, CharClass::kTitle},        {0x2B0, CharClass::kModifier},
      {0x4E2D, CharClass::kOtherLetter}, {0x301, CharClass::kMark},
      {'7', CharClass::kNumber},         {0xBD, CharClass::kNumber},
      {'_', CharClass::kPunctuation},    {'$', CharClass::kSymbol},
      {' ', CharClass::kWhite},          {'\n', CharClass::kWhite},
      {0x85, CharClass::kWhite},         {0x3000, CharClass::kWhite},
      {0x200B, CharClass::kOther},       {0, CharClass::kOther},
      {0x378, CharClass::kOther},        {0xE000, CharClass::kOther},
      {0x10FFFF, CharClass::kOther},     {0x110000, CharClass::kOther},
      {0xFFFFFFFF, CharClass::kOther},   {0x10D6E, CharClass::kPunctuation},  // Unicode 16
      {0x11DE0, CharClass::kOther},                                           // Unicode 17
      {0x1F600, CharClass::kSymbol},
  };
  for (const auto& [code, expected] : cases) EXPECT_EQ(ClassOf(code), expected) << std::hex << code;
}

TEST(Unicode, SplittersHaveTheirOwnVersions) {
  EXPECT_TRUE(IsSplitterDigit('0'));
  EXPECT_TRUE(IsSplitterDigit(0x2167));
  EXPECT_TRUE(IsSplitterDigit(0x11DE0));  // Unicode 17
  EXPECT_FALSE(IsSplitterDigit('a'));
  EXPECT_TRUE(IsSplitterPunctuation('$'));
  EXPECT_TRUE(IsSplitterPunctuation(0x3002));
  EXPECT_FALSE(IsSplitterPunctuation(0x2E52));  // newer than Unicode 8
  EXPECT_FALSE(IsSplitterPunctuation('a'));
}

TEST(Unicode, ReadsEveryCodePointAndRefusesTheRest) {
  for (uint32_t code = 0; code < 0x110000; ++code) {
    std::string text;
    if (code < 0x80) {
      text = {static_cast<char>(code)};
    } else if (code < 0x800) {
      text = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    } else if (code < 0x10000) {
      text = {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
              static_cast<char>(0x80 | (code & 63))};
    } else {
      text = {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
              static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
    }
    const CodePoint point = ReadUtf8(text, 0);
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    ASSERT_EQ(point.code, surrogate ? kBadByte : code);
    ASSERT_EQ(point.size, surrogate ? 1 : text.size());
  }
  for (const std::string_view bad : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xE2\x82", "\xF0\x80\x80\x80",
                                     "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(ReadUtf8(bad, 0).code, kBadByte);
    EXPECT_EQ(ReadUtf8(bad, 0).size, 1u);
  }
}

}  // namespace
}  // namespace bedplate
