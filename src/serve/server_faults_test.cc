// Method: a real server on a free port with a scripted engine. What fails, a library, the engine or a client that
// floods, stalls or leaves, fails one request, says so where anybody still listens, and leaves the others alone.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/json.h"
#include "serve/served_testing.h"

namespace bedplate {
namespace {

using namespace std::chrono_literals;

// Where a library runs out of memory: once, but for kSettle, which always does.
enum class ThrowsIn : uint8_t { kAuthenticate, kAdmit, kFirstNote, kThirdNote, kSettle };

class ThrowingAdmission final : public Admission {
 public:
  explicit ThrowingAdmission(ThrowsIn where) : where_(where) {}
  Result<Principal> Authenticate(std::string_view) override {
    MayThrow(ThrowsIn::kAuthenticate);
    return Principal{};
  }
  Result<AccessKey> FindAccessKey(std::string_view) override {
    return Status(StatusCode::kUnauthenticated, "there is none");
  }
  Admitted Admit(const Principal&, const Estimate&) override {
    MayThrow(ThrowsIn::kAdmit);
    return std::make_unique<ThrowingPermit>(*this);
  }

 private:
  class ThrowingPermit final : public Permit {
   public:
    explicit ThrowingPermit(ThrowingAdmission& owner) : owner_(owner) {}
    void Note(const Usage&) override {
      const int number = ++notes_;  // of the prompt, then of each event
      if (number == 1) owner_.MayThrow(ThrowsIn::kFirstNote);
      if (number == 3) owner_.MayThrow(ThrowsIn::kThirdNote);
    }
    void Settle(const Usage&) override { owner_.MayThrow(ThrowsIn::kSettle); }
    [[nodiscard]] RateLimits Rates() const override { return {}; }

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

TEST(ServerFaults, ALibrarysExceptionFailsOneRequestAndNoOther) {
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

TEST(ServerFaults, ALibrarysExceptionMidStreamIsPartOfTheStream) {
  Served served(FakeEngine::Mode::kHold, QuietOptions(), std::make_unique<ThrowingAdmission>(ThrowsIn::kThirdNote));
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

TEST(ServerFaults, WhatCannotEvenFailClosesTheConnection) {
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

TEST(ServerFaults, ManyPromptsHoldUpNobody) {
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

TEST(ServerFaults, PromptsOfAClientThatHasGoneAreNotPrepared) {
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

TEST(ServerFaults, HeaderFloodIsCutOff) {
  Served served;
  std::string many;
  for (int i = 0; i < 500; ++i) many += Cat("a", i, ": b\r\n");
  EXPECT_EQ(served.Ask(GetText("/health", many)).status, 431);
}

TEST(ServerFaults, TooLongBodyIsAnsweredWhileItIsStillBeingSent) {
  Served served;
  RawClient client(served.port());
  client.Send("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n");
  std::string body;
  body.resize(9'000'000, 'x');
  EXPECT_TRUE(client.Send(body));  // drained, not reset
  const RawAnswer answer = client.Answer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.body.find("9000000"), std::string::npos);
  EXPECT_NE(answer.body.find("8388608"), std::string::npos);
  EXPECT_EQ(answer.fields.at("connection"), "close");
}

TEST(ServerFaults, AClosedConnectionCancels) {
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

TEST(ServerFaults, AHalfClosedRequestIsToldThatItWasCancelled) {
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

TEST(ServerFaults, AHalfClosedRequestIsAnsweredIfSoConfigured) {
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

TEST(ServerFaults, AConnectionThatEndsMidRequestIsTold) {
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

TEST(ServerFaults, AFailureMidStreamIsPartOfTheStream) {
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

TEST(ServerFaults, AFailureBeforeTheFirstEventIsAStatus) {
  Served served(FakeEngine::Mode::kHold);
  RawClient client(served.port());
  client.Send(PostText("/v1/chat/completions", kChatStream));
  served.engine.WaitFor(0).events->Push({RequestFailed{.status = Status::Unavailable("stopped"), .usage = {}}});
  EXPECT_EQ(client.Answer().status, 503);
}

TEST(ServerFaults, ASlowReaderIsBoundedAndThenDropped) {
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

TEST(ServerFaults, SlowHeadsAndBodiesTimeOut) {
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

}  // namespace
}  // namespace bedplate
