// Calls whose name stands before their arguments, outside of JSON: DeepSeek's and Mistral's.
#include <utility>

#include "base/cat.h"
#include "text/call_reader.h"
#include "text/json_scanner.h"
#include "text/marker_scanner.h"
#include "text/trim.h"

namespace bedplate {
namespace {

using Kind = ParsedPiece::Kind;

constexpr size_t kHeaderBytesMax = 512;  // longer is no name

struct NamedCallsOptions {
  std::string open, close, section_close;                // around a call, and after the last one; empty: there is none
  std::string_view (*name_of)(std::string_view header);  // header: all before the arguments; empty: no name
};

class NamedCallsReader final : public CallReader {
 public:
  NamedCallsReader(std::string raw, bool in_call, NamedCallsOptions options)
      : options_(std::move(options)),
        state_(in_call ? State::kHeader : State::kOutside),
        raw_(std::move(raw)),
        close_({options_.close}) {}

  Verdict Push(char c, std::vector<ParsedPiece>& out) override {
    switch (state_) {
      case State::kOutside:
        return PushOutside(c, out);
      case State::kHeader:
        return PushHeader(c, out);
      case State::kArguments:
        return PushArguments(c, out);
      case State::kBroken:
        return PushBroken(c, out);
      case State::kTail:
        return PushTail(c);
    }
    return Verdict::kOver;
  }

  void Finish(std::vector<ParsedPiece>& out) override {
    const bool begun = state_ == State::kArguments || state_ == State::kBroken;
    if (state_ == State::kBroken) AppendPiece(Kind::kCallArguments, close_.Flush(), out);
    if (begun) {
      out.push_back({.kind = Kind::kCallEnd, .text = {}});
    } else if (!Trim(raw_).empty()) {
      AppendPiece(Kind::kText, raw_ + between_, out);
    }
  }
  std::string TakeRest() override { return std::exchange(rest_, {}); }

 private:
  enum class State : uint8_t { kOutside, kHeader, kArguments, kBroken, kTail };

  // Between calls: white space, then another one or the section's end.
  Verdict PushOutside(char c, std::vector<ParsedPiece>& out) {
    between_ += c;
    const std::string_view seen = TrimLeft(between_);
    if (seen == options_.open || seen == options_.section_close) {
      const bool another = seen == options_.open;
      raw_ += std::exchange(between_, {});
      state_ = State::kHeader;
      if (another) return Verdict::kMore;
      if (!called_) AppendPiece(Kind::kText, raw_, out);  // a section of nothing
      return Verdict::kDone;
    }
    if (seen.empty() || options_.open.starts_with(seen) || options_.section_close.starts_with(seen)) {
      return Verdict::kMore;
    }
    between_.pop_back();
    if (!Trim(raw_).empty()) AppendPiece(Kind::kText, raw_, out);
    rest_ = std::exchange(between_, {});
    return Verdict::kOver;
  }
  Verdict PushHeader(char c, std::vector<ParsedPiece>& out) {
    raw_ += c;
    if (c != '{') {
      header_ += c;
      const bool over =
          header_.size() > kHeaderBytesMax || (!options_.close.empty() && header_.ends_with(options_.close));
      return over ? GiveUp(out) : Verdict::kMore;
    }
    const std::string_view name = options_.name_of(header_);
    if (name.empty()) return GiveUp(out);
    out.push_back({.kind = Kind::kCallBegin, .text = std::string(name)});
    raw_.clear();
    header_.clear();
    called_ = true;
    scanner_ = JsonScanner();
    state_ = State::kArguments;
    return PushArguments(c, out);
  }
  Verdict GiveUp(std::vector<ParsedPiece>& out) {
    AppendPiece(Kind::kText, std::exchange(raw_, {}), out);
    return Verdict::kDone;
  }
  Verdict PushArguments(char c, std::vector<ParsedPiece>& out) {
    if (!scanner_.Push(c)) {
      state_ = State::kBroken;
      return PushBroken(c, out);
    }
    std::string text(1, c);
    if (scanner_.in_string() && static_cast<unsigned char>(c) < 0x20) {
      text.clear();
      AppendEscaped(c, text);
    }
    AppendPiece(Kind::kCallArguments, text, out);
    if (!scanner_.done()) return Verdict::kMore;
    return EndCall(State::kTail, out);
  }
  Verdict PushBroken(char c, std::vector<ParsedPiece>& out) {
    std::string released;
    const bool closed = close_.Push(c, released).has_value();
    AppendPiece(Kind::kCallArguments, released, out);
    return closed ? EndCall(State::kOutside, out) : Verdict::kMore;
  }
  Verdict EndCall(State next, std::vector<ParsedPiece>& out) {
    out.push_back({.kind = Kind::kCallEnd, .text = {}});
    state_ = next;
    return options_.close.empty() ? Verdict::kDone : Verdict::kMore;
  }
  // After the arguments: a fence perhaps, then the marker that closes the call.
  Verdict PushTail(char c) {
    between_ += c;
    std::string_view seen = TrimLeft(between_);
    while (seen.starts_with('`')) seen.remove_prefix(1);
    seen = TrimLeft(seen);
    if (seen == options_.close) {
      between_.clear();
      state_ = State::kOutside;
      return Verdict::kMore;
    }
    if (seen.empty() || options_.close.starts_with(seen)) return Verdict::kMore;
    between_.pop_back();
    rest_ = std::exchange(between_, {});
    return Verdict::kOver;
  }

  const NamedCallsOptions options_;
  State state_;
  std::string raw_;      // read since the last call, and not told
  std::string header_;   // of the call being read
  std::string between_;  // of a marker, and white space before it
  std::string rest_;
  bool called_ = false;  // at least one call has begun
  JsonScanner scanner_;
  MarkerScanner close_;
};

// "function<sep>NAME\n```json\n" and "NAME<sep>".
std::string_view DeepSeekName(std::string_view header) {
  const size_t at = header.find(kDeepSeekSeparator);
  if (at == std::string_view::npos) return {};
  const std::string_view before = Trim(header.substr(0, at));
  std::string_view after = header.substr(at + kDeepSeekSeparator.size());
  after = Trim(after.substr(0, after.find('`')));
  return after.empty() ? before : after;
}

// "NAME[ARGS]", "NAME[CALL_ID]...[ARGS]", "NAME".
std::string_view MistralName(std::string_view header) {
  const std::string_view name = Trim(header.substr(0, header.find('[')));
  return name.find_first_of(" \t\n") == std::string_view::npos ? name : std::string_view();
}

class MistralReader final : public CallReader {
 public:
  explicit MistralReader(std::string raw) : raw_(std::move(raw)) {}

  Verdict Push(char c, std::vector<ParsedPiece>& out) override {
    if (reader_) return reader_->Push(c, out);
    if (c == ' ' || c == '\n') {
      raw_ += c;
      return Verdict::kMore;
    }
    if (c == '[' || c == '{') {
      reader_ = ReadJsonCalls({.raw = std::move(raw_), .close = {}, .names = nullptr});
    } else {
      reader_ = std::make_unique<NamedCallsReader>(
          std::move(raw_), true,
          NamedCallsOptions{.open = {}, .close = {}, .section_close = {}, .name_of = &MistralName});
    }
    return reader_->Push(c, out);
  }
  void Finish(std::vector<ParsedPiece>& out) override {
    if (reader_) return reader_->Finish(out);
    AppendPiece(Kind::kText, raw_, out);
  }
  std::string TakeRest() override { return reader_->TakeRest(); }

 private:
  std::string raw_;
  std::unique_ptr<CallReader> reader_;
};

}  // namespace

std::unique_ptr<CallReader> ReadDeepSeekCalls(std::string raw, std::string_view marker) {
  return std::make_unique<NamedCallsReader>(std::move(raw), marker == kDeepSeekCall,
                                            NamedCallsOptions{.open = std::string(kDeepSeekCall),
                                                              .close = std::string(kDeepSeekCallEnd),
                                                              .section_close = std::string(kDeepSeekCallsEnd),
                                                              .name_of = &DeepSeekName});
}

std::unique_ptr<CallReader> ReadMistralCalls(std::string raw) {
  return std::make_unique<MistralReader>(std::move(raw));
}

}  // namespace bedplate
