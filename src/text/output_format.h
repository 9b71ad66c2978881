#pragma once
/// How a family of models writes tool calls and reasoning, told by its chat template's text: the template renders
/// earlier calls with the same markers that the model was trained to write. This is the one place where that is
/// decided.
///
///   the template's text has                                   calls are
///   <|channel|> and <|message|>                               harmony (gpt-oss): channels and recipients
///   [TOOL_CALLS]                                              Mistral's
///   <｜tool▁calls▁begin｜> or <｜tool▁call▁begin｜>            DeepSeek's
///   <|tool_call>, <start_function_call>                       Gemma's (4, FunctionGemma)
///   <tool_call>                                               Hermes' and Qwen's: JSON between tags
///   <|python_tag|>, or <|start_header_id|> and `tools`        Llama 3's: JSON, after the tag or alone
///   the variable `tools`, and none of the above               JSON alone
///   none of that                                              Hermes': the tools are told in the system message
///                                                             (engine/chat_messages.h)
///
/// Reasoning is what stands between <think> and </think>, [THINK] and [/THINK], <|channel>thought and <channel|>, where
/// the template has those; harmony has its analysis channel.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bedplate {

enum class CallSyntax : uint8_t { kHermes, kLlama, kJson, kMistral, kDeepSeek, kGemma, kFunctionGemma, kHarmony };

struct OutputFormat {
  CallSyntax calls = CallSyntax::kHermes;
  std::string reasoning_open, reasoning_close;  // empty: none, or harmony's

  [[nodiscard]] bool has_reasoning() const { return !reasoning_open.empty() || calls == CallSyntax::kHarmony; }
  bool operator==(const OutputFormat&) const = default;
};

/// reads_tools: the template reads the variable `tools`.
OutputFormat FormatOfTemplate(std::string_view source, bool reads_tools);

/// What may stand in the output as a control token, and has to reach the parser as text.
std::vector<std::string> MarkersOf(const OutputFormat& format);
/// Control tokens with which the model hands over to the tool: the output ends before them.
std::vector<std::string> HandOverTokensOf(const OutputFormat& format);
/// Markers that announce calls in text; none for kJson and harmony.
std::vector<std::string> CallMarkersOf(CallSyntax syntax);

/// The prompt ends inside the reasoning, so that the output begins there.
bool PromptOpensReasoning(const OutputFormat& format, std::string_view prompt);

}  // namespace bedplate
