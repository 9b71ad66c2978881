// Method: a real server on a free port with a scripted engine, driven by raw sockets, so that every byte is the test's.
#include "serve/server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "base/json.h"
#include "serve/served_testing.h"

namespace bedplate {
namespace {

using namespace std::chrono_literals;

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
      {PostText("/v1/chat/completions", "\x1F\x8B", "content-encoding: gzip\r\n"), 415, "unsupported_content_encoding"},
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
  options.aliases = {{.name = "maker.late-v1:0", .model = "late"}};
  Served served(FakeEngine::Mode::kAnswer, options);
  const std::string ask = PostText("/v1/completions", R"({"model":"late","prompt":"x"})");
  const RawAnswer loading = served.Ask(ask);
  EXPECT_EQ(loading.status, 503);
  EXPECT_EQ(CodeOf(loading), "model_loading");
  EXPECT_TRUE(loading.fields.contains("retry-after"));
  const std::string by_alias = PostText("/v1/completions", R"({"model":"maker.late-v1:0","prompt":"x"})");
  EXPECT_EQ(CodeOf(served.Ask(by_alias)), "model_loading");
  EXPECT_EQ(served.Ask(GetText("/ready")).status, 503);
  FakeEngine late("late");
  ServedModel model;
  model.engine = &late;
  model.aliases = {"tardy"};
  EXPECT_TRUE(served.server->AddModel(model).ok());
  EXPECT_EQ(served.server->AddModel(model).code(), StatusCode::kConflict);
  EXPECT_EQ(served.Ask(ask).status, 200);
  EXPECT_EQ(served.Ask(PostText("/v1/completions", R"({"model":"tardy","prompt":"x"})")).status, 200);
  EXPECT_EQ(served.Ask(by_alias).status, 200);
  EXPECT_NE(served.Ask(GetText("/v1/models")).body.find(R"("aliases":["tardy","maker.late-v1:0"])"), std::string::npos);
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
  clients.reserve(8);
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
