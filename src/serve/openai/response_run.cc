#include "serve/openai/response_run.h"

#include <algorithm>
#include <utility>

#include "base/cat.h"
#include "base/caught.h"
#include "base/log.h"
#include "serve/openai/encode_response.h"
#include "serve/openai/errors.h"
#include "serve/openai/limits.h"

namespace bedplate::openai {
namespace {

bool IsEnd(std::string_view event_name) {
  return event_name == "response.completed" || event_name == "response.incomplete" || event_name == "response.failed";
}

bool TellsState(std::string_view event_name) {
  return event_name == "response.created" || event_name == "response.queued" || event_name == "response.in_progress" ||
         IsEnd(event_name);
}

/// The response in an event that tells its state, or in a whole answer. Our own encoder wrote it: an error means that
/// memory is missing.
Result<Json> ResponseIn(std::string_view json) {
  Result<Json> parsed = ParseOwnJson(json);
  if (!parsed.ok()) return parsed;
  const Json* response = parsed->Find("response");
  return response == nullptr ? *std::move(parsed) : *response;
}

int64_t SequenceNumberOf(std::string_view event) {
  const Result<Json> data = ParseOwnJson(EventData(event));
  const Json* number = data.ok() ? data->Find("sequence_number") : nullptr;
  return number != nullptr && number->is_int() ? number->as_int() : 0;
}

std::string FailedEvent(const Json& response, int64_t sequence_number) {
  const Json::Object data{{"type", "response.failed"}, {"sequence_number", sequence_number}, {"response", response}};
  return Cat("event: response.failed\ndata: ", WriteJson(data), "\n\n");
}

}  // namespace

// ---- Those in the background ----

void LiveResponses::Add(const std::string& response_id, std::shared_ptr<ResponseRun> run) {
  const std::lock_guard lock(mutex_);
  runs_.emplace(response_id, std::move(run));
}

void LiveResponses::Remove(const std::string& response_id) {
  std::shared_ptr<ResponseRun> last;  // ends without the lock
  const std::lock_guard lock(mutex_);
  const auto at = runs_.find(response_id);
  if (at == runs_.end()) return;
  last = std::move(at->second);
  runs_.erase(at);
}

std::shared_ptr<ResponseRun> LiveResponses::Find(std::string_view response_id, const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto at = runs_.find(response_id);
  return at == runs_.end() || at->second->owner() != owner ? nullptr : at->second;
}

size_t LiveResponses::size() const {
  const std::lock_guard lock(mutex_);
  return runs_.size();
}

// ---- One run ----

ResponseRun::ResponseRun(const ResponseServices& services, const Exchange& exchange,
                         const std::shared_ptr<ResponseSink>& client)
    : services_(services),
      id_(exchange.id),
      request_id_(exchange.request_id),
      owner_(OwnerOf(exchange.principal)),
      response_id_(Cat("resp_", exchange.id)),
      client_(client),
      post_(client->poster()),
      stored_(services.objects, owner_, [&clock = services.generation.clock] { return clock.UnixSeconds(); }) {}

void ResponseRun::Start(Exchange exchange) {
  const Dialect dialect{.decode = [weak = weak_from_this()](const Json& body, const HttpRequest&) -> Result<Call> {
                          const auto self = weak.lock();
                          if (!self) return Status::Cancelled("the client has gone");
                          return self->Decode(body);
                        },
                        .error_response = &ErrorResponse,
                        .limit_fields = &AppendLimitFields};
  generation_ = StartGeneration(services_.generation, dialect, std::move(exchange), shared_from_this());
}

Result<Call> ResponseRun::Decode(const Json& body) {
  const auto unix_seconds = [&clock = services_.generation.clock] { return clock.UnixSeconds(); };
  BP_ASSIGN_OR_RETURN(ResponseCall decoded,
                      DecodeResponse(body, {.response = id_, .history = stored_, .unix_seconds = unix_seconds}));
  if (decoded.background && services_.live.size() >= LiveResponses::kMax) {
    return Status::ResourceExhausted(Cat(LiveResponses::kMax, " responses run in the background already"))
        .WithReason("queue_full")
        .WithRetryAfterMs(1000);
  }
  stream_ = decoded.stream;
  background_ = decoded.background;
  store_ = decoded.store;
  input_ = std::move(decoded.input);
  return std::move(decoded.call);
}

// ---- From the generation ----

// A whole answer, or why there is none.
void ResponseRun::Respond(HttpResponse response) {
  if (response.status == 200) {
    fields_ = std::move(response.fields);
    return End(std::move(response.body));
  }
  if (const auto client = client_.lock()) client->Respond(std::move(response));
}

void ResponseRun::StartStream(HttpResponse head) {
  std::ranges::copy_if(head.fields, std::back_inserter(fields_),
                       [](const HttpField& field) { return field.name.starts_with("x-ratelimit-"); });
  const auto client = client_.lock();
  if (!background_ && client) client->StartStream(std::move(head));
}

void ResponseRun::Send(std::string_view bytes) {
  const auto self = shared_from_this();
  while (!bytes.empty() && !ending_) {
    const std::string_view event = FirstEvent(bytes);
    bytes.remove_prefix(event.size());
    Take(event);
  }
}

void ResponseRun::Take(std::string_view event) {
  const std::string_view name = EventName(event);
  if (IsEnd(name)) return End(std::string(event));
  if (!background_) {
    if (const auto client = client_.lock()) client->Send(event);
    return;
  }
  if (TellsState(name)) {
    Result<Json> response = ResponseIn(EventData(event));
    if (!response.ok()) return Abort();
    SetSnapshot(*std::move(response));
  }
  if (stream_) log_->Append(std::string(event));  // else nobody may follow
  if (!in_background_) GoToBackground();
}

void ResponseRun::Abort() noexcept {
  if (const auto client = client_.lock(); client && !in_background_) return client->Abort();
  if (!ending_) GiveUp();
}

/// Of one in the background.
void ResponseRun::GiveUp() noexcept {
  try {
    const auto self = shared_from_this();
    ending_ = true;
    const Json response = WithFailure(Snapshot(), "failed", "the answer could not be completed");
    SetSnapshot(response);
    TellEnd(FailedEvent(response, static_cast<int64_t>(log_->size())));
  } catch (...) {  // without memory: the client polls what is stored, which says that it runs, until the server ends
    LogError("a response in the background was lost", {{"error", CaughtStatus().message()}});
  }
}

bool ResponseRun::blocked() {
  if (background_) return false;
  const auto client = client_.lock();
  return client && client->blocked();
}

// ---- Into the background ----

void ResponseRun::GoToBackground() {
  in_background_ = true;
  services_.live.Add(response_id_, shared_from_this());
  Queue({.work = [this] { return StoreSnapshot({}); },
         .then = [this](const Status& status) { OnBackgroundStored(status); }});
}

// The client hears the id once it is good for something.
void ResponseRun::OnBackgroundStored(const Status& status) {
  const auto client = client_.lock();
  if (!status.ok()) {
    if (client) client->Respond(ErrorResponse(status, request_id_));
    return Cancel(Afterwards::kForget);
  }
  if (!client) return;
  if (!stream_) {
    fields_.push_back({"content-type", "application/json"});
    return client->Respond({.status = 200, .fields = std::move(fields_), .body = WriteJson(Snapshot())});
  }
  tail_ = std::make_shared<EventTail>(client, 0);
  tail_->Follow(log_);
}

// ---- The end ----

// event: the last, or the whole answer.
void ResponseRun::End(std::string event) {
  if (std::exchange(ending_, true)) return;
  if (!store_ && !in_background_) return TellEnd(std::move(event));
  const bool is_event = !EventName(event).empty();
  Result<Json> response = ResponseIn(is_event ? EventData(event) : std::string_view(event));
  if (!response.ok()) {
    return is_event && !in_background_ ? Abort() : OnEndStored(std::move(event), response.status());
  }
  SetSnapshot(*std::move(response));
  std::function<Status()> work;
  if (!forget_) {
    work = [this, events = stream_ && background_ ? Cat(log_->Text(), event) : std::string()] {
      return StoreSnapshot(events);
    };
  }
  Queue({.work = std::move(work), .then = [this, event = std::move(event)](const Status& status) mutable {
           OnEndStored(std::move(event), status);
         }});
}

void ResponseRun::OnEndStored(std::string event, const Status& status) {
  if (status.ok()) return TellEnd(std::move(event));
  LogError("a response could not be stored", {{"id", response_id_}, {"error", status.message()}});
  const auto client = client_.lock();
  const bool is_event = !EventName(event).empty();
  if (!is_event) {
    if (client) client->Respond(ErrorResponse(status, request_id_));
    return;
  }
  const Json response = WithFailure(Snapshot(), "failed", status.message());
  SetSnapshot(response);
  TellEnd(FailedEvent(response, SequenceNumberOf(event)));
}

void ResponseRun::TellEnd(std::string event) {
  const auto self = shared_from_this();
  std::vector<std::function<void(const Json&)>> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(ended_, true)) return;
    waiting.swap(when_ended_);
  }
  if (in_background_) {
    if (stream_) log_->Append(std::move(event));
    log_->End();
    for (const auto& call : waiting) call(Snapshot());
    // Later: the generation that this came from is still at work.
    return post_([self] { self->services_.live.Remove(self->response_id_); });
  }
  const auto client = client_.lock();
  if (!client) return;
  if (EventName(event).empty()) {
    return client->Respond({.status = 200, .fields = std::move(fields_), .body = std::move(event)});
  }
  client->Send(event);
  client->Finish();
}

Status ResponseRun::StoreSnapshot(const std::string& events) {
  if (!events.empty()) BP_RETURN_IF_ERROR(stored_.KeepEvents(response_id_, events));
  return stored_.Keep({.response = Snapshot(), .input = input_});
}

void ResponseRun::Queue(Job job) {
  jobs_.push_back(std::move(job));
  if (jobs_.size() == 1) RunJob();
}

void ResponseRun::RunJob() {
  const auto finish = [self = shared_from_this()](const Status& status) {
    // It stays the first until it is done with, so that what it queues and what waits come after it.
    try {
      self->jobs_.front().then(status);
    } catch (...) {
      self->in_background_ ? self->GiveUp() : self->Abort();
      LogError("a response could not go on", {{"id", self->response_id_}, {"error", CaughtStatus().message()}});
    }
    self->jobs_.pop_front();
    if (!self->jobs_.empty()) self->RunJob();
  };
  if (!jobs_.front().work) return finish(Status::Ok());
  services_.generation.run_on_worker([finish, post = post_, work = jobs_.front().work] {
    Status status;
    try {
      status = work();
    } catch (...) {
      status = CaughtStatus();
    }
    post([finish, status] { finish(status); });
  });
}

// ---- From others ----

bool ResponseRun::streams() const {
  return stream_;
}

Json ResponseRun::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void ResponseRun::SetSnapshot(Json response) {
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(response);
}

void ResponseRun::Cancel(Afterwards afterwards) {
  post_([self = shared_from_this(), afterwards] {
    self->forget_ = self->forget_ || afterwards == Afterwards::kForget;
    self->generation_->OnClientGone(/*still_reads=*/true);
  });
}

void ResponseRun::WhenEnded(std::function<void(const Json& response)> call) {
  {
    const std::lock_guard lock(mutex_);
    if (!ended_) return when_ended_.push_back(std::move(call));
  }
  call(Snapshot());
}

// ---- From the client's connection ----

void ResponseRun::OnClientGone(bool still_reads) {
  if (!in_background_) {
    forget_ = true;  // an answer that was cut is nothing to come back for
    return generation_->OnClientGone(still_reads);
  }
  if (tail_) tail_->OnClientGone(still_reads);
}

void ResponseRun::OnWritable() {
  if (!in_background_) return generation_->OnWritable();
  if (tail_) tail_->OnWritable();
}

void ResponseRun::OnTick() {
  if (!in_background_) return generation_->OnTick();
  if (tail_) tail_->OnTick();
}

}  // namespace bedplate::openai
