#pragma once
/// Regular expressions as JSON Schema's `pattern` has them (ECMA-262 with the u flag, without what is not regular) and
/// as the regex constraint takes them.
///
/// Read:     literals, ., [classes], \d \w \s \D \W \S, \n \r \t \f \v \0 \xHH \uHHHH \u{H...} \cX, escaped
///           punctuation, \p{L}, \p{Lu}, \p{Ll}, \p{Lt}, \p{Lm}, \p{Lo}, \p{M}, \p{N}, \p{P}, \p{S} and their \P
///           (also as Letter, Uppercase_Letter, Lowercase_Letter, Number, Punctuation), groups ((...), (?:...),
///           (?<name>...), (?P<name>...)), |, * + ? {m} {m,} {m,n} and their lazy forms, ^, $, and look-aheads that
///           stand at the beginning, after ^. A brace that begins no count is a literal.
///           \d, \w and \s are ECMA's: ASCII digits, ASCII word characters, Unicode white space; . is all but
///           line ends.
/// Refused:  back references, \b but in a class (a backspace), look-behind, look-aheads elsewhere, flags such as (?i),
///           possessive quantifiers, groups more than 200 deep, counts above a million, and what costs more states or
///           steps than the limits allow.
/// Errors:   kInvalidArgument with the place in the pattern.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "text/constraint/byte_dfa.h"

namespace bedplate {

struct RegexOptions {
  /// How a character is spelled: as its UTF-8, or as inside a JSON string in its shortest form (json_text.h).
  enum class Spelling : uint8_t { kUtf8, kJsonString };
  Spelling spelling = Spelling::kUtf8;
  bool whole = true;  // the text matches as a whole; false: it has a match somewhere
};

Result<ByteDfa> CompileRegex(std::string_view pattern, RegexOptions options, DfaLimits limits);

}  // namespace bedplate
