// Method: a real server with a scripted engine that tells much at once, and an admission that keeps each note. What is
// noted goes ahead of what the socket has been given by one event, whoever reads and however slowly.
#include <gtest/gtest.h>

#include <mutex>

#include "serve/route_calls_testing.h"
#include "serve/served_testing.h"

namespace bedplate {
namespace {

constexpr uint32_t kEvents = 3000;
constexpr size_t kEventBytes = 4096;

class NotingAdmission final : public Admission {
 public:
  Result<Principal> Authenticate(std::string_view) override { return Principal{}; }
  Result<AccessKey> FindAccessKey(std::string_view) override { return Status::NotFound("there is none"); }
  Admitted Admit(const Principal&, const Estimate& estimate) override {
    const std::lock_guard lock(mutex_);
    estimate_ = estimate;
    return std::make_unique<NotingPermit>(*this);
  }
  std::vector<Usage> notes() {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  Estimate estimate() {
    const std::lock_guard lock(mutex_);
    return estimate_;
  }

 private:
  struct NotingPermit final : Permit {
    explicit NotingPermit(NotingAdmission& of) : owner(of) {}
    void Note(const Usage& usage) override {
      const std::lock_guard lock(owner.mutex_);
      owner.notes_.push_back(usage);
    }
    void Settle(const Usage&) override {}
    [[nodiscard]] RateLimits Rates() const override { return {}; }
    NotingAdmission& owner;
  };
  std::mutex mutex_;  // guards the rest
  std::vector<Usage> notes_;
  Estimate estimate_;
};

struct Noting {
  explicit Noting(size_t write_queue_bytes)
      : served(FakeEngine::Mode::kHold, Options(write_queue_bytes), std::make_unique<NotingAdmission>()),
        client(served.port()) {}
  static ServerOptions Options(size_t write_queue_bytes) {
    ServerOptions options = QuietOptions();
    options.write_queue_bytes = write_queue_bytes;
    return options;
  }
  NotingAdmission& admission() { return static_cast<NotingAdmission&>(*served.admission); }
  void TellAllAtOnce() {
    const FakeEngine::Submitted running = served.engine.WaitFor(0);
    std::vector<Event> events{FakeEngine::Read(running.request)};
    for (uint32_t i = 0; i < kEvents; ++i) events.push_back(FakeEngine::Said(std::string(kEventBytes, 'x')));
    events.push_back(ChoiceFinished{.choice = 0, .reason = FinishReason::kStop, .stop_string = {}});
    events.push_back(FakeEngine::Finished(running.request, kEvents));
    running.events->Push(std::move(events));
  }
  Served served;
  RawClient client;
};

TEST(NotingServer, EachEventIsNotedByItself) {
  for (const size_t write_queue_bytes : {size_t{0}, size_t{256} << 10}) {
    Noting noting(write_queue_bytes);
    noting.client.Send(PostText("/v1/chat/completions", kChatStream));
    noting.TellAllAtOnce();
    EXPECT_GT(noting.client.Answer().body.size(), kEvents * kEventBytes);
    const std::vector<Usage> notes = noting.admission().notes();
    ASSERT_EQ(notes.size(), kEvents + 1);
    EXPECT_EQ(notes[0].output_tokens, 0u) << "the prompt, with the first event";
    EXPECT_EQ(notes[0].prompt_tokens, 2u);
    for (uint32_t i = 0; i < notes.size(); ++i) ASSERT_EQ(notes[i].output_tokens, i);
  }
}

TEST(NotingServer, NothingIsNotedAheadOfASlowReader) {
  Noting noting(0);
  noting.client.Send(PostText("/v1/chat/completions", kChatStream));
  noting.TellAllAtOnce();
  // Nobody reads: the sockets' buffers are full when the notes stand still.
  size_t before = 0;
  EXPECT_TRUE(Eventually([&] {
    const size_t now = noting.admission().notes().size();
    const bool stands = now > 1 && now == before;
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return stands;
  }));
  EXPECT_LT(noting.admission().notes().size(), kEvents);
  EXPECT_GT(noting.client.Answer().body.size(), kEvents * kEventBytes);
  EXPECT_EQ(noting.admission().notes().back().output_tokens, kEvents);
}

TEST(NotingServer, TheEstimateSaysWhoseRequestItIs) {
  Noting noting(0);
  const std::string body =
      R"({"model":"fake","messages":[{"role":"user","content":"Hi"}],"stream":true,"user":"ada","metadata":{"team":"a"},)"
      R"("service_tier":"flex"})";
  std::string text = PostText("/v1/chat/completions", body);
  text.insert(text.find("\r\n") + 2, "x-request-id: mine-1\r\n");
  noting.client.Send(text);
  noting.served.engine.WaitFor(0);
  const Estimate estimate = noting.admission().estimate();
  EXPECT_EQ(estimate.request, "mine-1");
  EXPECT_EQ(estimate.attribution, (Attribution{.end_user = "ada", .tags = R"({"team":"a"})", .tier = "flex"}));
  EXPECT_TRUE(estimate.streamed);
}

}  // namespace
}  // namespace bedplate
