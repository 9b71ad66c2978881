#include "serve/anthropic/encode.h"

#include <optional>
#include <utility>

#include "base/cat.h"
#include "base/json.h"
#include "serve/anthropic/errors.h"
#include "serve/reply_blocks.h"

namespace bedplate::anthropic {
namespace {

Json UsageJson(const Usage& usage) {
  return Json::Object{{"input_tokens", Number(usage.prompt_tokens - usage.cached_tokens)},
                      {"cache_creation_input_tokens", 0},
                      {"cache_read_input_tokens", Number(usage.cached_tokens)},
                      {"output_tokens", Number(usage.output_tokens)},
                      {"output_tokens_details", Json::Object{{"thinking_tokens", Number(usage.reasoning_tokens)}}}};
}

struct StopReason {
  std::string_view name;
  Json sequence;
};
StopReason StopReasonOf(const ChoiceFinished& finished, const Usage& usage, uint32_t output_tokens_max) {
  switch (finished.reason) {
    case FinishReason::kToolCalls:
      return {"tool_use", {}};
    case FinishReason::kLength:
      if (finished.unpaid) return {"max_tokens", {}};
      return {usage.output_tokens < output_tokens_max ? "model_context_window_exceeded" : "max_tokens", {}};
    case FinishReason::kStop:
      break;
  }
  if (finished.stop_string.empty()) return {"end_turn", {}};
  return {"stop_sequence", finished.stop_string};
}

Json MessageJson(const ReplyIdentity& identity, Json::Array content, Json stop_reason, Json stop_sequence,
                 const Usage& usage) {
  return Json::Object{{"id", Cat("msg_", identity.id)},
                      {"type", "message"},
                      {"role", "assistant"},
                      {"model", identity.model},
                      {"content", std::move(content)},
                      {"stop_reason", std::move(stop_reason)},
                      {"stop_sequence", std::move(stop_sequence)},
                      {"usage", UsageJson(usage)}};
}

class MessagesStream final : public ReplyEncoder {
 public:
  MessagesStream(MessagesReplyOptions options, ReplyIdentity identity)
      : options_(options), identity_(std::move(identity)) {}

  void OnEvent(size_t, const Event& event, std::string& out) override {
    if (const auto* read = std::get_if<PromptRead>(&event)) {
      const Usage usage{.prompt_tokens = read->prompt_tokens, .cached_tokens = read->cached_tokens};
      AppendEvent("message_start", {{"message", MessageJson(identity_, {}, {}, {}, usage)}}, out);
    } else if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      for (const OutputPiece& piece : delta->pieces) Say(piece, out);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      EndBlock(out);
      finished_ = *finished;
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    StopReason reason = StopReasonOf(finished_, total, options_.output_tokens_max);
    Json::Object delta{{"stop_reason", std::string(reason.name)}, {"stop_sequence", std::move(reason.sequence)}};
    if (finished_.unpaid) delta.emplace_back("bedplate_stop", "budget");
    AppendEvent("message_delta", {{"delta", std::move(delta)}, {"usage", UsageJson(total)}}, out);
    AppendEvent("message_stop", {}, out);
  }
  void OnFailure(const Status& status, std::string& out) override {
    out += "event: error\ndata: ";
    AppendError(status, identity_.request_id, out);
    out += "\n\n";
  }

 private:
  static void AppendEvent(std::string_view name, Json::Object members, std::string& out) {
    out.append("event: ").append(name).append("\ndata: ");
    members.emplace(members.begin(), "type", std::string(name));
    out.append(WriteJson(std::move(members))).append("\n\n");
  }

  void Say(const OutputPiece& piece, std::string& out) {
    switch (piece.kind) {
      case OutputPiece::Kind::kText:
        BeginBlock(ReplyBlock::Kind::kText, {{"type", "text"}, {"text", ""}}, out);
        return AppendDelta("text_delta", "text", piece.text, out);
      case OutputPiece::Kind::kReasoning:
        BeginBlock(ReplyBlock::Kind::kReasoning, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}, out);
        thought_ += piece.text;
        return AppendDelta("thinking_delta", "thinking", piece.text, out);
      case OutputPiece::Kind::kCallBegin:
        EndBlock(out);  // a call is a block of its own
        BeginBlock(ReplyBlock::Kind::kCall,
                   {{"type", "tool_use"}, {"id", piece.call_id}, {"name", piece.text}, {"input", Json::Object{}}}, out);
        return;
      case OutputPiece::Kind::kCallArguments:
        return AppendDelta("input_json_delta", "partial_json", piece.text, out);
      case OutputPiece::Kind::kCallEnd:
        return EndBlock(out);
    }
  }

  // Unless one of that kind is open.
  void BeginBlock(ReplyBlock::Kind kind, Json::Object start, std::string& out) {
    if (open_ == kind) return;
    EndBlock(out);
    AppendEvent("content_block_start", {{"index", Number(index_)}, {"content_block", std::move(start)}}, out);
    if (index_ == 0) AppendEvent("ping", {}, out);
    open_ = kind;
  }
  void EndBlock(std::string& out) {
    if (!open_.has_value()) return;
    if (open_ == ReplyBlock::Kind::kReasoning) {
      AppendDelta("signature_delta", "signature", ReasoningSignature(thought_), out);
      thought_.clear();
    }
    AppendEvent("content_block_stop", {{"index", Number(index_)}}, out);
    open_.reset();
    ++index_;
  }
  void AppendDelta(std::string_view type, std::string_view member, std::string text, std::string& out) const {
    AppendEvent("content_block_delta",
                {{"index", Number(index_)},
                 {"delta", Json::Object{{"type", std::string(type)}, {std::string(member), std::move(text)}}}},
                out);
  }

  const MessagesReplyOptions options_;
  const ReplyIdentity identity_;
  uint64_t index_ = 0;  // of the block that is open, or comes next
  std::optional<ReplyBlock::Kind> open_;
  std::string thought_;
  ChoiceFinished finished_;
};

Json BlockJson(const ReplyBlock& block) {
  switch (block.kind) {
    case ReplyBlock::Kind::kText:
      return Json::Object{{"type", "text"}, {"text", block.text}};
    case ReplyBlock::Kind::kReasoning:
      return Json::Object{
          {"type", "thinking"}, {"thinking", block.text}, {"signature", ReasoningSignature(block.text)}};
    case ReplyBlock::Kind::kCall:
      break;
  }
  return Json::Object{
      {"type", "tool_use"}, {"id", block.call.id}, {"name", block.call.name}, {"input", CallInput(block.call).json}};
}

class MessagesWhole final : public ReplyEncoder {
 public:
  MessagesWhole(MessagesReplyOptions options, ReplyIdentity identity)
      : options_(options), identity_(std::move(identity)) {}

  void OnEvent(size_t, const Event& event, std::string&) override {
    if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      said_.Add(*delta);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      finished_ = *finished;
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    StopReason reason = StopReasonOf(finished_, total, options_.output_tokens_max);
    Json::Array content;
    for (const ReplyBlock& block : said_.blocks()) content.push_back(BlockJson(block));
    Json message =
        MessageJson(identity_, std::move(content), std::string(reason.name), std::move(reason.sequence), total);
    if (finished_.unpaid) message.as_object().emplace_back("bedplate_stop", "budget");
    out += WriteJson(message);
  }
  void OnFailure(const Status& status, std::string& out) override { AppendError(status, identity_.request_id, out); }

 private:
  const MessagesReplyOptions options_;
  const ReplyIdentity identity_;
  ReplyBlocks said_;
  ChoiceFinished finished_;
};

}  // namespace

std::unique_ptr<ReplyEncoder> MakeMessagesEncoder(MessagesReplyOptions options, ReplyIdentity identity) {
  if (options.stream) return std::make_unique<MessagesStream>(options, std::move(identity));
  return std::make_unique<MessagesWhole>(options, std::move(identity));
}

std::string EncodeTokenCount(uint32_t input_tokens) {
  return WriteJson(Json::Object{{"input_tokens", Number(input_tokens)}});
}

}  // namespace bedplate::anthropic
