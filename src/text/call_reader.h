#pragma once
/// Reads what stands behind a marker that announces tool calls: one class a syntax. Bytes go in one at a time, pieces
/// come out as soon as they are certain:
///
///   begin      when the name is known and the arguments' object has opened;
///   arguments  from there on as they come; a line break inside a string is escaped, as JSON wants it;
///   end        when the object is complete.
///
/// Never lost: what turns out to be no call before its begin is text, the marker included. After the begin a call can't
/// be taken back: if its arguments stop being JSON, they go on as they are up to the marker that ends the call, or the
/// output's end.
///
/// Threads: one at a time. Errors: none; text is the answer to whatever doesn't fit.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/output_piece.h"

namespace bedplate {

class CallReader {
 public:
  enum class Verdict : uint8_t {
    kMore,  // the byte was taken
    kDone,  // the byte was taken, and the calls are over
    kOver,  // the calls were over before this byte, which was not taken
  };
  virtual ~CallReader() = default;
  virtual Verdict Push(char c, std::vector<ParsedPiece>& out) = 0;
  /// The output has ended.
  virtual void Finish(std::vector<ParsedPiece>& out) = 0;
  /// After kDone and kOver: what was read beyond the calls' end, to be read again by whoever goes on.
  virtual std::string TakeRest() { return {}; }
};

/// How calls written as JSON objects {"name": ..., "arguments": {...}} may be surrounded.
struct JsonCallsOptions {
  std::string raw;    // what was read so far, the marker included: text if no call comes
  std::string close;  // the marker that ends them; empty: none does
  /// Nothing announced a call, so it must be one of these tools, and have arguments. Null: a marker did.
  const std::vector<std::string>* names = nullptr;
};
/// One object, several, or an array of them. "parameters" stands for "arguments" too; other members are skipped.
std::unique_ptr<CallReader> ReadJsonCalls(JsonCallsOptions options);

/// DeepSeek: <｜tool▁call▁begin｜>[function<｜tool▁sep｜>]NAME<｜tool▁sep｜ or a fence>{...}<｜tool▁call▁end｜>,
/// repeated. marker: the one found, of a whole section or of one call.
std::unique_ptr<CallReader> ReadDeepSeekCalls(std::string raw, std::string_view marker);
/// Mistral: a JSON array, or NAME[CALL_ID]ID[ARGS]{...}.
std::unique_ptr<CallReader> ReadMistralCalls(std::string raw);
/// Gemma: call:NAME{key:VALUE,...} with strings between two `quote`s.
std::unique_ptr<CallReader> ReadGemmaCall(std::string raw, std::string quote, std::string close);

inline constexpr std::string_view kDeepSeekCalls = "<｜tool▁calls▁begin｜>";
inline constexpr std::string_view kDeepSeekCallsEnd = "<｜tool▁calls▁end｜>";
inline constexpr std::string_view kDeepSeekCall = "<｜tool▁call▁begin｜>";
inline constexpr std::string_view kDeepSeekCallEnd = "<｜tool▁call▁end｜>";
inline constexpr std::string_view kDeepSeekSeparator = "<｜tool▁sep｜>";

}  // namespace bedplate
