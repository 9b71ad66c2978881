#include <vector>

#include "base/cat.h"
#include "base/json.h"
#include "serve/openai/encode.h"

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

void AppendString(std::string_view text, std::string& out) {
  JsonWriter(out).String(text);
}

class ChatStream final : public ReplyEncoder {
 public:
  ChatStream(ChatReplyOptions options, const ReplyIdentity& identity)
      : options_(options),
        head_(Cat("data: ", ReplyHead("chat.completion.chunk", "chatcmpl-", identity), "\"choices\":[")) {
    for (uint32_t i = 0; i < options.choices; ++i) before_.push_back(Cat(head_, "{\"index\":", i, ",\"delta\":"));
    after_ = options.include_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n";
  }

  void OnEvent(size_t, const Event& event, std::string& out) override {
    if (std::holds_alternative<PromptRead>(event)) return Begin(out);
    if (const auto* delta = std::get_if<OutputDelta>(&event)) return Continue(*delta, out);
    if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      out += before_[finished->choice];
      out.append("{},\"logprobs\":null,\"finish_reason\":\"").append(FinishReasonName(finished->reason)).append("\"");
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
  void Continue(const OutputDelta& delta, std::string& out) {
    if (delta.text.empty() && delta.logprobs.empty()) return;  // a character is not complete yet
    out.append(before_[delta.choice]).append("{\"content\":");
    AppendString(delta.text, out);
    out += "},\"logprobs\":";
    if (options_.logprobs) {
      out += "{\"content\":[";
      AppendLogprobs(delta.logprobs, false, out);
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
};

class ChatWhole final : public ReplyEncoder {
 public:
  ChatWhole(ChatReplyOptions options, const ReplyIdentity& identity)
      : options_(options), head_(ReplyHead("chat.completion", "chatcmpl-", identity)), choices_(options.choices) {}

  void OnEvent(size_t, const Event& event, std::string&) override {
    if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      Choice& choice = choices_[delta->choice];
      choice.text += delta->text;
      AppendLogprobs(delta->logprobs, !choice.logprobs.empty(), choice.logprobs);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      choices_[finished->choice].reason = finished->reason;
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    out.append(head_).append("\"choices\":[");
    for (size_t i = 0; i < choices_.size(); ++i) {
      out.append(i == 0 ? "" : ",").append(Cat("{\"index\":", i, ",\"message\":{\"role\":\"assistant\",\"content\":"));
      AppendString(choices_[i].text, out);
      out += ",\"refusal\":null},\"logprobs\":";
      if (options_.logprobs)
        out.append("{\"content\":[").append(choices_[i].logprobs).append("],\"refusal\":null}");
      else
        out += "null";
      out.append(",\"finish_reason\":\"").append(FinishReasonName(choices_[i].reason)).append("\"}");
    }
    out.append("],\"usage\":").append(UsageJson(total)).append("}");
  }
  void OnFailure(const Status& status, std::string& out) override { AppendStreamFailure(status, out); }

 private:
  struct Choice {
    std::string text;
    std::string logprobs;  // JSON, comma-separated
    FinishReason reason = FinishReason::kStop;
  };
  const ChatReplyOptions options_;
  const std::string head_;
  std::vector<Choice> choices_;
};

}  // namespace

std::unique_ptr<ReplyEncoder> MakeChatEncoder(ChatReplyOptions options, ReplyIdentity identity) {
  if (options.stream) return std::make_unique<ChatStream>(options, identity);
  return std::make_unique<ChatWhole>(options, identity);
}

}  // namespace bedplate::openai
