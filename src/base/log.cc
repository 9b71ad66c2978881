#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>

#include "base/json.h"

namespace bedplate {
namespace {

// The one piece of process-wide state: which lines the operator wants to see.
std::atomic<LogLevel> least_level{LogLevel::kInfo};

std::string UtcNow() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[40];
  const size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  char fraction[16];
  const int m = std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(ms));
  return std::string(text, n) + std::string(fraction, static_cast<size_t>(m));
}

}  // namespace

void SetLogLevel(LogLevel least) {
  least_level.store(least);
}

void Log(LogLevel level, std::string_view message, LogFields fields) {
  if (level < least_level.load(std::memory_order_relaxed)) return;
  constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
  std::string line;
  JsonWriter w(line);
  w.BeginObject();
  w.Key("time");
  w.String(UtcNow());
  w.Key("level");
  w.String(kNames[static_cast<size_t>(level)]);
  w.Key("message");
  w.String(message);
  for (const auto& [name, value] : fields) {
    w.Key(name);
    w.String(value);
  }
  w.EndObject();
  line += '\n';
  // One write, so that lines of several threads do not interleave; a closed stderr is not worth failing for.
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace bedplate
