// Method: a real server on a free port with a scripted engine, driven by raw sockets, so that every byte is the test's.
#include "serve/server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "base/json.h"
#include "serve/fake_engine_testing.h"
#include "serve/raw_client_testing.h"

namespace bedplate {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kChat = R"({"model":"fake","messages":[{"role":"user","content":"Hi"}]})";
constexpr std::string_view kChatStream =
    R"({"model":"fake","messages":[{"role":"user","content":"Hi"}],"stream":true})";

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

ServerOptions QuietOptions() {
  ServerOptions options;
  options.listen = {"127.0.0.1", 0};
  options.log_requests = false;
  return options;
}

class Served {
 public:
  explicit Served(FakeEngine::Mode mode = FakeEngine::Mode::kAnswer, ServerOptions options = QuietOptions(),
                  std::unique_ptr<Admission> the_admission = MakeOpenAdmission())
      : engine("fake", mode), admission(std::move(the_admission)) {
    ServedModel model;
    model.engine = &engine;
    auto created = Server::Create(std::move(options), {model}, *admission, clock);
    EXPECT_TRUE(created.ok()) << created.status().message();
    server = *std::move(created);
    server->Start();
  }
  RawAnswer Ask(const std::string& bytes, bool head_only = false) {
    RawClient client(server->port());
    EXPECT_TRUE(client.Send(bytes));
    return client.Answer(head_only);
  }
  uint16_t port() const { return server->port(); }

  FakeEngine engine;
  const SystemClock clock;
  std::unique_ptr<Admission> admission;
  std::unique_ptr<Server> server;
};

// The error object of an answer; every error must have OpenAI's four members.
Json ErrorOf(const RawAnswer& answer) {
  const Result<Json> body = ParseJson(answer.body);
  EXPECT_TRUE(body.ok()) << answer.body;
  if (!body.ok()) return {};
  const Json* error = body->Find("error");
  EXPECT_NE(error, nullptr) << answer.body;
  if (error == nullptr) return {};
  for (const auto* name : {"message", "type", "param", "code"}) EXPECT_NE(error->Find(name), nullptr) << answer.body;
  EXPECT_TRUE(answer.fields.contains("x-request-id"));
  return *error;
}
std::string CodeOf(const RawAnswer& answer) {
  const Json error = ErrorOf(answer);
  const Json* code = error.Find("code");
  return code != nullptr && code->is_string() ? code->as_string() : "null";
}

TEST(Server, AnswersHealthReadyModelsAndMetrics) {
  Served served;
  EXPECT_EQ(served.Ask(GetText("/health")).status, 200);
  EXPECT_EQ(served.Ask(GetText("/ready")).status, 200);
  const RawAnswer models = served.Ask(GetText("/v1/models"));
  EXPECT_NE(models.body.find(R"("id":"fake","object":"model","created":1234)"), std::string::npos) << models.body;
  EXPECT_EQ(served.Ask(GetText("/v1/models/fake")).status, 200);
  EXPECT_EQ(CodeOf(served.Ask(GetText("/v1/models/no%2Fsuch"))), "model_not_found");
  const RawAnswer metrics = served.Ask(GetText("/metrics"));
  EXPECT_NE(metrics.body.find("bedplate_tokens_total{model=\"fake\",kind=\"prompt_computed\"} 4\n"), std::string::npos);
  EXPECT_NE(metrics.body.find("bedplate_http_requests_total{route=\"/health\",status=\"200\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.body.find("bedplate_time_to_first_token_seconds_bucket{model=\"fake\",le=\"+Inf\"} 0\n"),
            std::string::npos);
}

TEST(Server, FingerprintsSayWhatDecidesTheBits) {
  FakeEngine engine("fake", FakeEngine::Mode::kAnswer);
  const SystemClock clock;
  const auto admission = MakeOpenAdmission();
  const auto fingerprint = [&](std::string numerics, std::string given) {
    ServedModel model;
    model.engine = &engine;
    model.fingerprint = std::move(given);
    model.numerics = std::move(numerics);
    auto server = Server::Create(QuietOptions(), {model}, *admission, clock);
    EXPECT_TRUE(server.ok()) << server.status().message();
    (*server)->Start();
    RawClient client((*server)->port());
    EXPECT_TRUE(client.Send(PostText("/v1/chat/completions", kChat)));
    const Result<Json> body = ParseJson(client.Answer().body);
    return body.ok() ? body->Find("system_fingerprint")->as_string() : "no JSON";
  };
  const std::string f16 = fingerprint("keys and values f16", "");
  EXPECT_EQ(f16, fingerprint("keys and values f16", ""));
  EXPECT_NE(f16, fingerprint("keys and values q8", ""));
  EXPECT_EQ(fingerprint("keys and values q8", "fp_given"), "fp_given");
}

TEST(Server, AnswersChatWhole) {
  Served served;
  const RawAnswer answer = served.Ask(PostText("/v1/chat/completions", kChat, "X-Request-Id: my-id_1\r\n"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.fields.at("x-request-id"), "my-id_1");
  EXPECT_TRUE(answer.fields.contains("openai-processing-ms"));
  EXPECT_NE(answer.body.find(R"("message":{"role":"assistant","content":"Hello, world","refusal":null})"),
            std::string::npos)
      << answer.body;
  EXPECT_NE(answer.body.find(R"("prompt_tokens":2,"completion_tokens":2,"total_tokens":4)"), std::string::npos);
  EXPECT_TRUE(ParseJson(answer.body).ok());
}

TEST(Server, AnswersChatAsStream) {
  Served served;
  const RawAnswer answer = served.Ask(PostText("/v1/chat/completions", kChatStream));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.fields.at("content-type"), "text/event-stream; charset=utf-8");
  const size_t role = answer.body.find(R"("delta":{"role":"assistant")");
  const size_t hello = answer.body.find(R"("delta":{"content":"Hello,"})");
  const size_t finish = answer.body.find(R"("delta":{},"logprobs":null,"finish_reason":"stop")");
  EXPECT_LT(role, hello);
  EXPECT_LT(hello, finish);
  EXPECT_TRUE(answer.body.ends_with("\n\ndata: [DONE]\n\n")) << answer.body;
  EXPECT_EQ(answer.body.find("usage"), std::string::npos);
}

TEST(Server, Http10StreamEndsWithTheConnection) {
  Served served;
  RawClient client(served.port());
  client.Send(
      Cat("POST /v1/chat/completions HTTP/1.0\r\nContent-Length: ", kChatStream.size(), "\r\n\r\n", kChatStream));
  const RawAnswer answer = client.Answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.fields.contains("transfer-encoding"));
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(answer.body.ends_with("data: [DONE]\n\n"));
}

TEST(Server, CompletionsIndexChoicesOverPrompts) {
  Served served;
  const RawAnswer answer = served.Ask(PostText("/v1/completions", R"({"model":"fake","prompt":["a","bb"],"n":2})"));
  EXPECT_EQ(answer.status, 200) << answer.body;
  for (int i = 0; i < 4; ++i) EXPECT_NE(answer.body.find(Cat("{\"index\":", i, ",")), std::string::npos);
  EXPECT_NE(answer.body.find(R"("prompt_tokens":3,"completion_tokens":8)"), std::string::npos) << answer.body;
}

TEST(Server, BadRequestsGetTheirStatusAndTheServerGoesOn) {
  Served served;
  const std::string long_prompt(2000, 'x');
  struct Case {
    std::string bytes;
    int status;
    std::string code;
  };
  const auto chat = [](std::string_view body) { return PostText("/v1/chat/completions", body); };
  const Case cases[] = {
      {chat("{\"model\""), 400, "null"},
      {chat(""), 400, "null"},
      {chat("[]"), 400, "null"},
      {chat("{\"model\":\"fake\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}"), 400, "null"},
      {chat(R"({"model":7,"messages":[]})"), 400, "invalid_type"},
      {chat(R"({"model":"fake","messages":[{"role":"user","content":"x"}],"temperature":9})"), 400,
       "decimal_out_of_range"},
      {chat(R"({"model":"gpt-9","messages":[{"role":"user","content":"x"}]})"), 404, "model_not_found"},
      {chat(Cat(R"({"model":"fake","messages":[{"role":"user","content":")", long_prompt, R"("}]})")), 400,
       "context_length_exceeded"},
      {GetText("/v1/nothing"), 404, "unknown_url"},
      {PostText("/v1/embeddings", "{}"), 404, "unknown_url"},
      {GetText("/v1/chat/completions"), 405, "method_not_allowed"},
      {"DELETE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method_not_allowed"},
      {"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "host_not_allowed"},
      {GetText("/health", "Origin: https://evil.example\r\n"), 403, "origin_not_allowed"},
      {"GET /health HTTP/1.1\r\n\r\n", 400, "null"},
      {"GET /health HTTP/3.0\r\nHost: localhost\r\n\r\n", 505, "http_version_not_supported"},
      {"\x16\x03\x01\x02", 400, "null"},
      {GetText("/health", Cat("X-Long: ", std::string(20000, 'a'), "\r\n")), 431, "header_fields_too_large"},
      {PostText("/v1/completions", "{}", "Transfer-Encoding: gzip\r\n"), 400, "null"},
      {"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n", 413, "request_too_large"},
      {"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "null"},
      {GetText("/v1/models/%zz"), 400, "null"},
  };
  for (const Case& c : cases) {
    const RawAnswer answer = served.Ask(c.bytes);
    EXPECT_EQ(answer.status, c.status) << c.bytes.substr(0, 200) << answer.body;
    EXPECT_EQ(CodeOf(answer), c.code) << c.bytes.substr(0, 200) << answer.body;
  }
  EXPECT_EQ(served.Ask(GetText("/v1/chat/completions")).fields.at("allow"), "POST");
  EXPECT_EQ(served.Ask(PostText("/v1/chat/completions", kChat)).status, 200);
}

// Where a library runs out of memory: once, but for kSettle, which always does.
enum class ThrowsIn : uint8_t { kAuthenticate, kAdmit, kFirstNote, kSecondNote, kSettle };

class ThrowingAdmission final : public Admission {
 public:
  explicit ThrowingAdmission(ThrowsIn where) : where_(where) {}
  Result<Principal> Authenticate(std::string_view) override {
    MayThrow(ThrowsIn::kAuthenticate);
    return Principal{};
  }
  Result<std::unique_ptr<Permit>> Admit(const Principal&, const Estimate&) override {
    MayThrow(ThrowsIn::kAdmit);
    return std::unique_ptr<Permit>(std::make_unique<ThrowingPermit>(*this));
  }

 private:
  class ThrowingPermit final : public Permit {
   public:
    explicit ThrowingPermit(ThrowingAdmission& owner) : owner_(owner) {}
    void Note(const Usage&) override { owner_.MayThrow(notes_++ == 0 ? ThrowsIn::kFirstNote : ThrowsIn::kSecondNote); }
    void Settle(const Usage&) override { owner_.MayThrow(ThrowsIn::kSettle); }

   private:
    ThrowingAdmission& owner_;
    int notes_ = 0;
  };
  void MayThrow(ThrowsIn here) {
    if (here != where_) return;
    const bool again = thrown_.exchange(true);
    if (!again || here == ThrowsIn::kSettle) throw std::bad_alloc();
  }
  const ThrowsIn where_;
  std::atomic<bool> thrown_{false};
};

TEST(Server, ALibrarysExceptionFailsOneRequestAndNoOther) {
  for (const ThrowsIn where : {ThrowsIn::kAuthenticate, ThrowsIn::kAdmit, ThrowsIn::kFirstNote}) {
    Served served(FakeEngine::Mode::kAnswer, QuietOptions(), std::make_unique<ThrowingAdmission>(where));
    const RawAnswer failed = served.Ask(PostText("/v1/chat/completions", kChatStream));
    EXPECT_EQ(failed.status, 500);
    EXPECT_EQ(CodeOf(failed), "out_of_memory");
    EXPECT_EQ(served.Ask(PostText("/v1/chat/completions", kChatStream)).status, 200);
  }
  Served served(FakeEngine::Mode::kThrow);
  for (const std::string_view body : {kChat, kChatStream}) {
    const RawAnswer failed = served.Ask(PostText("/v1/chat/completions", body));  // on a worker
    EXPECT_EQ(failed.status, 500);
    EXPECT_EQ(CodeOf(failed), "out_of_memory");
  }
  const RawAnswer metrics = served.Ask(GetText("/metrics"));  // in a handler
  EXPECT_EQ(metrics.status, 500);
  EXPECT_NE(metrics.body.find("no numbers"), std::string::npos) << metrics.body;
  EXPECT_EQ(served.Ask(GetText("/health")).status, 200);
}

TEST(Server, ALibrarysExceptionMidStreamIsPartOfTheStream) {
  Served served(FakeEngine::Mode::kHold, QuietOptions(), std::make_unique<ThrowingAdmission>(ThrowsIn::kSecondNote));
  RawClient client(served.port());
  client.Send(PostText("/v1/chat/completions", kChatStream));
  const FakeEngine::Submitted running = served.engine.WaitFor(0);
  running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hel")});
  EXPECT_TRUE(client.ReadUntil("Hel"));
  running.events->Push({FakeEngine::Said("lo")});
  EXPECT_TRUE(client.ReadUntil("\"code\":\"out_of_memory\""));
  EXPECT_TRUE(client.ReadUntil("\r\n0\r\n\r\n"));
  EXPECT_TRUE(running.events->cancelled());
  EXPECT_EQ(served.Ask(GetText("/health")).status, 200);
}

TEST(Server, WhatCannotEvenFailClosesTheConnection) {
  Served served(FakeEngine::Mode::kHold, QuietOptions(), std::make_unique<ThrowingAdmission>(ThrowsIn::kSettle));
  RawClient client(served.port());
  client.Send(PostText("/v1/chat/completions", kChat));
  const FakeEngine::Submitted running = served.engine.WaitFor(0);
  running.events->Push({RequestFailed{.status = Status::Unavailable("stopped"), .usage = {}}});
  EXPECT_TRUE(client.WaitForEnd());
  EXPECT_EQ(served.Ask(GetText("/health")).status, 200);
}

std::string SixtyFourPrompts() {
  std::string prompts;
  for (int i = 0; i < 64; ++i) prompts += i == 0 ? "\"a\"" : ",\"a\"";
  return PostText("/v1/completions", Cat(R"({"model":"fake","prompt":[)", prompts, "]}"));
}

TEST(Server, ManyPromptsHoldUpNobody) {
  Served served(FakeEngine::Mode::kHold);
  served.engine.AllowPreparing(0);
  RawClient many(served.port()), one(served.port());
  many.Send(SixtyFourPrompts());
  served.engine.WaitForPreparing(1);
  one.Send(PostText("/v1/completions", R"({"model":"fake","prompt":"bb"})"));
  size_t allowed = 0;
  for (; allowed < 60 && served.engine.submitted() == 0; served.engine.AllowPreparing(++allowed)) {
    EXPECT_EQ(served.Ask(GetText("/health")).status, 200);  // by now the network thread has read what came before
  }
  EXPECT_LT(allowed, 60u);
  EXPECT_EQ(served.engine.WaitFor(0).request.tokens.size(), 2u);
  served.engine.AllowPreparing(1000);
}

TEST(Server, PromptsOfAClientThatHasGoneAreNotPrepared) {
  Served served(FakeEngine::Mode::kHold);
  served.engine.AllowPreparing(0);
  RawClient many(served.port());
  many.Send(SixtyFourPrompts());
  served.engine.WaitForPreparing(1);
  many.Close();
  EXPECT_TRUE(Eventually(
      [&] { return served.Ask(GetText("/metrics")).body.find("bedplate_http_connections 1\n") != std::string::npos; }));
  served.engine.AllowPreparing(1000);
  RawClient one(served.port());
  one.Send(PostText("/v1/completions", R"({"model":"fake","prompt":"bb"})"));
  EXPECT_EQ(served.engine.WaitFor(0).request.tokens.size(), 2u);
  EXPECT_EQ(served.engine.preparing(), 2u);
}

TEST(Server, HeaderFloodIsCutOff) {
  Served served;
  std::string many;
  for (int i = 0; i < 500; ++i) many += Cat("a", i, ": b\r\n");
  EXPECT_EQ(served.Ask(GetText("/health", many)).status, 431);
}

TEST(Server, TooLongBodyIsAnsweredWhileItIsStillBeingSent) {
  Served served;
  RawClient client(served.port());
  client.Send("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n");
  EXPECT_TRUE(client.Send(std::string(9'000'000, 'x')));  // drained, not reset
  const RawAnswer answer = client.Answer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.body.find("9000000"), std::string::npos);
  EXPECT_NE(answer.body.find("8388608"), std::string::npos);
  EXPECT_EQ(answer.fields.at("connection"), "close");
}

TEST(Server, ChunkedBodiesAndContinue) {
  Served served;
  RawClient client(served.port());
  client.Send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nExpect: "
      "100-continue\r\n\r\n");
  EXPECT_EQ(client.Answer().status, 100);
  for (const char c : kChat) client.Send(Cat("1;ext=1\r\n", c, "\r\n"));
  client.Send("0\r\nTrailer: x\r\n\r");
  client.Send("\n");
  EXPECT_EQ(client.Answer().status, 200);
}

TEST(Server, PipelinedRequestsAreAnsweredInOrder) {
  Served served;
  RawClient client(served.port());
  std::string bytes;
  for (int i = 0; i < 20; ++i) {
    bytes += GetText("/health") + PostText("/v1/chat/completions", i % 2 ? kChat : kChatStream) + GetText("/v1/models");
  }
  client.Send(bytes);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.Answer().body, R"({"status":"ok"})");
    const RawAnswer chat = client.Answer();
    EXPECT_EQ(chat.fields.contains("transfer-encoding"), i % 2 == 0);
    EXPECT_TRUE(chat.complete);
    EXPECT_TRUE(client.Answer().body.starts_with(R"({"object":"list")"));
  }
}

TEST(Server, HeadHasNoBodyAndKeepsTheConnection) {
  Served served;
  RawClient client(served.port());
  client.Send("HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + GetText("/health"));
  const RawAnswer head = client.Answer(/*head_only=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.fields.at("content-length"), "15");
  EXPECT_EQ(client.Answer().body.size(), 15u);
}

TEST(Server, ConnectionCloseIsHonoured) {
  Served served;
  RawClient client(served.port());
  client.Send(GetText("/health", "Connection: close\r\n"));
  EXPECT_EQ(client.Answer().fields.at("connection"), "close");
  EXPECT_TRUE(client.WaitForEnd());
}

TEST(Server, AClosedConnectionCancels) {
  for (const bool reset : {false, true}) {
    for (const bool streaming : {false, true}) {
      Served served(FakeEngine::Mode::kHold);
      RawClient client(served.port());
      client.Send(PostText("/v1/chat/completions", streaming ? kChatStream : kChat));
      const FakeEngine::Submitted running = served.engine.WaitFor(0);
      running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hel")});
      if (streaming) EXPECT_TRUE(client.ReadUntil("Hel"));
      EXPECT_FALSE(running.events->cancelled());
      reset ? client.Reset() : client.Close();
      EXPECT_TRUE(Eventually([&] { return running.events->cancelled(); })) << reset << streaming;
    }
  }
}

TEST(Server, AHalfClosedRequestIsToldThatItWasCancelled) {
  Served served(FakeEngine::Mode::kHold);
  RawClient client(served.port());
  client.Send(PostText("/v1/chat/completions", kChat));
  const FakeEngine::Submitted running = served.engine.WaitFor(0);
  client.HalfClose();
  EXPECT_EQ(client.Answer().status, 499);
  // The client may leave before the strand has taken the request over from its worker.
  EXPECT_TRUE(Eventually([&] { return running.events->cancelled(); }));
  EXPECT_TRUE(client.WaitForEnd());
}

TEST(Server, AHalfClosedRequestIsAnsweredIfSoConfigured) {
  ServerOptions options = QuietOptions();
  options.half_close_cancels = false;
  Served served(FakeEngine::Mode::kHold, options);
  RawClient client(served.port());
  client.Send(PostText("/v1/chat/completions", kChatStream));
  const FakeEngine::Submitted running = served.engine.WaitFor(0);
  client.HalfClose();
  std::this_thread::sleep_for(50ms);
  running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("still"), ChoiceFinished{},
                        FakeEngine::Finished(running.request, 1)});
  const RawAnswer answer = client.Answer();
  EXPECT_TRUE(answer.body.ends_with("data: [DONE]\n\n"));
  EXPECT_TRUE(client.WaitForEnd());
}

TEST(Server, AConnectionThatEndsMidRequestIsTold) {
  Served served;
  for (const std::string& part :
       {std::string("GET /health HT"), PostText("/v1/completions", "{}").substr(0, 100),
        std::string("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")}) {
    RawClient client(served.port());
    client.Send(part);
    client.HalfClose();
    const RawAnswer answer = client.Answer();
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find("the connection ended"), std::string::npos) << answer.body;
  }
}

TEST(Server, AFailureMidStreamIsPartOfTheStream) {
  Served served(FakeEngine::Mode::kHold);
  RawClient client(served.port());
  client.Send(PostText("/v1/chat/completions", kChatStream));
  const FakeEngine::Submitted running = served.engine.WaitFor(0);
  running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hel")});
  EXPECT_TRUE(client.ReadUntil("Hel"));
  running.events->Push({RequestFailed{.status = Status::Unavailable("stopped"), .usage = {}}});
  EXPECT_TRUE(client.ReadUntil("data: {\"error\":{\"message\":\"stopped\""));
  const auto end = client.ReadUntil("\r\n0\r\n\r\n");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->find("[DONE]"), std::string::npos);
}

TEST(Server, AFailureBeforeTheFirstEventIsAStatus) {
  Served served(FakeEngine::Mode::kHold);
  RawClient client(served.port());
  client.Send(PostText("/v1/chat/completions", kChatStream));
  served.engine.WaitFor(0).events->Push({RequestFailed{.status = Status::Unavailable("stopped"), .usage = {}}});
  EXPECT_EQ(client.Answer().status, 503);
}

TEST(Server, AFullQueueIs429WithARetryTime) {
  Served served(FakeEngine::Mode::kRefuse);
  const RawAnswer answer = served.Ask(PostText("/v1/chat/completions", kChat));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(CodeOf(answer), "queue_full");
  EXPECT_EQ(answer.fields.at("retry-after"), "2");
  EXPECT_EQ(answer.fields.at("retry-after-ms"), "1500");
  EXPECT_EQ(answer.fields.at("x-should-retry"), "true");
}

TEST(Server, ASilentStreamPings) {
  ServerOptions options = QuietOptions();
  options.ping_every = 50ms;
  Served served(FakeEngine::Mode::kHold, options);
  RawClient client(served.port());
  client.Send(PostText("/v1/chat/completions", kChatStream));
  EXPECT_TRUE(client.ReadUntil(": ping\n\n"));
  EXPECT_TRUE(client.ReadUntil(": ping\n\n"));
}

TEST(Server, ASlowReaderIsBoundedAndThenDropped) {
  ServerOptions options = QuietOptions();
  options.write_pause_max = 500ms;
  options.write_queue_bytes = size_t{64} << 10;
  Served served(FakeEngine::Mode::kHold, options);
  RawClient client(served.port(), /*receive_buffer=*/4096);
  client.Send(PostText("/v1/chat/completions", kChatStream));
  const FakeEngine::Submitted running = served.engine.WaitFor(0);
  running.events->Push({FakeEngine::Read(running.request)});
  // Far more than the sockets hold. The engine's outbox keeps what the connection does not take.
  const std::string piece(size_t{64} << 10, 'x');
  for (int i = 0; i < 400 && !running.events->cancelled(); ++i) {
    running.events->Push({FakeEngine::Said(piece)});
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_TRUE(Eventually([&] { return running.events->cancelled(); }));
  EXPECT_FALSE(running.events->Take().empty()) << "everything was taken: nothing bounded it";
  EXPECT_EQ(served.Ask(GetText("/health")).status, 200);
}

TEST(Server, SlowHeadsAndBodiesTimeOut) {
  ServerOptions options = QuietOptions();
  options.head_time_max = 200ms;
  options.body_pause_max = 200ms;
  Served served(FakeEngine::Mode::kAnswer, options);
  RawClient head(served.port());
  for (const char c : std::string_view("GET /health")) {  // progress does not buy time
    if (!head.Send(std::string(1, c))) break;
    std::this_thread::sleep_for(40ms);
  }
  EXPECT_EQ(head.Answer().status, 408);
  RawClient body(served.port());
  body.Send("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_EQ(body.Answer().status, 408);
  RawClient silent(served.port());
  EXPECT_TRUE(silent.WaitForEnd());
}

TEST(Server, IdleConnectionsClose) {
  ServerOptions options = QuietOptions();
  options.idle_time_max = 100ms;
  Served served(FakeEngine::Mode::kAnswer, options);
  RawClient client(served.port());
  client.Send(GetText("/health"));
  EXPECT_EQ(client.Answer().status, 200);
  EXPECT_TRUE(client.WaitForEnd());
}

TEST(Server, TooManyConnectionsGet503) {
  ServerOptions options = QuietOptions();
  options.connections_max = 2;
  Served served(FakeEngine::Mode::kAnswer, options);
  RawClient one(served.port()), two(served.port());
  one.Send(GetText("/health"));
  two.Send(GetText("/health"));
  EXPECT_EQ(one.Answer().status + two.Answer().status, 400);
  RawClient three(served.port());
  const RawAnswer refused = three.Answer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(CodeOf(refused), "too_many_connections");
  one.Close();
  three.Close();
  EXPECT_TRUE(Eventually([&] { return served.Ask(GetText("/health")).status == 200; }));
}

TEST(Server, ModelsThatLoadLater) {
  ServerOptions options = QuietOptions();
  options.loading_models = {"late", "broken"};
  Served served(FakeEngine::Mode::kAnswer, options);
  const std::string ask = PostText("/v1/completions", R"({"model":"late","prompt":"x"})");
  const RawAnswer loading = served.Ask(ask);
  EXPECT_EQ(loading.status, 503);
  EXPECT_EQ(CodeOf(loading), "model_loading");
  EXPECT_TRUE(loading.fields.contains("retry-after"));
  EXPECT_EQ(served.Ask(GetText("/ready")).status, 503);
  FakeEngine late("late");
  ServedModel model;
  model.engine = &late;
  model.aliases = {"tardy"};
  EXPECT_TRUE(served.server->AddModel(model).ok());
  EXPECT_EQ(served.server->AddModel(model).code(), StatusCode::kConflict);
  EXPECT_EQ(served.Ask(ask).status, 200);
  EXPECT_EQ(served.Ask(PostText("/v1/completions", R"({"model":"tardy","prompt":"x"})")).status, 200);
  served.server->ReportLoadFailure("broken", Status::DataLoss("truncated"));
  EXPECT_NE(served.Ask(GetText("/ready")).body.find("truncated"), std::string::npos);
  served.server.reset();  // before the engine that it serves
}

TEST(Server, DrainLetsStreamsEndAndRefusesNewWork) {
  Served served(FakeEngine::Mode::kHold);
  RawClient running_client(served.port()), idle_client(served.port());
  idle_client.Send(GetText("/health"));
  EXPECT_EQ(idle_client.Answer().status, 200);
  running_client.Send(PostText("/v1/chat/completions", kChatStream) + GetText("/health"));
  const FakeEngine::Submitted running = served.engine.WaitFor(0);
  running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hel")});
  EXPECT_TRUE(running_client.ReadUntil("\r\n\r\n"));
  served.server->Drain(10s);
  EXPECT_TRUE(idle_client.WaitForEnd());
  running.events->Push({FakeEngine::Said("lo"), ChoiceFinished{}, FakeEngine::Finished(running.request, 2)});
  EXPECT_TRUE(running_client.ReadUntil("data: [DONE]"));
  running_client.Close();
  served.server->Wait();
}

TEST(Server, DrainHasADeadlineAndStopIsNow) {
  for (const bool drain : {false, true}) {
    Served served(FakeEngine::Mode::kHold);
    RawClient client(served.port());
    client.Send(PostText("/v1/chat/completions", kChat));
    const FakeEngine::Submitted running = served.engine.WaitFor(0);
    drain ? served.server->Drain(100ms) : served.server->Stop();
    served.server->Wait();
    EXPECT_TRUE(client.WaitForEnd());
    running.events->Push({FakeEngine::Said("too late")});  // the engine may not know yet
    served.server.reset();
    EXPECT_TRUE(running.events->cancelled());  // not before: the strand may not have taken the request over
    running.events->Push({FakeEngine::Said("later still")});
  }
}

TEST(Server, ManyClientsOverSeveralIoThreads) {
  ServerOptions options = QuietOptions();
  options.io_threads = 2;
  Served served(FakeEngine::Mode::kAnswer, options);
  std::vector<std::thread> clients;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      RawClient client(served.port());
      for (int round = 0; round < 20; ++round) {
        client.Send(PostText("/v1/chat/completions", (i + round) % 2 ? kChat : kChatStream));
        right += client.Answer().complete;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 160);
}

TEST(Server, RefusesToListenBeyondLoopbackWithoutKeys) {
  ServerOptions options = QuietOptions();
  options.listen = {"0.0.0.0", 0};
  const SystemClock clock;
  const auto admission = MakeOpenAdmission();
  const auto server = Server::Create(options, {}, *admission, clock);
  EXPECT_EQ(server.status().code(), StatusCode::kInvalidArgument);
}

TEST(Server, ATakenPortIsNamed) {
  Served served;
  ServerOptions options = QuietOptions();
  options.listen.port = served.port();
  const auto second = Server::Create(options, {}, *served.admission, served.clock);
  EXPECT_EQ(second.status().code(), StatusCode::kIoError);
  EXPECT_NE(second.status().message().find(Cat(served.port())), std::string::npos);
}

}  // namespace
}  // namespace bedplate
