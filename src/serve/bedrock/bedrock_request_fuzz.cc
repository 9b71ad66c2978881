// Bytes as a JSON body to the decoders of every operation: a Call within the limits or an error that encodes to JSON;
// never a crash. And a model that says nothing gets an answer that can be read.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/json.h"
#include "serve/bedrock/dialects.h"
#include "serve/bedrock/event_message.h"
#include "serve/dialect_fuzzing.h"

namespace bedplate::bedrock {
namespace {

void Check(const Dialect& dialect, const Json& body, const HttpRequest& head) {
  const Result<Call> call = dialect.decode(body, head);
  if (!call.ok()) {
    const HttpResponse response = dialect.error_response(call.status(), "req_1");
    BP_CHECK(response.status == 400);
    BP_CHECK(ParseJson(response.body).ok());
    return;
  }
  BP_CHECK(call->requests.size() == 1);
  const Request& request = call->requests[0];
  BP_CHECK(request.sampling.temperature >= 0 && request.sampling.temperature <= 2);
  BP_CHECK(request.sampling.top_p > 0 && request.sampling.top_p <= 1);
  BP_CHECK(request.stop_strings.size() <= 16);
  CheckEmptyAnswer(*call);
  if (!call->stream) return;
  std::string stream;
  call->make_encoder({})->OnDone({}, stream);
  std::string_view rest = stream;
  while (!rest.empty()) {
    const auto message = TakeMessage(rest);
    BP_CHECK(message.ok() && message->has_value() && ParseJson((*message)->payload).ok());
  }
}

}  // namespace
}  // namespace bedplate::bedrock

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  static const bedrock::Dialects dialects = bedrock::MakeDialects();
  const Result<Json> body = ParseJson({reinterpret_cast<const char*>(data), size});
  if (!body.ok()) return 0;
  HttpRequest head;
  head.path = "/model/m/any";
  for (const Dialect* dialect : {&dialects.converse, &dialects.converse_stream, &dialects.invoke,
                                 &dialects.invoke_stream, &dialects.count_tokens}) {
    bedrock::Check(*dialect, *body, head);
  }
  return 0;
}
