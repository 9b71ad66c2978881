#include "text/output_format.h"

#include "text/call_reader.h"
#include "text/trim.h"

namespace bedplate {
namespace {

CallSyntax CallsOf(std::string_view source, bool reads_tools) {
  const auto has = [&](std::string_view text) { return source.find(text) != std::string_view::npos; };
  if (has("<|channel|>") && has("<|message|>")) return CallSyntax::kHarmony;
  if (has("[TOOL_CALLS]")) return CallSyntax::kMistral;
  if (has(kDeepSeekCalls) || has(kDeepSeekCall)) return CallSyntax::kDeepSeek;
  if (has("<|tool_call>")) return CallSyntax::kGemma;
  if (has("<start_function_call>")) return CallSyntax::kFunctionGemma;
  if (has("<tool_call>")) return CallSyntax::kHermes;
  if (has("<|python_tag|>") || (has("<|start_header_id|>") && reads_tools)) return CallSyntax::kLlama;
  return reads_tools ? CallSyntax::kJson : CallSyntax::kHermes;
}

}  // namespace

OutputFormat FormatOfTemplate(std::string_view source, bool reads_tools) {
  OutputFormat format{.calls = CallsOf(source, reads_tools), .reasoning_open = {}, .reasoning_close = {}};
  if (format.calls == CallSyntax::kHarmony) return format;
  const auto has = [&](std::string_view text) { return source.find(text) != std::string_view::npos; };
  const auto reasons = [&](std::string_view open, std::string_view close) {
    format.reasoning_open = open;
    format.reasoning_close = close;
    return format;
  };
  if (has("[THINK]")) return reasons("[THINK]", "[/THINK]");
  if (has("<|channel>")) return reasons("<|channel>thought", "<channel|>");
  if (has("<think>") || has("</think>")) return reasons("<think>", "</think>");
  return format;
}

std::vector<std::string> CallMarkersOf(CallSyntax syntax) {
  switch (syntax) {
    case CallSyntax::kHermes:
      return {"<tool_call>"};
    case CallSyntax::kLlama:
      return {"<|python_tag|>"};
    case CallSyntax::kMistral:
      return {"[TOOL_CALLS]"};
    case CallSyntax::kDeepSeek:
      return {std::string(kDeepSeekCalls), std::string(kDeepSeekCall)};
    case CallSyntax::kGemma:
      return {"<|tool_call>"};
    case CallSyntax::kFunctionGemma:
      return {"<start_function_call>"};
    case CallSyntax::kJson:
    case CallSyntax::kHarmony:
      break;
  }
  return {};
}

std::vector<std::string> MarkersOf(const OutputFormat& format) {
  std::vector<std::string> markers = CallMarkersOf(format.calls);
  const auto add = [&](std::initializer_list<std::string_view> more) {
    for (const std::string_view marker : more) markers.emplace_back(marker);
  };
  switch (format.calls) {
    case CallSyntax::kHermes:
      add({"</tool_call>"});
      break;
    case CallSyntax::kMistral:
      add({"[ARGS]", "[CALL_ID]"});
      break;
    case CallSyntax::kDeepSeek:
      add({kDeepSeekCallsEnd, kDeepSeekCallEnd, kDeepSeekSeparator});
      break;
    case CallSyntax::kGemma:
      add({"<tool_call|>", "<|\"|>"});
      break;
    case CallSyntax::kFunctionGemma:
      add({"<end_function_call>", "<escape>"});
      break;
    case CallSyntax::kHarmony:
      add({"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>"});
      break;
    default:
      break;
  }
  // Gemma's opening marker is a token and a word.
  if (format.reasoning_open == "<|channel>thought")
    add({"<|channel>", "<channel|>"});
  else if (!format.reasoning_open.empty())
    add({format.reasoning_open, format.reasoning_close});
  return markers;
}

std::vector<std::string> HandOverTokensOf(const OutputFormat& format) {
  if (format.calls == CallSyntax::kGemma) return {"<|tool_response>"};
  if (format.calls == CallSyntax::kFunctionGemma) return {"<start_function_response>"};
  return {};
}

bool PromptOpensReasoning(const OutputFormat& format, std::string_view prompt) {
  return !format.reasoning_open.empty() && Trim(prompt).ends_with(format.reasoning_open);
}

}  // namespace bedplate
