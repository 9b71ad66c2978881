#pragma once
/// A conversation in a terminal: its messages, its settings and the /commands that change them. No input or output.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "request/request.h"

namespace bedplate {

struct ChatSettings {
  std::string system;
  SamplingParams sampling;
  std::optional<uint32_t> output_tokens_max;
  bool show_stats = true;
};

class ChatSession {
 public:
  explicit ChatSession(ChatSettings settings) : settings_(std::move(settings)) {}

  struct CommandResult {
    std::string reply;
    bool leave = false;
  };
  /// line begins with '/'. What is wrong with a command comes back as its reply.
  CommandResult RunCommand(std::string_view line);

  void AddUser(std::string text) { Add("user", std::move(text)); }
  void AddAssistant(std::string text) { Add("assistant", std::move(text)); }
  void DropLast() { messages_.pop_back(); }
  [[nodiscard]] Request NextRequest(const std::string& model);

  [[nodiscard]] const std::vector<Message>& messages() const { return messages_; }
  [[nodiscard]] const ChatSettings& settings() const { return settings_; }

 private:
  void Add(std::string role, std::string content);
  std::string Set(std::string_view name, std::string_view value);
  std::string Save(const std::string& path) const;
  std::string Load(const std::string& path);

  ChatSettings settings_;
  std::vector<Message> messages_;
  uint64_t asked_ = 0;
};

}  // namespace bedplate
