// The engine on its own thread: steps while there is something to do, sleeps otherwise.

#include "engine/engine.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/caught.h"
#include "engine/engine_core.h"

namespace bedplate {
namespace {

// Only while requests wait that no rule lets start and nothing runs whose end would wake them.
constexpr std::chrono::milliseconds kAskAgain{10};

class ThreadedEngine final : public Engine {
 public:
  explicit ThreadedEngine(std::unique_ptr<EngineCore> core) : core_(std::move(core)) {
    if (PageTiers* tiers = core_->tiers(); tiers != nullptr) {
      tiers->OnDone([this] { Wake(); });
      file_thread_ = std::thread([this] { ServeFile(); });
    }
    thread_ = std::thread([this] { Loop(); });
  }

  ~ThreadedEngine() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
    if (!file_thread_.joinable()) return;
    core_->tiers()->Stop();  // after the engine, whose last pages it writes
    file_thread_.join();
  }

  [[nodiscard]] const LoadedModel& model() const override { return core_->model(); }
  [[nodiscard]] uint32_t context_tokens_max() const override { return core_->context_tokens_max(); }
  Result<PreparedRequest> Prepare(Request request) const override { return core_->Prepare(std::move(request)); }
  Result<uint32_t> CountPrompt(Request request) const override { return core_->CountPrompt(std::move(request)); }

  Status Submit(PreparedRequest request, std::shared_ptr<EventStream> events) override {
    BP_RETURN_IF_ERROR(core_->Submit(std::move(request), std::move(events)));
    Wake();
    return Status::Ok();
  }

  void Drain() override { core_->Drain(); }
  [[nodiscard]] bool Idle() const override { return core_->Idle(); }
  [[nodiscard]] EngineMetrics Metrics() const override { return core_->Metrics(); }

 private:
  void Wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    wake_.notify_one();
  }

  void ServeFile() noexcept {
    try {
      core_->tiers()->Serve();
    } catch (...) {
      EndProcessForCaught("cache file thread");
    }
  }

  void Loop() noexcept {
    try {
      while (Continue()) {
        while (core_->Step() && !Stopping()) {
        }
      }
      core_->Stop(Status::Unavailable("the server is shutting down; the request was not finished"));
    } catch (...) {
      EndProcessForCaught("engine thread");
    }
  }

  /// Sleeps until there is something to do. False: the engine ends.
  bool Continue() {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return stop_ || woken_; };
    if (core_->Idle()) {
      wake_.wait(lock, ready);
    } else {
      wake_.wait_for(lock, kAskAgain, ready);
    }
    woken_ = false;
    return !stop_;
  }

  [[nodiscard]] bool Stopping() {
    const std::lock_guard lock(mutex_);
    return stop_;
  }

  const std::unique_ptr<EngineCore> core_;
  std::mutex mutex_;  // guards stop_, woken_
  std::condition_variable wake_;
  bool stop_ = false;
  bool woken_ = false;
  std::thread file_thread_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Create(EngineOptions options, LoadedModel model, const Clock& clock) {
  BP_ASSIGN_OR_RETURN(std::unique_ptr<EngineCore> core, EngineCore::Create(options, std::move(model), clock));
  return std::unique_ptr<Engine>(std::make_unique<ThreadedEngine>(std::move(core)));
}

}  // namespace bedplate
