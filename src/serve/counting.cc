#include "serve/counting.h"

#include <utility>

#include "base/cat.h"
#include "base/caught.h"

namespace bedplate {
namespace {

Result<uint32_t> Count(const GenerationServices& services, const Dialect& dialect, const Exchange& exchange) {
  BP_ASSIGN_OR_RETURN(Call call, DecodeBody(dialect, exchange.request));
  BP_ASSIGN_OR_RETURN(const ServedModel model, services.models.FindFor(exchange.principal, call.model));
  uint32_t tokens = 0;
  for (Request& one : call.requests) {
    BP_ASSIGN_OR_RETURN(const uint32_t count, model.engine->CountPrompt(std::move(one)));
    tokens += count;
  }
  return tokens;
}

// Lives as long as the connection waits; the count itself needs nothing of it.
class Counting final : public Activity {
 public:
  void OnClientGone(bool) override {}
  void OnWritable() override {}
  void OnTick() override {}
};

}  // namespace

std::shared_ptr<Activity> StartCounting(const GenerationServices& services, const Dialect& dialect, Exchange exchange,
                                        const std::shared_ptr<ResponseSink>& sink, std::string (*encode)(uint32_t)) {
  services.run_on_worker(
      [&services, &dialect, encode, exchange = std::move(exchange), weak = std::weak_ptr(sink), post = sink->poster()] {
        Result<uint32_t> count = Status::Internal("not counted");
        try {
          count = Count(services, dialect, exchange);
        } catch (...) {
          count = CaughtStatus();
        }
        HttpResponse response =
            count.ok()
                ? HttpResponse{.status = 200, .fields = {{"content-type", "application/json"}}, .body = encode(*count)}
                : dialect.error_response(count.status(), exchange.request_id);
        post([weak, response = std::move(response)]() mutable {
          if (const auto to = weak.lock()) to->Respond(std::move(response));
        });
      });
  return std::make_shared<Counting>();
}

}  // namespace bedplate
