#include "serve/bedrock/converse_encode.h"

#include <utility>

#include "base/json.h"
#include "serve/bedrock/errors.h"
#include "serve/bedrock/event_message.h"
#include "serve/reply_blocks.h"

namespace bedplate::bedrock {
namespace {

Json UsageJson(const Usage& usage) {
  return Json::Object{{"inputTokens", Number(usage.prompt_tokens - usage.cached_tokens)},
                      {"outputTokens", Number(usage.output_tokens)},
                      {"totalTokens", Number(uint64_t{usage.prompt_tokens} + usage.output_tokens)},
                      {"cacheReadInputTokens", Number(usage.cached_tokens)},
                      {"cacheWriteInputTokens", 0}};
}

std::vector<HttpField> Fields(std::string_view content_type, const ReplyIdentity& identity) {
  return {{"content-type", std::string(content_type)}, {"x-amzn-requestid", identity.request_id}};
}

// What both forms of an answer know at its end.
class Ending {
 public:
  explicit Ending(ConverseReplyOptions options) : options_(options) {}

  void OnFinished(const ChoiceFinished& finished) { finished_ = finished; }
  void OnCall(const ToolCall& call) { malformed_ = malformed_ || !CallInput(call).well_formed; }

  [[nodiscard]] std::string_view StopReason(const Usage& usage) const {
    switch (finished_.reason) {
      case FinishReason::kToolCalls:
        return malformed_ ? "malformed_tool_use" : "tool_use";
      case FinishReason::kLength:
        if (finished_.unpaid) return "max_tokens";
        return usage.output_tokens < options_.output_tokens_max.value_or(UINT32_MAX) ? "model_context_window_exceeded"
                                                                                     : "max_tokens";
      case FinishReason::kStop:
        break;
    }
    return finished_.stop_string.empty() ? "end_turn" : "stop_sequence";
  }
  // Members of an answer, or none.
  void AppendAdditional(Json::Object& to) const {
    Json::Object fields;
    if (options_.with_stop_sequence) {
      fields.emplace_back("stop_sequence", finished_.stop_string.empty() ? Json() : Json(finished_.stop_string));
    }
    if (finished_.unpaid) fields.emplace_back("bedplate_stop", "budget");
    if (!fields.empty()) to.emplace_back("additionalModelResponseFields", std::move(fields));
  }

 private:
  const ConverseReplyOptions options_;
  ChoiceFinished finished_;
  bool malformed_ = false;
};

class ConverseStream final : public ReplyEncoder {
 public:
  ConverseStream(ConverseReplyOptions options, ReplyIdentity identity)
      : identity_(std::move(identity)), ending_(options) {}

  std::vector<HttpField> StreamFields() const override { return Fields(kEventStreamType, identity_); }
  void OnPing(std::string& out) override { AppendEvent("ping", "{}", out); }

  void OnEvent(size_t, const Event& event, std::string& out) override {
    if (std::holds_alternative<PromptRead>(event)) {
      Append("messageStart", {{"role", "assistant"}}, out);
    } else if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      for (const OutputPiece& piece : delta->pieces) Say(piece, out);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      EndBlock(out);
      ending_.OnFinished(*finished);
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    Json::Object stop{{"stopReason", std::string(ending_.StopReason(total))}};
    ending_.AppendAdditional(stop);
    Append("messageStop", std::move(stop), out);
    Append("metadata", {{"usage", UsageJson(total)}, {"metrics", Json::Object{{"latencyMs", identity_.elapsed_ms()}}}},
           out);
  }
  void OnFailure(const Status& status, std::string& out) override { AppendStreamFailure(status, out); }

 private:
  static void Append(std::string_view type, Json::Object members, std::string& out) {
    AppendEvent(type, WriteJson(std::move(members)), out);
  }

  void Say(const OutputPiece& piece, std::string& out) {
    switch (piece.kind) {
      case OutputPiece::Kind::kText:
        BeginBlock(ReplyBlock::Kind::kText, out);
        return AppendDelta({{"text", piece.text}}, out);
      case OutputPiece::Kind::kReasoning:
        BeginBlock(ReplyBlock::Kind::kReasoning, out);
        thought_ += piece.text;
        return AppendDelta({{"reasoningContent", Json::Object{{"text", piece.text}}}}, out);
      case OutputPiece::Kind::kCallBegin:
        EndBlock(out);  // a call is a block of its own
        BeginBlock(ReplyBlock::Kind::kCall, out);
        call_ = {.id = piece.call_id, .name = piece.text, .arguments = {}};
        return Append(
            "contentBlockStart",
            {{"start", Json::Object{{"toolUse", Json::Object{{"toolUseId", call_.id}, {"name", call_.name}}}}},
             {"contentBlockIndex", Number(index_)}},
            out);
      case OutputPiece::Kind::kCallArguments:
        call_.arguments += piece.text;
        return AppendDelta({{"toolUse", Json::Object{{"input", piece.text}}}}, out);
      case OutputPiece::Kind::kCallEnd:
        return EndBlock(out);
    }
  }

  void BeginBlock(ReplyBlock::Kind kind, std::string& out) {
    if (open_ == kind) return;
    EndBlock(out);
    open_ = kind;
  }
  void EndBlock(std::string& out) {
    if (!open_.has_value()) return;
    if (open_ == ReplyBlock::Kind::kReasoning) {
      AppendDelta({{"reasoningContent", Json::Object{{"signature", ReasoningSignature(thought_)}}}}, out);
      thought_.clear();
    }
    if (open_ == ReplyBlock::Kind::kCall) ending_.OnCall(call_);
    Append("contentBlockStop", {{"contentBlockIndex", Number(index_)}}, out);
    open_.reset();
    ++index_;
  }
  void AppendDelta(Json::Object delta, std::string& out) const {
    Append("contentBlockDelta", {{"delta", std::move(delta)}, {"contentBlockIndex", Number(index_)}}, out);
  }

  const ReplyIdentity identity_;
  Ending ending_;
  uint64_t index_ = 0;  // of the block that is open, or comes next
  std::optional<ReplyBlock::Kind> open_;
  std::string thought_;
  ToolCall call_;
};

Json BlockJson(const ReplyBlock& block) {
  switch (block.kind) {
    case ReplyBlock::Kind::kText:
      return Json::Object{{"text", block.text}};
    case ReplyBlock::Kind::kReasoning:
      return Json::Object{
          {"reasoningContent",
           Json::Object{
               {"reasoningText", Json::Object{{"text", block.text}, {"signature", ReasoningSignature(block.text)}}}}}};
    case ReplyBlock::Kind::kCall:
      break;
  }
  return Json::Object{
      {"toolUse",
       Json::Object{{"toolUseId", block.call.id}, {"name", block.call.name}, {"input", CallInput(block.call).json}}}};
}

class ConverseWhole final : public ReplyEncoder {
 public:
  ConverseWhole(ConverseReplyOptions options, ReplyIdentity identity)
      : identity_(std::move(identity)), ending_(options) {}

  std::vector<HttpField> WholeFields() const override { return Fields("application/json", identity_); }

  void OnEvent(size_t, const Event& event, std::string&) override {
    if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      said_.Add(*delta);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      ending_.OnFinished(*finished);
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    Json::Array content;
    for (const ReplyBlock& block : said_.blocks()) {
      if (block.kind == ReplyBlock::Kind::kCall) ending_.OnCall(block.call);
      content.push_back(BlockJson(block));
    }
    Json::Object answer{
        {"output", Json::Object{{"message", Json::Object{{"role", "assistant"}, {"content", std::move(content)}}}}},
        {"stopReason", std::string(ending_.StopReason(total))},
        {"usage", UsageJson(total)},
        {"metrics", Json::Object{{"latencyMs", identity_.elapsed_ms()}}}};
    ending_.AppendAdditional(answer);
    out += WriteJson(std::move(answer));
  }
  void OnFailure(const Status& status, std::string& out) override { out += ErrorResponse(status, "").body; }

 private:
  const ReplyIdentity identity_;
  Ending ending_;
  ReplyBlocks said_;
};

}  // namespace

std::unique_ptr<ReplyEncoder> MakeConverseEncoder(ConverseReplyOptions options, ReplyIdentity identity) {
  if (options.stream) return std::make_unique<ConverseStream>(options, std::move(identity));
  return std::make_unique<ConverseWhole>(options, std::move(identity));
}

std::string EncodeTokenCount(uint32_t input_tokens) {
  return WriteJson(Json::Object{{"inputTokens", Number(input_tokens)}});
}

}  // namespace bedplate::bedrock
