// Plan: JsonCall follows one object through a JsonScanner and picks out two of its members, in whatever order they
// come; JsonCallsReader knows what may stand around and between such objects.
#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "base/json.h"
#include "text/call_reader.h"
#include "text/json_scanner.h"
#include "text/marker_scanner.h"
#include "text/trim.h"

namespace bedplate {
namespace {

using Kind = ParsedPiece::Kind;

bool IsWhiteSpace(char c) {
  return kWhiteSpace.find(c) != std::string_view::npos;
}

std::string DecodeString(const std::string& json) {
  const Result<Json> value = ParseJson(json);
  return value.ok() && value->is_string() ? value->as_string() : std::string();
}

class JsonCall {
 public:
  enum class State : uint8_t { kMore, kDone, kBad };
  explicit JsonCall(const std::vector<std::string>* names) : names_(names) {}

  State Push(char c, std::vector<ParsedPiece>& out);
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool arguments_complete() const { return arguments_complete_; }

 private:
  enum class Member : uint8_t { kNone, kKey, kName, kArguments, kOther };

  [[nodiscard]] Member MemberOf(const std::string& key) const {
    if (key == "name") return Member::kName;
    if (key == "arguments" || key == "parameters") return arguments_seen_ ? Member::kOther : Member::kArguments;
    return Member::kOther;
  }
  void Capture(char c, std::vector<ParsedPiece>& out);
  bool EndMember(std::vector<ParsedPiece>& out);
  bool EndArguments();
  void TryBegin(std::vector<ParsedPiece>& out);

  const std::vector<std::string>* const names_;
  JsonScanner scanner_;
  Member member_ = Member::kNone;  // being read
  std::string captured_;           // of it: JSON text
  std::string key_;
  std::string name_;
  bool arguments_seen_ = false;  // at least their first byte
  bool arguments_open_ = false;  // an object, at its outermost level of this call
  bool arguments_complete_ = false;
  std::string arguments_;  // not yet told
  bool begun_ = false;
};

void JsonCall::Capture(char c, std::vector<ParsedPiece>& out) {
  std::string& into = member_ == Member::kArguments && arguments_open_ ? arguments_ : captured_;
  if (scanner_.in_string() && static_cast<unsigned char>(c) < 0x20) {
    AppendEscaped(c, into);
  } else {
    into += c;
  }
  if (begun_) AppendPiece(Kind::kCallArguments, std::exchange(arguments_, {}), out);
}

JsonCall::State JsonCall::Push(char c, std::vector<ParsedPiece>& out) {
  const bool outermost = scanner_.depth() == 1;
  const bool begins_key = outermost && scanner_.expects_key() && c == '"';
  const bool begins_value = outermost && scanner_.expects_value() && !IsWhiteSpace(c);
  if (!scanner_.Push(c)) return State::kBad;
  if (begins_key) member_ = Member::kKey;
  if (begins_value) {
    member_ = MemberOf(key_);
    arguments_seen_ = arguments_seen_ || member_ == Member::kArguments;
    if (member_ == Member::kArguments) arguments_open_ = c == '{';
  }
  if (begins_key || begins_value) captured_.clear();
  if (member_ != Member::kNone && member_ != Member::kOther) Capture(c, out);
  if (begins_value && member_ == Member::kArguments) TryBegin(out);
  if (member_ == Member::kKey && scanner_.after_key()) {
    key_ = DecodeString(captured_);
    member_ = Member::kNone;
    // Without a marker most objects are no calls: say so early, rather than hold an answer back.
    const bool known = MemberOf(key_) != Member::kOther || key_ == "type" || key_ == "id";
    if (names_ != nullptr && !known) return State::kBad;
  } else if (scanner_.depth() == 1 && scanner_.after_value() && !EndMember(out)) {
    return State::kBad;
  }
  if (!scanner_.done()) return State::kMore;
  if (!begun_ && names_ == nullptr && !arguments_seen_) {
    arguments_ = "{}";
    arguments_complete_ = true;
    TryBegin(out);
  }
  return begun_ ? State::kDone : State::kBad;
}

bool JsonCall::EndMember(std::vector<ParsedPiece>& out) {
  switch (std::exchange(member_, Member::kNone)) {
    case Member::kName:
      if (!name_.empty()) return true;  // it was told already
      name_ = DecodeString(captured_);
      if (name_.empty() || (names_ != nullptr && std::ranges::find(*names_, name_) == names_->end())) return false;
      break;
    case Member::kArguments:
      if (!EndArguments()) return false;
      break;
    default:
      return true;
  }
  TryBegin(out);
  return true;
}

// Beside an object: its JSON as a string, as some models write it, and null.
bool JsonCall::EndArguments() {
  arguments_complete_ = true;
  if (arguments_open_) return true;
  arguments_ = captured_ == "null" ? "{}" : DecodeString(captured_);
  const Result<Json> value = ParseJson(arguments_);
  return value.ok() && value->is_object();
}

void JsonCall::TryBegin(std::vector<ParsedPiece>& out) {
  if (begun_ || name_.empty() || !(arguments_open_ || arguments_complete_)) return;
  begun_ = true;
  out.push_back({.kind = Kind::kCallBegin, .text = name_});
  AppendPiece(Kind::kCallArguments, std::exchange(arguments_, {}), out);
}

class JsonCallsReader final : public CallReader {
 public:
  explicit JsonCallsReader(JsonCallsOptions options)
      : close_(std::move(options.close)),
        names_(options.names),
        raw_(std::move(options.raw)),
        close_scanner_({close_}) {}

  Verdict Push(char c, std::vector<ParsedPiece>& out) override {
    switch (state_) {
      case State::kBefore:
        return PushBefore(c, out);
      case State::kCall:
        return PushCall(c, out);
      case State::kBroken:
        return PushBroken(c, out);
      case State::kAfter:
        return PushAfter(c, out);
    }
    return Verdict::kOver;
  }

  void Finish(std::vector<ParsedPiece>& out) override {
    if (state_ == State::kBroken) AppendPiece(Kind::kCallArguments, close_scanner_.Flush(), out);
    const bool begun = state_ == State::kBroken || (state_ == State::kCall && call_->begun());
    if (begun) {
      out.push_back({.kind = Kind::kCallEnd, .text = {}});
    } else if (!Trim(raw_).empty()) {
      AppendPiece(Kind::kText, raw_, out);
    }
  }

  std::string TakeRest() override { return state_ == State::kAfter ? std::exchange(raw_, {}) : std::string(); }

 private:
  enum class State : uint8_t { kBefore, kCall, kBroken, kAfter };

  Verdict GiveUp(std::vector<ParsedPiece>& out) {
    if (!Trim(raw_).empty()) AppendPiece(Kind::kText, raw_, out);
    return Verdict::kOver;
  }
  Verdict PushBefore(char c, std::vector<ParsedPiece>& out) {
    if (c == '{') {
      state_ = State::kCall;
      call_.emplace(names_);
      return PushCall(c, out);
    }
    const bool opens = c == '[' && !array_ && calls_ == 0;
    if (!opens && !IsWhiteSpace(c)) return GiveUp(out);
    array_ = array_ || opens;
    raw_ += c;
    return Verdict::kMore;
  }
  Verdict PushCall(char c, std::vector<ParsedPiece>& out) {
    const bool was_begun = call_->begun();
    const JsonCall::State state = call_->Push(c, out);
    if (!was_begun) raw_ += c;
    if (call_->begun()) raw_.clear();
    if (state == JsonCall::State::kMore) return Verdict::kMore;
    if (state == JsonCall::State::kBad && !call_->begun()) {
      AppendPiece(Kind::kText, raw_, out);
      return Verdict::kDone;
    }
    if (state == JsonCall::State::kBad && !call_->arguments_complete()) {
      state_ = State::kBroken;
      return PushBroken(c, out);
    }
    out.push_back({.kind = Kind::kCallEnd, .text = {}});
    ++calls_;
    state_ = State::kAfter;
    return state == JsonCall::State::kDone ? Verdict::kMore : PushAfter(c, out);
  }
  Verdict PushBroken(char c, std::vector<ParsedPiece>& out) {
    std::string released;
    const bool closed = close_scanner_.Push(c, released).has_value();
    AppendPiece(Kind::kCallArguments, released, out);
    if (!closed) return Verdict::kMore;
    out.push_back({.kind = Kind::kCallEnd, .text = {}});
    return Verdict::kDone;
  }
  // A brace too many is the commonest mistake, and says nothing.
  Verdict PushAfter(char c, std::vector<ParsedPiece>& out) {
    const std::string rest = Cat(Trim(raw_), std::string_view(&c, 1));
    if (!close_.empty() && close_.starts_with(rest)) {
      raw_ += c;
      if (rest != close_) return Verdict::kMore;
      raw_.clear();
      return Verdict::kDone;
    }
    if (!Trim(raw_).empty()) return Verdict::kOver;  // the marker's beginning may begin another one
    if (IsWhiteSpace(c) || c == '}') return Verdict::kMore;
    if (array_ && c == ']') return close_.empty() ? Verdict::kDone : Verdict::kMore;
    if (c == ',' || c == ';') {
      state_ = State::kBefore;
      raw_ = c;
      return Verdict::kMore;
    }
    if (c != '{') return Verdict::kOver;
    state_ = State::kBefore;
    return PushBefore(c, out);
  }

  const std::string close_;
  const std::vector<std::string>* const names_;
  State state_ = State::kBefore;
  std::string raw_;  // read since the last call, and not told
  bool array_ = false;
  size_t calls_ = 0;
  std::optional<JsonCall> call_;
  MarkerScanner close_scanner_;
};

}  // namespace

std::unique_ptr<CallReader> ReadJsonCalls(JsonCallsOptions options) {
  return std::make_unique<JsonCallsReader>(std::move(options));
}

}  // namespace bedplate
