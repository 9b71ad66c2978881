#pragma once
/// One response on its way: stands between the generation that writes it and the client who asked, stores it before the
/// client hears of its end, and lets it go on without the client where it runs in the background.
///
///   generation ──events or an answer──▶ ResponseRun ──▶ client, or EventLog ──▶ those who follow
///
/// Owns:    its generation. A client's connection owns the run, and LiveResponses those in the background.
/// Threads: on the strand of the connection that it began on (a poster outlives its connection), but for what says so.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "serve/exchange.h"
#include "serve/generation.h"
#include "serve/openai/decode_response.h"
#include "serve/openai/response_events.h"
#include "serve/openai/stored_responses.h"

namespace bedplate::openai {

class ResponseRun;

/// Those that run in the background, by id. Any thread.
class LiveResponses {
 public:
  static constexpr size_t kMax = 64;

  void Add(const std::string& response_id, std::shared_ptr<ResponseRun> run);
  void Remove(const std::string& response_id);
  /// Null: none of that id, or another owner's.
  [[nodiscard]] std::shared_ptr<ResponseRun> Find(std::string_view response_id, const std::string& owner) const;
  [[nodiscard]] size_t size() const;

 private:
  mutable std::mutex mutex_;  // guards runs_
  std::map<std::string, std::shared_ptr<ResponseRun>, std::less<>> runs_;
};

struct ResponseServices {
  const GenerationServices& generation;
  ObjectStore& objects;
  LiveResponses& live;
};

class ResponseRun final : public ResponseSink, public Activity, public std::enable_shared_from_this<ResponseRun> {
 public:
  /// services outlive it.
  ResponseRun(const ResponseServices& services, const Exchange& exchange, const std::shared_ptr<ResponseSink>& client);
  void Start(Exchange exchange);

  // Any thread.
  [[nodiscard]] const std::string& owner() const { return owner_; }
  [[nodiscard]] std::shared_ptr<EventLog> log() const { return log_; }
  [[nodiscard]] bool streams() const;   // its events may be followed
  [[nodiscard]] Json Snapshot() const;  // the response as it stands
  enum class Afterwards : uint8_t { kKeep, kForget };
  void Cancel(Afterwards afterwards);
  /// Calls back with the response once it has ended and is stored; at once where it has.
  void WhenEnded(std::function<void(const Json& response)> call);

  // From the generation.
  void Respond(HttpResponse response) override;
  void StartStream(HttpResponse head) override;
  void Send(std::string_view bytes) override;
  void Finish() override {}  // the last event says so
  void Abort() noexcept override;
  [[nodiscard]] bool blocked() override;
  [[nodiscard]] const Poster& poster() const override { return post_; }

  // From the client's connection.
  void OnClientGone(bool still_reads) override;
  void OnWritable() override;
  void OnTick() override;

 private:
  struct Job {
    std::function<Status()> work;  // on a worker; none: nothing to do there
    std::function<void(const Status&)> then;
  };

  Result<Call> Decode(const Json& body);  // on a worker
  void Take(std::string_view event);
  void GoToBackground();
  void OnBackgroundStored(const Status& status);
  void End(std::string event);
  void OnEndStored(std::string event, const Status& status);
  void TellEnd(std::string event);
  void GiveUp() noexcept;
  void SetSnapshot(Json response);
  [[nodiscard]] Status StoreSnapshot(const std::string& events);
  void Queue(Job job);
  void RunJob();

  const ResponseServices& services_;
  const std::string id_, request_id_;
  const std::string owner_;
  const std::string response_id_;  // id_ as clients see it
  const std::weak_ptr<ResponseSink> client_;
  const Poster post_;
  StoredResponses stored_;
  const std::shared_ptr<EventLog> log_ = std::make_shared<EventLog>();  // shared with those who follow
  std::shared_ptr<Activity> generation_;

  // Set by Decode, before anything is told.
  bool stream_ = false, background_ = false, store_ = false;
  Json::Array input_;

  std::vector<HttpField> fields_;  // of a whole answer: those that the generation gave, or of a stream's, the limits'
  bool in_background_ = false, ending_ = false, forget_ = false;
  std::shared_ptr<EventTail> tail_;  // of the client that asked
  std::deque<Job> jobs_;             // one at a time, so that what is stored last is the last

  mutable std::mutex mutex_;  // guards the rest
  Json snapshot_;
  bool ended_ = false;
  std::vector<std::function<void(const Json&)>> when_ended_;
};

}  // namespace bedplate::openai
