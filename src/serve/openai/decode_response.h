#pragma once
/// POST /v1/responses, decoded. As for chats (decode.h) an unknown field is ignored and a wish that can't be met is
/// refused by name. Custom tools are functions of one string to the model. Tools of other types (web_search, mcp,
/// namespace, ...) are taken and echoed, since agents send them to everyone; the model is not told of them, and forcing
/// one is refused.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "serve/dialect.h"
#include "serve/openai/response_items.h"

namespace bedplate::openai {

struct ResponseCall {
  Call call;                // always streamed: what a client wants otherwise is made of the stream's end
  bool stream = false;      // the client wants events
  bool background = false;  // it goes on without the client
  bool store = true;
  Json::Array input;  // the request's own items, as stored
};

struct ResponseContext {
  std::string_view response;  // the id of the answer, without its prefix
  ResponseHistory& history;
  std::function<int64_t()> unix_seconds;
};

Result<ResponseCall> DecodeResponse(const Json& body, const ResponseContext& context);

}  // namespace bedplate::openai
