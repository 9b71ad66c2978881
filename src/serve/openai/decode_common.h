#pragma once
/// The fields that chat completions and completions share.

#include "base/json.h"
#include "base/status.h"
#include "request/request.h"
#include "serve/dialect.h"
#include "serve/field_reader.h"

namespace bedplate::openai {

inline constexpr uint32_t kLogprobsMax = 20;

struct StreamChoice {
  bool stream = false;
  bool include_usage = false;
};

Status CheckIsObject(const Json& body);
/// How tokens are drawn: temperature, top_p and the extensions, seed, logit_bias. What is absent stays as it is.
Status ReadSampling(const FieldReader& fields, SamplingParams& sampling);
/// sampling, stop, seed, logit_bias and the extensions, into request.
Status ReadCommon(const FieldReader& fields, Request& request);
Status ReadChoices(const FieldReader& fields, Request& request);  // `n`
Result<StreamChoice> ReadStream(const FieldReader& fields);
/// {"mode": "auto" | "required", "tools": [...]}, of a tool_choice of type allowed_tools: the model is told of these
/// alone. A tool is named by `name`, as in responses, or by `function.name`, as in chats.
Status ReadAllowedTools(const FieldReader& allowed, ChatPrompt& prompt);
/// response_format, and other engines' ways to say what the output must look like.
Status ReadConstraint(const FieldReader& fields, Request& request);
/// The same of a response: `text`, {"format": {"type": "json_schema", "name": ..., "schema": ...}}, or other engines'
/// ways.
Status ReadResponseConstraint(const FieldReader& fields, Request& request);

}  // namespace bedplate::openai
