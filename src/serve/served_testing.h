#pragma once
/// A real server on a free port with a scripted engine, and what tests ask of it.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/json.h"
#include "serve/fake_engine_testing.h"
#include "serve/raw_client_testing.h"
#include "serve/server.h"

namespace bedplate {

inline constexpr std::string_view kChat = R"({"model":"fake","messages":[{"role":"user","content":"Hi"}]})";
inline constexpr std::string_view kChatStream =
    R"({"model":"fake","messages":[{"role":"user","content":"Hi"}],"stream":true})";

/// Asks again and again, for ten seconds at most.
inline bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

inline ServerOptions QuietOptions() {
  ServerOptions options;
  options.listen = {"127.0.0.1", 0};
  options.log_requests = false;
  return options;
}

/// A server of one model, "fake", that has started.
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

/// The error object of an answer; every error must have OpenAI's four members.
inline Json ErrorOf(const RawAnswer& answer) {
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
inline std::string CodeOf(const RawAnswer& answer) {
  const Json error = ErrorOf(answer);
  const Json* code = error.Find("code");
  return code != nullptr && code->is_string() ? code->as_string() : "null";
}

}  // namespace bedplate
