#pragma once
/// Sends a plan's requests to any server with OpenAI's API, streaming, from one thread, and notes when what came.

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "cmd/bench/load_plan.h"

namespace bedplate {

/// Times are seconds from the start of the load.
struct RequestRecord {
  double planned = 0;  // when it was due: a late client counts against the server's times, not for them
  double sent = 0;
  std::vector<double> chunks;  // arrival of each piece of text
  double ended = 0;
  uint64_t prompt_tokens = 0;  // as the server counts
  uint64_t output_tokens = 0;  // the same; the number of chunks where it doesn't say
  int http_status = 0;         // 0: no answer
  std::string error;           // empty when it went well
};

struct LoadTarget {
  std::string url;  // "http://127.0.0.1:8080", with or without "/v1"
  std::string model;
  std::string key;           // sent as a bearer token; empty: none
  bool completions = false;  // /v1/completions with plain prompts; otherwise chats
};

/// The id of the server's first model. Errors: kUnavailable.
Result<std::string> FirstModelOf(const LoadTarget& target);

/// Returns one record for each request, in the plan's order, when all have ended. on_tick: how many have ended, a few
/// times a second.
Result<std::vector<RequestRecord>> RunLoad(const LoadTarget& target, const LoadPlan& plan,
                                           const std::function<void(size_t)>& on_tick);

/// Reads server-sent events as they come: data lines, joined over the chunks that they are cut into.
class EventReader {
 public:
  /// Calls `take` with the text after "data: " of each whole line in what came so far.
  void Feed(std::string_view bytes, const std::function<void(std::string_view)>& take);

 private:
  std::string pending_;
};

}  // namespace bedplate
