// Bytes as a JSON body to the decoder, in each version and for counting: a Call within the limits or an error that
// encodes to JSON; never a crash.
#include <cstdint>

#include "base/check.h"
#include "base/json.h"
#include "serve/anthropic/decode.h"
#include "serve/anthropic/errors.h"
#include "serve/dialect_fuzzing.h"

namespace bedplate::anthropic {
namespace {

void Check(const Result<Call>& call) {
  if (!call.ok()) {
    const HttpResponse response = ErrorResponse(call.status(), "req_1");
    BP_CHECK(response.status == 400);
    BP_CHECK(ParseJson(response.body).ok());
    return;
  }
  BP_CHECK(call->requests.size() == 1);
  const Request& request = call->requests[0];
  BP_CHECK(request.sampling.temperature >= 0 && request.sampling.temperature <= 1);
  BP_CHECK(request.sampling.top_p > 0 && request.sampling.top_p <= 1);
  BP_CHECK(request.stop_strings.size() <= 16);
  BP_CHECK(!std::get<ChatPrompt>(request.prompt).messages.empty());
  CheckEmptyAnswer(*call);
}

}  // namespace
}  // namespace bedplate::anthropic

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  using anthropic::Version;
  const Result<Json> body = ParseJson({reinterpret_cast<const char*>(data), size});
  if (!body.ok()) return 0;
  anthropic::Check(anthropic::DecodeMessages(*body, {.version = Version::k2023, .counting = false}));
  anthropic::Check(anthropic::DecodeMessages(*body, {.version = Version::k2026, .counting = false}));
  anthropic::Check(anthropic::DecodeMessages(*body, {.version = Version::k2023, .counting = true}));
  return 0;
}
