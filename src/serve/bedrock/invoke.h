#pragma once
/// InvokeModel and InvokeModelWithResponseStream: a body in a model maker's own form, for any model here. Which form,
/// the body says:
///   "anthropic_version"  Anthropic's Messages (serve/anthropic/), without model and stream
///   "messages"           OpenAI's chat completions (serve/openai/)
///   "prompt"             with "max_tokens" OpenAI's completions, else Llama's (llama.h)
///
/// The answer is that form's too; a stream is its chunks, each as {"bytes": base64} in an event `chunk`, the last one
/// with the member amazon-bedrock-invocationMetrics. Token counts are in the head's fields of a whole answer.

#include <string>

#include "base/json.h"
#include "base/status.h"
#include "serve/dialect.h"

namespace bedplate::bedrock {

struct InvokeOptions {
  std::string model;  // from the path
  bool stream = false;
  bool counting = false;  // only the prompt matters
};
Result<Call> DecodeInvoke(const Json& body, InvokeOptions options);

}  // namespace bedplate::bedrock
