#include "cmd/chat_session.h"

#include <charconv>

#include "base/cat.h"
#include "base/file.h"
#include "base/json.h"

namespace bedplate {
namespace {

constexpr std::string_view kHelp =
    "/help                 this list\n"
    "/reset                start the conversation anew\n"
    "/undo                 take back the last question and its answer\n"
    "/system TEXT          instructions that come first (empty: none)\n"
    "/set NAME VALUE       temperature, top_p, top_k, min_p, seed, max_tokens, stats (on, off)\n"
    "/show                 the settings and the number of messages\n"
    "/save FILE            write the conversation as JSON\n"
    "/load FILE            go on with a saved one\n"
    "/exit                 leave (or Ctrl-D)";

template <class T>
std::optional<T> NumberIn(std::string_view text, T low, T high) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) return std::nullopt;
  return value;
}

Message MakeMessage(std::string role, std::string content) {
  Message message;
  message.role = std::move(role);
  message.content = std::move(content);
  return message;
}

}  // namespace

void ChatSession::Add(std::string role, std::string content) {
  messages_.push_back(MakeMessage(std::move(role), std::move(content)));
}

Request ChatSession::NextRequest(const std::string& model) {
  Request request;
  request.id = Cat("chat-", ++asked_);
  request.model = model;
  ChatPrompt prompt;
  if (!settings_.system.empty()) prompt.messages.push_back(MakeMessage("system", settings_.system));
  prompt.messages.insert(prompt.messages.end(), messages_.begin(), messages_.end());
  request.prompt = std::move(prompt);
  request.sampling = settings_.sampling;
  request.output_tokens_max = settings_.output_tokens_max;
  return request;
}

ChatSession::CommandResult ChatSession::RunCommand(std::string_view line) {
  const size_t space = line.find(' ');
  const std::string_view name = line.substr(0, space);
  std::string_view rest = space == std::string_view::npos ? "" : line.substr(space + 1);
  while (!rest.empty() && rest.back() == ' ') rest.remove_suffix(1);
  if (name == "/exit" || name == "/quit") return {"", true};
  if (name == "/help") return {std::string(kHelp)};
  if (name == "/reset") {
    messages_.clear();
    return {"started anew"};
  }
  if (name == "/undo") {
    if (messages_.empty()) return {"there is nothing to take back"};
    while (!messages_.empty() && messages_.back().role != "user") messages_.pop_back();
    if (!messages_.empty()) messages_.pop_back();
    return {Cat(messages_.size(), " messages left")};
  }
  if (name == "/system") {
    settings_.system = rest;
    return {rest.empty() ? "no instructions" : "instructions set"};
  }
  if (name == "/set") {
    const size_t split = rest.find(' ');
    if (split == std::string_view::npos) return {"write /set NAME VALUE, such as /set temperature 0.7"};
    return {Set(rest.substr(0, split), rest.substr(split + 1))};
  }
  if (name == "/show") {
    const SamplingParams& s = settings_.sampling;
    return {Cat("temperature ", s.temperature, ", top_p ", s.top_p, ", top_k ", s.top_k, ", min_p ", s.min_p, ", seed ",
                s.seed ? Cat(*s.seed) : "new each time", ", max_tokens ",
                settings_.output_tokens_max ? Cat(*settings_.output_tokens_max) : "to the context's end", "; ",
                messages_.size(), " messages", settings_.system.empty() ? "" : Cat("; system: ", settings_.system))};
  }
  if (name == "/save") return {rest.empty() ? "write /save FILE" : Save(std::string(rest))};
  if (name == "/load") return {rest.empty() ? "write /load FILE" : Load(std::string(rest))};
  return {Cat("there is no ", name, "; /help lists the commands")};
}

std::string ChatSession::Set(std::string_view name, std::string_view value) {
  SamplingParams& s = settings_.sampling;
  const auto number = [&](float& target, float low, float high) -> std::string {
    const std::optional<float> parsed = NumberIn<float>(value, low, high);
    if (!parsed) return Cat(name, " must be ", low, " to ", high);
    target = *parsed;
    return Cat(name, " is ", target);
  };
  if (name == "temperature") return number(s.temperature, 0.0f, 2.0f);
  if (name == "top_p") return number(s.top_p, 0.001f, 1.0f);
  if (name == "min_p") return number(s.min_p, 0.0f, 1.0f);
  if (name == "top_k") {
    const auto parsed = NumberIn<uint32_t>(value, 0, 1u << 30);
    if (!parsed) return "top_k must be 0 (all) or more";
    s.top_k = *parsed;
    return Cat("top_k is ", s.top_k);
  }
  if (name == "seed") {
    if (value == "none") {
      s.seed.reset();
      return "a new seed each time";
    }
    const auto parsed = NumberIn<uint64_t>(value, 0, UINT64_MAX);
    if (!parsed) return "seed must be a whole number, or none";
    s.seed = parsed;
    return Cat("seed is ", *parsed);
  }
  if (name == "max_tokens") {
    const auto parsed = NumberIn<uint32_t>(value, 1, 1u << 30);
    if (!parsed) return "max_tokens must be 1 or more";
    settings_.output_tokens_max = parsed;
    return Cat("max_tokens is ", *parsed);
  }
  if (name == "stats") {
    if (value != "on" && value != "off") return "stats is on or off";
    settings_.show_stats = value == "on";
    return Cat("stats are ", value);
  }
  return Cat("there is no setting ", name, "; there are temperature, top_p, top_k, min_p, seed, max_tokens, stats");
}

std::string ChatSession::Save(const std::string& path) const {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("system");
  w.String(settings_.system);
  w.Key("messages");
  w.BeginArray();
  for (const Message& message : messages_) {
    w.BeginObject();
    w.Key("role");
    w.String(message.role);
    w.Key("content");
    w.String(message.content);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  const Status written = WriteFileAtomically(path, out + "\n");
  return written.ok() ? Cat("saved ", messages_.size(), " messages to ", path) : written.message();
}

std::string ChatSession::Load(const std::string& path) {
  const Result<std::string> text = ReadFile(path, size_t{64} << 20);
  if (!text.ok()) return text.status().message();
  const Result<Json> root = ParseJson(*text);
  if (!root.ok()) return Cat(path, ": ", root.status().message());
  const Json* list = root->Find("messages");
  if (list == nullptr || !list->is_array()) return Cat(path, " holds no \"messages\" array");
  std::vector<Message> messages;
  for (const Json& one : list->as_array()) {
    const Json* role = one.Find("role");
    const Json* content = one.Find("content");
    if (role == nullptr || content == nullptr || !role->is_string() || !content->is_string()) {
      return Cat(path, ": message ", messages.size(), " needs \"role\" and \"content\" strings");
    }
    messages.push_back(MakeMessage(role->as_string(), content->as_string()));
  }
  messages_ = std::move(messages);
  if (const Json* system = root->Find("system"); system != nullptr && system->is_string())
    settings_.system = system->as_string();
  return Cat("loaded ", messages_.size(), " messages");
}

}  // namespace bedplate
