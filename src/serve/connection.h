#pragma once
/// One client's connection: reads requests, hands them to their handlers one after another, writes the answers.
///
///   idle → head → body → handling → (idle | lingering → closed)
///
/// With TLS, bytes pass a TlsSession on their way in and out, and nothing else differs: the handshake happens while
/// idle. A connection that ends without TLS's own notice was cut, whatever TCP says.
///
/// Reading goes on while a request is being handled: what comes is kept for later (pipelining), and an end or a reset
/// tells that the client has gone. Asio's wait_error would only show the reset.
///
/// Owns:    its socket and the running Activity. Pending operations own the connection.
/// Threads: everything on its strand, but for the poster and CloseSoon().
/// Errors:  an exception of a library (no memory, most likely) ends this connection; the client hears of it as a 500 if
///          nothing else has been answered yet.

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/caught.h"
#include "base/clock.h"
#include "serve/access_guard.h"
#include "serve/console_sessions.h"
#include "serve/dialect.h"
#include "serve/exchange.h"
#include "serve/http_codec.h"
#include "serve/identifiers.h"
#include "serve/router.h"
#include "serve/server.h"
#include "serve/server_metrics.h"
#include "serve/sigv4.h"
#include "serve/tls_session.h"

namespace bedplate {

using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Strand>;
using StrandTimer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                      boost::asio::wait_traits<std::chrono::steady_clock>, Strand>;

/// What connections share; outlives them all.
struct ConnectionServices {
  const ServerOptions& options;
  const Router& router;
  const AccessGuard& guard;
  Admission& admission;
  ConsoleSessions& sessions;
  ServerMetrics& metrics;
  IdMaker& ids;
  const Clock& clock;
  /// In whose shape an error is told: by the request's path and fields.
  ErrorWriter (*error_writer)(const HttpRequest& head);
  std::function<bool()> draining;
};

class Connection final : public ResponseSink, public std::enable_shared_from_this<Connection> {
 public:
  /// context is kept alive by the poster, which engines may hold longer than the server lives.
  Connection(Socket socket, const ConnectionServices& services, std::shared_ptr<boost::asio::io_context> context);
  ~Connection() override;

  void Start();
  /// Answers 503 to whatever comes, and closes: the server has enough connections.
  void StartRefusing();
  /// Any thread. When idle (or at once, if now) the connection closes.
  void CloseSoon(bool now);

  void Respond(HttpResponse response) override;
  void StartStream(HttpResponse head) override;
  void Send(std::string_view bytes) override;
  void Finish() override;
  void Abort() noexcept override { Close(); }
  bool blocked() override;
  [[nodiscard]] const Poster& poster() const override { return poster_; }

 private:
  enum class Phase : uint8_t { kIdle, kHead, kBody, kHandling, kLingering, kClosed };
  using ErrorCode = boost::system::error_code;
  using Millis = std::chrono::milliseconds;

  template <class Work>
  void Guarded(Work work) noexcept {
    try {
      work();
    } catch (...) {
      OnException(CaughtStatus());
    }
  }
  void OnException(const Status& status) noexcept;

  void Read();
  void OnRead(ErrorCode error, size_t count);
  void OnTlsBytes(std::string_view bytes);
  void OnBytes(std::string_view bytes);
  void OnReadEnd();
  void Feed(std::string_view bytes);
  bool AcceptHead();  // false: already answered
  Status CheckHead();
  Status Authenticate(const HttpRequest& head);
  Status AuthenticateSession(const HttpRequest& head);
  [[nodiscard]] Status CheckAccess() const;
  void HandleRequest(std::string rest);
  void BeginExchange();
  void RespondError(const Status& status);
  void WriteHead(HttpResponse& response, BodyFraming framing);
  void Write();
  void WriteSome();
  void OnWritten(ErrorCode error, size_t count);
  void EndExchange();
  void Linger();
  void Rest();
  void OnLastWritten();
  void ClientGone();
  void Close() noexcept;
  void SetDeadline(Millis from_now);
  void ClearDeadline() { deadline_ = std::chrono::steady_clock::time_point::max(); }
  void WaitForDeadline();
  void OnDeadline();
  void WaitForTick();

  Socket socket_;
  const ConnectionServices& services_;
  const Poster poster_;
  Phase phase_ = Phase::kIdle;
  std::string client_;  // its address

  std::unique_ptr<TlsSession> tls_;  // none: plain
  std::string tls_out_;              // its bytes to be sent, before pending_

  // Reading.
  std::array<char, size_t{16} << 10> buffer_;
  std::string read_ahead_;  // of the next requests, while one is being handled
  bool reading_ = false;
  bool read_ended_ = false;
  size_t lingered_ = 0;
  std::unique_ptr<HttpRequestReader> reader_;
  std::chrono::steady_clock::time_point body_deadline_;

  // The request being handled.
  std::string id_;          // ours, unique
  std::string request_id_;  // x-request-id: the client's, if it sent a safe one
  std::string route_;       // for metrics
  std::string allowed_;     // methods, when another would do
  ErrorWriter error_writer_;
  std::optional<Principal> principal_;
  std::string key_;  // its name
  struct Signature {
    SigV4Claim claim;
    std::string secret;
  };
  std::optional<Signature> signature_;  // to be verified once the body is there
  const Route* matched_ = nullptr;
  std::string method_;
  std::string path_;
  bool http_1_1_ = true;
  Instant started_{};
  std::shared_ptr<Activity> activity_;

  // Its answer.
  std::string pending_;  // to be written next
  std::string writing_;  // being written
  size_t written_ = 0;   // of writing_
  bool write_active_ = false;
  bool answer_begun_ = false;
  bool answer_complete_ = false;
  bool wants_writable_ = false;
  bool close_after_ = false;
  BodyFraming framing_ = BodyFraming::kLength;
  int status_ = 0;

  StrandTimer deadline_timer_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::chrono::steady_clock::time_point timer_expiry_{};
  bool timer_waiting_ = false;
  StrandTimer tick_timer_;
  bool tick_waiting_ = false;
};

}  // namespace bedplate
