// Method: a real server on a free port with a scripted engine and a key file, driven by raw sockets: what each dialect
// shows of keys and of their limits.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/log.h"
#include "ledger/key_admission.h"
#include "serve/route_calls_testing.h"
#include "serve/served_testing.h"

namespace bedplate {
namespace {

using std::chrono::seconds;

constexpr std::string_view kMessages = R"({"model":"fake","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]})";
constexpr std::string_view kMessagesVersion = "anthropic-version: 2023-06-01\r\n";
constexpr std::string_view kAda = "Authorization: Bearer ada-secret\r\n";

std::string Entry(std::string_view name, std::string_view more = "") {
  return Cat("[[keys]]\nname = \"", name, "\"\nsha256 = \"", *Sha256HexOf(Cat(name, "-secret")), "\"\n", more, "\n");
}

class KeysServer : public testing::Test {
 protected:
  void Start(std::string_view keys, FakeEngine::Mode mode = FakeEngine::Mode::kAnswer) {
    auto file = KeyFile::Parse(keys, "keys.toml");
    ASSERT_TRUE(file.ok()) << file.status().message();
    ServerOptions options = QuietOptions();
    options.has_keys = true;
    served_ = std::make_unique<Served>(mode, options, std::make_unique<KeyAdmission>(*std::move(file), clock_));
  }
  RawAnswer Chat(std::string_view fields = kAda, std::string_view body = kChat) {
    return served_->Ask(PostText("/v1/chat/completions", body, fields));
  }
  RawAnswer Messages(std::string_view fields = kAda) {
    return served_->Ask(PostText("/v1/messages", kMessages, Cat(kMessagesVersion, fields)));
  }
  static std::string TypeOf(const RawAnswer& answer) {
    const Result<Json> body = ParseJson(answer.body);
    const Json* error = body.ok() ? body->Find("error") : nullptr;
    return error == nullptr ? answer.body : error->Find("type")->as_string();
  }
  static bool HasLimits(const RawAnswer& answer) {
    return std::ranges::any_of(answer.fields,
                               [](const auto& field) { return field.first.find("ratelimit") != std::string::npos; });
  }

  SimClock clock_;  // the admission's; outlives it
  std::unique_ptr<Served> served_;
};

TEST_F(KeysServer, EveryRouteAsksForAKeyButThree) {
  Start(Entry("ada"));
  for (const auto* path : {"/health", "/ready", "/", "/favicon.ico"}) {
    EXPECT_NE(served_->Ask(GetText(path)).status, 401) << path;
  }
  for (const auto* path : {"/metrics", "/openapi.json", "/v1/models", "/v1/models/fake"}) {
    const RawAnswer refused = served_->Ask(GetText(path));
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_EQ(CodeOf(refused), "missing_api_key");
    EXPECT_EQ(refused.fields.at("www-authenticate"), "Bearer");
    EXPECT_EQ(served_->Ask(GetText(path, kAda)).status, 200) << path;
  }
  const auto expect_refused = [&](const std::string& method, const std::string& path) {
    const std::string text =
        method == "POST" ? PostText(path, "{}") : Cat(method, " ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const bool amazon = path.starts_with("/model/") || path.starts_with("/foundation-models");
    EXPECT_EQ(served_->Ask(text).status, amazon ? 403 : 401) << method << " " << path;
  };
  for (const BilledCall& call : BilledCalls()) expect_refused("POST", call.path);
  for (const FreeCall& call : FreeCalls()) {
    if (call.path == "/health" || call.path == "/ready" || call.route == "GET /*") continue;
    if (call.path == "/console/session") continue;  // it says who is signed in, and takes a key in its body
    expect_refused(call.route.substr(0, call.route.find(' ')), call.path);
  }
  EXPECT_EQ(Chat().status, 200);
  EXPECT_EQ(Chat("x-api-key: ada-secret\r\n").status, 200);
  EXPECT_EQ(Messages().status, 200);
  EXPECT_EQ(Messages("x-api-key: ada-secret\r\n").status, 200);
}

TEST_F(KeysServer, TheEngineIsToldWhoseShareItIs) {
  Start(Entry("ada", "tenant = \"t\"\nweight = 3") + Entry("bob", "tenant = \"t\"\nweight = 3") + Entry("cy") +
        Entry("di"));
  std::vector<Request> told;
  for (const char* name : {"ada", "bob", "cy", "di", "di"}) {
    EXPECT_EQ(Chat(Cat("Authorization: Bearer ", name, "-secret\r\n")).status, 200);
    told.push_back(served_->engine.WaitFor(told.size()).request.request);
  }
  EXPECT_EQ(told[0].flow, told[1].flow) << "one tenant's keys share";
  EXPECT_EQ(told[0].weight, 3u);
  EXPECT_NE(told[0].flow, told[2].flow);
  EXPECT_NE(told[2].flow, told[3].flow) << "keys without a tenant don't";
  EXPECT_EQ(told[3].flow, told[4].flow);
  EXPECT_EQ(told[3].weight, 1u);
}

TEST_F(KeysServer, WrongKeysAreToldInTheDialectAndNeverRepeated) {
  Start(Entry("ada") + Entry("old", "expires = 1970-01-01T00:00:02Z"));
  const RawAnswer openai = Chat("Authorization: Bearer wrong-secret\r\n");
  EXPECT_EQ(openai.status, 401);
  EXPECT_EQ(CodeOf(openai), "invalid_api_key");
  EXPECT_EQ(openai.body.find("wrong-secret"), std::string::npos);
  const RawAnswer anthropic = Messages("x-api-key: wrong-secret\r\n");
  EXPECT_EQ(anthropic.status, 401);
  EXPECT_EQ(TypeOf(anthropic), "authentication_error");
  EXPECT_EQ(anthropic.body.find("wrong-secret"), std::string::npos);
  EXPECT_EQ(Chat("Authorization: Bearer old-secret\r\n").status, 200);
  clock_.Advance(seconds(1));
  EXPECT_EQ(CodeOf(Chat("Authorization: Bearer old-secret\r\n")), "expired_key");
  EXPECT_EQ(served_->engine.submitted(), 1u);
}

TEST_F(KeysServer, SecretsNeverReachTheLog) {
  testing::internal::CaptureStderr();
  auto file = KeyFile::Parse(Entry("ada"), "keys.toml");
  ASSERT_TRUE(file.ok());
  ServerOptions options = QuietOptions();
  options.log_requests = true;
  served_ = std::make_unique<Served>(FakeEngine::Mode::kAnswer, options,
                                     std::make_unique<KeyAdmission>(*std::move(file), clock_));
  SetLogLevel(LogLevel::kDebug);
  Chat();
  Chat("Authorization: Bearer wrong-secret\r\n");
  served_->Ask(GetText("/v1/models?api_key=ada-secret", "x-api-key: ada-secret\r\n"));
  served_->server->Stop();
  served_->server->Wait();
  SetLogLevel(LogLevel::kInfo);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("\"key\":\"ada\""), std::string::npos) << log;
  EXPECT_EQ(log.find("-secret"), std::string::npos) << log;
}

TEST_F(KeysServer, ResponsesTellTheLimitsHoweverTheyAreAnswered) {
  Start(Entry("ada", "requests_per_minute = 4"));
  for (const char* how : {R"("store":false)", R"("store":true)", R"("stream":true)", R"("background":true)"}) {
    const RawAnswer answer = served_->Ask(PostText("/v1/responses", Cat(R"({"model":"fake","input":"Hi",)", how, "}"),
                                                   "Authorization: Bearer ada-secret\r\n"));
    EXPECT_EQ(answer.status, 200) << how;
    EXPECT_TRUE(answer.fields.contains("x-ratelimit-limit-requests")) << how;
  }
}

TEST_F(KeysServer, RequestsPerMinuteInBothDialects) {
  Start(Entry("ada", "requests_per_minute = 2\ntokens_per_minute = 600"));
  const RawAnswer first = Chat();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.fields.at("x-ratelimit-limit-requests"), "2");
  EXPECT_EQ(first.fields.at("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(first.fields.at("x-ratelimit-reset-requests"), "30s");
  EXPECT_EQ(first.fields.at("x-ratelimit-limit-tokens"), "600");
  EXPECT_EQ(first.fields.at("x-ratelimit-remaining-tokens"), "596") << "2 of the prompt, 2 of the answer";
  EXPECT_EQ(first.fields.at("x-ratelimit-reset-tokens"), "400ms");
  const RawAnswer second = Messages();
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.fields.at("anthropic-ratelimit-requests-limit"), "2");
  EXPECT_EQ(second.fields.at("anthropic-ratelimit-requests-remaining"), "0");
  EXPECT_EQ(second.fields.at("anthropic-ratelimit-requests-reset").size(),
            std::string_view("2026-01-01T00:00:00Z").size());
  EXPECT_EQ(second.fields.at("anthropic-ratelimit-tokens-remaining"), "592");

  const RawAnswer openai = Chat();
  EXPECT_EQ(openai.status, 429);
  EXPECT_EQ(CodeOf(openai), "rate_limit_exceeded");
  EXPECT_EQ(openai.fields.at("retry-after"), "30");
  EXPECT_EQ(openai.fields.at("retry-after-ms"), "30000");
  EXPECT_EQ(openai.fields.at("x-ratelimit-remaining-requests"), "0");
  const RawAnswer anthropic = Messages();
  EXPECT_EQ(anthropic.status, 429);
  EXPECT_EQ(TypeOf(anthropic), "rate_limit_error");
  EXPECT_EQ(anthropic.fields.at("retry-after"), "30");
  EXPECT_EQ(anthropic.fields.at("anthropic-ratelimit-requests-remaining"), "0");
  clock_.Advance(seconds(30));
  EXPECT_EQ(Chat().status, 200);
}

TEST_F(KeysServer, AStreamSettlesOnceWhetherItEndsOrIsCut) {
  Start(Entry("ada", "concurrent_requests = 1\ntokens_per_minute = 600"), FakeEngine::Mode::kHold);
  {
    RawClient client(served_->port());
    client.Send(PostText("/v1/chat/completions", kChatStream, kAda));
    const FakeEngine::Submitted running = served_->engine.WaitFor(0);
    const RawAnswer refused = Messages();
    EXPECT_EQ(refused.status, 429);
    EXPECT_NE(refused.body.find("requests at a time: limit 1, used 1"), std::string::npos) << refused.body;
    running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hel")});
    const auto head = client.ReadUntil("\r\n\r\n");
    ASSERT_TRUE(head);
    // The head goes out with the first event, when the prompt has been noted.
    EXPECT_NE(head->find("x-ratelimit-remaining-tokens: 598"), std::string::npos) << *head;
    EXPECT_TRUE(client.ReadUntil("Hel"));
  }  // cut
  // The place is free again: this one isn't answered with 429, but reaches the engine.
  RawClient next(served_->port());
  EXPECT_TRUE(Eventually([&] {
    next.Send(PostText("/v1/chat/completions", kChat, kAda));
    return !next.ReadUntil("429 Too Many", 100);
  }));
  const FakeEngine::Submitted running = served_->engine.WaitFor(1);
  running.events->Push({FakeEngine::Read(running.request), FakeEngine::Finished(running.request, 1)});
  const auto head = next.ReadUntil("x-ratelimit-remaining-tokens: 594\r\n");
  EXPECT_TRUE(head) << "three tokens of the one that was cut, three of this";
}

TEST_F(KeysServer, WhatTheEngineRefusesCountsForNothing) {
  Start(Entry("ada", "requests_per_minute = 1\nconcurrent_requests = 1"), FakeEngine::Mode::kRefuse);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(CodeOf(Chat()), "queue_full");
}

TEST_F(KeysServer, APromptAboveTheLimitIsNotToBeTriedAgain) {
  Start(Entry("ada", "tokens_per_minute = 1"));
  const RawAnswer openai = Chat();
  EXPECT_EQ(openai.status, 413);
  EXPECT_EQ(CodeOf(openai), "prompt_exceeds_rate_limit");
  EXPECT_FALSE(openai.fields.contains("retry-after"));
  EXPECT_EQ(TypeOf(Messages()), "request_too_large");
}

TEST_F(KeysServer, ModelsThatAKeyMayNotUse) {
  Start(Entry("ada", "models = [\"other\"]") + Entry("bob", "models = [\"fake\"]"));
  const RawAnswer openai = Chat();
  EXPECT_EQ(openai.status, 403);
  EXPECT_EQ(CodeOf(openai), "model_not_found");
  EXPECT_EQ(Messages().status, 403);
  EXPECT_EQ(TypeOf(Messages()), "permission_error");
  EXPECT_EQ(served_->Ask(PostText("/v1/messages/count_tokens", kMessages, kAda)).status, 403);
  EXPECT_EQ(served_->Ask(GetText("/v1/models/fake", kAda)).status, 403);
  EXPECT_EQ(served_->Ask(GetText("/v1/models", kAda)).body.find("fake"), std::string::npos);
  // Nor is it told what there is.
  EXPECT_EQ(Chat(kAda, R"({"model":"other","messages":[{"role":"user","content":"Hi"}]})").body.find("fake"),
            std::string::npos);
  constexpr std::string_view kBob = "Authorization: Bearer bob-secret\r\n";
  EXPECT_EQ(Chat(kBob).status, 200);
  EXPECT_NE(served_->Ask(GetText("/v1/models", kBob)).body.find("fake"), std::string::npos);
}

TEST_F(KeysServer, CapsOnBodyTokensAndTime) {
  Start(Entry("ada", "body_bytes_max = 100\noutput_tokens_max = 5\nrequest_seconds_max = 60"), FakeEngine::Mode::kHold);
  const RawAnswer large = Chat(kAda, Cat(kChat, std::string(200, ' ')));
  EXPECT_EQ(large.status, 413);
  EXPECT_NE(large.body.find("100"), std::string::npos);
  const std::string chunks = Cat("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n", kAda,
                                 "Transfer-Encoding: chunked\r\n\r\nc8\r\n", std::string(200, ' '), "\r\n0\r\n\r\n");
  EXPECT_EQ(served_->Ask(chunks).status, 413);
  const RawAnswer many = Chat(kAda, R"({"model":"fake","max_tokens":6,"messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(many.status, 400);
  EXPECT_EQ(CodeOf(many), "max_tokens_exceeds_key");
  RawClient client(served_->port());
  client.Send(PostText("/v1/chat/completions", kChat, kAda));
  const FakeEngine::Submitted running = served_->engine.WaitFor(0);
  EXPECT_EQ(running.request.output_tokens_max, 5u);
  ASSERT_TRUE(running.request.deadline.has_value());
  const auto left = *running.request.deadline - served_->clock.Now();
  EXPECT_GT(left, seconds(50));
  EXPECT_LE(left, seconds(60));
  running.events->Push({RequestFailed{
      .status = Status(StatusCode::kDeadlineExceeded, "too long").WithReason("deadline_passed"), .usage = {}}});
  const RawAnswer late = client.Answer();
  EXPECT_EQ(late.status, 408);
  EXPECT_EQ(late.fields.at("x-should-retry"), "false");
}

TEST_F(KeysServer, EachKeyHasACacheOfItsOwn) {
  Start(Entry("ada") + Entry("bob"));
  const auto salt_of = [&](std::string_view key, std::string_view more = "") {
    Chat(Cat("Authorization: Bearer ", key, "-secret\r\n"), Cat(kChat.substr(0, kChat.size() - 1), more, "}"));
    return served_->engine.WaitFor(served_->engine.submitted() - 1).request.cache_salt;
  };
  const uint64_t ada = salt_of("ada");
  EXPECT_NE(ada, 0u);
  EXPECT_EQ(ada, salt_of("ada"));
  EXPECT_NE(ada, salt_of("bob"));
  const uint64_t salted = salt_of("ada", R"(,"cache_salt":"x")");
  EXPECT_NE(salted, ada);
  EXPECT_EQ(salted, salt_of("ada", R"(,"cache_salt":"x")"));
  EXPECT_NE(salted, salt_of("bob", R"(,"cache_salt":"x")"));
}

TEST_F(KeysServer, WithoutLimitsThereAreNoSuchFields) {
  Start(Entry("ada"));
  EXPECT_FALSE(HasLimits(Chat()));
  EXPECT_FALSE(HasLimits(Messages()));
}

}  // namespace
}  // namespace bedplate
