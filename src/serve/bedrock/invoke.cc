#include "serve/bedrock/invoke.h"

#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/cat.h"
#include "serve/anthropic/decode.h"
#include "serve/bedrock/errors.h"
#include "serve/bedrock/event_message.h"
#include "serve/bedrock/llama.h"
#include "serve/openai/decode.h"
#include "serve/reply_blocks.h"

namespace bedplate::bedrock {
namespace {

constexpr std::string_view kAnthropicVersion = "bedrock-2023-05-31";

class InvokeWhole final : public ReplyEncoder {
 public:
  InvokeWhole(std::unique_ptr<ReplyEncoder> inner, ReplyIdentity identity)
      : inner_(std::move(inner)), identity_(std::move(identity)) {}

  void OnEvent(size_t part, const Event& event, std::string& out) override { inner_->OnEvent(part, event, out); }
  void OnDone(const Usage& total, std::string& out) override {
    total_ = total;
    inner_->OnDone(total, out);
  }
  void OnFailure(const Status& status, std::string& out) override { out += ErrorResponse(status, "").body; }
  std::vector<HttpField> WholeFields() const override {
    return {{"content-type", "application/json"},
            {"x-amzn-requestid", identity_.request_id},
            {"x-amzn-bedrock-input-token-count", Cat(total_.prompt_tokens - total_.cached_tokens)},
            {"x-amzn-bedrock-output-token-count", Cat(total_.output_tokens)},
            {"x-amzn-bedrock-cache-read-input-token-count", Cat(total_.cached_tokens)},
            {"x-amzn-bedrock-cache-write-input-token-count", "0"},
            {"x-amzn-bedrock-invocation-latency", Cat(identity_.elapsed_ms())}};
  }

 private:
  const std::unique_ptr<ReplyEncoder> inner_;
  const ReplyIdentity identity_;
  Usage total_;
};

// The inner stream's frames ("data: {...}\n\n", perhaps with a name before) become chunks. The one that ends a choice
// is kept until the numbers are there, for the last chunk has them.
class InvokeStream final : public ReplyEncoder {
 public:
  InvokeStream(std::unique_ptr<ReplyEncoder> inner, ReplyIdentity identity, bool has_pings)
      : inner_(std::move(inner)), identity_(std::move(identity)), has_pings_(has_pings) {}

  void OnEvent(size_t part, const Event& event, std::string& out) override {
    std::string frames;
    inner_->OnEvent(part, event, frames);
    const bool ends = std::holds_alternative<ChoiceFinished>(event);
    if (std::holds_alternative<OutputDelta>(event) && !first_ms_) first_ms_ = identity_.elapsed_ms();
    TakeFrames(frames, out);
    if (!ends) Flush(out);
  }
  void OnDone(const Usage& total, std::string& out) override {
    std::string frames;
    inner_->OnDone(total, frames);
    TakeFrames(frames, out);
    std::string last = std::exchange(held_, {});
    if (last.empty()) last = "{}";
    last.pop_back();
    last.append(last.size() > 1 ? "," : "").append("\"amazon-bedrock-invocationMetrics\":").append(Metrics(total));
    AppendChunk(last + "}", out);
  }
  void OnFailure(const Status& status, std::string& out) override { AppendStreamFailure(status, out); }
  void OnPing(std::string& out) override {
    has_pings_ ? AppendChunk(R"({"type":"ping"})", out) : bedrock::AppendEvent("ping", "{}", out);
  }
  std::vector<HttpField> StreamFields() const override {
    return {{"content-type", std::string(kEventStreamType)},
            {"x-amzn-bedrock-content-type", "application/json"},
            {"x-amzn-requestid", identity_.request_id}};
  }

 private:
  static void AppendChunk(std::string_view json, std::string& out) {
    std::string payload = R"({"bytes":")";
    AppendBase64(json, payload);
    bedrock::AppendEvent("chunk", payload + "\"}", out);
  }

  // Those before the last go out; the last is held.
  void TakeFrames(std::string_view frames, std::string& out) {
    constexpr std::string_view kData = "data: ", kEnd = "\n\n";
    while (!frames.empty()) {
      const size_t end = frames.find(kEnd);
      BP_CHECK(end != std::string_view::npos);
      const std::string_view frame = frames.substr(0, end);
      frames.remove_prefix(end + kEnd.size());
      const size_t data = frame.starts_with(kData) ? 0 : frame.find("\ndata: ") + 1;
      BP_CHECK(data != 0 || frame.starts_with(kData));
      const std::string_view json = frame.substr(data + kData.size());
      if (json == "[DONE]") continue;
      Flush(out);
      held_ = json;
    }
  }
  void Flush(std::string& out) {
    if (!held_.empty()) AppendChunk(std::exchange(held_, {}), out);
  }
  std::string Metrics(const Usage& total) const {
    return WriteJson(Json::Object{{"inputTokenCount", Number(total.prompt_tokens - total.cached_tokens)},
                                  {"outputTokenCount", Number(total.output_tokens)},
                                  {"invocationLatency", identity_.elapsed_ms()},
                                  {"firstByteLatency", first_ms_.value_or(identity_.elapsed_ms())},
                                  {"cacheReadInputTokenCount", Number(total.cached_tokens)},
                                  {"cacheWriteInputTokenCount", 0}});
  }

  const std::unique_ptr<ReplyEncoder> inner_;
  const ReplyIdentity identity_;
  const bool has_pings_;  // of the form's own
  std::string held_;
  std::optional<int64_t> first_ms_;
};

enum class Form : uint8_t { kAnthropic, kChat, kCompletions, kLlama };

Result<Form> FormOf(const Json& body) {
  if (!body.is_object()) {
    return Status::InvalidArgument(Cat("The request's body must be a JSON object, but is ", body.kind(), "."));
  }
  if (const Json* version = body.Find("anthropic_version")) {
    if (version->is_string() && version->as_string() == kAnthropicVersion) return Form::kAnthropic;
    return Status::InvalidArgument(Cat("anthropic_version: allowed: ", kAnthropicVersion, "."))
        .WithParam("anthropic_version");
  }
  if (body.Find("messages") != nullptr) return Form::kChat;
  if (body.Find("prompt") != nullptr) return body.Find("max_tokens") != nullptr ? Form::kCompletions : Form::kLlama;
  return Status::InvalidArgument(
      "The body is of no form known here: it needs anthropic_version and messages, or messages, or prompt.");
}

// The body with a model and a stream flag, which the other dialects have in it.
Json Completed(const Json& body, const InvokeOptions& options) {
  Json::Object completed;
  for (const auto& [name, value] : body.as_object()) {
    if (name != "model" && name != "stream") completed.emplace_back(name, value);
  }
  completed.emplace_back("model", options.model);
  completed.emplace_back("stream", options.stream);
  return completed;
}

Result<Call> DecodeForm(Form form, const Json& body, const InvokeOptions& options) {
  switch (form) {
    case Form::kAnthropic:
      return anthropic::DecodeMessages(Completed(body, options), {.counting = options.counting});
    case Form::kChat:
      return openai::DecodeChat(Completed(body, options));
    case Form::kCompletions:
      return openai::DecodeCompletions(Completed(body, options), {.prompts_max = 1});
    case Form::kLlama:
      break;
  }
  return DecodeLlama(body, options.stream);
}

}  // namespace

Result<Call> DecodeInvoke(const Json& body, InvokeOptions options) {
  BP_ASSIGN_OR_RETURN(const Form form, FormOf(body));
  BP_ASSIGN_OR_RETURN(Call call, DecodeForm(form, body, options));
  call.model = std::move(options.model);
  call.make_encoder = [make_inner = std::move(call.make_encoder), stream = options.stream,
                       form](ReplyIdentity identity) -> std::unique_ptr<ReplyEncoder> {
    auto inner = make_inner(identity);
    if (!stream) return std::make_unique<InvokeWhole>(std::move(inner), std::move(identity));
    return std::make_unique<InvokeStream>(std::move(inner), std::move(identity), form == Form::kAnthropic);
  };
  return call;
}

}  // namespace bedplate::bedrock
