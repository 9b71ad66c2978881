#pragma once
/// Reads a chat model's output: takes reasoning and tool calls out of its text, while it streams. A byte stream in,
/// pieces out; the pieces don't depend on how the bytes were cut.
///
///   - Reasoning is recognised at the output's beginning only (or where the prompt has opened it): later its marker is
///     text like any other. White space around it is dropped.
///   - Calls are recognised behind their marker (output_format.h), anywhere in the answer. At the answer's very
///     beginning a JSON object that calls one of the tools by name is a call even without a marker, in a fence or not,
///     since small models forget the marker. White space before and after calls is dropped.
///   - What doesn't come to be a call is text, markers included (call_reader.h).
///
/// Threads: one at a time. Memory: what is held back: a marker's beginning, white space, a call without its name.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/output_format.h"
#include "text/output_piece.h"

namespace bedplate {

struct OutputParserOptions {
  OutputFormat format;
  bool tools = false;                   // the request has tools: look for calls
  std::vector<std::string> tool_names;  // theirs
  bool in_reasoning = false;            // the prompt has opened it
};

class OutputParser {
 public:
  virtual ~OutputParser() = default;
  virtual void Feed(std::string_view text, std::vector<ParsedPiece>& out) = 0;
  /// The output has ended: what was held back is told, a call that is open ends.
  virtual void Finish(std::vector<ParsedPiece>& out) = 0;
  /// What was fed last lies in, or has just opened, the reasoning.
  [[nodiscard]] virtual bool in_reasoning() const = 0;
};

/// Nothing where there is nothing to look for: all is text.
std::unique_ptr<OutputParser> MakeOutputParser(OutputParserOptions options);
/// harmony_parser.cc; tools: calls are told as calls, otherwise as text.
std::unique_ptr<OutputParser> MakeHarmonyParser(bool tools);

}  // namespace bedplate
