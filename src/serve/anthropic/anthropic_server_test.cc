// Method: a real server on a free port with a scripted engine, driven by raw sockets: what Anthropic's clients see on
// the wire beside the message itself: paths shared with OpenAI's, headers, errors of every stage.
#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/served_testing.h"

namespace bedplate {
namespace {

constexpr std::string_view kVersion = "anthropic-version: 2023-06-01\r\n";
constexpr std::string_view kAsk = R"({"model":"fake","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]})";

// Knows one key.
class OneKey final : public Admission {
 public:
  Result<Principal> Authenticate(std::string_view credentials) override {
    if (credentials == "Bearer right") return Principal{};
    return Status(StatusCode::kUnauthenticated, "wrong key");
  }
  Result<AccessKey> FindAccessKey(std::string_view id) override { return open_->FindAccessKey(id); }
  Admitted Admit(const Principal& principal, const Estimate& estimate) override {
    return open_->Admit(principal, estimate);
  }

 private:
  std::unique_ptr<Admission> open_ = MakeOpenAdmission();
};

class AnthropicServer : public testing::Test {
 protected:
  void Start(FakeEngine::Mode mode = FakeEngine::Mode::kAnswer,
             std::unique_ptr<Admission> admission = MakeOpenAdmission()) {
    served_ = std::make_unique<Served>(mode, QuietOptions(), std::move(admission));
  }
  RawAnswer Ask(const std::string& bytes) { return served_->Ask(bytes); }
  // "404 not_found_error", and the id of the body is the header's.
  static std::string ErrorOf(const RawAnswer& answer) {
    const Result<Json> body = ParseJson(answer.body);
    const Json* error = body.ok() ? body->Find("error") : nullptr;
    if (error == nullptr || error->Find("type") == nullptr) return answer.body;
    EXPECT_EQ(body->Find("type")->as_string(), "error");
    EXPECT_EQ(body->Find("request_id")->as_string(), answer.fields.at("request-id"));
    return Cat(answer.status, " ", error->Find("type")->as_string());
  }

  std::unique_ptr<Served> served_;
};

TEST_F(AnthropicServer, AnswersWholeAndAsAStream) {
  Start();
  const RawAnswer whole = Ask(PostText("/v1/messages?beta=true", kAsk, std::string(kVersion)));
  EXPECT_EQ(whole.status, 200);
  EXPECT_NE(whole.body.find(R"("content":[{"type":"text","text":"Hello, world"}],"stop_reason":"end_turn")"),
            std::string::npos)
      << whole.body;
  const RawAnswer stream = Ask(PostText("/v1/messages", Cat(kAsk.substr(0, kAsk.size() - 1), ",\"stream\":true}")));
  EXPECT_EQ(stream.fields.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_TRUE(stream.body.starts_with("event: message_start\n")) << stream.body;
  EXPECT_TRUE(stream.body.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

TEST_F(AnthropicServer, CountsTokens) {
  Start();
  const RawAnswer answer =
      Ask(PostText("/v1/messages/count_tokens", R"({"model":"fake","messages":[{"role":"user","content":"four"}]})"));
  EXPECT_EQ(answer.body, R"({"input_tokens":4})");
  EXPECT_EQ(served_->engine.submitted(), 0u);
  EXPECT_EQ(ErrorOf(Ask(PostText("/v1/messages/count_tokens", "{}"))), "400 invalid_request_error");
}

TEST_F(AnthropicServer, TheHeaderChoosesTheModelLists) {
  Start();
  EXPECT_NE(Ask(GetText("/v1/models")).body.find(R"("object":"list")"), std::string::npos);
  EXPECT_EQ(Ask(GetText("/v1/models", std::string(kVersion))).body,
            R"({"data":[{"type":"model","id":"fake","display_name":"fake","created_at":"1970-01-01T00:20:34Z",)"
            R"("max_input_tokens":1000,"max_tokens":1000}],"has_more":false,"first_id":"fake","last_id":"fake"})");
  EXPECT_NE(Ask(GetText("/v1/models/fake", std::string(kVersion))).body.find(R"("type":"model")"), std::string::npos);
  EXPECT_EQ(ErrorOf(Ask(GetText("/v1/models?limit=0", std::string(kVersion)))), "400 invalid_request_error");
  EXPECT_EQ(Ask(GetText("/v1/models?after_id=fake", std::string(kVersion))).body,
            R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
}

TEST_F(AnthropicServer, EveryStagesErrorsAreAnthropics) {
  Start();
  EXPECT_EQ(ErrorOf(Ask(PostText("/v1/messages", "{"))), "400 invalid_request_error");
  EXPECT_EQ(ErrorOf(Ask(PostText("/v1/messages",
                                 R"({"model":"x","max_tokens":1,"messages":[{"role":"user","content":"a"}]})"))),
            "404 not_found_error");
  EXPECT_EQ(ErrorOf(Ask(GetText("/v1/messages"))), "405 invalid_request_error");
  EXPECT_EQ(ErrorOf(Ask(GetText("/v1/files", std::string(kVersion)))), "404 not_found_error");
  EXPECT_EQ(ErrorOf(Ask(GetText("/v1/models/x", std::string(kVersion)))), "404 not_found_error");
  const std::string long_text(FakeEngine::kContext, 'x');
  const RawAnswer overflow =
      Ask(PostText("/v1/messages", Cat(R"({"model":"fake","max_tokens":1,"messages":[{"role":"user","content":")",
                                       long_text, "\"}]}")));
  EXPECT_EQ(ErrorOf(overflow), "400 invalid_request_error");
  EXPECT_NE(overflow.body.find("prompt is too long"), std::string::npos);
}

TEST_F(AnthropicServer, AFullQueueIsOverloaded) {
  Start(FakeEngine::Mode::kRefuse);
  const RawAnswer answer = Ask(PostText("/v1/messages", kAsk));
  EXPECT_EQ(ErrorOf(answer), "529 overloaded_error");
  EXPECT_EQ(answer.fields.at("retry-after"), "2");
}

TEST_F(AnthropicServer, TakesBothKeyHeaders) {
  Start(FakeEngine::Mode::kAnswer, std::make_unique<OneKey>());
  const auto status = [&](const std::string& fields) { return Ask(PostText("/v1/messages", kAsk, fields)).status; };
  EXPECT_EQ(status("x-api-key: right\r\n"), 200);
  EXPECT_EQ(status("Authorization: Bearer right\r\n"), 200);
  EXPECT_EQ(status("Authorization: Bearer wrong\r\nx-api-key: right\r\n"), 200) << "x-api-key counts";
  EXPECT_EQ(ErrorOf(Ask(PostText("/v1/messages", kAsk, "x-api-key: wrong\r\n"))), "401 authentication_error");
  EXPECT_EQ(ErrorOf(Ask(PostText("/v1/messages", kAsk))), "401 authentication_error");
}

}  // namespace
}  // namespace bedplate
