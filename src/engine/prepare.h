#pragma once
/// From what a client asked to what the engine runs: the prompt becomes tokens, every limit is checked, what was left
/// open is decided. Pure; any thread.
///
/// Errors: kInvalidArgument, with the field in OpenAI's terms as param (messages, prompt, max_tokens, temperature, n,
/// stop,
/// ...) and OpenAI's code as reason (context_length_exceeded, decimal_above_max_value, ...).

#include <cstdint>

#include "base/status.h"
#include "engine/engine.h"

namespace bedplate {

Result<PreparedRequest> PrepareRequest(Request request, const LoadedModel& model, uint32_t context_tokens_max,
                                       int64_t now_unix_seconds);

/// Of the prompt alone.
Result<uint32_t> CountPromptTokens(Request request, const LoadedModel& model, int64_t now_unix_seconds);

/// Sampling parameters, choices, stops and log-probability counts alone, without the prompt.
Status CheckLimits(const Request& request, uint32_t vocabulary);

}  // namespace bedplate
