#include "engine/chat_messages.h"

#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "engine/call_ids.h"

namespace bedplate {
namespace {

bool IsSystem(const Message& message) {
  return message.role == "system" || message.role == "developer";
}

/// Templates that transform arguments want an object; text that is no JSON object stays text.
Json ArgumentsToJson(const ToolCall& call) {
  if (call.arguments.empty()) return Json::Object{};
  Result<Json> arguments = ParseJson(call.arguments);
  return arguments.ok() && arguments->is_object() ? std::move(*arguments) : Json(call.arguments);
}

std::string IdFor(const std::string& id, const ChatTemplate::Traits& traits) {
  return traits.short_call_ids ? ShortCallId(id) : id;
}

/// The shape that the templates of Hugging Face models expect.
Json MessageToJson(const Message& message, const ChatTemplate::Traits& traits) {
  const bool calls = !message.tool_calls.empty();
  const bool no_content = traits.null_content && calls && message.content.empty();
  // "developer" is OpenAI's newer name for it; templates know "system", and silently drop roles they don't know.
  Json::Object out{{"role", message.role == "developer" ? std::string("system") : message.role},
                   {"content", no_content ? Json() : Json(message.content)}};
  if (!message.name.empty()) out.emplace_back("name", message.name);
  if (!message.reasoning.empty()) {
    out.emplace_back("reasoning_content", message.reasoning);
    // gpt-oss's name for it; its template refuses both beside a call.
    const bool harmony = traits.output.calls == CallSyntax::kHarmony;
    if (harmony && !(calls && !message.content.empty())) out.emplace_back("thinking", message.reasoning);
  }
  if (!message.tool_call_id.empty()) out.emplace_back("tool_call_id", IdFor(message.tool_call_id, traits));
  if (!calls) return out;
  Json::Array list;
  for (const ToolCall& call : message.tool_calls) {
    list.emplace_back(Json::Object{
        {"id", IdFor(call.id, traits)},
        {"type", "function"},
        {"function", Json::Object{{"name", call.name}, {"arguments", ArgumentsToJson(call)}}},
    });
  }
  out.emplace_back("tool_calls", std::move(list));
  return out;
}

// ---- For templates that take no tools ----

std::string ToolsAsText(const Json& tools) {
  std::string text =
      "You can call functions. To call one, answer with nothing but a line like this for each call, its arguments "
      "as a JSON object:\n<tool_call>\n{\"name\": \"function\", \"arguments\": {}}\n</tool_call>\n"
      "What it returns comes back between <tool_response> and </tool_response>. These are the functions, each with the "
      "JSON Schema of its arguments:";
  for (const Json& tool : tools.as_array()) {
    const Json* function = tool.Find("function");
    text += Cat("\n", WriteJson(function == nullptr ? tool : *function));
  }
  return text;
}

std::string CallsAsText(const Message& message) {
  std::string text = message.content;
  for (const ToolCall& call : message.tool_calls) {
    text += text.empty() ? "" : "\n";
    text += Cat("<tool_call>\n{\"name\": ", WriteJson(call.name), ", \"arguments\": ", WriteJson(ArgumentsToJson(call)),
                "}\n</tool_call>");
  }
  return text;
}

// Templates that want users and assistants to take turns get turns.
void AddAsUser(std::string text, std::vector<Message>& messages) {
  if (!messages.empty() && messages.back().role == "user") {
    messages.back().content += Cat("\n\n", text);
    return;
  }
  Message message;
  message.role = "user";
  message.content = std::move(text);
  messages.push_back(std::move(message));
}

ChatPrompt WithToolsAsText(const ChatPrompt& prompt) {
  ChatPrompt out = prompt;
  out.messages.clear();
  out.tools = Json();
  bool after_result = false;
  for (const Message& message : prompt.messages) {
    const bool result = message.role == "tool";
    if (result) {
      AddAsUser(Cat("<tool_response>\n", message.content, "\n</tool_response>"), out.messages);
    } else if (message.role == "user" && after_result) {
      AddAsUser(message.content, out.messages);
    } else {
      out.messages.push_back(message);
      out.messages.back().content = CallsAsText(message);
      out.messages.back().tool_calls.clear();
    }
    after_result = result;
  }
  if (!prompt.tools.is_array()) return out;
  const bool has_system = !out.messages.empty() && IsSystem(out.messages.front());
  if (!has_system) {
    Message system;
    system.role = "system";
    out.messages.insert(out.messages.begin(), std::move(system));
  }
  std::string& text = out.messages.front().content;
  text += Cat(text.empty() ? "" : "\n\n", ToolsAsText(prompt.tools));
  return out;
}

bool UsesTools(const ChatPrompt& prompt) {
  return prompt.tools.is_array() || std::ranges::any_of(prompt.messages, [](const Message& message) {
           return message.role == "tool" || !message.tool_calls.empty();
         });
}

// ---- Reasoning ----

Json::Object TemplateArguments(const ChatPrompt& prompt, const ChatTemplate& chat_template) {
  Json::Object arguments = prompt.template_arguments;
  const std::string& effort = prompt.reasoning_effort;
  if (effort.empty()) return arguments;
  const auto set = [&](std::string_view name, Json value) {
    const bool given = std::ranges::any_of(arguments, [&](const Json::Member& member) { return member.first == name; });
    if (!given && chat_template.Reads(name)) arguments.emplace_back(name, std::move(value));
  };
  set("reasoning_effort", effort);
  set("enable_thinking", effort != "none");
  set("thinking", effort != "none");
  return arguments;
}

}  // namespace

ChatTemplate::Inputs TemplateInputs(const ChatPrompt& prompt, const ChatTemplate& chat_template) {
  const ChatTemplate::Traits& traits = chat_template.traits();
  const bool as_text = !traits.takes_tools && UsesTools(prompt);
  const ChatPrompt text_prompt = as_text ? WithToolsAsText(prompt) : ChatPrompt();
  const ChatPrompt& chat = as_text ? text_prompt : prompt;
  ChatTemplate::Inputs inputs;
  inputs.messages = Json::Array{};
  inputs.tools = chat.tools;
  inputs.extra = TemplateArguments(chat, chat_template);
  std::vector<std::pair<std::string, std::string>> names;  // of tools, by the id of their call
  for (const Message& message : chat.messages) {
    for (const ToolCall& call : message.tool_calls) names.emplace_back(call.id, call.name);
    Message named = message;
    if (message.role == "tool" && message.name.empty()) {
      const auto call = std::ranges::find(names, message.tool_call_id, &std::pair<std::string, std::string>::first);
      if (call != names.end()) named.name = call->second;  // some templates print it
    }
    inputs.messages.as_array().push_back(MessageToJson(named, traits));
  }
  return inputs;
}

ChatPrompt WithSystemAtBeginning(const ChatPrompt& prompt) {
  ChatPrompt out = prompt;
  out.messages.clear();
  for (const Message& message : prompt.messages) {
    const bool folds = IsSystem(message) && !out.messages.empty();
    const bool joins = message.role == "user" && !out.messages.empty() && out.messages.back().role == "user";
    if (folds || joins) {
      AddAsUser(message.content, out.messages);
    } else {
      out.messages.push_back(message);
    }
  }
  return out;
}

}  // namespace bedplate
