#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/json.h"
#include "serve/openai/encode.h"
#include "serve/reply_blocks.h"

namespace bedplate::openai {
namespace {

// A token may be part of a character: `token` then shows U+FFFD, `bytes` is exact.
void WriteAlternative(const TokenAlternative& token, JsonWriter& w) {
  w.Key("token");
  w.String(token.bytes);
  w.Key("logprob");
  w.Float(PrintableLogprob(token.logprob));
  w.Key("bytes");
  w.BeginArray();
  for (const char byte : token.bytes) w.Uint(static_cast<unsigned char>(byte));
  w.EndArray();
}

// Appends the entries, comma-separated; separate: out holds some already.
void AppendLogprobs(const std::vector<TokenLogprob>& logprobs, bool separate, std::string& out) {
  for (const TokenLogprob& logprob : logprobs) {
    if (separate) out += ',';
    separate = true;
    JsonWriter w(out);
    w.BeginObject();
    WriteAlternative(logprob.chosen, w);
    w.Key("top_logprobs");
    w.BeginArray();
    for (const TokenAlternative& alternative : logprob.top) {
      w.BeginObject();
      WriteAlternative(alternative, w);
      w.EndObject();
    }
    w.EndArray();
    w.EndObject();
  }
}

// calls: begun so far by the choice. A call's id, type and name come once: clients join what comes again.
void AppendPieceDelta(const OutputPiece& piece, uint32_t& calls, std::string& out) {
  JsonWriter w(out);
  w.BeginObject();
  switch (piece.kind) {
    case OutputPiece::Kind::kText:
      w.Key("content");
      w.String(piece.text);
      break;
    case OutputPiece::Kind::kReasoning:
      w.Key("reasoning_content");
      w.String(piece.text);
      w.Key("reasoning");
      w.String(piece.text);
      break;
    case OutputPiece::Kind::kCallBegin:
    case OutputPiece::Kind::kCallArguments: {
      const bool begins = piece.kind == OutputPiece::Kind::kCallBegin;
      if (begins) ++calls;
      w.Key("tool_calls");
      w.BeginArray();
      w.BeginObject();
      w.Key("index");
      w.Uint(calls - 1);
      if (begins) {
        w.Key("id");
        w.String(piece.call_id);
        w.Key("type");
        w.String("function");
      }
      w.Key("function");
      w.BeginObject();
      if (begins) {
        w.Key("name");
        w.String(piece.text);
      }
      w.Key("arguments");
      w.String(begins ? std::string_view() : std::string_view(piece.text));
      w.EndObject();
      w.EndObject();
      w.EndArray();
      break;
    }
    case OutputPiece::Kind::kCallEnd:
      break;
  }
  w.EndObject();
}

// {"role":"assistant","content":...}: no content beside calls is null, as at OpenAI.
void AppendMessage(const ReplyBlocks& said, std::string& out) {
  JsonWriter w(out);
  const std::string text = said.Joined(ReplyBlock::Kind::kText);
  const std::string reasoning = said.Joined(ReplyBlock::Kind::kReasoning);
  Json::Array calls;
  for (const ReplyBlock& block : said.blocks()) {
    if (block.kind != ReplyBlock::Kind::kCall) continue;
    calls.emplace_back(
        Json::Object{{"id", block.call.id},
                     {"type", "function"},
                     {"function", Json::Object{{"name", block.call.name}, {"arguments", block.call.arguments}}}});
  }
  w.BeginObject();
  w.Key("role");
  w.String("assistant");
  w.Key("content");
  text.empty() && !calls.empty() ? w.Null() : w.String(text);
  if (!reasoning.empty()) {
    w.Key("reasoning_content");
    w.String(reasoning);
    w.Key("reasoning");
    w.String(reasoning);
  }
  if (!calls.empty()) {
    w.Key("tool_calls");
    w.Value(Json(std::move(calls)));
  }
  w.Key("refusal");
  w.Null();
  w.EndObject();
}

std::string ChatHead(std::string_view object, const ChatReplyOptions& options, const ReplyIdentity& identity) {
  return Cat(ReplyHead(object, "chatcmpl-", identity), options.service_tier ? "\"service_tier\":\"default\"," : "",
             "\"choices\":[");
}

class ChatStream final : public ReplyEncoder {
 public:
  ChatStream(ChatReplyOptions options, const ReplyIdentity& identity)
      : options_(options), head_(Cat("data: ", ChatHead("chat.completion.chunk", options, identity))) {
    calls_.resize(options.choices);
    for (uint32_t i = 0; i < options.choices; ++i) before_.push_back(Cat(head_, "{\"index\":", i, ",\"delta\":"));
    after_ = options.include_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n";
  }

  void OnEvent(size_t, const Event& event, std::string& out) override {
    if (std::holds_alternative<PromptRead>(event)) return Begin(out);
    if (const auto* delta = std::get_if<OutputDelta>(&event)) return Continue(*delta, out);
    if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      out += before_[finished->choice];
      out.append("{},\"logprobs\":null,\"finish_reason\":\"").append(FinishReasonName(finished->reason)).append("\"");
      out += StopMark(finished->unpaid);
      out += after_;
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    AppendStreamEnd(head_, options_.include_usage, total, out);
  }
  void OnFailure(const Status& status, std::string& out) override { AppendStreamFailure(status, out); }

 private:
  void Begin(std::string& out) {
    for (const std::string& before : before_) {
      out.append(before).append(
          R"({"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null)");
      out += after_;
    }
  }
  // A chunk a piece; the log-probabilities go with the first.
  void Continue(const OutputDelta& delta, std::string& out) {
    bool first = true;
    for (const OutputPiece& piece : delta.pieces) {
      if (piece.kind == OutputPiece::Kind::kCallEnd) continue;
      BeginChunk(delta.choice, out);
      AppendPieceDelta(piece, calls_[delta.choice], out);
      EndChunk(first ? &delta : nullptr, out);
      first = false;
    }
    if (!first || delta.logprobs.empty()) return;
    BeginChunk(delta.choice, out);
    out += "{\"content\":\"\"}";  // a character is not complete yet, but its token has a log-probability
    EndChunk(&delta, out);
  }
  void BeginChunk(uint32_t choice, std::string& out) const { out += before_[choice]; }
  void EndChunk(const OutputDelta* logprobs_of, std::string& out) const {
    out += ",\"logprobs\":";
    if (options_.logprobs && logprobs_of != nullptr) {
      out += "{\"content\":[";
      AppendLogprobs(logprobs_of->logprobs, false, out);
      out += "],\"refusal\":null}";
    } else {
      out += "null";
    }
    out += ",\"finish_reason\":null";
    out += after_;
  }

  const ChatReplyOptions options_;
  const std::string head_;           // up to the choices
  std::vector<std::string> before_;  // by choice: up to the delta
  std::string after_;                // from the choice's end
  std::vector<uint32_t> calls_;      // by choice: begun
};

class ChatWhole final : public ReplyEncoder {
 public:
  ChatWhole(ChatReplyOptions options, const ReplyIdentity& identity)
      : options_(options), head_(ChatHead("chat.completion", options, identity)), choices_(options.choices) {}

  void OnEvent(size_t, const Event& event, std::string&) override {
    if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      Choice& choice = choices_[delta->choice];
      choice.said.Add(*delta);
      AppendLogprobs(delta->logprobs, !choice.logprobs.empty(), choice.logprobs);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      choices_[finished->choice].reason = finished->reason;
      choices_[finished->choice].unpaid = finished->unpaid;
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    out += head_;
    for (size_t i = 0; i < choices_.size(); ++i) {
      out.append(i == 0 ? "" : ",").append(Cat("{\"index\":", i, ",\"message\":"));
      AppendMessage(choices_[i].said, out);
      out += ",\"logprobs\":";
      if (options_.logprobs)
        out.append("{\"content\":[").append(choices_[i].logprobs).append("],\"refusal\":null}");
      else
        out += "null";
      out.append(",\"finish_reason\":\"").append(FinishReasonName(choices_[i].reason)).append("\"");
      out.append(StopMark(choices_[i].unpaid)).append("}");
    }
    out.append("],\"usage\":").append(UsageJson(total)).append("}");
  }
  void OnFailure(const Status& status, std::string& out) override { AppendStreamFailure(status, out); }

 private:
  struct Choice {
    ReplyBlocks said;
    std::string logprobs;  // JSON, comma-separated
    FinishReason reason = FinishReason::kStop;
    bool unpaid = false;
  };
  const ChatReplyOptions options_;
  const std::string head_;
  std::vector<Choice> choices_;
};

}  // namespace

std::unique_ptr<ReplyEncoder> MakeChatEncoder(ChatReplyOptions options, const ReplyIdentity& identity) {
  if (options.stream) return std::make_unique<ChatStream>(options, identity);
  return std::make_unique<ChatWhole>(options, identity);
}

}  // namespace bedplate::openai
