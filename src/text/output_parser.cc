#include "text/output_parser.h"

#include <array>
#include <utility>

#include "text/call_reader.h"
#include "text/marker_scanner.h"
#include "text/trim.h"

namespace bedplate {
namespace {

using Kind = ParsedPiece::Kind;

constexpr std::array<std::string_view, 2> kFences = {"```json\n", "```\n"};

class MarkedParser final : public OutputParser {
 public:
  explicit MarkedParser(OutputParserOptions options)
      : options_(std::move(options)),
        call_markers_(options_.tools ? CallMarkersOf(options_.format.calls) : std::vector<std::string>()),
        calls_(call_markers_),
        reasoning_end_({options_.format.reasoning_close}),
        state_(options_.in_reasoning ? State::kReasoning : State::kStart),
        drop_space_(options_.in_reasoning) {}

  void Feed(std::string_view text, std::vector<ParsedPiece>& out) override {
    for (const char c : text) Push(c, out);
  }
  void Finish(std::vector<ParsedPiece>& out) override;
  [[nodiscard]] bool in_reasoning() const override { return state_ == State::kReasoning; }

 private:
  enum class State : uint8_t { kStart, kReasoning, kText, kCalls };

  void Push(char c, std::vector<ParsedPiece>& out);
  void PushStart(char c, std::vector<ParsedPiece>& out);
  bool MayBeginBareCall(std::string_view seen, std::vector<ParsedPiece>& out);
  void PushReasoning(char c, std::vector<ParsedPiece>& out);
  void PushText(char c, std::vector<ParsedPiece>& out);
  void PushCalls(char c, std::vector<ParsedPiece>& out);
  void BeginCalls(const std::string& marker);
  void BeginBareCalls(size_t before, std::string close, std::vector<ParsedPiece>& out);
  void Tell(Kind kind, std::string_view text, std::vector<ParsedPiece>& out);

  const OutputParserOptions options_;
  const std::vector<std::string> call_markers_;
  MarkerScanner calls_, reasoning_end_;
  State state_;
  bool reasoned_ = false;
  std::string start_;  // the beginning of the output, or of the answer after the reasoning, as long as it is open
  std::string space_;  // white space that is told only if text follows
  bool drop_space_;    // up to the next text
  std::unique_ptr<CallReader> reader_;
  bool call_ended_ = false;  // the last that reader_ told
};

void MarkedParser::Push(char c, std::vector<ParsedPiece>& out) {
  switch (state_) {
    case State::kStart:
      return PushStart(c, out);
    case State::kReasoning:
      return PushReasoning(c, out);
    case State::kText:
      return PushText(c, out);
    case State::kCalls:
      return PushCalls(c, out);
  }
}

void MarkedParser::PushStart(char c, std::vector<ParsedPiece>& out) {
  start_ += c;
  const std::string_view seen = TrimLeft(start_);
  if (seen.empty()) return;
  const std::string& open = options_.format.reasoning_open;
  if (!open.empty() && !reasoned_) {
    if (seen == open) {
      state_ = State::kReasoning;
      drop_space_ = true;
      start_.clear();
      return;
    }
    if (open.starts_with(seen)) return;
  }
  if (options_.tools && MayBeginBareCall(seen, out)) return;
  state_ = State::kText;
  const std::string start = std::exchange(start_, {});
  for (const char s : start) Push(s, out);
}

// True: a bare call has begun, or may still begin.
bool MarkedParser::MayBeginBareCall(std::string_view seen, std::vector<ParsedPiece>& out) {
  if (seen.front() == '{' || seen.front() == '[') {
    // Mistral's marker begins with a bracket, too.
    for (const std::string& marker : call_markers_) {
      if (seen.size() < marker.size() && marker.starts_with(seen)) return true;
      if (seen == marker) return false;
    }
    BeginBareCalls(start_.size() - seen.size(), {}, out);
    return true;
  }
  for (const std::string_view fence : kFences) {
    if (fence.starts_with(seen)) return true;
    if (!seen.starts_with(fence)) continue;
    const std::string_view behind = TrimLeft(seen.substr(fence.size()));
    if (behind.empty()) return true;
    if (behind.front() != '{' && behind.front() != '[') return false;
    BeginBareCalls(start_.size() - behind.size(), "```", out);
    return true;
  }
  return false;
}

// before: so many bytes of start_ stand before the object.
void MarkedParser::BeginBareCalls(size_t before, std::string close, std::vector<ParsedPiece>& out) {
  const std::string start = std::exchange(start_, {});
  const std::string_view raw = std::string_view(start).substr(0, before);
  reader_ = ReadJsonCalls({.raw = std::string(drop_space_ ? TrimLeft(raw) : raw),
                           .close = std::move(close),
                           .names = &options_.tool_names});
  state_ = State::kCalls;
  call_ended_ = false;
  for (const char s : start.substr(before)) Push(s, out);
}

void MarkedParser::PushReasoning(char c, std::vector<ParsedPiece>& out) {
  std::string released;
  const bool ends = reasoning_end_.Push(c, released).has_value();
  Tell(Kind::kReasoning, released, out);
  if (!ends) return;
  space_.clear();
  drop_space_ = true;
  reasoned_ = true;
  state_ = State::kStart;
}

void MarkedParser::PushText(char c, std::vector<ParsedPiece>& out) {
  std::string released;
  const std::optional<size_t> marker = calls_.Push(c, released);
  Tell(Kind::kText, released, out);
  if (marker.has_value()) BeginCalls(call_markers_[*marker]);
}

void MarkedParser::BeginCalls(const std::string& marker) {
  std::string raw = drop_space_ ? marker : std::exchange(space_, {}) + marker;
  space_.clear();
  state_ = State::kCalls;
  call_ended_ = false;
  switch (options_.format.calls) {
    case CallSyntax::kMistral:
      reader_ = ReadMistralCalls(std::move(raw));
      return;
    case CallSyntax::kDeepSeek:
      reader_ = ReadDeepSeekCalls(std::move(raw), marker);
      return;
    case CallSyntax::kGemma:
      reader_ = ReadGemmaCall(std::move(raw), "<|\"|>", "<tool_call|>");
      return;
    case CallSyntax::kFunctionGemma:
      reader_ = ReadGemmaCall(std::move(raw), "<escape>", "<end_function_call>");
      return;
    case CallSyntax::kHermes:
      reader_ = ReadJsonCalls({.raw = std::move(raw), .close = "</tool_call>", .names = nullptr});
      return;
    default:
      reader_ = ReadJsonCalls({.raw = std::move(raw), .close = {}, .names = nullptr});
      return;
  }
}

void MarkedParser::PushCalls(char c, std::vector<ParsedPiece>& out) {
  const size_t told_before = out.size();
  const CallReader::Verdict verdict = reader_->Push(c, out);
  if (out.size() > told_before) call_ended_ = out.back().kind == Kind::kCallEnd;
  if (verdict == CallReader::Verdict::kMore) return;
  const std::string rest = reader_->TakeRest();
  reader_.reset();
  state_ = State::kText;
  drop_space_ = call_ended_;
  for (const char r : rest) Push(r, out);
  if (verdict == CallReader::Verdict::kOver) Push(c, out);
}

// White space at the end is held until it is known what follows, but only where a call or an end of reasoning can.
void MarkedParser::Tell(Kind kind, std::string_view text, std::vector<ParsedPiece>& out) {
  if (drop_space_) text = TrimLeft(text);
  if (text.empty()) return;
  drop_space_ = false;
  const bool holds = kind == Kind::kReasoning || options_.tools;
  const size_t told = holds ? text.find_last_not_of(kWhiteSpace) + 1 : text.size();
  if (told > 0) AppendPiece(kind, std::exchange(space_, {}).append(text, 0, told), out);
  space_ += text.substr(told);
}

void MarkedParser::Finish(std::vector<ParsedPiece>& out) {
  switch (state_) {
    case State::kStart:
      Tell(Kind::kText, std::exchange(start_, {}), out);
      break;
    case State::kReasoning:
      Tell(Kind::kReasoning, reasoning_end_.Flush(), out);
      return;
    case State::kText:
      Tell(Kind::kText, calls_.Flush(), out);
      break;
    case State::kCalls:
      reader_->Finish(out);
      reader_.reset();
      return;
  }
  AppendPiece(Kind::kText, std::exchange(space_, {}), out);
}

}  // namespace

std::unique_ptr<OutputParser> MakeOutputParser(OutputParserOptions options) {
  if (options.format.calls == CallSyntax::kHarmony) return MakeHarmonyParser(options.tools);
  if (!options.tools && !options.format.has_reasoning()) return nullptr;
  return std::make_unique<MarkedParser>(std::move(options));
}

}  // namespace bedplate
