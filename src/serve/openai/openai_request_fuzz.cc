// Bytes as a JSON body to both decoders: a Call within the limits or an error that encodes to JSON; never a crash.
#include <cstdint>

#include "base/check.h"
#include "base/json.h"
#include "serve/dialect_fuzzing.h"
#include "serve/http_status.h"
#include "serve/openai/decode.h"
#include "serve/openai/errors.h"

namespace bedplate::openai {
namespace {

void Check(const Result<Call>& call) {
  if (!call.ok()) {
    BP_CHECK(HttpStatusOf(call.status()) == 400);
    std::string text;
    AppendError(call.status(), text);
    BP_CHECK(ParseJson(text).ok());
    return;
  }
  BP_CHECK(!call->requests.empty() && call->requests.size() <= 4);
  for (const Request& request : call->requests) {
    BP_CHECK(request.choices >= 1 && request.choices <= 128);
    BP_CHECK(request.sampling.temperature >= 0 && request.sampling.temperature <= 2);
    BP_CHECK(request.sampling.top_p > 0 && request.sampling.top_p <= 1);
    BP_CHECK(request.stop_strings.size() <= 16 && request.logprobs_top.value_or(0) <= 20);
  }
  CheckEmptyAnswer(*call);
}

}  // namespace
}  // namespace bedplate::openai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  const Result<Json> body = ParseJson({reinterpret_cast<const char*>(data), size});
  if (!body.ok()) return 0;
  openai::Check(openai::DecodeChat(*body));
  openai::Check(openai::DecodeCompletions(*body, {.prompts_max = 4}));
  return 0;
}
