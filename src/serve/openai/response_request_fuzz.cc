// Bytes as a JSON body to the decoder of responses: a Call within the limits whose messages are those of items that can
// be stored and read again, or an error that encodes to JSON; never a crash.
#include <cstdint>

#include "base/check.h"
#include "base/json.h"
#include "serve/dialect_fuzzing.h"
#include "serve/openai/decode_response.h"
#include "serve/openai/errors.h"

namespace bedplate::openai {
namespace {

/// Knows one response.
class OneResponse final : public ResponseHistory {
 public:
  Result<Json::Array> ItemsUpTo(const std::string& id) override {
    if (id != "resp_1") return Status::InvalidArgument("not found").WithParam("previous_response_id");
    return Json::Array{
        Json::Object{{"id", "fc_1"}, {"type", "function_call"}, {"call_id", "c"}, {"name", "f"}, {"arguments", "{}"}}};
  }
  Result<Json::Array> ItemsOf(const std::string& id) override {
    if (id != "resp_0123456789abcdef0123456789abcdef") return Status::NotFound("no response");
    return Json::Array{Json::Object{{"id", "fc_0123456789abcdef0123456789abcdef_0"},
                                    {"type", "function_call"},
                                    {"call_id", "c"},
                                    {"name", "f"},
                                    {"arguments", "{}"}}};
  }
};

void Check(const Result<ResponseCall>& decoded) {
  if (!decoded.ok()) {
    const HttpResponse response = ErrorResponse(decoded.status(), "req_1");
    BP_CHECK(response.status == 400);
    BP_CHECK(ParseJson(response.body).ok());
    return;
  }
  BP_CHECK(decoded->call.requests.size() == 1);
  BP_CHECK(decoded->store || !decoded->background);
  BP_CHECK(decoded->call.stream == (decoded->stream || decoded->background));
  BP_CHECK(!std::get<ChatPrompt>(decoded->call.requests[0].prompt).messages.empty());
  const Result<Json> again = ParseJson(WriteJson(decoded->input), {.depth_max = 256});
  BP_CHECK(again.ok());
  for (const Json& item : again->as_array()) BP_CHECK(item.Find("id") != nullptr && item.Find("type") != nullptr);
  CheckEmptyAnswer(decoded->call);
}

}  // namespace
}  // namespace bedplate::openai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  const Result<Json> body = ParseJson({reinterpret_cast<const char*>(data), size});
  if (!body.ok()) return 0;
  openai::OneResponse history;
  openai::Check(openai::DecodeResponse(
      *body,
      {.response = "0123456789abcdef0123456789abcdef", .history = history, .unix_seconds = [] { return int64_t{1}; }}));
  return 0;
}
