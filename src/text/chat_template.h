#pragma once
/// Chat templates: the Jinja program in a model's file turns messages and tools into the prompt.
///
/// The language is Jinja as Python's jinja2 runs it when set up the way transformers does: trim_blocks, lstrip_blocks,
/// break and continue, `tojson` without HTML escaping, raise_exception(), strftime_now(), {% generation %}. Values
/// print, compare and divide as Python's do. Source: https://jinja.palletsprojects.com/en/stable/templates/.
///
/// A prompt comes as segments, because special tokens are only parsed where the template put them. Text that the
/// template itself wrote, and the bos and eos tokens, are trusted; text out of messages, tools and extra arguments is
/// not, through every concatenation, slice and filter. A result that can't be attributed byte by byte, such as
/// replace() over a mix, is untrusted: the worst case is a special token read as text, never user text read as a
/// special token.
///
/// Owns:    its parsed program, shared read-only between copies.
/// The tokenizer should take the segments as one text, where a special token counts only if it lies inside a trusted
/// segment: cutting the text at segment borders first would change how ordinary words split.
///
/// Threads: immutable; any thread may render, many at once.
/// Errors:  kInvalidArgument, and the message names the line in the template. A template that asks for too much (steps,
///          depth, text; TemplateLimits) gets the same: it is the model file's fault, never a hang or a crash.
/// Cost:    parsing is linear in the source; rendering typically well under a millisecond.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "text/output_format.h"

namespace bedplate {

/// A run of prompt text (UTF-8, never empty) from one kind of source. Neighbours differ in `trusted`.
struct TemplateSegment {
  std::string text;
  bool trusted = false;  // may spell special tokens

  bool operator==(const TemplateSegment&) const = default;
};

/// What one render may use. The defaults leave room for a long chat of a million tokens and end a hostile template
/// within seconds and below half a gigabyte.
struct TemplateLimits {
  uint64_t steps_max = 20'000'000;  // evaluations, plus one for every 16 bytes made or searched
  uint64_t bytes_max = 256u << 20;  // of texts and lists made in all, intermediate ones included
  uint32_t depth_max = 1000;        // nested evaluations: blocks, expressions, macro calls
};

class ChatTemplate {
 public:
  struct Inputs {
    Json messages;                      // an array of objects, as in a chat completion request
    Json tools;                         // null if there are none
    bool add_generation_prompt = true;  // end the prompt where the assistant's answer begins
    std::string bos_token, eos_token;   // the model's own; trusted
    Json::Object extra;                 // further variables (chat_template_kwargs), such as enable_thinking; they win
    int64_t now_unix_seconds = 0;       // what strftime_now() prints, in UTC
  };

  /// The source may be at most 1 MiB. A syntax error names its line.
  static Result<ChatTemplate> Parse(std::string_view source);

  Result<std::vector<TemplateSegment>> Render(const Inputs& inputs, const TemplateLimits& limits = {}) const;

  /// The variables that the template reads and doesn't set itself, sorted: "tools" tells that it can take tools,
  /// "enable_thinking" that thinking can be switched.
  [[nodiscard]] const std::vector<std::string>& variables() const;
  [[nodiscard]] bool Reads(std::string_view variable) const;

  /// What else the template's text tells about the model behind it.
  struct Traits {
    OutputFormat output;          // how the model writes calls and reasoning
    bool takes_tools = false;     // reads `tools`; others drop them without a word
    bool null_content = false;    // asks whether an assistant's content is none, so it must be where there is no text
    bool short_call_ids = false;  // Mistral's: ids of tool calls have exactly nine letters and digits
  };
  [[nodiscard]] const Traits& traits() const { return traits_; }

  struct Program;  // the parsed template; template_ast.h

 private:
  ChatTemplate(std::shared_ptr<const Program> program, std::string_view source);
  std::shared_ptr<const Program> program_;
  Traits traits_;
};

/// The prompt as one string, for people and for logs. Tokenize the segments instead.
std::string Join(const std::vector<TemplateSegment>& segments);

/// What `bedplate render` reads: {"messages": [...], "tools": [...] or null, "add_generation_prompt": bool,
/// "bos_token": "...", "eos_token": "...", "chat_template_kwargs": {...}, any further member: an extra variable}.
/// Only "messages" is required. kInvalidArgument names the member that is wrong.
Result<ChatTemplate::Inputs> InputsFromJson(const Json& request, int64_t now_unix_seconds);

}  // namespace bedplate
