#include "serve/worker_answer.h"

#include <utility>

#include "base/caught.h"

namespace bedplate {
namespace {

// Lives as long as the connection waits; the work itself needs nothing of it.
class Waiting final : public Activity {
 public:
  void OnClientGone(bool) override {}
  void OnWritable() override {}
  void OnTick() override {}
};

}  // namespace

std::shared_ptr<Activity> WaitForAnswer() {
  return std::make_shared<Waiting>();
}

void MakeOnWorker(const GenerationServices& services, const std::shared_ptr<ResponseSink>& sink,
                  std::function<Status()> make, std::function<void(ResponseSink& sink, const Status& status)> then) {
  services.run_on_worker(
      [make = std::move(make), then = std::move(then), weak = std::weak_ptr(sink), post = sink->poster()] {
        Status status;
        try {
          status = make();
        } catch (...) {
          status = CaughtStatus();
        }
        post([weak, then, status] {
          if (const auto to = weak.lock()) then(*to, status);
        });
      });
}

std::shared_ptr<Activity> AnswerOnWorker(const GenerationServices& services, const std::shared_ptr<ResponseSink>& sink,
                                         ErrorWriter error_response, std::string request_id,
                                         std::function<Result<HttpResponse>()> make) {
  auto made = std::make_shared<HttpResponse>();  // the worker's, then the strand's
  MakeOnWorker(
      services, sink,
      [made, make = std::move(make)]() -> Status {
        BP_ASSIGN_OR_RETURN(*made, make());
        return Status::Ok();
      },
      [made, error_response, request_id = std::move(request_id)](ResponseSink& to, const Status& status) {
        to.Respond(status.ok() ? std::move(*made) : error_response(status, request_id));
      });
  return WaitForAnswer();
}

}  // namespace bedplate
