#include "serve/bedrock/llama.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/cat.h"
#include "serve/bedrock/description.h"
#include "serve/bedrock/errors.h"
#include "serve/field_reader.h"
#include "serve/reply_blocks.h"

namespace bedplate::bedrock {
namespace {

// The service's.
constexpr uint32_t kOutputTokensDefault = 512;
constexpr float kTemperatureDefault = 0.5f;
constexpr float kTopPDefault = 0.9f;

class LlamaEncoder final : public ReplyEncoder {
 public:
  explicit LlamaEncoder(bool stream) : stream_(stream) {}

  void OnEvent(size_t, const Event& event, std::string& out) override {
    if (const auto* read = std::get_if<PromptRead>(&event)) {
      prompt_tokens_ = Number(read->prompt_tokens);
    } else if (const auto* delta = std::get_if<OutputDelta>(&event)) {
      output_tokens_ += delta->tokens.size();
      text_ += TextOf(*delta);
      if (stream_ && !text_.empty()) AppendChunk(Json(), out);
    } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
      reason_ = finished->reason == FinishReason::kLength ? "length" : "stop";
      unpaid_ = finished->unpaid;
      if (stream_) AppendChunk(reason_, out);
    }
  }
  void OnDone(const Usage& total, std::string& out) override {
    if (stream_) return;
    prompt_tokens_ = Number(total.prompt_tokens);
    output_tokens_ = total.output_tokens;
    out += WriteJson(Take(reason_));
  }
  void OnFailure(const Status& status, std::string& out) override { out += ErrorResponse(status, "").body; }

 private:
  // The prompt is counted in the first chunk alone.
  Json Take(Json reason) {
    Json::Object out{{"generation", std::exchange(text_, {})},
                     {"prompt_token_count", std::exchange(prompt_tokens_, {})},
                     {"generation_token_count", Number(output_tokens_)},
                     {"stop_reason", std::move(reason)}};
    if (unpaid_) out.emplace_back("bedplate_stop", "budget");
    return out;
  }
  void AppendChunk(Json reason, std::string& out) {
    out.append("data: ").append(WriteJson(Take(std::move(reason)))).append("\n\n");
  }

  const bool stream_;
  std::string text_;
  Json prompt_tokens_;
  uint64_t output_tokens_ = 0;
  std::string reason_;
  bool unpaid_ = false;
};

}  // namespace

Result<Call> DecodeLlama(const Json& body, bool stream) {
  const FieldReader fields(body, "", LlamaFields());
  Request request;
  BP_ASSIGN_OR_RETURN(std::string prompt, fields.RequiredString("prompt"));
  request.prompt = TextPrompt{std::move(prompt)};
  if (const Json* images = fields.Get("images"); images != nullptr && *images != Json(Json::Array{})) {
    return Unsupported("images", "images: not supported: the models here read text only.");
  }
  BP_ASSIGN_OR_RETURN(const auto output_max, fields.Int("max_gen_len", 1, INT32_MAX));
  request.output_tokens_max = output_max ? static_cast<uint32_t>(*output_max) : kOutputTokensDefault;
  request.output_ends_with_context = true;
  BP_ASSIGN_OR_RETURN(const auto temperature, fields.Number("temperature", 0, 1));
  request.sampling.temperature = temperature ? static_cast<float>(*temperature) : kTemperatureDefault;
  BP_ASSIGN_OR_RETURN(const auto top_p, fields.Number("top_p", 0, 1));
  // 0: the smallest set of tokens, which is one.
  request.sampling.top_p =
      std::max(top_p ? static_cast<float>(*top_p) : kTopPDefault, std::numeric_limits<float>::min());
  Call call;
  call.stream = stream;
  call.requests.push_back(std::move(request));
  call.make_encoder = [stream](const ReplyIdentity&) { return std::make_unique<LlamaEncoder>(stream); };
  return call;
}

}  // namespace bedplate::bedrock
