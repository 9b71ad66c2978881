// Method: a real server with TLS on a free port and a scripted engine: an encrypted connection behaves as a plain one,
// and what is peculiar to TLS (slow or failed handshakes, half-closed and cut connections) ends as it should.
#include <gtest/gtest.h>

#include <chrono>

#include "serve/served_testing.h"
#include "serve/tls_client_testing.h"

namespace bedplate {
namespace {

using namespace std::chrono_literals;

class TlsServer : public testing::Test {
 protected:
  void Start(FakeEngine::Mode mode = FakeEngine::Mode::kAnswer, ServerOptions options = QuietOptions()) {
    auto pem = MakeSelfSigned({"localhost"}, SystemClock().UnixSeconds());
    ASSERT_TRUE(pem.ok());
    trusted_ = pem->certificate;
    options.tls = *TlsContext::Create(*pem);
    served_ = std::make_unique<Served>(mode, std::move(options));
  }
  std::unique_ptr<TlsClient> Connect() {
    auto client = std::make_unique<TlsClient>(served_->port(), trusted_);
    EXPECT_TRUE(client->Handshake());
    return client;
  }

  std::string trusted_;
  std::unique_ptr<Served> served_;
};

TEST_F(TlsServer, AnswersOneAfterAnotherWholeAndAsAStream) {
  Start();
  const auto client = Connect();
  client->Send(PostText("/v1/chat/completions", kChat));
  EXPECT_TRUE(client->ReadUntil("Hello, world"));
  client->Send(PostText("/v1/chat/completions", kChatStream));
  EXPECT_TRUE(client->ReadUntil("[DONE]"));
  client->Send(GetText("/health", "Connection: close\r\n"));
  EXPECT_TRUE(client->ReadToEnd()) << "a server that has said all says so";
  EXPECT_NE(client->seen().find(R"({"status":"ok"})"), std::string::npos);
}

TEST_F(TlsServer, AnOldVersionOrAnotherNameIsRefused) {
  Start();
  TlsClient old(served_->port(), trusted_, TLS1_1_VERSION);
  EXPECT_FALSE(old.Handshake());
  TlsClient distrustful(served_->port(), "");
  EXPECT_FALSE(distrustful.Handshake());
  EXPECT_TRUE(Connect()->Send(GetText("/health")));
}

TEST_F(TlsServer, PlainHttpIsToldToSpeakTls) {
  Start();
  const RawAnswer answer = served_->Ask(GetText("/health"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("https://"), std::string::npos) << answer.body;
}

TEST_F(TlsServer, ASlowHandshakeEnds) {
  ServerOptions options = QuietOptions();
  options.head_time_max = 50ms;
  options.linger_time_max = 50ms;
  Start(FakeEngine::Mode::kAnswer, options);
  RawClient silent(served_->port());
  EXPECT_TRUE(silent.WaitForEnd());
  RawClient halting(served_->port());
  halting.Send("\x16\x03\x01");
  EXPECT_TRUE(halting.WaitForEnd());
  RawClient wrong(served_->port());
  wrong.Send(std::string(100, '\x01'));
  EXPECT_TRUE(wrong.WaitForEnd());
}

TEST_F(TlsServer, AClientThatGoesCancelsItsRequest) {
  Start(FakeEngine::Mode::kHold);
  size_t number = 0;
  for (const bool says_so : {true, false}) {
    const auto client = Connect();
    client->Send(PostText("/v1/chat/completions", kChatStream));
    const FakeEngine::Submitted running = served_->engine.WaitFor(number++);
    running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hel")});
    EXPECT_TRUE(client->ReadUntil("Hel"));
    says_so ? client->HalfClose() : client->Cut();
    EXPECT_TRUE(Eventually([&] { return running.events->cancelled(); }));
    if (!says_so) continue;
    EXPECT_TRUE(client->ReadUntil("client closed its side"));
    EXPECT_TRUE(client->ReadToEnd());
  }
}

TEST_F(TlsServer, AHalfClosedConnectionMayStillGetItsAnswer) {
  ServerOptions options = QuietOptions();
  options.half_close_cancels = false;
  Start(FakeEngine::Mode::kHold, options);
  const auto client = Connect();
  client->Send(PostText("/v1/chat/completions", kChat));
  const FakeEngine::Submitted running = served_->engine.WaitFor(0);
  client->HalfClose();
  running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hello"),
                        ChoiceFinished{.choice = 0, .reason = FinishReason::kStop, .stop_string = {}},
                        FakeEngine::Finished(running.request, 1)});
  EXPECT_TRUE(client->ReadToEnd());
  EXPECT_NE(client->seen().find("\"Hello\""), std::string::npos) << client->seen();
}

TEST_F(TlsServer, AStreamThatIsCutOffIsSeenToBe) {
  Start(FakeEngine::Mode::kHold);
  const auto client = Connect();
  client->Send(PostText("/v1/chat/completions", kChatStream));
  const FakeEngine::Submitted running = served_->engine.WaitFor(0);
  running.events->Push({FakeEngine::Read(running.request), FakeEngine::Said("Hel")});
  EXPECT_TRUE(client->ReadUntil("Hel"));
  served_->server->Stop();
  EXPECT_FALSE(client->ReadToEnd());
}

TEST_F(TlsServer, AnIdleConnectionIsClosedWithItsNotice) {
  ServerOptions options = QuietOptions();
  options.idle_time_max = 50ms;
  Start(FakeEngine::Mode::kAnswer, options);
  const auto client = Connect();
  client->Send(GetText("/health"));
  EXPECT_TRUE(client->ReadToEnd()) << "TCP ended without TLS's notice";
  EXPECT_NE(client->seen().find(R"({"status":"ok"})"), std::string::npos);
}

}  // namespace
}  // namespace bedplate
