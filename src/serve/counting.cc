#include "serve/counting.h"

#include <utility>

#include "serve/worker_answer.h"

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

}  // namespace

std::shared_ptr<Activity> StartCounting(const GenerationServices& services, const Dialect& dialect, Exchange exchange,
                                        const std::shared_ptr<ResponseSink>& sink, std::string (*encode)(uint32_t)) {
  std::string request_id = exchange.request_id;
  return AnswerOnWorker(services, sink, dialect.error_response, std::move(request_id),
                        [&services, dialect, encode, exchange = std::move(exchange)]() -> Result<HttpResponse> {
                          BP_ASSIGN_OR_RETURN(const uint32_t count, Count(services, dialect, exchange));
                          return HttpResponse{
                              .status = 200, .fields = {{"content-type", "application/json"}}, .body = encode(count)};
                        });
}

}  // namespace bedplate
