#include "serve/connection.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/ascii.h"
#include "base/cat.h"
#include "base/log.h"
#include "ledger/tenancy/key_text.h"
#include "serve/http_status.h"

namespace bedplate {
namespace {

namespace asio = boost::asio;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr size_t kOpenBodyBytesMax = size_t{16} << 10;  // from whoever has shown no key
constexpr size_t kReadAheadMax = size_t{64} << 10;
constexpr size_t kLingerBytesMax = size_t{64} << 20;

// Members are destroyed last to first: a strand must not outlive its context.
struct StrandPoster {
  std::shared_ptr<asio::io_context> context;
  Strand strand;
  void operator()(std::function<void()> work) const { asio::post(strand, std::move(work)); }
};

// A client of IPv6 has a network of 64 bits to take addresses from, so that is who it is.
std::string ClientOf(const Socket& socket) {
  boost::system::error_code error;
  const asio::ip::tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return {};  // it has gone already
  const asio::ip::address address = peer.address();
  if (address.is_v4()) return address.to_string();
  if (address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return asio::ip::address_v6(bytes).to_string();
}

}  // namespace

Connection::Connection(Socket socket, const ConnectionServices& services, std::shared_ptr<asio::io_context> context)
    : socket_(std::move(socket)),
      services_(services),
      poster_(StrandPoster{std::move(context), socket_.get_executor()}),
      error_writer_(services.error_writer({})),
      deadline_timer_(socket_.get_executor()),
      tick_timer_(socket_.get_executor()) {
  services_.metrics.CountConnection();
}

Connection::~Connection() {
  services_.metrics.CountClosed();
}

void Connection::Start() {
  Guarded([this] {
    ErrorCode ignored;
    // Tokens are small and must not wait for each other.
    (void)socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    client_ = ClientOf(socket_);
    reader_ = std::make_unique<HttpRequestReader>(services_.options.http);
    if (services_.options.tls) {
      tls_ = TlsSession::Create(*services_.options.tls);
      if (!tls_) return Close();
    }
    SetDeadline(services_.options.head_time_max);
    Read();
  });
}

void Connection::StartRefusing() {
  Guarded([this] {
    services_.metrics.CountRefused();
    if (services_.options.tls) return Close();  // it could only be told after a handshake
    BeginExchange();
    route_ = "refused";
    RespondError(
        Status::Unavailable(Cat("this server has its ", services_.options.connections_max, " connections; try again"))
            .WithReason("too_many_connections")
            .WithRetryAfterMs(1000));
  });
}

void Connection::CloseSoon(bool now) {
  poster_([self = shared_from_this(), now] {
    self->Guarded([&] {
      const bool resting = self->phase_ == Phase::kIdle && !self->write_active_;
      if (now)
        self->ClientGone();
      else if (resting || self->phase_ == Phase::kLingering)
        self->Rest();
      else
        self->close_after_ = true;
    });
  });
}

void Connection::OnException(const Status& status) noexcept {
  try {
    LogError("a connection failed", {{"id", request_id_}, {"error", status.message()}});
    const auto activity = std::exchange(activity_, nullptr);
    if (activity) activity->OnClientGone(/*still_reads=*/false);
    const bool asked = phase_ == Phase::kHead || phase_ == Phase::kBody || phase_ == Phase::kHandling;
    if (asked && !answer_begun_ && !write_active_) return RespondError(status);
  } catch (...) {  // once more, so there is nothing to say it with
  }
  Close();
}

// ---- Reading ----

void Connection::Read() {
  if (reading_ || read_ended_ || phase_ == Phase::kClosed || read_ahead_.size() >= kReadAheadMax) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](ErrorCode error, size_t count) {
    self->Guarded([&] { self->OnRead(error, count); });
  });
}

void Connection::OnRead(ErrorCode error, size_t count) {
  reading_ = false;
  if (phase_ == Phase::kClosed) return;
  if (read_ended_) return;  // by TLS's own notice: TCP's end says nothing new
  if (error == asio::error::eof && !tls_) return OnReadEnd();
  if (error) return ClientGone();
  const std::string_view bytes(buffer_.data(), count);
  if (phase_ == Phase::kLingering) {
    lingered_ += count;
    return lingered_ > kLingerBytesMax ? Close() : Read();
  }
  tls_ ? OnTlsBytes(bytes) : OnBytes(bytes);
}

void Connection::OnTlsBytes(std::string_view bytes) {
  const bool spoke_plain = !tls_->begun() && bytes.front() >= 'A' && bytes.front() <= 'Z';
  if (spoke_plain) {  // a handshake begins with 22, a method with a letter
    tls_.reset();
    BeginExchange();
    return RespondError(Status::InvalidArgument("this port speaks TLS: use https:// in the address"));
  }
  std::string plain;
  const Status received = tls_->Receive(bytes, plain, tls_out_);
  if (!received.ok()) {
    Log(LogLevel::kDebug, "a connection failed", {{"error", received.message()}});
    return phase_ == Phase::kHandling ? ClientGone() : Linger();  // the alert goes out
  }
  Write();
  if (!plain.empty()) OnBytes(plain);
  if (phase_ == Phase::kClosed) return;
  if (tls_->peer_closed() && !read_ended_ && phase_ != Phase::kLingering) return OnReadEnd();
  Read();
}

void Connection::OnBytes(std::string_view bytes) {
  if (phase_ == Phase::kHandling) {
    read_ahead_ += bytes;
  } else {
    Feed(bytes);
  }
  Read();
}

void Connection::OnReadEnd() {
  read_ended_ = true;
  switch (phase_) {
    case Phase::kHead:
    case Phase::kBody: {
      const auto length = reader_->body_length();
      return RespondError(Status::InvalidArgument(
          !reader_->head_done() ? std::string("the connection ended before the request's header fields did")
          : length ? Cat("the connection ended after ", reader_->body_received(), " of ", *length, " body bytes")
                   : std::string("the connection ended before the chunked body did")));
    }
    case Phase::kHandling:
      if (answer_complete_ || !services_.options.half_close_cancels || !activity_) return;  // closes when written
      close_after_ = true;
      return std::shared_ptr<Activity>(activity_)->OnClientGone(/*still_reads=*/true);
    default:
      return tls_ ? Linger() : Close();  // its notice is answered with ours
  }
}

void Connection::Feed(std::string_view bytes) {
  while (!bytes.empty() && (phase_ == Phase::kIdle || phase_ == Phase::kHead || phase_ == Phase::kBody)) {
    Result<size_t> taken = reader_->Take(bytes);
    if (phase_ == Phase::kIdle && (!taken.ok() || reader_->started())) {
      phase_ = Phase::kHead;
      BeginExchange();
      SetDeadline(services_.options.head_time_max);
    }
    if (!taken.ok()) {
      error_writer_ = services_.error_writer(reader_->request());  // as far as it has been read
      return RespondError(taken.status());
    }
    bytes.remove_prefix(*taken);
    if (phase_ == Phase::kHead && reader_->head_done() && !AcceptHead()) break;
    if (phase_ == Phase::kBody) {
      if (reader_->done()) return HandleRequest(std::string(bytes));
      const auto left = std::chrono::duration_cast<Millis>(body_deadline_ - std::chrono::steady_clock::now());
      SetDeadline(std::min(services_.options.body_pause_max, std::max(left, Millis(0))));
    }
  }
  // Answered without looking at the body: what follows it can't be found, unless there was none.
  if (phase_ == Phase::kHandling && !close_after_) read_ahead_ = std::string(bytes);
}

void Connection::BeginExchange() {
  started_ = services_.clock.Now();
  id_ = services_.ids.Next();
  request_id_ = Cat("req_", id_);
  route_ = "none";
  method_.clear();
  path_.clear();
  allowed_.clear();
  error_writer_ = services_.error_writer({});
  http_1_1_ = true;
  matched_ = nullptr;
  principal_.reset();
  key_.clear();
  signature_.reset();
  answer_begun_ = answer_complete_ = wants_writable_ = false;
  status_ = 0;
}

bool Connection::AcceptHead() {
  const HttpRequest& head = reader_->request();
  method_ = head.method;
  path_ = WithoutKeys(head.path.substr(0, 200));  // clients put keys into wrong places
  http_1_1_ = head.http_1_1;
  error_writer_ = services_.error_writer(head);
  if (!head.keep_alive) close_after_ = true;
  if (const std::string* id = head.Find("x-request-id"); id != nullptr && IsSafeRequestId(*id)) request_id_ = *id;
  const Status accepted = CheckHead();
  if (!accepted.ok()) {
    close_after_ = close_after_ || head.has_body;
    phase_ = Phase::kHandling;
    ClearDeadline();
    Respond(error_writer_(accepted, request_id_));
    return false;
  }
  phase_ = Phase::kBody;
  body_deadline_ = std::chrono::steady_clock::now() + services_.options.body_time_max;
  if (head.expects_continue) {
    pending_ += "HTTP/1.1 100 Continue\r\n\r\n";
    Write();
  }
  return true;
}

Status Connection::CheckHead() {
  const HttpRequest& head = reader_->request();
  BP_RETURN_IF_ERROR(services_.guard.Check(head));
  Router::Match match = services_.router.Find(head.method, head.path);
  if (match.route == nullptr && match.allowed.empty()) {
    return Status::NotFound(Cat("Unknown request URL: ", head.method, " ", head.path.substr(0, 200)))
        .WithReason("unknown_url");
  }
  if (match.route == nullptr) {
    allowed_ = std::move(match.allowed);
    return Status::InvalidArgument(
               Cat("Method ", head.method, " is not allowed for ", head.path.substr(0, 200), "; allowed: ", allowed_))
        .WithReason(std::string(kReasonMethodNotAllowed));
  }
  const std::string* encoding = head.Find("content-encoding");
  if (encoding != nullptr && head.has_body && AsciiLower(*encoding) != "identity") {
    return Status::InvalidArgument(Cat("bodies of content-encoding '", encoding->substr(0, 50),
                                       "' can't be read here; send it uncompressed"))
        .WithReason(std::string(kReasonContentEncoding));
  }
  matched_ = match.route;
  route_ = match.route->pattern;
  if (matched_->access != RouteAccess::kOpen) {
    BP_RETURN_IF_ERROR(Authenticate(head));
    key_ = principal_->key;
    if (!signature_) BP_RETURN_IF_ERROR(CheckAccess());  // else once it is verified
    const uint64_t body_bytes_max = principal_->caps.body_bytes_max;
    if (body_bytes_max != 0) BP_RETURN_IF_ERROR(reader_->LowerBodyMax(body_bytes_max));
  } else {
    BP_RETURN_IF_ERROR(reader_->LowerBodyMax(kOpenBodyBytesMax));
  }
  return Status::Ok();
}

Status Connection::CheckAccess() const {
  const RouteAccess access = matched_->access;
  const bool may = access == RouteAccess::kAnyKey ||
                   (access == RouteAccess::kMetrics ? principal_->may_read_metrics : principal_->may_use_models);
  if (may) return Status::Ok();
  return Status(StatusCode::kPermissionDenied, Cat("this key's role or scopes don't let it ",
                                                   access == RouteAccess::kMetrics ? "read metrics" : "use models"))
      .WithReason("role_not_allowed");
}

// A signature covers the body, which is still to come: until then the principal is who the request claims to be. A
// server without keys lets everyone in, whatever they sign with.
Status Connection::Authenticate(const HttpRequest& head) {
  const std::string credentials = CredentialsOf(head);
  if (services_.options.has_keys && credentials.empty()) return AuthenticateSession(head);
  if (!services_.options.has_keys || !IsSigV4(credentials)) {
    BP_ASSIGN_OR_RETURN(principal_, services_.admission.Authenticate(credentials));
    return Status::Ok();
  }
  BP_ASSIGN_OR_RETURN(SigV4Claim claim, ReadSigV4(head, services_.clock.UnixSeconds()));
  BP_ASSIGN_OR_RETURN(AccessKey key, services_.admission.FindAccessKey(claim.access_key_id));
  principal_ = std::move(key.principal);
  signature_ = {.claim = std::move(claim), .secret = std::move(key.secret)};
  return Status::Ok();
}

// A browser that has signed in to the console. Its key is asked about each time: one that was revoked is good no more.
Status Connection::AuthenticateSession(const HttpRequest& head) {
  const bool under_tls = tls_ != nullptr;
  BP_ASSIGN_OR_RETURN(const std::string credentials, SessionCredentials(services_.sessions, head, under_tls));
  Result<Principal> principal = services_.admission.Authenticate(credentials);
  if (!principal.ok() && !credentials.empty() && principal.status().code() == StatusCode::kUnauthenticated) {
    services_.sessions.End(*SessionIdOf(head, under_tls));
    return SessionEnded();
  }
  BP_ASSIGN_OR_RETURN(principal_, std::move(principal));
  return Status::Ok();
}

void Connection::HandleRequest(std::string rest) {
  phase_ = Phase::kHandling;
  ClearDeadline();
  read_ahead_ = std::move(rest);
  if (const auto signature = std::exchange(signature_, std::nullopt)) {
    Status verified = VerifySigV4(signature->claim, signature->secret, reader_->request());
    if (verified.ok()) verified = CheckAccess();
    if (!verified.ok()) return Respond(error_writer_(verified, request_id_));
  }
  Exchange exchange{.request = std::move(reader_->request()),
                    .id = id_,
                    .request_id = request_id_,
                    .principal = principal_ ? *std::move(principal_) : Principal{},
                    .client = client_,
                    .started = started_};
  auto activity = matched_->handler(std::move(exchange), shared_from_this());
  if (phase_ == Phase::kHandling && !answer_complete_ && activity) {
    activity_ = std::move(activity);
    WaitForTick();
  }
}

// ---- Answering ----

void Connection::RespondError(const Status& status) {
  phase_ = Phase::kHandling;
  close_after_ = true;
  ClearDeadline();
  Respond(error_writer_(status, request_id_));
}

void Connection::Respond(HttpResponse response) {
  if (phase_ != Phase::kHandling || answer_begun_) return;
  Guarded([&] {
    WriteHead(response, BodyFraming::kLength);
    if (method_ != "HEAD") pending_ += response.body;
    answer_complete_ = true;
    Write();
  });
}

void Connection::StartStream(HttpResponse head) {
  if (phase_ != Phase::kHandling || answer_begun_) return;
  if (!http_1_1_) close_after_ = true;
  Guarded([&] { WriteHead(head, http_1_1_ ? BodyFraming::kChunked : BodyFraming::kClose); });
}

void Connection::Send(std::string_view bytes) {
  if (phase_ != Phase::kHandling || !answer_begun_ || answer_complete_ || bytes.empty()) return;
  Guarded([&] {
    if (framing_ == BodyFraming::kChunked)
      AppendChunk(bytes, pending_);
    else
      pending_ += bytes;
    Write();
  });
}

void Connection::Finish() {
  if (phase_ != Phase::kHandling || !answer_begun_ || answer_complete_) return;
  answer_complete_ = true;
  Guarded([&] {
    if (framing_ == BodyFraming::kChunked) pending_ += kLastChunk;
    Write();
  });
}

bool Connection::blocked() {
  wants_writable_ = pending_.size() + (writing_.size() - written_) > services_.options.write_queue_bytes;
  return wants_writable_;
}

void Connection::WriteHead(HttpResponse& response, BodyFraming framing) {
  answer_begun_ = true;
  framing_ = framing;
  status_ = response.status;
  if (services_.draining() || read_ended_) close_after_ = true;
  const auto taken = std::chrono::duration_cast<Millis>(services_.clock.Now() - started_);
  response.fields.push_back({"x-request-id", request_id_});
  response.fields.push_back({"request-id", request_id_});  // Anthropic's name for it
  response.fields.push_back({"openai-processing-ms", Cat(taken.count())});
  if (response.status == 405 && !allowed_.empty()) response.fields.push_back({"allow", allowed_});
  if (response.status == 401) response.fields.push_back({"www-authenticate", "Bearer"});
  AppendResponseHead(response,
                     {.http_1_1 = http_1_1_,
                      .keep_alive = !close_after_,
                      .framing = framing,
                      .unix_seconds = services_.clock.UnixSeconds()},
                     pending_);
}

void Connection::Write() {
  if (write_active_ || phase_ == Phase::kClosed || (pending_.empty() && tls_out_.empty())) return;
  write_active_ = true;
  writing_.clear();
  written_ = 0;
  if (tls_) {
    const bool sound = pending_.empty() || tls_->Send(pending_, tls_out_).ok();
    pending_.clear();
    if (!sound) return Close();
    std::swap(writing_, tls_out_);
  } else {
    std::swap(writing_, pending_);
  }
  if (phase_ == Phase::kHandling) SetDeadline(services_.options.write_pause_max);
  WriteSome();
}

void Connection::WriteSome() {
  socket_.async_write_some(asio::buffer(writing_.data() + written_, writing_.size() - written_),
                           [self = shared_from_this()](ErrorCode error, size_t count) {
                             self->Guarded([&] { self->OnWritten(error, count); });
                           });
}

void Connection::OnWritten(ErrorCode error, size_t count) {
  if (phase_ == Phase::kClosed) return;
  if (error) return ClientGone();
  services_.metrics.CountSent(count);
  written_ += count;
  if (written_ < writing_.size()) {
    if (phase_ == Phase::kHandling) SetDeadline(services_.options.write_pause_max);
    return WriteSome();
  }
  write_active_ = false;
  writing_.clear();
  written_ = 0;
  if (phase_ == Phase::kHandling) ClearDeadline();
  if (!pending_.empty() || !tls_out_.empty()) {
    Write();
  } else if (answer_complete_) {
    return EndExchange();
  } else if (phase_ == Phase::kLingering) {
    return OnLastWritten();
  }
  if (wants_writable_ && activity_ && pending_.size() <= services_.options.write_queue_bytes) {
    wants_writable_ = false;
    std::shared_ptr<Activity>(activity_)->OnWritable();
  }
}

void Connection::EndExchange() {
  const Duration taken = services_.clock.Now() - started_;
  services_.metrics.CountRequest(route_, status_, taken);
  if (services_.options.log_requests) {
    LogInfo("request", {{"id", request_id_},
                        {"method", method_},
                        {"path", path_},
                        {"key", key_},
                        {"status", Cat(status_)},
                        {"ms", Cat(std::chrono::duration_cast<Millis>(taken).count())}});
  }
  activity_.reset();
  tick_timer_.cancel();
  answer_begun_ = answer_complete_ = false;
  if (read_ended_ && !tls_) return Close();
  if (read_ended_ || close_after_ || services_.draining()) return Linger();
  reader_ = std::make_unique<HttpRequestReader>(services_.options.http);
  phase_ = Phase::kIdle;
  SetDeadline(services_.options.idle_time_max);
  if (!read_ahead_.empty()) {
    const std::string bytes = std::exchange(read_ahead_, {});
    Feed(bytes);
  }
  Read();
}

// A close with unread bytes in the socket sends a reset, which can overtake the answer: read on until the client has
// seen it and closes (RFC 9112, 9.6), or for a while.
void Connection::Linger() {
  phase_ = Phase::kLingering;
  read_ahead_.clear();
  SetDeadline(services_.options.linger_time_max);
  if (tls_) tls_->Close(tls_out_);
  if (!tls_out_.empty()) return Write();
  if (!write_active_) OnLastWritten();
}

// Nothing is going on: with TLS the peer is told that this end was meant.
void Connection::Rest() {
  if (phase_ != Phase::kIdle || !tls_ || !tls_->established()) return Close();
  read_ended_ = true;  // nothing is on its way that the notice would have to wait for
  Linger();
}

void Connection::OnLastWritten() {
  if (read_ended_) return Close();
  ErrorCode ignored;
  (void)socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  Read();
}

void Connection::ClientGone() {
  if (phase_ == Phase::kHandling && activity_) {
    std::shared_ptr<Activity>(activity_)->OnClientGone(/*still_reads=*/false);
    services_.metrics.CountRequest(route_, 499, services_.clock.Now() - started_);
  }
  Close();
}

void Connection::Close() noexcept {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  activity_.reset();
  ErrorCode ignored;
  (void)socket_.close(ignored);
  deadline_timer_.cancel();
  tick_timer_.cancel();
}

// ---- Time ----

// One waiting timer, moved only when the deadline comes closer: a token's write does not touch it.
void Connection::SetDeadline(Millis from_now) {
  deadline_ = std::chrono::steady_clock::now() + from_now;
  if (!timer_waiting_ || deadline_ < timer_expiry_) WaitForDeadline();
}

void Connection::WaitForDeadline() {
  timer_waiting_ = true;
  timer_expiry_ = deadline_;
  deadline_timer_.expires_at(deadline_);
  deadline_timer_.async_wait([self = shared_from_this()](ErrorCode error) {
    if (error == asio::error::operation_aborted || self->phase_ == Phase::kClosed) return;
    self->timer_waiting_ = false;
    if (self->deadline_ == SteadyTime::max()) return;
    const bool early = std::chrono::steady_clock::now() < self->deadline_;
    self->Guarded([&] { early ? self->WaitForDeadline() : self->OnDeadline(); });
  });
}

void Connection::OnDeadline() {
  ClearDeadline();
  switch (phase_) {
    case Phase::kHead:
      return RespondError(Status(StatusCode::kDeadlineExceeded, Cat("the request's header fields took longer than ",
                                                                    services_.options.head_time_max.count(), " ms")));
    case Phase::kBody:
      return RespondError(Status(StatusCode::kDeadlineExceeded, Cat("the request's body stopped or took longer than ",
                                                                    services_.options.body_time_max.count(), " ms; ",
                                                                    reader_->body_received(), " bytes had come")));
    case Phase::kHandling:
      return ClientGone();  // takes no byte of its answer
    default:
      return Rest();
  }
}

void Connection::WaitForTick() {
  if (tick_waiting_) return;
  tick_waiting_ = true;
  tick_timer_.expires_after(services_.options.ping_every);
  tick_timer_.async_wait([self = shared_from_this()](ErrorCode) {
    self->tick_waiting_ = false;
    if (self->phase_ != Phase::kHandling || !self->activity_) return;
    // A wait that a former request left behind may end early; its tick is dropped, not delivered.
    const bool due = self->tick_timer_.expiry() <= std::chrono::steady_clock::now();
    self->Guarded([&] {
      if (due) std::shared_ptr<Activity>(self->activity_)->OnTick();
      self->WaitForTick();
    });
  });
}

}  // namespace bedplate
