#pragma once
/// An Engine without a model, for serve/'s tests: a token is a byte of the prompt, and what comes back is scripted.

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "engine/engine.h"

namespace bedplate {

class FakeEngine final : public Engine {
 public:
  enum class Mode : uint8_t {
    kAnswer,  // each choice says "Hello, world" in two deltas
    kHold,    // nothing comes until the test pushes
    kRefuse,  // the queue is full
    kThrow,   // Prepare and Metrics throw, as libraries do
  };
  static constexpr uint32_t kContext = 1000;

  explicit FakeEngine(std::string id = "fake", Mode mode = Mode::kAnswer) : mode_(mode) {
    model_.id = std::move(id);
    model_.created_unix_seconds = 1234;
  }

  const LoadedModel& model() const override { return model_; }
  uint32_t context_tokens_max() const override { return kContext; }

  Result<PreparedRequest> Prepare(Request request) const override {
    if (mode_ == Mode::kThrow) throw std::bad_alloc();
    {
      std::unique_lock lock(mutex_);
      const size_t number = preparing_++;
      arrived_.notify_all();
      BP_CHECK(arrived_.wait_for(lock, std::chrono::seconds(60), [&] { return prepare_max_ > number; }));
    }
    std::string text;
    if (const auto* chat = std::get_if<ChatPrompt>(&request.prompt)) {
      for (const Message& message : chat->messages) text += message.content;
    } else if (const auto* raw = std::get_if<TextPrompt>(&request.prompt)) {
      text = raw->text;
    } else {
      text.assign(std::get<TokenPrompt>(request.prompt).tokens.size(), 't');
    }
    PreparedRequest prepared;
    for (const char c : text) prepared.tokens.push_back(TokenId{static_cast<unsigned char>(c)});
    prepared.output_tokens_max = request.output_tokens_max.value_or(kContext);
    if (text.size() >= kContext) {
      return Status::InvalidArgument(Cat("This model's maximum context length is ", kContext,
                                         " tokens, but the prompt has ", text.size(), "."))
          .WithParam("messages")
          .WithReason("context_length_exceeded");
    }
    prepared.request = std::move(request);
    return prepared;
  }

  Result<uint32_t> CountPrompt(Request request) const override {
    BP_ASSIGN_OR_RETURN(const PreparedRequest prepared, Prepare(std::move(request)));
    return static_cast<uint32_t>(prepared.tokens.size());
  }

  Status Submit(PreparedRequest request, std::shared_ptr<EventStream> events) override {
    if (mode_ == Mode::kRefuse) {
      return Status::ResourceExhausted("256 requests are waiting; allowed: 256")
          .WithReason("queue_full")
          .WithRetryAfterMs(1500);
    }
    if (mode_ == Mode::kAnswer) Answer(request, *events);
    const std::lock_guard lock(mutex_);
    submitted_.push_back({std::move(request), std::move(events)});
    arrived_.notify_all();
    return Status::Ok();
  }
  void Drain() override {}
  bool Idle() const override { return true; }
  EngineMetrics Metrics() const override {
    if (mode_ == Mode::kThrow) throw std::runtime_error("no numbers");
    EngineMetrics metrics;
    metrics.prompt_tokens = 7;
    metrics.cached_tokens = 3;
    return metrics;
  }

  struct Submitted {
    PreparedRequest request;
    std::shared_ptr<EventStream> events;
  };
  /// Waits for request number i (from 0); fails the process after 60 s.
  Submitted WaitFor(size_t i) {
    std::unique_lock lock(mutex_);
    BP_CHECK(arrived_.wait_for(lock, std::chrono::seconds(60), [&] { return submitted_.size() > i; }));
    return submitted_[i];
  }
  size_t submitted() {
    const std::lock_guard lock(mutex_);
    return submitted_.size();
  }

  /// Prepare number i (from 0) goes on only once `count` is above it.
  void AllowPreparing(size_t count) {
    const std::lock_guard lock(mutex_);
    prepare_max_ = count;
    arrived_.notify_all();
  }
  void WaitForPreparing(size_t count) {
    std::unique_lock lock(mutex_);
    BP_CHECK(arrived_.wait_for(lock, std::chrono::seconds(60), [&] { return preparing_ >= count; }));
  }
  size_t preparing() {
    const std::lock_guard lock(mutex_);
    return preparing_;
  }

  static Event Said(std::string text, uint32_t choice = 0) {
    return OutputDelta{.choice = choice,
                       .pieces = {{.kind = OutputPiece::Kind::kText, .text = std::move(text), .call_id = {}}},
                       .tokens = {TokenId{1}},
                       .logprobs = {}};
  }
  static Event Read(const PreparedRequest& request) {
    return PromptRead{.prompt_tokens = static_cast<uint32_t>(request.tokens.size()),
                      .cached_tokens = 2,
                      .prompt_text = {},
                      .prompt_logprobs = {}};
  }
  static Event Finished(const PreparedRequest& request, uint32_t output_tokens) {
    return RequestFinished{{.prompt_tokens = static_cast<uint32_t>(request.tokens.size()),
                            .cached_tokens = 2,
                            .output_tokens = output_tokens}};
  }

 private:
  static void Answer(const PreparedRequest& request, EventStream& events) {
    events.Push({Read(request)});
    for (uint32_t i = 0; i < request.request.choices; ++i) {
      events.Push({Said("Hello,", i)});
      events.Push({Said(" world", i), ChoiceFinished{.choice = i, .reason = FinishReason::kStop, .stop_string = {}}});
    }
    events.Push({Finished(request, 2 * request.request.choices)});
  }

  LoadedModel model_;
  const Mode mode_;
  mutable std::mutex mutex_;  // guards the rest
  mutable std::condition_variable arrived_;
  mutable size_t preparing_ = 0;  // calls of Prepare so far
  size_t prepare_max_ = SIZE_MAX;
  std::vector<Submitted> submitted_;
};

}  // namespace bedplate
