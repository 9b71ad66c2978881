#pragma once
/// Cuts a template into text, and the names, literals and operators inside its tags. White space control happens here:
/// `-` and `+` beside a tag, trim_blocks (a line end after a block or comment goes), lstrip_blocks (blanks before a
/// block or comment that starts a line go), and one line end at the template's end goes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace bedplate::jinja {

struct Token {
  enum class Kind : uint8_t {
    kText,  // between tags
    kPrintBegin,
    kPrintEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,  // text: one of + - / // * ** % ~ [ ] ( ) { } == != > >= < <= = . : | , ;
    kEnd,
  };
  Kind kind;
  uint32_t line;
  std::string text;  // strings are unescaped
  int64_t integer = 0;
  double number = 0;
};

/// The last token is kEnd. Errors: kInvalidArgument, with the line.
Result<std::vector<Token>> Tokenize(std::string_view source);

/// "chat template, line 3: " + message, the form of all of our errors.
Status SyntaxError(uint32_t line, std::string_view message);

}  // namespace bedplate::jinja
