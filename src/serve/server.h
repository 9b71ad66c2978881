#pragma once
/// The HTTP server: models behind the OpenAI API, health, metrics and the console's files.
///
///   BP_ASSIGN_OR_RETURN(auto server, Server::Create(options, {{.engine = engine.get()}}, *admission, clock));
///   server->Start();              // or Run(), which returns when the server has stopped
///   ... server->AddModel(...)     // a model that took longer to load
///   server->Drain(30s);           // SIGTERM: stop accepting, let answers end, then stop
///   server->Stop();               // a second SIGTERM: now
///   server->Wait();
///
/// Owns:    its sockets and threads. Not the engines, the admission, the store or the clock: they outlive it.
/// Threads: every function may be called from any thread, but not from a signal handler.
/// Memory:  per connection at most a head, a body, 64 KiB read ahead and about write_queue_bytes of unsent answer; a
///          client that reads slowly leaves its events in the engine's outbox, which its output length bounds.
/// Errors:  Create fails with kInvalidArgument (options) or kIoError (the address is taken).
///
/// A client that closes or half-closes its connection while its answer is being made has gone: the engine is told at
/// once. With half_close_cancels off, a half-closed connection still gets its answer, and a client that closed fully is
/// noticed by the first write that fails. (TCP does not tell the two apart.)

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/engine.h"
#include "ledger/office/office.h"
#include "objects/object_store.h"
#include "request/admission.h"
#include "serve/http_codec.h"
#include "serve/listen_address.h"
#include "serve/tls_context.h"

namespace bedplate {

struct ServedModel {
  Engine* engine = nullptr;
  std::vector<std::string> aliases;  // further names that clients may use
  std::string fingerprint;           // system_fingerprint; one per weights and numerics. Empty: from id and numerics
  std::string numerics;              // what beside the weights decides an answer's bits, in words
  std::string owned_by = "local";
};

/// A further name of a model.
struct ModelAlias {
  std::string name;
  std::string model;  // its id
};

struct ServerOptions {
  ListenAddress listen = {"127.0.0.1", 8080};
  bool has_keys = false;  // the admission asks for keys; needed to listen beyond loopback
  /// Host names that requests may carry, beside the listen address (and localhost, on loopback). Empty and not on
  /// loopback: any. This is what keeps a web page from reaching a local server through DNS (rebinding).
  std::vector<std::string> allowed_hosts;
  std::shared_ptr<const TlsContext> tls;    // none: plain HTTP. Shared with whoever made it
  std::vector<std::string> loading_models;  // announced, but added later: requests for them get 503 until then
  std::vector<ModelAlias> aliases;          // hold for models that are added and that are loading

  /// Where responses are stored; outlives the server. None: in memory, up to 16 MiB, until the server ends.
  ObjectStore* objects = nullptr;

  /// What the admin API changes; outlives the server. None: it has none.
  Office* office = nullptr;

  /// Appends to the page that /metrics shows; from any thread, as long as the server lives. None: nothing more.
  std::function<void(std::string& page)> more_metrics;

  HttpLimits http;
  uint32_t connections_max = 1024;  // one more gets 503
  uint32_t io_threads = 1;          // sockets, encoding
  uint32_t work_threads = 1;        // decoding, templates, tokenizing
  uint32_t prompts_max = 128;       // in one completions request
  /// So much of a stream may be unsent before the next event is taken from the engine. 0: what was noted is what the
  /// socket was given, or that and one event more.
  size_t write_queue_bytes = size_t{256} << 10;
  bool half_close_cancels = true;
  bool log_requests = true;

  std::chrono::milliseconds head_time_max{10'000};    // from the first byte (or connecting) to the blank line
  std::chrono::milliseconds body_pause_max{20'000};   // between two reads of a body
  std::chrono::milliseconds body_time_max{120'000};   // the whole body
  std::chrono::milliseconds idle_time_max{75'000};    // between two requests
  std::chrono::milliseconds write_pause_max{30'000};  // a client that takes no byte of its answer
  std::chrono::milliseconds linger_time_max{2'000};   // reading on after an answer that ends the connection
  std::chrono::milliseconds ping_every{10'000};       // a comment in a stream that has nothing else to say
};

class Server {
 public:
  /// Binds and listens; serves from Start() on.
  static Result<std::unique_ptr<Server>> Create(ServerOptions options, std::vector<ServedModel> models,
                                                Admission& admission, const Clock& clock);
  ~Server();  // stops

  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] ListenAddress address() const;  // with the port that was picked
  /// The whole table of what is served, each as "POST /v1/completions" (router.h tells patterns).
  [[nodiscard]] std::vector<std::string> Routes() const;

  /// Makes a model available. kConflict when a name is taken.
  Status AddModel(ServedModel model);
  /// Loading one of loading_models failed: /ready and requests for it say so.
  void ReportLoadFailure(const std::string& id, const Status& why);

  void Start();
  void Wait();  // until it has stopped
  void Run() {
    Start();
    Wait();
  }
  /// Returns at once. Stops accepting, refuses new work with 503, lets running answers end (until the deadline), stops.
  void Drain(std::chrono::milliseconds deadline);
  void Stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bedplate
