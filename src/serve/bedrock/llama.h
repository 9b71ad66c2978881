#pragma once
/// The body that Meta's Llama models take through InvokeModel: {"prompt", "max_gen_len", "temperature", "top_p"}. The
/// prompt is raw text, in which the special tokens of the model's template may be spelled. Source:
/// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html
///
/// A stream is frames "data: {...}\n\n", as OpenAI's and Anthropic's are; what wraps them (invoke.cc) knows no dialect.

#include <memory>

#include "base/json.h"
#include "base/status.h"
#include "serve/dialect.h"

namespace bedplate::bedrock {

/// The call but for its model.
Result<Call> DecodeLlama(const Json& body, bool stream);

}  // namespace bedplate::bedrock
