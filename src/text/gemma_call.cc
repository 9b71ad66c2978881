// Gemma's calls (FunctionGemma, Gemma 4): call:NAME{key:VALUE,...}. A value is a string between two quote markers, an
// object, an array, or a bare word. They are turned into JSON byte by byte.
// Source: https://ai.google.dev/gemma/docs/functiongemma/formatting-and-best-practices.
#include <algorithm>
#include <utility>

#include "base/json.h"
#include "text/call_reader.h"
#include "text/json_scanner.h"
#include "text/marker_scanner.h"
#include "text/trim.h"

namespace bedplate {
namespace {

using Kind = ParsedPiece::Kind;

constexpr std::string_view kHead = "call:";
constexpr size_t kNameBytesMax = 256;
constexpr size_t kCallDepthMax = 128;

class GemmaCallReader final : public CallReader {
 public:
  GemmaCallReader(std::string raw, std::string quote, std::string close)
      : quote_(std::move(quote)),
        close_(std::move(close)),
        raw_(std::move(raw)),
        string_end_({quote_}),
        end_({close_}) {}

  Verdict Push(char c, std::vector<ParsedPiece>& out) override {
    Verdict verdict = Verdict::kMore;
    switch (state_) {
      case State::kHead:
        return PushHead(c, out);
      case State::kClose:
        return PushClose(c);
      case State::kBroken:
        verdict = PushBroken(c);
        break;
      case State::kString:
        PushString(c);
        break;
      case State::kKey:
        PushKey(c);
        break;
      case State::kValue:
        PushValue(c);
        break;
      case State::kAfter:
        PushAfter(c);
        break;
    }
    AppendPiece(Kind::kCallArguments, std::exchange(json_, {}), out);
    if (state_ == State::kClose || verdict == Verdict::kDone) out.push_back({.kind = Kind::kCallEnd, .text = {}});
    return verdict;
  }

  void Finish(std::vector<ParsedPiece>& out) override {
    if (state_ == State::kHead) return AppendPiece(Kind::kText, raw_, out);
    if (state_ == State::kClose) return;
    AppendPiece(Kind::kCallArguments, state_ == State::kBroken ? end_.Flush() : string_end_.Flush(), out);
    out.push_back({.kind = Kind::kCallEnd, .text = {}});
  }
  std::string TakeRest() override { return std::exchange(rest_, {}); }

 private:
  enum class State : uint8_t { kHead, kKey, kValue, kString, kAfter, kClose, kBroken };

  Verdict PushHead(char c, std::vector<ParsedPiece>& out) {
    raw_ += c;
    if (c != '{') {
      word_ += c;
      const bool fits = word_.size() <= kHead.size() ? kHead.starts_with(word_) : word_.size() <= kNameBytesMax;
      return fits ? Verdict::kMore : GiveUp(out);
    }
    const std::string_view name = Trim(std::string_view(word_).substr(std::min(kHead.size(), word_.size())));
    if (name.empty()) return GiveUp(out);
    out.push_back({.kind = Kind::kCallBegin, .text = std::string(name)});
    Open('{');
    AppendPiece(Kind::kCallArguments, std::exchange(json_, {}), out);
    return Verdict::kMore;
  }
  Verdict GiveUp(std::vector<ParsedPiece>& out) {
    AppendPiece(Kind::kText, std::exchange(raw_, {}), out);
    return Verdict::kDone;
  }

  void Open(char bracket) {
    json_ += bracket;
    open_ += bracket;
    word_.clear();
    after_comma_ = false;
    state_ = bracket == '{' ? State::kKey : State::kValue;
  }
  void CloseBracket(char bracket) {
    json_ += bracket;
    open_.pop_back();
    word_.clear();
    state_ = open_.empty() ? State::kClose : State::kAfter;
  }
  [[nodiscard]] bool Closes(char c) const { return c == (open_.back() == '{' ? '}' : ']'); }

  // A key may stand between quotes, too.
  void PushKey(char c) {
    if (c == '}' && Trim(word_).empty()) return CloseBracket(c);
    if (c != ':') {
      word_ += c;
      return;
    }
    std::string_view key = Trim(word_);
    if (key.size() >= 2 * quote_.size() && key.starts_with(quote_) && key.ends_with(quote_)) {
      key = key.substr(quote_.size(), key.size() - 2 * quote_.size());
    }
    json_ += '"';
    for (const char k : key) AppendEscaped(k, json_);
    json_ += "\":";
    word_.clear();
    state_ = State::kValue;
  }

  void PushValue(char c) {
    if (TrimLeft(word_).empty() && (c == '{' || c == '[')) {
      if (open_.size() == kCallDepthMax) return Break(c);
      return Open(c);
    }
    if (c != ',' && !Closes(c)) {
      word_ += c;
      if (Trim(word_) != quote_) return;
      json_ += '"';
      word_.clear();
      state_ = State::kString;
      return;
    }
    const std::string_view word = Trim(word_);
    const bool empty_array = c == ']' && open_.back() == '[' && !after_comma_;
    if (word.empty() && !empty_array) return Break(c);
    WriteWord(word);
    PushAfter(c);
  }
  void WriteWord(std::string_view word) {
    word_ = std::string(word);
    const Result<Json> value = ParseJson(word_);
    if (word_.empty() || value.ok()) {
      json_ += word_;
    } else {
      json_ += '"';
      for (const char w : word_) AppendEscaped(w, json_);
      json_ += '"';
    }
    word_.clear();
  }

  void PushString(char c) {
    std::string released;
    const bool ends = string_end_.Push(c, released).has_value();
    for (const char r : released) AppendEscaped(r, json_);
    if (!ends) return;
    json_ += '"';
    state_ = State::kAfter;
  }

  void PushAfter(char c) {
    after_comma_ = false;
    if (c == ',') {
      json_ += c;
      after_comma_ = true;
      state_ = open_.back() == '{' ? State::kKey : State::kValue;
    } else if (Closes(c)) {
      CloseBracket(c);
    } else if (!Trim(std::string_view(&c, 1)).empty()) {
      Break(c);
    }
  }

  void Break(char c) {
    json_ += word_;
    word_.clear();
    state_ = State::kBroken;
    (void)end_.Push(c, json_);
  }
  Verdict PushBroken(char c) { return end_.Push(c, json_).has_value() ? Verdict::kDone : Verdict::kMore; }

  Verdict PushClose(char c) {
    rest_ += c;
    const std::string_view seen = TrimLeft(rest_);
    if (seen == close_) {
      rest_.clear();
      return Verdict::kDone;
    }
    if (seen.empty() || close_.starts_with(seen)) return Verdict::kMore;
    rest_.pop_back();
    return Verdict::kOver;
  }

  const std::string quote_, close_;
  State state_ = State::kHead;
  std::string raw_;   // until the call begins
  std::string word_;  // a name, key or bare value being read
  std::string open_;  // brackets
  std::string json_;  // not yet told
  std::string rest_;
  bool after_comma_ = false;
  MarkerScanner string_end_, end_;
};

}  // namespace

std::unique_ptr<CallReader> ReadGemmaCall(std::string raw, std::string quote, std::string close) {
  return std::make_unique<GemmaCallReader>(std::move(raw), std::move(quote), std::move(close));
}

}  // namespace bedplate
