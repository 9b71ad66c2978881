#pragma once
/// Logs: one JSON object a line on stderr. Any thread. Never pass a secret, a prompt or an answer.
///   LogInfo("model loaded", {{"model", name}, {"seconds", Cat(s)}});

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace bedplate {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

void SetLogLevel(LogLevel least);
void Log(LogLevel level, std::string_view message, LogFields fields = {});
inline void LogInfo(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kError, message, fields);
}

}  // namespace bedplate
