#pragma once
/// What a model's output is made of, once its markers are read away. Pieces come in the order in which the model wrote
/// them; neighbours of one kind are one run of text.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bedplate {

struct ParsedPiece {
  enum class Kind : uint8_t {
    kText,           // the answer
    kReasoning,      // what the model wrote before it, for itself
    kCallBegin,      // text: the name of the tool that is called
    kCallArguments,  // text: bytes of a JSON object, between a begin and an end
    kCallEnd,        // no text
  };
  Kind kind = Kind::kText;
  std::string text;

  bool operator==(const ParsedPiece&) const = default;
};

/// Appends to the last piece where that is of the same kind; nothing for an empty text.
inline void AppendPiece(ParsedPiece::Kind kind, std::string_view text, std::vector<ParsedPiece>& out) {
  if (text.empty()) return;
  if (!out.empty() && out.back().kind == kind) {
    out.back().text += text;
  } else {
    out.push_back({.kind = kind, .text = std::string(text)});
  }
}

}  // namespace bedplate
