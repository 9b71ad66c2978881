#include "engine/prepare.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "base/cat.h"
#include "base/json.h"
#include "engine/chat_messages.h"
#include "engine/constraint.h"
#include "engine/forced_calls.h"

namespace bedplate {
namespace {

Status Invalid(std::string param, std::string message, std::string reason = {}) {
  return Status::InvalidArgument(std::move(message)).WithParam(std::move(param)).WithReason(std::move(reason));
}

std::string TokenText(const Tokenizer& tokenizer, std::optional<TokenId> token) {
  return token.has_value() ? std::string(tokenizer.TokenText(*token)) : std::string();
}

/// A prompt's length in tokens: exact, or a lower bound where the rest was not worth the time.
struct PromptLength {
  size_t tokens = 0;
  bool at_least = false;
};

std::string Describe(PromptLength length) {
  return Cat(length.at_least ? "at least " : "", length.tokens, " tokens");
}

/// OpenAI's words, which client libraries look for.
Status TooLong(bool chat, PromptLength prompt, std::optional<uint32_t> output, uint32_t context) {
  const std::string limit = Cat("This model's maximum context length is ", context, " tokens. However, ");
  const std::string_view what = chat ? "messages" : "prompt";
  std::string message;
  if (output.has_value()) {
    message = Cat(limit, "you requested ", prompt.tokens + *output, " tokens (", prompt.tokens, " in the ", what, ", ",
                  *output, " in the completion). Please reduce the length of the ", what, " or completion.");
  } else {
    message = Cat(limit, "your ", what, " resulted in ", Describe(prompt),
                  prompt.tokens == context ? ", which leaves no room for an answer" : "",
                  ". Please reduce the length of the ", what, ".");
  }
  return Invalid(std::string(what), std::move(message), "context_length_exceeded");
}

/// Turns the prompt into tokens, and into the text that echo gives back. A text that can't fit is not encoded to its
/// end: one request of 8 MiB would hold up those behind it for seconds.
class PromptReader {
 public:
  PromptReader(const LoadedModel& model, uint32_t context, int64_t now_unix_seconds, PreparedRequest& out)
      : model_(model),
        tokenizer_(*model.tokenizer),
        context_(context),
        now_unix_seconds_(now_unix_seconds),
        out_(out) {}

  Status operator()(const ChatPrompt& prompt) const {
    if (prompt.messages.empty()) {
      return Invalid("messages",
                     "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
                     "empty array instead.",
                     "empty_array");
    }
    if (!model_.chat_template.has_value()) {
      return Invalid("messages",
                     Cat("The model '", model_.id,
                         "' comes without a chat template, so it can't answer chats. "
                         "Give one with --chat-template when starting the server, or use /v1/completions."),
                     "chat_template_missing");
    }
    const ChatTemplate& chat_template = *model_.chat_template;
    Result<std::vector<TemplateSegment>> rendered = Render(prompt);
    if (!rendered.ok()) {
      // Templates differ in where they allow a system message: the usual reason why one fails.
      Result<std::vector<TemplateSegment>> again = Render(WithSystemAtBeginning(prompt));
      if (again.ok()) rendered = std::move(again);
    }
    if (!rendered.ok()) {
      return Invalid("messages",
                     Cat("The model's chat template can't render these messages: ", rendered.status().message()),
                     "chat_template_failed");
    }
    const bool tail_is_ours = !rendered->empty() && rendered->back().trusted;
    ReadOutputAs(chat_template.traits().output, prompt, tail_is_ours ? rendered->back().text : std::string());
    BP_RETURN_IF_ERROR(ConstrainCalls(prompt));
    std::vector<TextSegment> segments;
    for (const TemplateSegment& s : *rendered) segments.push_back({.text = s.text, .trusted = s.trusted});
    if (!prompt.answer_begin.empty()) segments.push_back({.text = prompt.answer_begin, .trusted = false});
    BP_RETURN_IF_ERROR(Encode(segments, {.chat = true}));
    if (out_.request.echo) out_.prompt_text = Join(*rendered) + prompt.answer_begin;
    return Status::Ok();
  }

  Status operator()(const TextPrompt& prompt) const {
    const TextSegment segment{.text = prompt.text, .trusted = true};
    BP_RETURN_IF_ERROR(Encode({&segment, 1}, {.chat = false}));
    if (out_.request.echo) out_.prompt_text = prompt.text;
    return Status::Ok();
  }

  Status operator()(const TokenPrompt& prompt) const {
    for (size_t i = 0; i < prompt.tokens.size(); ++i) {
      if (tokenizer_.Contains(prompt.tokens[i])) continue;
      return Invalid("prompt",
                     Cat("Invalid 'prompt[", i, "]': token id ", prompt.tokens[i].value,
                         " is not in the model's vocabulary; ids are 0 to ", tokenizer_.size() - 1, "."),
                     "invalid_value");
    }
    out_.tokens = prompt.tokens;
    if (out_.request.echo) out_.prompt_text = tokenizer_.Decode(prompt.tokens, {.special = true, .text_start = true});
    return Status::Ok();
  }

 private:
  Result<std::vector<TemplateSegment>> Render(const ChatPrompt& prompt) const {
    ChatTemplate::Inputs inputs = TemplateInputs(prompt, *model_.chat_template);
    inputs.bos_token = TokenText(tokenizer_, tokenizer_.bos());
    inputs.eos_token = TokenText(tokenizer_, tokenizer_.eos());
    inputs.now_unix_seconds = now_unix_seconds_;
    return model_.chat_template->Render(inputs);
  }

  /// A call that must come is a constraint like any other. It stands for one that the text is held to: there is no
  /// text beside the call. One that may come is allowed beside it.
  Status ConstrainCalls(const ChatPrompt& prompt) const {
    if (prompt.tool_choice.kind == ToolChoice::Kind::kAuto) {
      if (!out_.request.constraint.has_value() || !out_.output->tools) return Status::Ok();
      BP_ASSIGN_OR_RETURN(out_.request.constraint->or_calls, CallsByChoice(prompt, *out_.output, tokenizer_));
      return Status::Ok();
    }
    BP_ASSIGN_OR_RETURN(out_.request.constraint, ForcedCall(prompt, *out_.output, tokenizer_));
    return Status::Ok();
  }

  void ReadOutputAs(const OutputFormat& format, const ChatPrompt& prompt, std::string_view prompt_end) const {
    OutputParserOptions output{.format = format,
                               .tools = prompt.tools.is_array() && !prompt.tools.as_array().empty(),
                               .tool_names = {},
                               .in_reasoning = PromptOpensReasoning(format, prompt_end)};
    if (output.tools) {
      for (const Json& tool : prompt.tools.as_array()) {
        const Json* function = tool.Find("function");
        const Json* name = function == nullptr ? nullptr : function->Find("name");
        if (name != nullptr && name->is_string()) output.tool_names.push_back(name->as_string());
      }
      for (const std::string& text : HandOverTokensOf(format)) {
        if (const auto token = tokenizer_.Find(text)) out_.request.stop_tokens.push_back(*token);
      }
    }
    out_.output = std::move(output);
  }

  struct PromptKind {
    bool chat;  // a raw prompt begins with the beginning-of-text token, a template writes it where it is wanted
  };
  Status Encode(std::span<const TextSegment> segments, PromptKind kind) const {
    // Up to twice the context the count is exact, which tells a client how much to leave out.
    const size_t count_max = 2 * size_t{context_};
    const size_t least = tokenizer_.TokensAtLeast(segments);
    if (least > count_max) return TooLong(kind.chat, {.tokens = least, .at_least = true}, {}, context_);
    out_.tokens =
        tokenizer_.EncodeSegments(segments, {.add_bos = !kind.chat, .add_eos = false, .tokens_max = count_max});
    if (out_.tokens.size() <= count_max) return Status::Ok();
    return TooLong(kind.chat, {.tokens = out_.tokens.size(), .at_least = true}, {}, context_);
  }

  const LoadedModel& model_;
  const Tokenizer& tokenizer_;
  const uint32_t context_;
  const int64_t now_unix_seconds_;
  PreparedRequest& out_;
};

/// An empty prompt begins a text, if the model has a token for that.
Status CheckNotEmpty(const LoadedModel& model, bool chat, std::vector<TokenId>& tokens) {
  if (!tokens.empty()) return Status::Ok();
  if (const auto bos = model.tokenizer->bos(); bos.has_value()) {
    tokens.push_back(*bos);
    return Status::Ok();
  }
  return Invalid(chat ? "messages" : "prompt",
                 "The prompt is empty, and this model has no token that begins a text; send at "
                 "least one token.",
                 "empty_prompt");
}

Status CheckTokensKnown(const LoadedModel& model, const std::vector<TokenId>& tokens) {
  for (const TokenId token : tokens) {
    if (static_cast<uint32_t>(token.value) < model.model->vocabulary()) continue;
    return Invalid("prompt",
                   Cat("The prompt holds token ", token.value, " (", model.tokenizer->TokenText(token),
                       "), which this model's weights don't have; they have 0 to ", model.model->vocabulary() - 1, "."),
                   "invalid_value");
  }
  return Status::Ok();
}

Status ResolveOutput(bool chat, uint32_t context, PreparedRequest& prepared) {
  const Request& request = prepared.request;
  const size_t prompt = prepared.tokens.size();
  const bool prompt_alone = request.echo || request.prompt_logprobs_top.has_value();
  const std::optional<uint32_t> asked = request.output_tokens_max;
  if (asked.has_value() && *asked == 0 && !prompt_alone) {
    return Invalid("max_tokens",
                   "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 "
                   "instead.",
                   "integer_below_min_value");
  }
  if (prompt > context || (prompt == context && !asked.has_value()))
    return TooLong(chat, {.tokens = prompt}, {}, context);
  const bool too_many = asked.has_value() && *asked > context - prompt;
  if (too_many && request.output_ends_with_context && prompt < context) {
    prepared.output_tokens_max = context - static_cast<uint32_t>(prompt);
    return Status::Ok();
  }
  if (too_many) return TooLong(chat, {.tokens = prompt}, asked, context);
  prepared.output_tokens_max = asked.value_or(context - static_cast<uint32_t>(prompt));
  return Status::Ok();
}

/// What is held to a form begins after the reasoning that the prompt has opened. Where a control token ends that, which
/// a constrained output can't have, there would be no way out of it.
Status CheckConstraintIsReached(const LoadedModel& model, const PreparedRequest& prepared) {
  const Request& request = prepared.request;
  if (!request.constraint.has_value() || !prepared.output.has_value() || !prepared.output->in_reasoning) {
    return Status::Ok();
  }
  const auto close = model.tokenizer->Find(prepared.output->format.reasoning_close);
  if (!close.has_value() || !model.tokenizer->IsControl(*close)) return Status::Ok();
  const auto* chat = std::get_if<ChatPrompt>(&request.prompt);
  const bool forced = chat != nullptr && chat->tool_choice.kind != ToolChoice::Kind::kAuto;
  const std::string param = forced ? "tool_choice" : ParamOf(*request.constraint);
  return Invalid(param,
                 Cat("'", param,
                     "' can't be enforced behind this model's reasoning, which ends with a control token; "
                     "switch reasoning off (reasoning_effort: none) where the model allows it."),
                 forced ? "invalid_value" : "invalid_constraint");
}

/// A prediction longer than any output is refused, and not encoded to its end.
Status EncodePrediction(const LoadedModel& model, uint32_t context, PreparedRequest& prepared) {
  if (prepared.request.prediction.empty()) return Status::Ok();
  const TextSegment segment{.text = prepared.request.prediction, .trusted = false};
  size_t tokens = model.tokenizer->TokensAtLeast({&segment, 1});
  if (tokens <= context) {
    prepared.prediction =
        model.tokenizer->EncodeSegments({&segment, 1}, {.add_bos = false, .add_eos = false, .tokens_max = context});
    tokens = prepared.prediction.size();
  }
  if (tokens > context) {
    return Invalid(
        "prediction",
        Cat("This model's maximum context length is ", context, " tokens. However, your prediction has at least ",
            tokens, " tokens. Please shorten it, or leave it out."),
        "context_length_exceeded");
  }
  // A token that the weights don't have can't be drawn, and must not be computed on a guess.
  std::erase_if(prepared.prediction,
                [&](TokenId t) { return static_cast<uint32_t>(t.value) >= model.model->vocabulary(); });
  return Status::Ok();
}

Result<PreparedRequest> PrepareWhole(Request request, const LoadedModel& model, uint32_t context_tokens_max,
                                     int64_t now_unix_seconds) {
  PreparedRequest prepared;
  prepared.request = std::move(request);
  const bool chat = std::holds_alternative<ChatPrompt>(prepared.request.prompt);
  BP_RETURN_IF_ERROR(
      std::visit(PromptReader(model, context_tokens_max, now_unix_seconds, prepared), prepared.request.prompt));
  BP_RETURN_IF_ERROR(CheckConstraintIsReached(model, prepared));
  BP_RETURN_IF_ERROR(CheckNotEmpty(model, chat, prepared.tokens));
  BP_RETURN_IF_ERROR(CheckTokensKnown(model, prepared.tokens));
  BP_RETURN_IF_ERROR(ResolveOutput(chat, context_tokens_max, prepared));
  BP_RETURN_IF_ERROR(EncodePrediction(model, context_tokens_max, prepared));
  return prepared;
}

/// A turn begins with a user's message. What stands before the first one belongs to it.
std::vector<size_t> TurnsOf(const std::vector<Message>& messages) {
  std::vector<size_t> turns;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == "user") turns.push_back(i);
  }
  return turns;
}

ChatPrompt WithoutOldest(const ChatPrompt& chat, size_t first_kept) {
  ChatPrompt rest = chat;
  std::vector<Message> kept;
  for (size_t i = 0; i < rest.messages.size(); ++i) {
    const bool system = rest.messages[i].role == "system" || rest.messages[i].role == "developer";
    if (i >= first_kept || system) kept.push_back(std::move(rest.messages[i]));
  }
  rest.messages = std::move(kept);
  return rest;
}

/// Without as few of the oldest turns as leave room for the answer: for the length that was asked for, an eighth of the
/// context where none was, and never more than half of it. Each try renders and encodes, so there are few.
Result<PreparedRequest> PrepareNewest(const Request& request, const LoadedModel& model, uint32_t context,
                                      int64_t now_unix_seconds) {
  const auto& chat = std::get<ChatPrompt>(request.prompt);
  const std::vector<size_t> turns = TurnsOf(chat.messages);
  const uint32_t room = std::min(request.output_tokens_max.value_or(context / 8), context / 2);
  const auto without = [&](size_t dropped) {
    Request rest = request;
    if (dropped > 0) rest.prompt = WithoutOldest(chat, turns[dropped]);
    return PrepareWhole(std::move(rest), model, context, now_unix_seconds);
  };
  const auto fits = [&](const Result<PreparedRequest>& prepared) {
    return prepared.ok() ? prepared->tokens.size() + room <= context
                         : prepared.status().reason() != "context_length_exceeded";  // dropping more is no help
  };
  Result<PreparedRequest> best = without(0);
  if (fits(best) || turns.size() < 2) return best;
  size_t too_few = 0, enough = turns.size() - 1;  // the last turn stays, whether it fits or not
  best = without(enough);
  while (enough - too_few > 1) {
    const size_t middle = too_few + (enough - too_few) / 2;
    Result<PreparedRequest> prepared = without(middle);
    if (fits(prepared)) {
      best = std::move(prepared);
      enough = middle;
    } else {
      too_few = middle;
    }
  }
  return best;
}

// A count beyond any context: what is longer isn't counted to its end.
constexpr uint32_t kCountTokensMax = 1u << 24;

}  // namespace

Result<uint32_t> CountPromptTokens(Request request, const LoadedModel& model, int64_t now_unix_seconds) {
  PreparedRequest prepared;
  prepared.request = std::move(request);
  BP_RETURN_IF_ERROR(
      std::visit(PromptReader(model, kCountTokensMax, now_unix_seconds, prepared), prepared.request.prompt));
  return static_cast<uint32_t>(prepared.tokens.size());
}

Result<PreparedRequest> PrepareRequest(Request request, const LoadedModel& model, uint32_t context_tokens_max,
                                       int64_t now_unix_seconds) {
  BP_RETURN_IF_ERROR(CheckLimits(request, model.model->vocabulary()));
  const auto* chat = std::get_if<ChatPrompt>(&request.prompt);
  if (chat != nullptr && chat->drops_oldest) return PrepareNewest(request, model, context_tokens_max, now_unix_seconds);
  return PrepareWhole(std::move(request), model, context_tokens_max, now_unix_seconds);
}

}  // namespace bedplate
