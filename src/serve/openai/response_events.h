#pragma once
/// The events of one response in the background, and those who follow them. Event number i is the log's element i.

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/exchange.h"

namespace bedplate::openai {

class EventTail;

/// Grows until it has ended. Any thread.
class EventLog {
 public:
  EventLog() = default;
  /// What Text() gave: a log that has ended.
  explicit EventLog(std::string_view text);

  void Append(std::string event);
  void End();
  [[nodiscard]] size_t size() const;
  struct Next {
    std::optional<std::string> event;
    bool ended = false;  // no such event comes any more
  };
  [[nodiscard]] Next At(size_t index) const;
  /// All events, one after another.
  [[nodiscard]] std::string Text() const;
  void AddTail(std::weak_ptr<EventTail> tail);

 private:
  void WakeTails();

  mutable std::mutex mutex_;  // guards the rest
  std::vector<std::string> events_;
  bool ended_ = false;
  std::vector<std::weak_ptr<EventTail>> tails_;
};

/// Sends a log's events, from one on, as a stream, as fast as the client takes them. On its client's strand, but
/// Wake().
class EventTail final : public Activity, public std::enable_shared_from_this<EventTail> {
 public:
  EventTail(const std::shared_ptr<ResponseSink>& client, size_t first)
      : client_(client), post_(client->poster()), next_(first) {}

  void Follow(std::shared_ptr<EventLog> log);
  void Wake();  // any thread

  void OnClientGone(bool still_reads) override;
  void OnWritable() override;
  void OnTick() override;

 private:
  void Pump();

  const std::weak_ptr<ResponseSink> client_;
  const Poster post_;
  std::shared_ptr<EventLog> log_;  // shared with the response that is being made, and others who follow it
  size_t next_;
  std::atomic<bool> woken_{false};
  bool streaming_ = false, ended_ = false, said_something_ = false;
};

/// The first event of a text that may hold several, its blank line included.
std::string_view FirstEvent(std::string_view text);
/// "response.created" of "event: response.created\ndata: ...".
std::string_view EventName(std::string_view event);
/// What stands behind "data: ".
std::string_view EventData(std::string_view event);

}  // namespace bedplate::openai
