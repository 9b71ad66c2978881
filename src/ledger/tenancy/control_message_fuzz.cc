// Fuzzes what a running server and commands read from each other: whatever the line, an error, or a message that is
// written and read as the same again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ledger/tenancy/control_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;  // NOLINT: one function
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto request = ParseControlRequest(line); request.ok()) {
    const std::string written = ControlLine(*request);
    BP_CHECK(written.find('\n') == std::string::npos);
    const auto again = ParseControlRequest(written);
    BP_CHECK(again.ok() && again->verb == request->verb && ControlLine(*again) == written);
  } else {
    BP_CHECK(!request.status().message().empty());
  }
  const auto reply = ParseControlReply(line);
  const std::string written = ControlReply(reply);
  BP_CHECK(written.find('\n') == std::string::npos);
  const auto again = ParseControlReply(written);
  BP_CHECK(again.ok() == reply.ok() && again.status().code() == reply.status().code());
  return 0;
}
