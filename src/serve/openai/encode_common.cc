#include <algorithm>

#include "base/json.h"
#include "serve/openai/encode.h"
#include "serve/openai/errors.h"

namespace bedplate::openai {

std::string UsageJson(const Usage& usage) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("prompt_tokens");
  w.Uint(usage.prompt_tokens);
  w.Key("completion_tokens");
  w.Uint(usage.output_tokens);
  w.Key("total_tokens");
  w.Uint(uint64_t{usage.prompt_tokens} + usage.output_tokens);
  w.Key("prompt_tokens_details");
  w.BeginObject();
  w.Key("cached_tokens");
  w.Uint(usage.cached_tokens);
  w.Key("cache_write_tokens");  // what OpenAI charges more for; filling the cache costs nothing here
  w.Uint(0);
  w.EndObject();
  w.Key("completion_tokens_details");
  w.BeginObject();
  w.Key("reasoning_tokens");
  w.Uint(usage.reasoning_tokens);
  w.Key("accepted_prediction_tokens");
  w.Uint(usage.prediction_accepted_tokens);
  w.Key("rejected_prediction_tokens");
  w.Uint(usage.prediction_rejected_tokens);
  w.EndObject();
  w.EndObject();
  return out;
}

std::string_view StopMark(bool unpaid) {
  return unpaid ? R"(,"bedplate_stop":"budget")" : "";
}

std::string_view FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kToolCalls:
      return "tool_calls";
  }
  return "stop";
}

std::string ReplyHead(std::string_view object, std::string_view id_prefix, const ReplyIdentity& identity) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("id");
  w.String(std::string(id_prefix) + identity.id);
  w.Key("object");
  w.String(object);
  w.Key("created");
  w.Int(identity.created_unix_seconds);
  w.Key("model");
  w.String(identity.model);
  w.Key("system_fingerprint");
  w.String(identity.fingerprint);
  out += ',';
  return out;
}

float PrintableLogprob(float logprob) {
  return std::max(logprob, -9999.0f);
}

void AppendStreamEnd(std::string_view head, bool include_usage, const Usage& total, std::string& out) {
  if (include_usage) out.append(head).append("],\"usage\":").append(UsageJson(total)).append("}\n\n");
  out += "data: [DONE]\n\n";
}

void AppendStreamFailure(const Status& status, std::string& out) {
  out += "data: ";
  AppendError(status, out);
  out += "\n\n";
}

}  // namespace bedplate::openai
