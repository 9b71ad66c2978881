#pragma once
/// What commands and a running server say to each other: one JSON object a line.
///
///   {"verb": "key.create", "arguments": {"name": "ada"}}
///   {"done": {...}}    or    {"error": {"code": "not found", "message": "...", "reason": "key_not_found", "param":
///   ""}}

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace bedplate {

struct ControlRequest {
  std::string verb;
  Json arguments;
};
std::string ControlLine(const ControlRequest& request);
/// kInvalidArgument says what is wrong.
Result<ControlRequest> ParseControlRequest(std::string_view line);

std::string ControlReply(const Result<Json>& done);
/// What was done, or the error that was told. kDataLoss: it is no such line.
Result<Json> ParseControlReply(std::string_view line);

}  // namespace bedplate
