#pragma once
/// Characters as Python's str sees them: code points, white space, line ends and case. Case comes from utf8proc (simple
/// mappings) and from Unicode's SpecialCasing.txt for the few that grow. Bytes that are not UTF-8 count as one
/// character each and keep their value.

#include <string>
#include <string_view>

#include "text/template_text.h"

namespace bedplate::jinja {

/// Length in bytes of the character at the front of a non-empty text, 1 for a stray byte.
size_t CharLength(std::string_view text);
/// Start of the character that ends before `end` (end > 0).
size_t PreviousChar(std::string_view text, size_t end);
/// Code point at the front; for a stray byte 0x110000 + its value, which is no code point.
char32_t CodePoint(std::string_view text);
void AppendUtf8(std::string& out, char32_t code_point);
size_t CountChars(std::string_view text);
/// Byte offset of the index-th character, or size() if there are fewer.
size_t CharOffset(std::string_view text, size_t index);
/// Offset of the first byte that is not UTF-8, or npos.
size_t FindInvalidUtf8(std::string_view text);

bool IsSpace(char32_t c);    // str.isspace(), \s
bool IsLineEnd(char32_t c);  // where str.splitlines() cuts
bool IsUpper(char32_t c);
bool IsLower(char32_t c);
bool IsAlpha(char32_t c);
bool IsDigit(char32_t c);
bool IsPrintable(char32_t c);  // repr() writes it as it is

// Every character keeps the trust of the one it came from.
Text Upper(const Text& text);
Text Lower(const Text& text);
Text Capitalize(const Text& text);  // str.capitalize()
Text Title(const Text& text);       // str.title(): words are runs of letters
Text SwapCase(const Text& text);
Text TitleWords(const Text& text);  // jinja2's title filter: words begin after white space and - ( { [ <

}  // namespace bedplate::jinja
