#pragma once
/// OpenAI's chat completions and (legacy) completions, decoded. Unknown fields are ignored, as clients send new ones;
/// a field that asks for what this build can't do is refused by name, never dropped: an answer that ignores
/// it looks right and is not. Source: https://platform.openai.com/docs/api-reference.
///
/// Beyond OpenAI's fields, as vLLM and llama.cpp name them: top_k, min_p, typical_p, repetition_penalty, ignore_eos,
/// stop_token_ids, chat_template_kwargs, priority (-1000 to 1000; as with vLLM, lower goes first), structured_outputs,
/// guided_json, guided_regex, guided_choice, guided_grammar, grammar, json_schema.

#include "base/json.h"
#include "base/status.h"
#include "serve/dialect.h"

namespace bedplate::openai {

struct CompletionsLimits {
  uint32_t prompts_max = 128;  // in one request
};

Result<Call> DecodeChat(const Json& body);
Result<Call> DecodeCompletions(const Json& body, const CompletionsLimits& limits);

Dialect ChatDialect();
Dialect CompletionsDialect(CompletionsLimits limits);

}  // namespace bedplate::openai
