// The first byte chooses a family and what the request asks for, the rest is the output: fed whole and byte by byte it
// gives the same pieces, calls begin and end in turn, and nothing crashes or is lost where no call was found.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "text/output_parser.h"

namespace bedplate {
namespace {

using Kind = ParsedPiece::Kind;

std::vector<ParsedPiece> Parse(const OutputParserOptions& options, std::string_view output, size_t feed) {
  const auto parser = MakeOutputParser(options);
  std::vector<ParsedPiece> all;
  const auto take = [&](std::vector<ParsedPiece>& pieces) {
    for (ParsedPiece& piece : pieces) {
      const bool joins =
          !all.empty() && all.back().kind == piece.kind && !piece.text.empty() && piece.kind != Kind::kCallBegin;
      if (joins) {
        all.back().text += piece.text;
      } else {
        all.push_back(std::move(piece));
      }
    }
    pieces.clear();
  };
  std::vector<ParsedPiece> pieces;
  for (size_t at = 0; at < output.size(); at += feed) {
    parser->Feed(output.substr(at, feed), pieces);
    take(pieces);
  }
  parser->Finish(pieces);
  take(pieces);
  return all;
}

}  // namespace
}  // namespace bedplate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  if (size == 0) return 0;
  OutputParserOptions options;
  options.format.calls = static_cast<CallSyntax>(data[0] % 8);
  options.format.reasoning_open = "<think>";
  options.format.reasoning_close = "</think>";
  options.tools = (data[0] & 0x40) == 0;
  options.in_reasoning = (data[0] & 0x80) != 0;
  options.tool_names = {"f", "get_weather"};
  const std::string_view output(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<ParsedPiece> whole = Parse(options, output, output.size() + 1);
  BP_CHECK(whole == Parse(options, output, 1));
  bool in_call = false;
  for (const ParsedPiece& piece : whole) {
    if (piece.kind == Kind::kCallBegin) BP_CHECK(!in_call && !piece.text.empty());
    if (piece.kind == Kind::kCallArguments || piece.kind == Kind::kCallEnd) BP_CHECK(in_call);
    if (piece.kind == Kind::kText || piece.kind == Kind::kReasoning) BP_CHECK(!in_call && !piece.text.empty());
    if (piece.kind == Kind::kCallBegin) in_call = true;
    if (piece.kind == Kind::kCallEnd) in_call = false;
  }
  BP_CHECK(!in_call);
  return 0;
}
