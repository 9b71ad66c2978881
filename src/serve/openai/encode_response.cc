#include "serve/openai/encode_response.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "serve/http_status.h"
#include "serve/openai/encode.h"
#include "serve/openai/response_items.h"
#include "serve/reply_blocks.h"

namespace bedplate::openai {
namespace {

Json ResponseUsageJson(const Usage& usage) {
  return Json::Object{
      {"input_tokens", Number(usage.prompt_tokens)},
      {"input_tokens_details", Json::Object{{"cached_tokens", Number(usage.cached_tokens)}, {"cache_write_tokens", 0}}},
      {"output_tokens", Number(usage.output_tokens)},
      {"output_tokens_details", Json::Object{{"reasoning_tokens", Number(usage.reasoning_tokens)}}},
      {"total_tokens", Number(uint64_t{usage.prompt_tokens} + usage.output_tokens)}};
}

Json AlternativeJson(const TokenAlternative& token) {
  Json::Array bytes;
  for (const char byte : token.bytes) bytes.emplace_back(static_cast<int64_t>(static_cast<unsigned char>(byte)));
  return Json::Object{{"token", token.bytes},
                      {"logprob", static_cast<double>(PrintableLogprob(token.logprob))},
                      {"bytes", std::move(bytes)}};
}

Json LogprobJson(const TokenLogprob& logprob) {
  Json json = AlternativeJson(logprob.chosen);
  Json::Array top;
  for (const TokenAlternative& alternative : logprob.top) top.push_back(AlternativeJson(alternative));
  json.as_object().emplace_back("top_logprobs", std::move(top));
  return json;
}

// The codes that a response's error may have.
std::string_view ErrorCodeOf(const Status& status) {
  const int http_status = HttpStatusOf(status);
  if (http_status == 429) return "rate_limit_exceeded";
  return http_status >= 500 || http_status == 408 ? "server_error" : "invalid_prompt";
}

void Set(Json::Object& object, std::string_view name, Json value) {
  const auto at = std::ranges::find(object, name, &Json::Member::first);
  BP_CHECK(at != object.end());
  at->second = std::move(value);
}

/// Everything that a response has, in its first state.
Json::Object Skeleton(Json::Object echo, const ReplyIdentity& identity) {
  Json::Object response{
      {"id", Cat("resp_", identity.id)}, {"object", "response"},    {"created_at", identity.created_unix_seconds},
      {"completed_at", nullptr},         {"status", "in_progress"}, {"error", nullptr},
      {"incomplete_details", nullptr},   {"model", identity.model}, {"output", Json::Array{}}};
  for (Json::Member& member : echo) response.push_back(std::move(member));
  response.emplace_back("usage", nullptr);
  return response;
}

class ResponseEncoder final : public ReplyEncoder {
 public:
  ResponseEncoder(ResponseReplyOptions options, const ReplyIdentity& identity)
      : options_(std::move(options)),
        id_(identity.id),
        response_(Skeleton(std::exchange(options_.echo, {}), identity)) {}

  void OnBegin(std::string& out) override {
    if (!options_.background) return;
    AppendState("response.created", "queued", out);
    AppendState("response.queued", "queued", out);
  }

  void OnEvent(size_t, const Event& event, std::string& out) override {
    if (std::holds_alternative<PromptRead>(event)) {
      if (!options_.background) AppendState("response.created", "in_progress", out);
      AppendState("response.in_progress", "in_progress", out);
    } else if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      Read(*delta, out);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      reason_ = finished->reason;
      unpaid_ = finished->unpaid;
      const bool cut = reason_ == FinishReason::kLength;
      if (!open_.has_value() && output_.empty()) OpenItem(Kind::kText, {}, out);  // an answer without a word
      CloseItem(cut ? "incomplete" : "completed", out);
    }
  }

  void OnDone(const Usage& total, std::string& out) override {
    Set(response_, "usage", ResponseUsageJson(total));
    Set(response_, "output", std::exchange(output_, {}));
    if (reason_ == FinishReason::kLength) {
      Json::Object details{{"reason", "max_output_tokens"}};
      if (unpaid_) details.emplace_back("bedplate_stop", "budget");
      Set(response_, "incomplete_details", std::move(details));
      return AppendState("response.incomplete", "incomplete", out);
    }
    Set(response_, "completed_at", options_.unix_seconds());
    AppendState("response.completed", "completed", out);
  }

  void OnFailure(const Status& status, std::string& out) override {
    const bool cancelled = status.code() == StatusCode::kCancelled;
    Set(response_, "output", std::exchange(output_, {}));
    if (!cancelled) {
      Set(response_, "error", Json::Object{{"code", std::string(ErrorCodeOf(status))}, {"message", status.message()}});
    }
    AppendState("response.failed", cancelled ? "cancelled" : "failed", out);
  }

 private:
  using Kind = OutputPiece::Kind;
  /// The item being said. Of kind kText, kReasoning or kCallBegin.
  struct Item {
    Kind kind;
    std::string id;
    std::string text;  // so far: the answer, the reasoning, the arguments
    std::string name, call_id;
    bool custom = false;  // a call with a text
    Json::Array logprobs;
  };

  void Read(const OutputDelta& delta, std::string& out) {
    if (options_.logprobs) {
      for (const TokenLogprob& logprob : delta.logprobs) logprobs_.push_back(LogprobJson(logprob));
    }
    for (const OutputPiece& piece : delta.pieces) Say(piece, out);
    const auto is_text = [](const OutputPiece& piece) { return piece.kind == Kind::kText; };
    // Tokens of calls and reasoning have none in a response; those of a character that isn't complete wait for it.
    if (!delta.pieces.empty() && std::ranges::none_of(delta.pieces, is_text)) logprobs_.clear();
  }

  void Say(const OutputPiece& piece, std::string& out) {
    switch (piece.kind) {
      case Kind::kText:
      case Kind::kReasoning:
        if (!open_.has_value() || open_->kind != piece.kind) {
          CloseItem("completed", out);
          OpenItem(piece.kind, {}, out);
        }
        return SayText(piece, out);
      case Kind::kCallBegin:
        CloseItem("completed", out);
        return OpenItem(Kind::kCallBegin, piece, out);
      case Kind::kCallArguments:
        open_->text += piece.text;
        if (open_->custom) return;
        return AppendOfItem("response.function_call_arguments.delta", {{"delta", piece.text}}, out);
      case Kind::kCallEnd:
        return CloseItem("completed", out);
    }
  }

  void SayText(const OutputPiece& piece, std::string& out) {
    open_->text += piece.text;
    if (piece.kind == Kind::kReasoning) {
      return AppendOfPart("response.reasoning_text.delta", {{"delta", piece.text}}, out);
    }
    Json::Array logprobs = std::exchange(logprobs_, {});
    open_->logprobs.insert(open_->logprobs.end(), logprobs.begin(), logprobs.end());
    AppendOfPart("response.output_text.delta", {{"delta", piece.text}, {"logprobs", std::move(logprobs)}}, out);
  }

  void OpenItem(Kind kind, const OutputPiece& piece, std::string& out) {
    const bool custom = kind == Kind::kCallBegin && std::ranges::count(options_.custom_tools, piece.text) != 0;
    const std::string_view prefix = kind == Kind::kText        ? "msg"
                                    : kind == Kind::kReasoning ? "rs"
                                    : custom                   ? "ctc"
                                                               : "fc";
    open_ = Item{.kind = kind,
                 .id = Cat(prefix, "_", id_, "_", output_.size()),
                 .text = {},
                 .name = piece.text,
                 .call_id = piece.call_id,
                 .custom = custom,
                 .logprobs = {}};
    Append("response.output_item.added", {{"output_index", Number(output_.size())}, {"item", ItemJson("in_progress")}},
           out);
    if (kind != Kind::kCallBegin) AppendOfPart("response.content_part.added", {{"part", PartJson()}}, out);
  }

  void CloseItem(std::string_view status, std::string& out) {
    if (!open_.has_value()) return;
    switch (open_->kind) {
      case Kind::kText:
        AppendOfPart("response.output_text.done", {{"text", open_->text}, {"logprobs", open_->logprobs}}, out);
        break;
      case Kind::kReasoning:
        AppendOfPart("response.reasoning_text.done", {{"text", open_->text}}, out);
        break;
      default:
        if (open_->custom) {
          open_->text = CustomInputOf(open_->text);
          AppendOfItem("response.custom_tool_call_input.delta", {{"delta", open_->text}}, out);
          AppendOfItem("response.custom_tool_call_input.done", {{"input", open_->text}}, out);
          break;
        }
        AppendOfItem("response.function_call_arguments.done", {{"name", open_->name}, {"arguments", open_->text}}, out);
    }
    if (open_->kind != Kind::kCallBegin) AppendOfPart("response.content_part.done", {{"part", PartJson()}}, out);
    Json item = ItemJson(status);
    Append("response.output_item.done", {{"output_index", Number(output_.size())}, {"item", item}}, out);
    output_.push_back(std::move(item));
    open_.reset();
  }

  /// The item as it stands; while it is in progress, without its content.
  Json ItemJson(std::string_view status) const {
    const bool whole = status != "in_progress";
    Json::Object item{{"id", open_->id}};
    switch (open_->kind) {
      case Kind::kText:
        item.emplace_back("type", "message");
        item.emplace_back("status", std::string(status));
        item.emplace_back("role", "assistant");
        item.emplace_back("content", whole ? Json::Array{PartJson()} : Json::Array{});
        break;
      case Kind::kReasoning:
        item.emplace_back("type", "reasoning");
        item.emplace_back("status", std::string(status));
        item.emplace_back("summary", Json::Array{});
        item.emplace_back("content", whole ? Json::Array{PartJson()} : Json::Array{});
        break;
      default:
        item.emplace_back("type", open_->custom ? "custom_tool_call" : "function_call");
        item.emplace_back("status", std::string(status));
        item.emplace_back("call_id", open_->call_id);
        item.emplace_back("name", open_->name);
        item.emplace_back(open_->custom ? "input" : "arguments", whole ? open_->text : std::string());
    }
    return item;
  }

  Json PartJson() const {
    if (open_->kind == Kind::kReasoning) return Json::Object{{"type", "reasoning_text"}, {"text", open_->text}};
    return Json::Object{
        {"type", "output_text"}, {"annotations", Json::Array{}}, {"logprobs", open_->logprobs}, {"text", open_->text}};
  }

  void AppendState(std::string_view type, std::string_view status, std::string& out) {
    Set(response_, "status", std::string(status));
    if (!options_.stream && status != "in_progress") out += WriteJson(response_);  // the last

    Append(type, {{"response", response_}}, out);
  }
  void AppendOfItem(std::string_view type, Json::Object members, std::string& out) {
    members.insert(members.begin(), {{"item_id", open_->id}, {"output_index", Number(output_.size())}});
    Append(type, std::move(members), out);
  }
  void AppendOfPart(std::string_view type, Json::Object members, std::string& out) {
    members.insert(members.begin(), {"content_index", 0});
    AppendOfItem(type, std::move(members), out);
  }
  void Append(std::string_view type, Json::Object members, std::string& out) {
    if (!options_.stream) return;
    members.insert(members.begin(), {{"type", std::string(type)}, {"sequence_number", Number(sequence_++)}});
    out.append("event: ").append(type).append("\ndata: ").append(WriteJson(std::move(members))).append("\n\n");
  }

  ResponseReplyOptions options_;
  const std::string id_;
  Json::Object response_;  // all but the output, which joins it at the end
  Json::Array output_;     // items that are complete
  std::optional<Item> open_;
  Json::Array logprobs_;  // of tokens whose text has not come yet
  FinishReason reason_ = FinishReason::kStop;
  bool unpaid_ = false;
  uint64_t sequence_ = 0;
};

}  // namespace

std::unique_ptr<ReplyEncoder> MakeResponseEncoder(ResponseReplyOptions options, const ReplyIdentity& identity) {
  return std::make_unique<ResponseEncoder>(std::move(options), identity);
}

Json WithFailure(Json response, std::string_view status, std::string_view message) {
  if (!response.is_object()) return response;
  for (Json::Member& member : response.as_object()) {
    if (member.first == "status") member.second = std::string(status);
    if (member.first == "error") {
      member.second = Json::Object{{"code", "server_error"}, {"message", std::string(message)}};
    }
  }
  return response;
}

std::string EncodeInputTokens(uint32_t input_tokens) {
  return WriteJson(Json::Object{{"object", "response.input_tokens"}, {"input_tokens", Number(input_tokens)}});
}

}  // namespace bedplate::openai
