#include "serve/generation.h"

#include <atomic>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "base/cat.h"
#include "base/caught.h"
#include "base/sha256.h"
#include "serve/attribution.h"
#include "serve/http_status.h"

namespace bedplate {
namespace {

// What an answer may have, where a key has a cap: more than that is refused, unless it only says "as much as there is".
Status CapOutput(uint32_t output_tokens_max, Request& request) {
  if (output_tokens_max == 0) return Status::Ok();
  const bool above = request.output_tokens_max.value_or(UINT32_MAX) > output_tokens_max;
  if (!above) return Status::Ok();
  if (request.output_tokens_max && !request.output_ends_with_context) {
    return Status::InvalidArgument(Cat("max_tokens is too large: ", *request.output_tokens_max,
                                       ". This key allows at most ", output_tokens_max, " completion tokens."))
        .WithParam("max_tokens")
        .WithReason("max_tokens_exceeds_key");
  }
  request.output_tokens_max = output_tokens_max;
  request.output_ends_with_context = true;
  return Status::Ok();
}

// The same for equal salts of the same principal alone.
uint64_t CacheSalt(const Principal& principal, const Request& request) {
  uint64_t salt = principal.cache_salt;
  if (request.cache_salt.empty()) return salt;
  Sha256 hash;
  hash.Add(&salt, sizeof salt);
  hash.Add(request.cache_salt.data(), request.cache_salt.size());
  const auto digest = hash.Take();
  if (digest) std::memcpy(&salt, digest->data(), sizeof salt);
  return salt;
}

// The same for all keys of a tenant.
uint64_t FlowOf(const Principal& principal) {
  Sha256 hash;
  hash.Add(principal.tenant.data(), principal.tenant.size());
  if (principal.shares_by_key) {
    hash.Add("\n", 1);
    hash.Add(principal.key.data(), principal.key.size());
  }
  uint64_t flow = 0;
  const auto digest = hash.Take();
  if (digest) std::memcpy(&flow, digest->data(), sizeof flow);
  return flow;
}

class Generation final : public Activity, public std::enable_shared_from_this<Generation> {
 public:
  Generation(const GenerationServices& services, const Dialect& dialect, Exchange exchange,
             const std::shared_ptr<ResponseSink>& sink)
      : services_(services), dialect_(dialect), exchange_(std::move(exchange)), sink_(sink), post_(sink->poster()) {}
  ~Generation() override {
    begun_.CancelParts();
    preparation_.begun.CancelParts();  // of a server that ended before the strand took it over
  }

  void Start() { WorkOn(); }
  void OnClientGone(bool still_reads) override;
  void OnWritable() override {
    Guarded([this] { Pump(); });
  }
  void OnTick() override;

 private:
  struct Part {
    std::shared_ptr<EventStream> events;
    Usage usage;  // so far
    bool finished = false;
  };
  struct Begun {
    bool stream = false;
    std::unique_ptr<ReplyEncoder> encoder;
    std::unique_ptr<Permit> permit;
    RateLimits refused_rates;  // in place of the permit's, where there is none
    std::vector<Part> parts;
    bool unpaid = false;  // it ended at the last token that a budget had room for

    void CancelParts() const noexcept {
      for (const Part& part : parts) {
        if (!part.finished) part.events->Cancel();
      }
    }
  };
  // What workers do, one job after another; nobody else looks at it before they are through.
  struct Preparation {
    std::optional<Call> call;
    ServedModel model;
    std::vector<PreparedRequest> requests;
    Begun begun;
  };
  enum class State : uint8_t { kPreparing, kRunning, kEnded };

  // On a worker. Work() does a piece and tells whether more is left.
  void WorkOn();
  Result<bool> Work() noexcept;
  Result<bool> WorkOrThrow();
  [[nodiscard]] Status CheckWanted() const;
  Status Decode();
  Status PrepareNext();
  Status Submit();
  std::shared_ptr<EventStream> MakeStream();

  // On the strand.
  template <class Piece>
  void Guarded(Piece piece) noexcept;
  void OnPrepared(const Status& status);
  void Begin();
  void Pump();
  [[nodiscard]] bool HasEvents();
  [[nodiscard]] static bool AddsTokens(const Event& event);
  // Takes what the client is told next, at most one event of those that add tokens; false: a part failed, and failure
  // says why.
  bool TakeNext(std::string& out, Status& failure);
  void Account(Part& part, const Event& event);
  [[nodiscard]] Usage TotalUsage() const;
  void Deliver(ResponseSink& sink, const std::string& out, bool done);
  [[nodiscard]] HttpResponse WithLimits(HttpResponse response) const;
  void Fail(const Status& status);
  void End();

  const GenerationServices& services_;
  const Dialect dialect_;
  Exchange exchange_;
  const std::weak_ptr<ResponseSink> sink_;  // the connection owns this
  const Poster post_;
  std::atomic<bool> unwanted_{false};  // tells workers that the client has gone
  Preparation preparation_;
  State state_ = State::kPreparing;
  bool streaming_ = false;       // the head has gone out
  bool said_something_ = false;  // since the last tick
  Begun begun_;
  std::deque<std::pair<size_t, Event>> waiting_;  // parts' events that were taken and not told yet
};

// A prompt a job: a call with many prompts, or with long ones, goes behind those who wait meanwhile.
void Generation::WorkOn() {
  services_.run_on_worker([self = shared_from_this()] {
    const Result<bool> more = self->Work();
    if (more.ok() && *more) return self->WorkOn();
    self->post_([self, status = more.status()] { self->Guarded([&] { self->OnPrepared(status); }); });
  });
}

Result<bool> Generation::Work() noexcept {
  try {
    Result<bool> more = WorkOrThrow();
    if (more.ok()) return more;
    preparation_.begun.CancelParts();
    return more;
  } catch (...) {
    preparation_.begun.CancelParts();
    return CaughtStatus();
  }
}

Result<bool> Generation::WorkOrThrow() {
  BP_RETURN_IF_ERROR(CheckWanted());
  if (!preparation_.call) BP_RETURN_IF_ERROR(Decode());
  BP_RETURN_IF_ERROR(PrepareNext());
  if (preparation_.requests.size() < preparation_.call->requests.size()) return true;
  BP_RETURN_IF_ERROR(CheckWanted());  // what is admitted costs its prompt, and reading a long one takes a while
  BP_RETURN_IF_ERROR(Submit());
  return false;
}

Status Generation::CheckWanted() const {
  return unwanted_.load(std::memory_order_relaxed) ? Status::Cancelled("the client has gone") : Status::Ok();
}

Status Generation::Decode() {
  if (services_.draining()) {
    return Status::Unavailable("the server is shutting down").WithReason("draining").WithRetryAfterMs(1000);
  }
  BP_ASSIGN_OR_RETURN(preparation_.call, DecodeBody(dialect_, exchange_.request));
  exchange_.request.body = std::string();
  BP_ASSIGN_OR_RETURN(preparation_.model, services_.models.FindFor(exchange_.principal, preparation_.call->model));
  return Status::Ok();
}

Status Generation::PrepareNext() {
  std::vector<Request>& requests = preparation_.call->requests;
  const size_t i = preparation_.requests.size();
  requests[i].id = requests.size() == 1 ? exchange_.id : Cat(exchange_.id, ".", i);
  const Engine& engine = *preparation_.model.engine;
  requests[i].model = engine.model().id;
  const RequestCaps& caps = exchange_.principal.caps;
  BP_RETURN_IF_ERROR(CapOutput(caps.output_tokens_max, requests[i]));
  requests[i].flow = FlowOf(exchange_.principal);
  requests[i].weight = exchange_.principal.weight;
  const uint64_t salt = CacheSalt(exchange_.principal, requests[i]);
  BP_ASSIGN_OR_RETURN(PreparedRequest prepared, engine.Prepare(std::move(requests[i])));
  prepared.cache_salt = salt;
  if (caps.time_ms_max != 0) prepared.deadline = exchange_.started + std::chrono::milliseconds(caps.time_ms_max);
  preparation_.requests.push_back(std::move(prepared));
  return Status::Ok();
}

Status Generation::Submit() {
  const ServedModel& model = preparation_.model;
  const Call& call = *preparation_.call;
  Estimate estimate{.model = model.engine->model().id,
                    .request = exchange_.request_id,
                    .attribution = std::move(preparation_.call->attribution),
                    .streamed = preparation_.call->stream};
  uint32_t sequences = 0;
  for (const PreparedRequest& request : preparation_.requests) {
    estimate.prompt_tokens += static_cast<uint32_t>(request.tokens.size());
    estimate.output_tokens_max += request.output_tokens_max * request.request.choices;
    sequences += request.request.choices;
  }
  estimate.sequences = sequences;
  Begun& begun = preparation_.begun;
  begun.stream = call.stream;
  Admitted admitted = services_.admission.Admit(exchange_.principal, estimate);
  if (const auto* refusal = std::get_if<Refusal>(&admitted)) {
    begun.refused_rates = refusal->rates;
    return StatusOf(*refusal);
  }
  begun.permit = std::get<std::unique_ptr<Permit>>(std::move(admitted));
  begun.encoder =
      call.make_encoder({.id = exchange_.id,
                         .request_id = exchange_.request_id,
                         .created_unix_seconds = services_.clock.UnixSeconds(),
                         .model = call.model,
                         .fingerprint = model.fingerprint,
                         .elapsed_ms = [&clock = services_.clock, started = exchange_.started] {
                           return std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now() - started).count();
                         }});
  for (PreparedRequest& request : preparation_.requests) {
    request.allowance = begun.permit->Allowance();
    begun.parts.push_back({.events = MakeStream(), .usage = {}});
    const Status submitted = model.engine->Submit(std::move(request), begun.parts.back().events);
    if (submitted.ok()) continue;
    begun.parts.pop_back();
    if (begun.parts.empty()) begun.permit.reset();  // nothing has run, so nothing counts
    return submitted;
  }
  return Status::Ok();
}

std::shared_ptr<EventStream> Generation::MakeStream() {
  return std::make_shared<EventStream>([post = post_, weak = weak_from_this()] {
    post([weak] {
      if (const auto self = weak.lock()) self->Guarded([&] { self->Pump(); });
    });
  });
}

// ---- On the strand ----

// A library's exception fails this request alone.
template <class Piece>
void Generation::Guarded(Piece piece) noexcept {
  try {
    return piece();
  } catch (...) {
    try {
      return Fail(CaughtStatus());
    } catch (...) {  // not even that can be said
    }
  }
  state_ = State::kEnded;
  begun_.CancelParts();
  if (const auto sink = sink_.lock()) sink->Abort();
}

void Generation::OnPrepared(const Status& status) {
  begun_ = std::move(preparation_.begun);
  preparation_ = {};
  if (state_ == State::kEnded) return End();  // the client left meanwhile
  if (!status.ok()) return Fail(status);
  state_ = State::kRunning;
  Begin();
  Pump();  // wakes that came before are not repeated
}

void Generation::Begin() {
  const auto sink = sink_.lock();
  if (!sink || !begun_.stream) return;
  std::string out;
  begun_.encoder->OnBegin(out);
  Deliver(*sink, out, /*done=*/false);
}

// One write for each event that adds tokens, and each noted before it is written: whatever ends the process, what was
// noted is what the client was sent, or that and one event more.
void Generation::Pump() {
  while (state_ == State::kRunning) {
    const auto sink = sink_.lock();
    if (!sink || sink->blocked() || !HasEvents()) return;  // OnWritable comes back here, and so does the engine's wake
    std::string out;
    Status failure;
    const bool sound = TakeNext(out, failure);
    bool done = waiting_.empty();
    for (const Part& part : begun_.parts) done = done && part.finished;
    if (sound && done) begun_.encoder->OnDone(TotalUsage(), out);
    if (!out.empty() || done) begun_.permit->Note(TotalUsage());
    if (sound || streaming_) Deliver(*sink, out, sound && done);
    if (!sound) return Fail(failure);
  }
}

bool Generation::HasEvents() {
  if (!waiting_.empty()) return true;
  for (size_t i = 0; i < begun_.parts.size(); ++i) {
    for (Event& event : begun_.parts[i].events->Take()) waiting_.emplace_back(i, std::move(event));
  }
  return !waiting_.empty();
}

bool Generation::AddsTokens(const Event& event) {
  if (const auto* delta = std::get_if<OutputDelta>(&event)) return !delta->tokens.empty();
  return std::holds_alternative<PromptRead>(event);
}

bool Generation::TakeNext(std::string& out, Status& failure) {
  while (!waiting_.empty() && (out.empty() || !AddsTokens(waiting_.front().second))) {
    const auto [i, event] = std::move(waiting_.front());
    waiting_.pop_front();
    Account(begun_.parts[i], event);
    if (const auto* failed = std::get_if<RequestFailed>(&event)) {
      failure = failed->status;
      return false;
    }
    if (!std::holds_alternative<RequestFinished>(event)) begun_.encoder->OnEvent(i, event, out);
  }
  return true;
}

void Generation::Account(Part& part, const Event& event) {
  if (const auto* read = std::get_if<PromptRead>(&event)) {
    part.usage.prompt_tokens = read->prompt_tokens;
    part.usage.cached_tokens = read->cached_tokens;
  } else if (const auto* delta = std::get_if<OutputDelta>(&event)) {
    part.usage.output_tokens += static_cast<uint32_t>(delta->tokens.size());
    part.usage.reasoning_tokens += delta->reasoning_tokens;
  } else if (const auto* choice = std::get_if<ChoiceFinished>(&event)) {
    begun_.unpaid = begun_.unpaid || choice->unpaid;
  } else if (const auto* finished = std::get_if<RequestFinished>(&event)) {
    part.usage = finished->usage;
    part.finished = true;
  } else if (const auto* failed = std::get_if<RequestFailed>(&event)) {
    part.usage = failed->usage;
    part.finished = true;
  }
}

Usage Generation::TotalUsage() const {
  Usage total;
  for (const Part& part : begun_.parts) {
    total.prompt_tokens += part.usage.prompt_tokens;
    total.cached_tokens += part.usage.cached_tokens;
    total.output_tokens += part.usage.output_tokens;
    total.reasoning_tokens += part.usage.reasoning_tokens;
    total.prediction_accepted_tokens += part.usage.prediction_accepted_tokens;
    total.prediction_rejected_tokens += part.usage.prediction_rejected_tokens;
  }
  return total;
}

HttpResponse Generation::WithLimits(HttpResponse response) const {
  if (dialect_.limit_fields == nullptr) return response;
  const RateLimits rates = begun_.permit ? begun_.permit->Rates() : begun_.refused_rates;
  dialect_.limit_fields(rates, services_.clock.UnixSeconds(), response.fields);
  return response;
}

void Generation::Deliver(ResponseSink& sink, const std::string& out, bool done) {
  if (begun_.stream) {
    if (!out.empty()) {
      if (!std::exchange(streaming_, true)) sink.StartStream(WithLimits(StreamHead(begun_.encoder->StreamFields())));
      said_something_ = true;
      sink.Send(out);
    }
    if (done) sink.Finish();
  } else if (done) {
    std::vector<HttpField> fields = begun_.encoder->WholeFields();
    if (begun_.unpaid) fields.push_back({"x-bedplate-stop", "budget"});
    sink.Respond(WithLimits({.status = 200, .fields = std::move(fields), .body = out}));
  }
  if (done) End();
}

void Generation::OnTick() {
  if (state_ != State::kRunning || !begun_.stream || std::exchange(said_something_, false)) return;
  Guarded([this] {
    const auto sink = sink_.lock();
    if (!sink || sink->blocked()) return;
    if (!std::exchange(streaming_, true)) sink->StartStream(WithLimits(StreamHead(begun_.encoder->StreamFields())));
    std::string ping;
    begun_.encoder->OnPing(ping);
    sink->Send(ping);
  });
}

void Generation::Fail(const Status& status) {
  begun_.CancelParts();  // first: whoever reads the error finds the work already called off
  if (const auto sink = sink_.lock()) {
    if (streaming_) {
      std::string out;
      begun_.encoder->OnFailure(status, out);
      sink->Send(out);
      sink->Finish();
    } else {
      sink->Respond(WithLimits(dialect_.error_response(status, exchange_.request_id)));
    }
  }
  End();
}

void Generation::OnClientGone(bool still_reads) {
  unwanted_.store(true, std::memory_order_relaxed);
  if (state_ == State::kEnded) return;
  Guarded([&] {
    if (!still_reads) return End();
    Fail(
        Status::Cancelled("the client closed its side of the connection before the answer was complete, which "
                          "cancels the request"));
  });
}

void Generation::End() {
  state_ = State::kEnded;
  begun_.CancelParts();
  if (begun_.permit) begun_.permit->Settle(TotalUsage());
}

}  // namespace

HttpResponse StreamHead(std::vector<HttpField> fields) {
  // X-Accel-Buffering: proxies such as nginx would otherwise hold tokens back.
  fields.insert(fields.end(), {{"cache-control", "no-cache"}, {"x-accel-buffering", "no"}});
  return {.status = 200, .fields = std::move(fields), .body = {}};
}

Result<Call> DecodeBody(const Dialect& dialect, const HttpRequest& request) {
  const Result<Json> body = ParseJson(request.body);
  if (!body.ok()) {
    if (body.status().code() == StatusCode::kInternal) return body.status();  // it may be well-formed all the same
    return Status::InvalidArgument(Cat("We could not parse the JSON body of your request: ", body.status().message()));
  }
  BP_ASSIGN_OR_RETURN(Call call, dialect.decode(*body, request));
  call.attribution = AttributionOf(*body);
  return call;
}

std::shared_ptr<Activity> StartGeneration(const GenerationServices& services, const Dialect& dialect, Exchange exchange,
                                          const std::shared_ptr<ResponseSink>& sink) {
  auto generation = std::make_shared<Generation>(services, dialect, std::move(exchange), sink);
  generation->Start();
  return generation;
}

}  // namespace bedplate
