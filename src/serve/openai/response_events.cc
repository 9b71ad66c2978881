#include "serve/openai/response_events.h"

#include <algorithm>
#include <utility>

#include "serve/generation.h"

namespace bedplate::openai {
namespace {

constexpr std::string_view kPing = ": ping\n\n";

}  // namespace

std::string_view FirstEvent(std::string_view text) {
  const size_t end = text.find("\n\n");
  return end == std::string_view::npos ? text : text.substr(0, end + 2);
}

std::string_view EventName(std::string_view event) {
  constexpr std::string_view kName = "event: ";
  if (!event.starts_with(kName)) return {};
  event.remove_prefix(kName.size());
  return event.substr(0, event.find('\n'));
}

std::string_view EventData(std::string_view event) {
  constexpr std::string_view kData = "\ndata: ";
  const size_t begin = event.find(kData);
  if (begin == std::string_view::npos) return {};
  event.remove_prefix(begin + kData.size());
  return event.substr(0, event.find('\n'));
}

// ---- The log ----

EventLog::EventLog(std::string_view text) : ended_(true) {
  while (!text.empty()) {
    const std::string_view event = FirstEvent(text);
    events_.emplace_back(event);
    text.remove_prefix(event.size());
  }
}

void EventLog::Append(std::string event) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  WakeTails();
}

void EventLog::End() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  WakeTails();
}

size_t EventLog::size() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

EventLog::Next EventLog::At(size_t index) const {
  const std::lock_guard lock(mutex_);
  if (index < events_.size()) return {.event = events_[index], .ended = false};
  return {.event = std::nullopt, .ended = ended_};
}

std::string EventLog::Text() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const std::string& event : events_) text += event;
  return text;
}

void EventLog::AddTail(std::weak_ptr<EventTail> tail) {
  const std::lock_guard lock(mutex_);
  std::erase_if(tails_, [](const std::weak_ptr<EventTail>& gone) { return gone.expired(); });
  tails_.push_back(std::move(tail));
}

void EventLog::WakeTails() {
  std::vector<std::weak_ptr<EventTail>> tails;
  {
    const std::lock_guard lock(mutex_);
    tails = tails_;
  }
  for (const auto& weak : tails) {
    if (const auto tail = weak.lock()) tail->Wake();
  }
}

// ---- The tail ----

void EventTail::Follow(std::shared_ptr<EventLog> log) {
  log_ = std::move(log);
  log_->AddTail(weak_from_this());
  Pump();
}

// One post for all events that come before it runs.
void EventTail::Wake() {
  if (woken_.exchange(true)) return;
  post_([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->woken_ = false;
    self->Pump();
  });
}

void EventTail::Pump() {
  const auto client = client_.lock();
  if (!client || !log_ || ended_) return;
  bool head_waits = !std::exchange(streaming_, true);
  if (head_waits) client->StartStream(StreamHead({{"content-type", "text/event-stream; charset=utf-8"}}));
  // A head goes out with what is sent after it. Until then it counts as unsent, by which the client may seem blocked;
  // so something is sent with it whatever blocked() says.
  while (head_waits || !client->blocked()) {  // OnWritable comes back here
    const EventLog::Next next = log_->At(next_);
    if (next.event.has_value()) {
      client->Send(*next.event);
      head_waits = false;
      ++next_;
      said_something_ = true;
      continue;
    }
    if (next.ended) {
      ended_ = true;
      client->Finish();
    } else if (head_waits) {
      client->Send(kPing);
    }
    return;
  }
}

void EventTail::OnClientGone(bool still_reads) {
  const auto client = client_.lock();
  const bool says_so = still_reads && client && !std::exchange(ended_, true);
  if (says_so) streaming_ ? client->Finish() : client->Abort();
  ended_ = true;
}

void EventTail::OnWritable() {
  Pump();
}

void EventTail::OnTick() {
  const auto client = client_.lock();
  if (!client || !streaming_ || ended_ || std::exchange(said_something_, false) || client->blocked()) return;
  client->Send(kPing);
}

}  // namespace bedplate::openai
