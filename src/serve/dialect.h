#pragma once
/// What a dialect is to the rest of serve/: a codec. It decodes a body to a Call, and encodes the Events that come
/// back. Everything between (admission, the engine, cancelling, metering) is generation.h and knows no dialect.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "request/admission.h"
#include "request/event.h"
#include "request/request.h"
#include "serve/http_message.h"

namespace bedplate {

/// What an answer says about itself.
struct ReplyIdentity {
  std::string id;          // without the dialect's prefix
  std::string request_id;  // as in the answer's header
  int64_t created_unix_seconds = 0;
  std::string model;                                                // as the client asked for it
  std::string fingerprint;                                          // of weights and numerics
  std::function<int64_t()> elapsed_ms = [] { return int64_t{0}; };  // since the request's head was complete
};

/// Encodes one answer. Appends to out; a streaming one as events come, another one only at the end.
/// part: which of the call's requests. Threads: one at a time.
class ReplyEncoder {
 public:
  virtual ~ReplyEncoder() = default;
  /// The engine has taken the call; events come later. What a stream says of that, if anything.
  virtual void OnBegin(std::string&) {}
  /// PromptRead, OutputDelta or ChoiceFinished.
  virtual void OnEvent(size_t part, const Event& event, std::string& out) = 0;
  /// Every part has finished.
  virtual void OnDone(const Usage& total, std::string& out) = 0;
  /// A stream that has begun can't change its status: the error becomes part of it, and nothing follows.
  virtual void OnFailure(const Status& status, std::string& out) = 0;
  /// Something that clients skip, for a stream that has nothing else to say.
  virtual void OnPing(std::string& out) { out += ": ping\n\n"; }
  /// The head's fields of a stream, and of a whole answer once it is done.
  [[nodiscard]] virtual std::vector<HttpField> StreamFields() const {
    return {{"content-type", "text/event-stream; charset=utf-8"}};
  }
  [[nodiscard]] virtual std::vector<HttpField> WholeFields() const { return {{"content-type", "application/json"}}; }
};

struct Call {
  std::string model;
  bool stream = false;
  std::vector<Request> requests;  // one a prompt; id and model are filled in by the caller
  Attribution attribution;        // filled in by DecodeBody
  std::function<std::unique_ptr<ReplyEncoder>(ReplyIdentity)> make_encoder;
};

/// An error in a dialect's own shape: status, body, and the fields of its own.
using ErrorWriter = HttpResponse (*)(const Status& status, std::string_view request_id);

/// What an answer's fields say of a key's limits over a minute. unix_seconds: now.
using LimitWriter = void (*)(const RateLimits& rates, int64_t unix_seconds, std::vector<HttpField>& fields);

struct Dialect {
  /// The Call that a body asks for. head: of the request, for what a dialect says there. Errors name the field
  /// (Status::param).
  std::function<Result<Call>(const Json& body, const HttpRequest& head)> decode;
  ErrorWriter error_response;
  LimitWriter limit_fields = nullptr;  // none: the dialect has no such fields
};

}  // namespace bedplate
