// Method: a real server on a free port with a scripted engine, driven by raw sockets: what Bedrock's clients see on the
// wire beside the message itself: paths, heads, every exception, and who is let in.
#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/bedrock/event_message.h"
#include "serve/served_testing.h"
#include "serve/sigv4.h"

namespace bedplate {
namespace {

constexpr std::string_view kAskConverse = R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})";
constexpr std::string_view kSecret = "a secret";

// Knows one bearer key and one access key.
class TwoKeys final : public Admission {
 public:
  Result<Principal> Authenticate(std::string_view credentials) override {
    if (credentials == "Bearer right") return Principal{};
    if (credentials.empty()) {
      return Status(StatusCode::kUnauthenticated, "no key").WithReason("missing_api_key");
    }
    return Status(StatusCode::kUnauthenticated, "wrong key").WithReason("invalid_api_key");
  }
  Result<AccessKey> FindAccessKey(std::string_view id) override {
    if (id == "BPAK0") return AccessKey{.secret = std::string(kSecret), .principal = {}};
    return Status(StatusCode::kUnauthenticated, "no such access key").WithReason("unknown_access_key");
  }
  Admitted Admit(const Principal& principal, const Estimate& estimate) override {
    return open_->Admit(principal, estimate);
  }

 private:
  std::unique_ptr<Admission> open_ = MakeOpenAdmission();
};

class BedrockServer : public testing::Test {
 protected:
  void Start(FakeEngine::Mode mode = FakeEngine::Mode::kAnswer, bool keys = false) {
    ServerOptions options = QuietOptions();
    options.has_keys = keys;
    served_ =
        std::make_unique<Served>(mode, std::move(options), keys ? std::make_unique<TwoKeys>() : MakeOpenAdmission());
  }
  RawAnswer Ask(const std::string& bytes) { return served_->Ask(bytes); }
  RawAnswer Post(std::string_view path, std::string_view body, std::string_view fields = "") {
    return Ask(PostText(path, body, fields));
  }
  // "400 ValidationException"; the body has a message, the head an id.
  static std::string ErrorOf(const RawAnswer& answer) {
    const auto type = answer.fields.find("x-amzn-errortype");
    if (type == answer.fields.end()) return Cat(answer.status, " ", answer.body);
    EXPECT_TRUE(answer.fields.contains("x-amzn-requestid"));
    const Result<Json> body = ParseJson(answer.body);
    EXPECT_TRUE(body.ok() && body->Find("message") != nullptr) << answer.body;
    return Cat(answer.status, " ", type->second);
  }
  // A signed request's Authorization and date, as header lines.
  std::string Signed(std::string_view path, std::string_view body, std::string_view secret, std::string_view id,
                     int64_t later = 0) {
    using namespace std::chrono;
    const sys_seconds now{seconds(served_->clock.UnixSeconds() + later)};
    const year_month_day date(floor<days>(now));
    const hh_mm_ss time(now - floor<days>(now));
    SigV4Claim claim;
    claim.date = fmt::format("{:04}{:02}{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                             static_cast<unsigned>(date.day()));
    claim.time = fmt::format("{}T{:02}{:02}{:02}Z", claim.date, time.hours().count(), time.minutes().count(),
                             time.seconds().count());
    claim.region = "local";
    claim.service = "bedrock";
    claim.signed_fields = {"content-type", "host", "x-amz-date"};
    HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.body = body;
    request.fields = {
        {"host", "localhost"}, {"content-type", "application/json"}, {"x-amz-date", claim.time}};  // as PostText's
    return Cat("X-Amz-Date: ", claim.time, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=", id, "/", claim.date,
               "/local/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=",
               *SigV4Signature(claim, secret, request), "\r\n");
  }

  std::unique_ptr<Served> served_;
};

TEST_F(BedrockServer, AnswersWholeAndAsAStream) {
  Start();
  const RawAnswer whole = Post("/model/fake/converse", kAskConverse);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.fields.at("x-amzn-requestid"), whole.fields.at("x-request-id"));
  EXPECT_NE(whole.body.find(R"("content":[{"text":"Hello, world"}]}},"stopReason":"end_turn")"), std::string::npos)
      << whole.body;
  const RawAnswer stream = Post("/model/fake/converse-stream", kAskConverse);
  EXPECT_EQ(stream.fields.at("content-type"), bedrock::kEventStreamType);
  std::string names;
  for (std::string_view rest = stream.body; !rest.empty();) {
    const auto message = bedrock::TakeMessage(rest);
    ASSERT_TRUE(message.ok() && message->has_value());
    names += Cat((*message)->headers[0].second, " ");
  }
  EXPECT_EQ(names, "messageStart contentBlockDelta contentBlockDelta contentBlockStop messageStop metadata ");
}

TEST_F(BedrockServer, InvokesCountsAndLists) {
  Start();
  const RawAnswer invoked = Post("/model/fake/invoke", R"({"prompt":"four"})");
  EXPECT_EQ(invoked.body, R"({"generation":"Hello, world","prompt_token_count":4,"generation_token_count":2,)"
                          R"("stop_reason":"stop"})");
  EXPECT_EQ(invoked.fields.at("x-amzn-bedrock-input-token-count"), "2");
  EXPECT_EQ(invoked.fields.at("x-amzn-bedrock-cache-read-input-token-count"), "2");
  const RawAnswer stream = Post("/model/fake/invoke-with-response-stream", R"({"prompt":"four"})");
  EXPECT_EQ(stream.fields.at("x-amzn-bedrock-content-type"), "application/json");
  EXPECT_EQ(Post("/model/fake/count-tokens", Cat(R"({"input":{"converse":)", kAskConverse, "}}")).body,
            R"({"inputTokens":2})");
  EXPECT_EQ(Post("/model/fake/count-tokens", R"({"input":{"invokeModel":{"body":"eyJwcm9tcHQiOiJmb3VyIn0="}}})").body,
            R"({"inputTokens":4})");
  const std::string summary =
      R"({"modelArn":"arn:aws:bedrock:local::foundation-model/fake","modelId":"fake","modelName":"fake",)"
      R"("providerName":"local","inputModalities":["TEXT"],"outputModalities":["TEXT"],)"
      R"("responseStreamingSupported":true,"customizationsSupported":[],"inferenceTypesSupported":["ON_DEMAND"],)"
      R"("modelLifecycle":{"status":"ACTIVE"}})";
  EXPECT_EQ(Ask(GetText("/foundation-models")).body, Cat(R"({"modelSummaries":[)", summary, "]}"));
  EXPECT_EQ(Ask(GetText("/foundation-models?byOutputModality=TEXT&byProvider=other")).body, R"({"modelSummaries":[]})");
  EXPECT_EQ(Ask(GetText("/foundation-models?byCustomizationType=FINE_TUNING")).body, R"({"modelSummaries":[]})");
  const std::string arn = "arn%3Aaws%3Abedrock%3Alocal%3A%3Afoundation-model%2Ffake";
  EXPECT_EQ(Ask(GetText(Cat("/foundation-models/", arn))).body, Cat(R"({"modelDetails":)", summary, "}"));
  EXPECT_EQ(Post(Cat("/model/", arn, "/converse"), kAskConverse).status, 200);
}

TEST_F(BedrockServer, OtherDialectsAreOnItsHost) {
  Start();
  EXPECT_EQ(Post("/openai/v1/chat/completions", kChat).status, 200);
  EXPECT_NE(Ask(GetText("/openai/v1/models/fake")).body.find(R"("object":"model")"), std::string::npos);
  EXPECT_NE(Post("/openai/v1/chat/completions", "{").body.find("\"error\""), std::string::npos);
  EXPECT_EQ(
      Post("/anthropic/v1/messages", R"({"model":"fake","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]})")
          .status,
      200);
  EXPECT_NE(Post("/anthropic/v1/messages", "{").body.find(R"("type":"error")"), std::string::npos);
}

TEST_F(BedrockServer, EveryStagesErrorsAreModelled) {
  Start();
  EXPECT_EQ(ErrorOf(Post("/model/fake/converse", "{")), "400 ValidationException");
  EXPECT_EQ(ErrorOf(Post("/model/fake/converse", "{}")), "400 ValidationException");
  EXPECT_EQ(ErrorOf(Post("/model/other/converse", kAskConverse)), "404 ResourceNotFoundException");
  EXPECT_EQ(ErrorOf(Post("/model/fake/unknown", kAskConverse)), "404 UnknownOperationException");
  EXPECT_EQ(ErrorOf(Ask(GetText("/model/fake/converse"))), "404 UnknownOperationException");
  EXPECT_EQ(ErrorOf(Post("/guardrail/g/version/1/apply", "{}")), "404 UnknownOperationException");
  EXPECT_EQ(ErrorOf(Post("/async-invoke", "{}")), "404 UnknownOperationException");
  // Of the control plane: told in the form of an AWS SDK where one asks.
  constexpr std::string_view kFromSdk = "amz-sdk-invocation-id: 5f\r\n";
  EXPECT_EQ(ErrorOf(Post("/guardrails", "{}", kFromSdk)), "404 UnknownOperationException");
  EXPECT_EQ(ErrorOf(Ask(GetText("/custom-models", kFromSdk))), "404 UnknownOperationException");
  EXPECT_NE(Post("/guardrails", "{}").body.find("unknown_url"), std::string::npos);
  EXPECT_NE(Post("/v1/embeddings", "{}", kFromSdk).body.find("unknown_url"), std::string::npos);
  EXPECT_EQ(ErrorOf(Post("/model/%zz/converse", kAskConverse)), "400 ValidationException");
  EXPECT_EQ(ErrorOf(Ask(GetText("/foundation-models/other"))), "404 ResourceNotFoundException");
  EXPECT_EQ(ErrorOf(Ask(GetText("/foundation-models?byOutputModality=SMELL"))), "400 ValidationException");
  EXPECT_EQ(ErrorOf(Post("/model/fake/count-tokens", R"({"input":{"invokeModel":{"body":"?"}}})")),
            "400 ValidationException");
  EXPECT_EQ(ErrorOf(Post("/model/fake/invoke", R"({"prompt":"a"})", "X-Amzn-Bedrock-GuardrailIdentifier: g\r\n")),
            "400 ValidationException");
  EXPECT_EQ(ErrorOf(Ask("POST /model/fake/converse HTTP/1.1\r\nHost: evil\r\nContent-Length: 0\r\n\r\n")),
            "403 AccessDeniedException");
  const RawAnswer overflow =
      Post("/model/fake/invoke", Cat(R"({"prompt":")", std::string(FakeEngine::kContext, 'x'), "\"}"));
  EXPECT_EQ(ErrorOf(overflow), "400 ValidationException");
  EXPECT_NE(overflow.body.find("Input is too long"), std::string::npos);
  EXPECT_NE(overflow.body.find("maximum context length"), std::string::npos);
}

TEST_F(BedrockServer, AFullQueueThrottlesAndALoadingModelIsNotReady) {
  Start(FakeEngine::Mode::kRefuse);
  const RawAnswer full = Post("/model/fake/converse-stream", kAskConverse);
  EXPECT_EQ(ErrorOf(full), "429 ThrottlingException");
  EXPECT_EQ(full.fields.at("retry-after"), "2");
  ServerOptions options = QuietOptions();
  options.loading_models = {"coming"};
  served_ = std::make_unique<Served>(FakeEngine::Mode::kThrow, std::move(options));
  EXPECT_EQ(ErrorOf(Post("/model/coming/converse", kAskConverse)), "429 ModelNotReadyException");
  served_->server->ReportLoadFailure("coming", Status::DataLoss("torn"));
  EXPECT_EQ(ErrorOf(Post("/model/coming/converse", kAskConverse)), "503 ServiceUnavailableException");
  EXPECT_EQ(ErrorOf(Post("/model/fake/converse", kAskConverse)), "500 InternalServerException");
}

TEST_F(BedrockServer, AStreamThatFailsEndsWithAnException) {
  Start(FakeEngine::Mode::kHold);
  RawClient client(served_->port());
  ASSERT_TRUE(client.Send(PostText("/model/fake/converse-stream", kAskConverse)));
  const auto running = served_->engine.WaitFor(0);
  running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hel")});
  const auto begun = client.ReadUntil("Hel");
  ASSERT_TRUE(begun.has_value());
  EXPECT_TRUE(begun->starts_with("HTTP/1.1 200 "));
  running.events->Push({RequestFailed{.status = Status::Internal("broken"), .usage = {}}});
  EXPECT_TRUE(client.ReadUntil("internalServerException").has_value());
  EXPECT_TRUE(client.ReadUntil(R"({"message":"broken"})").has_value());
}

TEST_F(BedrockServer, WithoutKeysEverySignatureWillDo) {
  Start();
  EXPECT_EQ(Post("/model/fake/converse", kAskConverse, "Authorization: AWS4-HMAC-SHA256 Credential=any\r\n").status,
            200);
}

TEST_F(BedrockServer, WithKeysSignaturesAreVerified) {
  Start(FakeEngine::Mode::kAnswer, /*keys=*/true);
  const std::string path = "/model/fake%3A0/converse";
  const auto error = [&](std::string_view body, const std::string& fields) {
    return ErrorOf(Post(path, body, fields));
  };
  const std::string good = Signed(path, kAskConverse, kSecret, "BPAK0");
  EXPECT_EQ(error(kAskConverse, good), "404 ResourceNotFoundException") << "let in, but there is no such model";
  EXPECT_EQ(
      Post("/model/fake/converse", kAskConverse, Signed("/model/fake/converse", kAskConverse, kSecret, "BPAK0")).status,
      200);
  EXPECT_EQ(error(Cat(kAskConverse, " "), good), "403 InvalidSignatureException");
  EXPECT_EQ(ErrorOf(Post("/model/fake/converse", kAskConverse, good)), "403 InvalidSignatureException")
      << "another path";
  EXPECT_EQ(ErrorOf(Post(Cat(path, "?a"), kAskConverse, good)), "403 InvalidSignatureException");
  EXPECT_EQ(error(kAskConverse, Signed(path, kAskConverse, "another secret", "BPAK0")),
            "403 InvalidSignatureException");
  EXPECT_EQ(error(kAskConverse, Signed(path, kAskConverse, kSecret, "BPAK0", -400)), "403 InvalidSignatureException")
      << "expired";
  EXPECT_EQ(error(kAskConverse, Signed(path, kAskConverse, kSecret, "BPAK1")), "403 UnrecognizedClientException");
  EXPECT_EQ(error(kAskConverse, Cat("X-Amz-Security-Token: t\r\n", good)), "403 UnrecognizedClientException");
  EXPECT_EQ(error(kAskConverse, "Authorization: AWS4-HMAC-SHA256 Credential=any\r\n"),
            "403 IncompleteSignatureException");
  EXPECT_EQ(error(kAskConverse, ""), "403 MissingAuthenticationTokenException");
  EXPECT_EQ(error(kAskConverse, "Authorization: Bearer wrong\r\n"), "403 AccessDeniedException");
  EXPECT_EQ(Post("/model/fake/converse", kAskConverse, "Authorization: Bearer right\r\n").status, 200);
  EXPECT_EQ(served_->engine.submitted(), 2u);
}

// One connection: what one request proved, the next must prove again.
TEST_F(BedrockServer, ASignatureCountsForItsRequestAlone) {
  Start(FakeEngine::Mode::kAnswer, /*keys=*/true);
  const std::string path = "/model/fake/converse";
  RawClient client(served_->port());
  const std::string good = PostText(path, kAskConverse, Signed(path, kAskConverse, kSecret, "BPAK0"));
  const std::string bad = PostText(path, kAskConverse, Signed(path, kAskConverse, "another", "BPAK0"));
  ASSERT_TRUE(client.Send(good + bad + good + PostText(path, kAskConverse)));
  EXPECT_EQ(client.Answer().status, 200);
  EXPECT_EQ(client.Answer().status, 403);
  EXPECT_EQ(client.Answer().status, 200);
  EXPECT_EQ(client.Answer().status, 403);
}

}  // namespace
}  // namespace bedplate
