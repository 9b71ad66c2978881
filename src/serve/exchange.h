#pragma once
/// One request being answered: what a handler gets, and what it may say back. Connection implements the sink; nothing
/// here knows about sockets.

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "request/admission.h"
#include "serve/http_message.h"

namespace bedplate {

/// Runs a function on the connection's own thread of execution (its strand), later. Callable from any thread, also
/// after the connection has gone: it keeps alive what it needs.
using Poster = std::function<void(std::function<void()>)>;

/// Where an answer goes. Everything but poster() is called on the connection's strand. After Respond, Finish or Abort,
/// or when the client has gone, further calls do nothing. None throws: where a library does, the connection closes.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// A whole answer.
  virtual void Respond(HttpResponse response) = 0;
  /// Or a stream: its head, then pieces, then its end.
  virtual void StartStream(HttpResponse head) = 0;
  virtual void Send(std::string_view bytes) = 0;
  virtual void Finish() = 0;
  /// The answer can't be completed: the connection closes, so that the client sees it cut off.
  virtual void Abort() noexcept = 0;
  /// So much is unsent that the handler should wait for OnWritable.
  [[nodiscard]] virtual bool blocked() = 0;
  [[nodiscard]] virtual const Poster& poster() const = 0;
};

/// A handler's work that outlives the call: the connection owns it until the answer has been written.
class Activity {
 public:
  virtual ~Activity() = default;
  /// The client has gone. still_reads: it closed only its sending side, perhaps, and may hear why nothing comes.
  virtual void OnClientGone(bool still_reads) = 0;
  virtual void OnWritable() = 0;
  /// Every ping_every.
  virtual void OnTick() = 0;
};

struct Exchange {
  HttpRequest request;
  std::string id;          // ours, unique
  std::string request_id;  // x-request-id: the client's, if it sent a safe one
  Principal principal;
  std::string client;  // its address; of IPv6 the network, which is what one client has
  Instant started;     // when the head was complete
};

}  // namespace bedplate
