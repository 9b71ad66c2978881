// gpt-oss's harmony: messages, each a header and a body,
//   <|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>...
// The channel says what a body is: analysis is reasoning, final and commentary are text; a recipient
// (to=functions.NAME) in the header makes it a call. Source: https://cookbook.openai.com/articles/openai-harmony.
#include <utility>

#include "text/marker_scanner.h"
#include "text/output_parser.h"
#include "text/trim.h"

namespace bedplate {
namespace {

using Kind = ParsedPiece::Kind;

enum Marker : size_t { kStart, kChannel, kMessage, kConstrain, kEnd, kMarkers };
const char* const kMarkerTexts[kMarkers] = {"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>"};
constexpr std::string_view kFunctions = "functions.";

class HarmonyParser final : public OutputParser {
 public:
  explicit HarmonyParser(bool tools)
      : tools_(tools), markers_(std::vector<std::string>(std::begin(kMarkerTexts), std::end(kMarkerTexts))) {}

  void Feed(std::string_view text, std::vector<ParsedPiece>& out) override {
    for (const char c : text) {
      std::string released;
      const std::optional<size_t> marker = markers_.Push(c, released);
      for (const char r : released) OnByte(r, out);
      if (marker.has_value()) OnMarker(static_cast<Marker>(*marker), out);
    }
  }
  void Finish(std::vector<ParsedPiece>& out) override {
    const std::string held = markers_.Flush();
    for (const char c : held) OnByte(c, out);
    if (state_ == State::kBody) return EndBody(out);
    const std::string_view rest = TrimLeft(header_);  // a header that was cut off says nothing
    if (!rest.starts_with("<|")) AppendPiece(Kind::kText, rest, out);
  }
  [[nodiscard]] bool in_reasoning() const override { return state_ == State::kBody && kind_ == Kind::kReasoning; }

 private:
  // kOpening: nothing has been seen that is certainly a header; an output without one is text.
  enum class State : uint8_t { kOpening, kHeader, kBody };

  void OnByte(char c, std::vector<ParsedPiece>& out) {
    if (state_ == State::kBody) {
      told_ = true;
      return AppendPiece(kind_, std::string_view(&c, 1), out);
    }
    header_ += c;
    if (state_ == State::kHeader) return;
    const std::string_view seen = TrimLeft(header_);
    constexpr std::string_view kTo = "to=";
    if (seen.size() < kTo.size() ? kTo.starts_with(seen) : seen.starts_with(kTo)) return;
    BeginBody(Kind::kText);
    for (const char h : std::exchange(header_, {})) OnByte(h, out);
  }

  void OnMarker(Marker marker, std::vector<ParsedPiece>& out) {
    if (marker == kMessage && state_ != State::kBody) return ReadHeader(out);
    if (state_ == State::kBody) {
      if (marker == kMessage || marker == kConstrain) {
        for (const char* c = kMarkerTexts[marker]; *c != '\0'; ++c) OnByte(*c, out);
        return;
      }
      EndBody(out);
    }
    if (marker == kStart || marker == kEnd) header_.clear();
    if (marker != kEnd) header_ += kMarkerTexts[marker];
    state_ = State::kHeader;
  }

  // What follows `key` in the header, up to white space or the next marker.
  [[nodiscard]] std::string_view Field(std::string_view key) const {
    const size_t at = header_.find(key);
    if (at == std::string::npos) return {};
    const std::string_view rest = TrimLeft(std::string_view(header_).substr(at + key.size()));
    return rest.substr(0, rest.find_first_of(" \t\r\n<"));
  }

  void ReadHeader(std::vector<ParsedPiece>& out) {
    std::string_view recipient = Field("to=");
    if (recipient.starts_with(kFunctions)) recipient.remove_prefix(kFunctions.size());
    if (!recipient.empty() && tools_) {
      out.push_back({.kind = Kind::kCallBegin, .text = std::string(recipient)});
      BeginBody(Kind::kCallArguments);
    } else {
      const bool analysis = recipient.empty() && Field(kMarkerTexts[kChannel]) == "analysis";
      const Kind kind = analysis ? Kind::kReasoning : Kind::kText;
      if (spoken_ == kind) AppendPiece(kind, "\n\n", out);  // a second message in the same channel
      BeginBody(kind);
    }
    header_.clear();
  }

  void BeginBody(Kind kind) {
    kind_ = kind;
    told_ = false;
    state_ = State::kBody;
  }
  void EndBody(std::vector<ParsedPiece>& out) {
    if (kind_ == Kind::kCallArguments) {
      if (!told_) AppendPiece(Kind::kCallArguments, "{}", out);
      out.push_back({.kind = Kind::kCallEnd, .text = {}});
    }
    if (told_) spoken_ = kind_;
    state_ = State::kHeader;
  }

  const bool tools_;
  MarkerScanner markers_;
  State state_ = State::kOpening;
  std::string header_;
  Kind kind_ = Kind::kText;
  bool told_ = false;                   // the body has bytes
  Kind spoken_ = Kind::kCallArguments;  // the last body that had
};

}  // namespace

std::unique_ptr<OutputParser> MakeHarmonyParser(bool tools) {
  return std::make_unique<HarmonyParser>(tools);
}

}  // namespace bedplate
