#include "engine/output.h"

#include <algorithm>

#include <variant>

#include "base/check.h"
#include "engine/call_ids.h"

namespace bedplate {
namespace {

TokenAlternative Alternative(const Tokenizer& tokenizer, TokenId token, float logprob) {
  return {.token = token,
          .bytes = tokenizer.Contains(token) ? std::string(tokenizer.TokenBytes(token)) : std::string(),
          .logprob = logprob};
}

static_assert(static_cast<int>(ParsedPiece::Kind::kText) == static_cast<int>(OutputPiece::Kind::kText) &&
              static_cast<int>(ParsedPiece::Kind::kReasoning) == static_cast<int>(OutputPiece::Kind::kReasoning) &&
              static_cast<int>(ParsedPiece::Kind::kCallBegin) == static_cast<int>(OutputPiece::Kind::kCallBegin) &&
              static_cast<int>(ParsedPiece::Kind::kCallArguments) ==
                  static_cast<int>(OutputPiece::Kind::kCallArguments) &&
              static_cast<int>(ParsedPiece::Kind::kCallEnd) == static_cast<int>(OutputPiece::Kind::kCallEnd));

void AppendText(std::string text, std::vector<OutputPiece>& pieces) {
  if (text.empty()) return;
  if (!pieces.empty() && pieces.back().kind == OutputPiece::Kind::kText) {
    pieces.back().text += text;
  } else {
    pieces.push_back({.kind = OutputPiece::Kind::kText, .text = std::move(text), .call_id = {}});
  }
}

bool ParallelCalls(const Request& request) {
  const auto* chat = std::get_if<ChatPrompt>(&request.prompt);
  return chat == nullptr || chat->parallel_tool_calls;
}

std::vector<TokenId> SpelledTokens(const Tokenizer& tokenizer, const std::optional<OutputParserOptions>& output) {
  std::vector<TokenId> tokens;
  if (!output.has_value()) return tokens;
  for (const std::string& marker : MarkersOf(output->format)) {
    if (const auto token = tokenizer.Find(marker)) tokens.push_back(*token);
  }
  return tokens;
}

}  // namespace

TokenLogprob Describe(const Tokenizer& tokenizer, const ScoredToken& scored) {
  TokenLogprob out{.chosen = Alternative(tokenizer, scored.token, scored.logprob), .top = {}};
  out.top.reserve(scored.top.size());
  for (const auto& [token, logprob] : scored.top) out.top.push_back(Alternative(tokenizer, token, logprob));
  return out;
}

ChoiceOutput::ChoiceOutput(const Tokenizer& tokenizer, const PreparedRequest& prepared, uint32_t choice)
    : tokenizer_(tokenizer),
      prepared_(prepared),
      choice_(choice),
      one_call_(!ParallelCalls(prepared.request)),
      decoder_(tokenizer, {.spelled = SpelledTokens(tokenizer, prepared.output)}),
      parser_(prepared.output.has_value() ? MakeOutputParser(*prepared.output) : nullptr),
      stops_(prepared.request.stop_strings) {}

bool ChoiceOutput::IsEnd(TokenId token) const {
  const Request& request = prepared_.request;
  if (!request.ignore_end_of_generation && tokenizer_.IsEndOfGeneration(token)) return true;
  return std::ranges::find(request.stop_tokens, token) != request.stop_tokens.end();
}

ChoiceOutput::Accepted ChoiceOutput::Accept(TokenId token, const std::optional<ScoredToken>& scored, bool completes) {
  BP_CHECK(tokens_ < prepared_.output_tokens_max);
  ++tokens_;
  OutputDelta delta{.choice = choice_, .pieces = {}, .tokens = {token}, .logprobs = {}};
  if (scored.has_value()) delta.logprobs.push_back(Describe(tokenizer_, *scored));
  const bool was_reasoning = parser_ && parser_->in_reasoning();
  std::optional<Ending> ending = Read(decoder_.Push(token), delta.pieces);
  if (was_reasoning || (parser_ && parser_->in_reasoning())) delta.reasoning_tokens = 1;
  reasoning_tokens_ += delta.reasoning_tokens;
  const bool last = completes || tokens_ == prepared_.output_tokens_max;
  const bool asks = !ending.has_value() && !last && prepared_.allowance != nullptr;
  const bool unpaid = asks && !prepared_.allowance->TakeToken();
  if (!ending.has_value() && (last || unpaid)) {
    // The last token allowed: a stop string may still end in the replaced bytes of its character.
    ending = ReadEnd(delta.pieces);
    if (ending->stop_string.empty() && !completes) {
      ending->reason = FinishReason::kLength;
      ending->unpaid = unpaid;
    }
  }
  if (ending.has_value()) return Finish(std::move(delta), *std::move(ending));
  return {.delta = std::move(delta), .finished = {}};
}

ChoiceOutput::Accepted ChoiceOutput::End() {
  OutputDelta delta{.choice = choice_, .pieces = {}, .tokens = {}, .logprobs = {}};
  Ending ending = ReadEnd(delta.pieces);
  return Finish(std::move(delta), std::move(ending));
}

ChoiceOutput::Accepted ChoiceOutput::Finish(OutputDelta delta, Ending ending) const {
  return {.delta = std::move(delta),
          .finished = ChoiceFinished{.choice = choice_,
                                     .reason = ending.reason,
                                     .stop_string = std::move(ending.stop_string),
                                     .unpaid = ending.unpaid}};
}

std::optional<ChoiceOutput::Ending> ChoiceOutput::Read(std::string_view text, std::vector<OutputPiece>& pieces) {
  std::vector<ParsedPiece> parsed;
  if (parser_) {
    parser_->Feed(text, parsed);
  } else {
    AppendPiece(ParsedPiece::Kind::kText, text, parsed);
  }
  return Tell(std::move(parsed), pieces);
}

ChoiceOutput::Ending ChoiceOutput::ReadEnd(std::vector<OutputPiece>& pieces) {
  if (auto ending = Read(decoder_.Flush(), pieces)) return *std::move(ending);
  if (parser_) {
    std::vector<ParsedPiece> rest;
    parser_->Finish(rest);
    if (auto ending = Tell(std::move(rest), pieces)) return *std::move(ending);
  }
  AppendText(stops_.Flush(), pieces);
  return {.reason = calls_ > 0 ? FinishReason::kToolCalls : FinishReason::kStop, .stop_string = {}};
}

std::optional<ChoiceOutput::Ending> ChoiceOutput::Tell(std::vector<ParsedPiece> parsed,
                                                       std::vector<OutputPiece>& pieces) {
  for (ParsedPiece& piece : parsed) {
    if (piece.kind == ParsedPiece::Kind::kText) {
      StopMatcher::Fed fed = stops_.Feed(piece.text);
      AppendText(std::move(fed.text), pieces);
      if (!fed.stop_string.has_value()) continue;
      return Ending{.reason = FinishReason::kStop, .stop_string = prepared_.request.stop_strings[*fed.stop_string]};
    }
    AppendText(stops_.Flush(), pieces);  // a stop string doesn't reach across a call
    const auto kind = static_cast<OutputPiece::Kind>(piece.kind);
    const bool begins = kind == OutputPiece::Kind::kCallBegin;
    if (begins) ++calls_;
    pieces.push_back({.kind = kind,
                      .text = std::move(piece.text),
                      .call_id = begins ? CallId(prepared_.request.id, choice_, calls_) : std::string()});
    if (one_call_ && kind == OutputPiece::Kind::kCallEnd) {
      return Ending{.reason = FinishReason::kToolCalls, .stop_string = {}};
    }
  }
  return std::nullopt;
}

}  // namespace bedplate
