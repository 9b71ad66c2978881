#include "serve/reply_blocks.h"

#include <utility>

#include "base/sha256.h"

namespace bedplate {

CallInputValue CallInput(const ToolCall& call) {
  Result<Json> input = ParseJson(call.arguments.empty() ? "{}" : call.arguments);
  if (input.ok() && input->is_object()) return {.json = *std::move(input), .well_formed = true};
  return {.json = Json::Object{{"INVALID_JSON", call.arguments}}, .well_formed = false};
}

std::string ReasoningSignature(std::string_view reasoning) {
  return Sha256HexOf(reasoning).value_or("unsigned");
}

}  // namespace bedplate
