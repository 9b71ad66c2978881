#pragma once
/// How JSON text is spelled where a constraint writes it.
///
/// Shortest form of a character inside a string: itself, but \" \\ \b \f \n \r \t, and \u00XX for other controls (the
/// hexadecimal digits in either case). A string that a pattern, format, enumeration or a property's name holds is
/// spelled so; in other strings any escape that JSON knows may stand (surrogates only in pairs).

#include <string>
#include <string_view>

#include "text/constraint/byte_dfa.h"

namespace bedplate {

/// The characters of the set, each in its shortest form, from `from` to `to`.
void AddJsonChars(ByteNfa& nfa, uint32_t from, const CodeSet& set, uint32_t to);

/// The shortest form of a text, without quotes. It must be UTF-8.
std::string SpellInJson(std::string_view text);

/// All strings in shortest form, without quotes.
const ByteDfa& ShortestJsonStrings();

/// One character in any spelling that JSON allows.
const ByteDfa& AnyJsonChar();

}  // namespace bedplate
