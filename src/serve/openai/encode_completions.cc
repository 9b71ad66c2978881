#include <vector>

#include "base/cat.h"
#include "base/json.h"
#include "serve/openai/encode.h"
#include "serve/openai/legacy_logprobs.h"

namespace bedplate::openai {
namespace {

class CompletionsStream final : public ReplyEncoder {
 public:
  CompletionsStream(CompletionsReplyOptions options, const ReplyIdentity& identity)
      : options_(options),
        head_(Cat("data: ", ReplyHead("text_completion", "cmpl-", identity), "\"choices\":[")),
        after_(options.include_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n"),
        logprobs_(size_t{options.prompts} * options.choices) {}

  void OnEvent(size_t part, const Event& event, std::string& out) override {
    if (const auto* prompt = std::get_if<PromptRead>(&event)) {
      for (uint32_t i = 0; i < options_.choices; ++i) {
        const size_t index = part * options_.choices + i;
        if (options_.logprobs) logprobs_[index].AddPrompt(*prompt);
        if (!prompt->prompt_text.empty()) AppendChunk(index, prompt->prompt_text, "null", out);
      }
    } else if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      const std::string text = TextOf(*delta);
      if (text.empty() && delta->logprobs.empty()) return;
      const size_t index = part * options_.choices + delta->choice;
      for (const TokenLogprob& logprob : delta->logprobs) logprobs_[index].Add(logprob);
      AppendChunk(index, text, "null", out);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      const size_t index = part * options_.choices + finished->choice;
      AppendChunk(index, "", Cat('"', FinishReasonName(finished->reason), '"', StopMark(finished->unpaid)), out);
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    AppendStreamEnd(head_, options_.include_usage, total, out);
  }
  void OnFailure(const Status& status, std::string& out) override { AppendStreamFailure(status, out); }

 private:
  void AppendChunk(size_t index, std::string_view text, std::string_view finish_reason, std::string& out) {
    out.append(head_).append("{\"index\":");
    fmt::format_to(std::back_inserter(out), "{}", index);
    out += ",\"text\":";
    JsonWriter(out).String(text);
    out += ",\"logprobs\":";
    if (options_.logprobs && finish_reason == "null")
      logprobs_[index].AppendJson(out);
    else
      out += "null";
    out.append(",\"finish_reason\":").append(finish_reason).append(after_);
  }

  const CompletionsReplyOptions options_;
  const std::string head_;
  const std::string after_;
  std::vector<LegacyLogprobs> logprobs_;  // by index
};

class CompletionsWhole final : public ReplyEncoder {
 public:
  CompletionsWhole(CompletionsReplyOptions options, const ReplyIdentity& identity)
      : options_(options),
        head_(ReplyHead("text_completion", "cmpl-", identity)),
        choices_(size_t{options.prompts} * options.choices) {}

  void OnEvent(size_t part, const Event& event, std::string&) override {
    const auto choice_at = [&](uint32_t i) -> Choice& { return choices_[part * options_.choices + i]; };
    if (const auto* prompt = std::get_if<PromptRead>(&event)) {
      for (uint32_t i = 0; i < options_.choices; ++i) {
        choice_at(i).text = prompt->prompt_text;
        if (options_.logprobs) choice_at(i).logprobs.AddPrompt(*prompt);
      }
    } else if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      choice_at(delta->choice).text += TextOf(*delta);
      for (const TokenLogprob& logprob : delta->logprobs) choice_at(delta->choice).logprobs.Add(logprob);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      choice_at(finished->choice).reason = finished->reason;
      choice_at(finished->choice).unpaid = finished->unpaid;
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    out.append(head_).append("\"choices\":[");
    for (size_t i = 0; i < choices_.size(); ++i) {
      out.append(i == 0 ? "" : ",").append(Cat("{\"index\":", i, ",\"text\":"));
      JsonWriter(out).String(choices_[i].text);
      out += ",\"logprobs\":";
      if (options_.logprobs)
        choices_[i].logprobs.AppendJson(out);
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
    std::string text;
    LegacyLogprobs logprobs;
    FinishReason reason = FinishReason::kStop;
    bool unpaid = false;
  };
  const CompletionsReplyOptions options_;
  const std::string head_;
  std::vector<Choice> choices_;
};

}  // namespace

std::unique_ptr<ReplyEncoder> MakeCompletionsEncoder(CompletionsReplyOptions options, const ReplyIdentity& identity) {
  if (options.stream) return std::make_unique<CompletionsStream>(options, identity);
  return std::make_unique<CompletionsWhole>(options, identity);
}

}  // namespace bedplate::openai
