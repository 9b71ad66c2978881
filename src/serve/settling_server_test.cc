// Method: a real server on a free port with a scripted engine and books that count, and its whole table of routes. Each
// route that a model is asked by is called in all its forms and completed, cut, failed and refused: what was admitted
// settles exactly once, what was refused never. The other routes admit nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "serve/route_calls_testing.h"
#include "serve/served_testing.h"

namespace bedplate {
namespace {

/// One permit's history.
struct Account {
  Estimate estimate;
  Usage noted, settled;
  int settlements = 0;
  bool gone = false;  // the permit; without a settlement the request was given up
};

class CountingAdmission final : public Admission {
 public:
  explicit CountingAdmission(bool refuses) : refuses_(refuses) {}
  Result<Principal> Authenticate(std::string_view) override { return Principal{}; }
  Result<AccessKey> FindAccessKey(std::string_view) override {
    return Status(StatusCode::kUnauthenticated, "there is none");
  }
  Admitted Admit(const Principal&, const Estimate& estimate) override {
    if (refuses_) return Refusal{.kind = Refusal::Kind::kRequests, .limit = 1, .used = 1, .retry_after_ms = 1000};
    const std::lock_guard lock(mutex_);
    accounts_.push_back({.estimate = estimate, .noted = {}, .settled = {}});
    return std::make_unique<CountingPermit>(*this, accounts_.size() - 1);
  }
  std::vector<Account> accounts() {
    const std::lock_guard lock(mutex_);
    return accounts_;
  }

 private:
  class CountingPermit final : public Permit {
   public:
    CountingPermit(CountingAdmission& owner, size_t number) : owner_(owner), number_(number) {}
    CountingPermit(const CountingPermit&) = delete;
    CountingPermit& operator=(const CountingPermit&) = delete;
    ~CountingPermit() override {
      owner_.Change(number_, [](Account& account) { account.gone = true; });
    }
    void Note(const Usage& usage) override {
      owner_.Change(number_, [&](Account& account) { account.noted = usage; });
    }
    void Settle(const Usage& usage) override {
      owner_.Change(number_, [&](Account& account) {
        account.settled = usage;
        ++account.settlements;
      });
    }
    [[nodiscard]] RateLimits Rates() const override { return {}; }

   private:
    CountingAdmission& owner_;
    const size_t number_;
  };
  void Change(size_t number, const std::function<void(Account&)>& change) {
    const std::lock_guard lock(mutex_);
    change(accounts_[number]);
  }

  const bool refuses_;
  std::mutex mutex_;  // guards the rest
  std::vector<Account> accounts_;
};

/// A server with books, and one call of it.
class Billing {
 public:
  explicit Billing(const BilledCall& call, FakeEngine::Mode mode = FakeEngine::Mode::kAnswer, bool refuses = false)
      : call_(call), served_(mode, QuietOptions(), std::make_unique<CountingAdmission>(refuses)) {}

  Served& served() { return served_; }
  std::vector<Account> accounts() { return static_cast<CountingAdmission&>(*served_.admission).accounts(); }
  [[nodiscard]] std::string Text() const { return PostText(call_.path, call_.body); }
  RawAnswer Ask() { return served_.Ask(Text()); }

  /// Every part of the call, once the engine has it.
  std::vector<FakeEngine::Submitted> Running() {
    std::vector<FakeEngine::Submitted> out;
    for (size_t i = 0; i < call_.prompts; ++i) out.push_back(served_.engine.WaitFor(i));
    return out;
  }
  /// The one account, once its permit has gone: nothing can be added to it any more.
  Account Closed() {
    EXPECT_TRUE(Eventually([&] {
      const std::vector<Account> all = accounts();
      return !all.empty() && std::ranges::all_of(all, &Account::gone);
    }));
    const std::vector<Account> all = accounts();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? Account() : all[0];
  }

 private:
  const BilledCall call_;
  Served served_;
};

// What runs says its prompt and a first word, of one token.
void TellTheBeginning(const std::vector<FakeEngine::Submitted>& running) {
  for (const FakeEngine::Submitted& part : running) {
    part.events->Push({FakeEngine::Read(part.request), FakeEngine::Said("Hel")});
  }
}
void TellTheEnd(const std::vector<FakeEngine::Submitted>& running) {
  for (const FakeEngine::Submitted& part : running) {
    for (uint32_t i = 0; i < part.request.request.choices; ++i) {
      part.events->Push({ChoiceFinished{.choice = i, .reason = FinishReason::kStop, .stop_string = {}}});
    }
    part.events->Push({FakeEngine::Finished(part.request, 1)});
  }
}
bool AllCancelled(const std::vector<FakeEngine::Submitted>& running) {
  return std::ranges::all_of(running, [](const auto& part) { return part.events->cancelled(); });
}

/// A call that a client has sent, and that the engine has and doesn't answer by itself.
struct HeldCall : Billing {
  explicit HeldCall(const BilledCall& call) : Billing(call, FakeEngine::Mode::kHold), client(served().port()) {
    client.Send(Text());
    running = Running();
  }
  RawClient client;
  std::vector<FakeEngine::Submitted> running;
};

/// Runs the test for each call, which failures name.
template <class Test>
void ForEachCall(Test test) {
  for (const BilledCall& call : BilledCalls()) {
    SCOPED_TRACE(Cat(call.route, " ", call.about));
    test(call);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(SettlingServer, EveryRouteIsKnownToCostOrToCostNothing) {
  std::set<std::string> billed, free;
  for (const BilledCall& call : BilledCalls()) billed.insert(call.route);
  for (const FreeCall& call : FreeCalls()) free.insert(call.route);
  std::set<std::string> known = billed;
  known.insert(free.begin(), free.end());
  EXPECT_EQ(known.size(), billed.size() + free.size()) << "a route is in both lists";
  const Served served;
  const std::vector<std::string> routes = served.server->Routes();
  EXPECT_EQ(std::set<std::string>(routes.begin(), routes.end()), known)
      << "say in route_calls_testing.h what a new route costs";
  for (const std::string& route : billed) {
    const auto is = [&](bool streams) {
      return std::ranges::any_of(
          BilledCalls(), [&](const BilledCall& call) { return call.route == route && call.streams == streams; });
    };
    const bool bedrock = route.starts_with("POST /model/");  // where the path says which of the two
    EXPECT_EQ(is(true), !bedrock || route.ends_with("stream")) << route;
    EXPECT_EQ(is(false), !bedrock || !route.ends_with("stream")) << route;
  }
}

TEST(SettlingServer, WhatAsksNoModelIsNotAdmitted) {
  for (const FreeCall& call : FreeCalls()) {
    Billing billing({});
    const std::string method = call.route.substr(0, call.route.find(' '));
    const RawAnswer answer =
        billing.served().Ask(method == "POST" ? PostText(call.path, call.body)
                                              : Cat(method, " ", call.path, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    EXPECT_EQ(answer.status, call.status) << call.route << " " << answer.body;
    EXPECT_TRUE(billing.accounts().empty()) << call.route;
    EXPECT_EQ(billing.served().engine.submitted(), 0u) << call.route;
  }
}

TEST(SettlingServer, WhatIsCompletedSettlesOnce) {
  ForEachCall([](const BilledCall& call) {
    Billing billing(call);
    const RawAnswer answer = billing.Ask();
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_TRUE(answer.complete);
    const Account account = billing.Closed();
    EXPECT_EQ(account.settlements, 1);
    const auto prompts = static_cast<uint32_t>(call.prompts);
    EXPECT_EQ(account.estimate.prompt_tokens, 2 * prompts);
    EXPECT_EQ(account.settled,
              (Usage{.prompt_tokens = 2 * prompts, .cached_tokens = 2 * prompts, .output_tokens = 2 * call.choices}));
    EXPECT_EQ(account.noted, account.settled) << "noted before it was written";
  });
}

TEST(SettlingServer, WhatIsCutInMidStreamSettlesOnceForWhatWasWritten) {
  for (const bool reset : {false, true}) {
    ForEachCall([&](const BilledCall& call) {
      HeldCall held(call);
      TellTheBeginning(held.running);
      const auto prompts = static_cast<uint32_t>(call.prompts);
      if (call.streams) {
        EXPECT_TRUE(held.client.ReadUntil("\r\n\r\n"));
        EXPECT_TRUE(Eventually([&] { return held.accounts()[0].noted.output_tokens == prompts; }));
      } else if (call.outlives_client) {
        EXPECT_EQ(held.client.Answer().status, 200);
      }
      reset ? held.client.Reset() : held.client.Close();
      if (call.outlives_client) {
        TellTheEnd(held.running);
      } else {
        EXPECT_TRUE(Eventually([&] { return AllCancelled(held.running); }));
      }
      const Account account = held.Closed();
      EXPECT_EQ(account.settlements, 1);
      if (call.streams || call.outlives_client) {
        EXPECT_EQ(account.settled,
                  (Usage{.prompt_tokens = 2 * prompts, .cached_tokens = 2 * prompts, .output_tokens = prompts}));
      }
    });
  }
}

TEST(SettlingServer, WhatIsCutSettlesItsReasoning) {
  ForEachCall([](const BilledCall& call) {
    if (!call.streams || call.outlives_client) return;
    HeldCall held(call);
    const auto parts = static_cast<uint32_t>(held.running.size());
    for (const FakeEngine::Submitted& part : held.running) {
      const OutputPiece piece{.kind = OutputPiece::Kind::kReasoning, .text = "Hm.", .call_id = {}};
      const OutputDelta thought{
          .choice = 0, .pieces = {piece}, .tokens = {TokenId{1}, TokenId{2}}, .logprobs = {}, .reasoning_tokens = 2};
      part.events->Push({FakeEngine::Read(part.request), thought, FakeEngine::Said("Hel")});
    }
    EXPECT_TRUE(Eventually([&] { return held.accounts()[0].noted.output_tokens == 3 * parts; }));
    held.client.Close();
    EXPECT_EQ(held.Closed().settled.reasoning_tokens, 2 * parts);
  });
}

TEST(SettlingServer, WhatIsCutBeforeItsAnswerBeginsSettlesOnce) {
  ForEachCall([](const BilledCall& call) {
    if (call.outlives_client) return;
    for (const bool half : {false, true}) {
      HeldCall held(call);
      half ? held.client.HalfClose() : held.client.Close();
      EXPECT_TRUE(Eventually([&] { return AllCancelled(held.running); }));
      const Account account = held.Closed();
      EXPECT_EQ(account.settlements, 1) << half;
      EXPECT_EQ(account.settled, Usage()) << half;
    }
  });
}

// The client leaves while a worker still reads its prompt, which then costs nothing.
TEST(SettlingServer, WhatIsCutBeforeAdmissionIsNotAdmitted) {
  ForEachCall([](const BilledCall& call) {
    Billing billing(call, FakeEngine::Mode::kHold);
    billing.served().engine.AllowPreparing(0);
    RawClient client(billing.served().port());
    client.Send(billing.Text());
    billing.served().engine.WaitForPreparing(1);
    client.Close();
    RawClient watcher(billing.served().port());
    EXPECT_TRUE(Eventually([&] {
      watcher.Send(GetText("/metrics"));
      return watcher.Answer().body.find("bedplate_http_connections 1\n") != std::string::npos;
    }));
    billing.served().engine.AllowPreparing(1000);
    // What the one worker is given next: by then it is through with what came before.
    billing.served().Ask(PostText("/v1/messages/count_tokens", "{}"));
    EXPECT_TRUE(billing.accounts().empty());
    EXPECT_EQ(billing.served().engine.submitted(), 0u);
  });
}

TEST(SettlingServer, WhatFailsSettlesOnceForWhatTheEngineSays) {
  const Usage used{.prompt_tokens = 2, .cached_tokens = 2, .output_tokens = 1};
  for (const bool begun : {false, true}) {
    ForEachCall([&](const BilledCall& call) {
      HeldCall held(call);
      if (begun) {
        held.running[0].events->Push({FakeEngine::Read(held.running[0].request), FakeEngine::Said("Hel")});
        if (call.streams) EXPECT_TRUE(held.client.ReadUntil("\r\n\r\n"));
      }
      held.running[0].events->Push({RequestFailed{.status = Status::Unavailable("stopped"), .usage = used}});
      EXPECT_TRUE(Eventually([&] { return held.accounts()[0].settlements == 1; }));
      EXPECT_TRUE(AllCancelled({held.running.begin() + 1, held.running.end()})) << "the other parts";
      held.client.Close();
      const Account account = held.Closed();
      EXPECT_EQ(account.settlements, 1);
      EXPECT_EQ(account.settled, used);
    });
  }
}

TEST(SettlingServer, WhatIsRefusedNeverSettles) {
  ForEachCall([](const BilledCall& call) {
    Billing billing(call);
    for (const std::string_view body : {"{}", "{", "[]", ""}) {
      EXPECT_EQ(billing.served().Ask(PostText(call.path, body)).status, 400) << body;
    }
    const auto elsewhere = [](std::string text) {
      const size_t at = text.find("fake");
      return at == std::string::npos ? text : text.replace(at, 4, "none");
    };
    EXPECT_EQ(billing.served().Ask(PostText(elsewhere(call.path), elsewhere(call.body))).status, 404);
    EXPECT_TRUE(billing.accounts().empty());

    Billing refusing(call, FakeEngine::Mode::kAnswer, /*refuses=*/true);
    EXPECT_EQ(refusing.Ask().status, 429);
    EXPECT_EQ(refusing.served().engine.submitted(), 0u);

    Billing full(call, FakeEngine::Mode::kRefuse);  // admitted, and given up as one that didn't run
    const int status = full.Ask().status;
    EXPECT_TRUE(status == 429 || status == 529) << status;  // Anthropic's "overloaded"
    EXPECT_EQ(full.Closed().settlements, 0);
    EXPECT_EQ(full.Closed().noted, Usage());
  });
}

TEST(SettlingServer, WhatTheServersEndCutsIsNotForgotten) {
  ForEachCall([](const BilledCall& call) {
    HeldCall held(call);
    TellTheBeginning(held.running);
    const auto prompts = static_cast<uint32_t>(call.prompts);
    const bool noted = call.streams || call.outlives_client;
    if (noted) {
      EXPECT_TRUE(Eventually([&] { return held.accounts()[0].noted.output_tokens == prompts; }));
    }
    held.served().server.reset();
    EXPECT_TRUE(AllCancelled(held.running));
    const Account account = held.Closed();
    // What ran without a client is given up with its server, and so counts as noted.
    EXPECT_EQ(account.settlements, call.outlives_client ? 0 : 1);
    if (noted) {
      EXPECT_EQ(call.outlives_client ? account.noted : account.settled,
                (Usage{.prompt_tokens = 2 * prompts, .cached_tokens = 2 * prompts, .output_tokens = prompts}));
    }
  });
}

TEST(SettlingServer, AResponseInTheBackgroundSettlesOnceWhenItIsCancelledOrDeleted) {
  const std::vector<BilledCall> calls = BilledCalls();
  const auto call = std::ranges::find(calls, "background", &BilledCall::about);
  ASSERT_NE(call, calls.end());
  for (const bool deletes : {false, true}) {
    HeldCall held(*call);
    TellTheBeginning(held.running);
    const Result<Json> queued = ParseJson(held.client.Answer().body);
    ASSERT_TRUE(queued.ok());
    const std::string path = "/v1/responses/" + queued->Find("id")->as_string();
    const RawAnswer ended = held.served().Ask(deletes ? Cat("DELETE ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n")
                                                      : PostText(path + "/cancel", ""));
    EXPECT_EQ(ended.status, 200) << ended.body;
    EXPECT_TRUE(AllCancelled(held.running));
    const Account account = held.Closed();
    EXPECT_EQ(account.settlements, 1);
    EXPECT_EQ(account.settled, (Usage{.prompt_tokens = 2, .cached_tokens = 2, .output_tokens = 1}));
  }
}

}  // namespace
}  // namespace bedplate
