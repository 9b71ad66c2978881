#include "serve/routes.h"

#include "base/json.h"
#include "serve/console_answer.h"
#include "serve/http_codec.h"
#include "serve/openai/models.h"

namespace bedplate {
namespace {

HttpResponse JsonResponse(std::string body) {
  return {.status = 200, .fields = {{"content-type", "application/json"}}, .body = std::move(body)};
}

// A handler that answers at once.
template <class Answer>
Handler Simple(Answer answer) {
  return [answer](Exchange exchange, const std::shared_ptr<ResponseSink>& sink) -> std::shared_ptr<Activity> {
    sink->Respond(answer(exchange.request));
    return nullptr;
  };
}

Handler Generating(const GenerationServices& services, const Dialect& dialect) {
  return [&services, &dialect](Exchange exchange, const std::shared_ptr<ResponseSink>& sink) {
    return StartGeneration(services, dialect, std::move(exchange), sink);
  };
}

Status Readiness(const GenerationServices& services) {
  if (services.draining()) return Status::Unavailable("the server is shutting down").WithReason("draining");
  return services.models.Ready();
}

void AddOpenAiRoutes(const RouteServices& services, Router& router) {
  const GenerationServices& generation = services.generation;
  const auto error_response = services.error_response;
  router.Add({.method = "POST", .pattern = "/v1/chat/completions", .handler = Generating(generation, services.chat)});
  router.Add({.method = "POST", .pattern = "/v1/completions", .handler = Generating(generation, services.completions)});
  router.Add({.method = "GET", .pattern = "/v1/models", .handler = Simple([&generation](const HttpRequest&) {
                                                          return JsonResponse(
                                                              openai::EncodeModelList(generation.models.All()));
                                                        })});
  // Ids may hold slashes, sent as they are or as %2F.
  router.Add({.method = "GET",
              .pattern = "/v1/models/*",
              .handler = Simple([&generation, error_response](const HttpRequest& request) {
                const auto id =
                    PercentDecode(std::string_view(request.path).substr(std::string_view("/v1/models/").size()));
                if (!id)
                  return error_response(Status::InvalidArgument("the model's name is not percent-encoded correctly"));
                const Result<ServedModel> model = generation.models.Find(*id);
                return model.ok() ? JsonResponse(openai::EncodeModel(*model)) : error_response(model.status());
              })});
}

void AddHealthRoutes(const RouteServices& services, Router& router) {
  const GenerationServices& generation = services.generation;
  router.Add({.method = "GET", .pattern = "/health", .needs_key = false, .handler = Simple([](const HttpRequest&) {
                                                                           return JsonResponse(R"({"status":"ok"})");
                                                                         })});
  router.Add({.method = "GET",
              .pattern = "/ready",
              .needs_key = false,
              .handler = Simple([&generation, error_response = services.error_response](const HttpRequest&) {
                const Status ready = Readiness(generation);
                return ready.ok() ? JsonResponse(R"({"status":"ready"})") : error_response(ready);
              })});
  router.Add({.method = "GET",
              .pattern = "/metrics",
              .handler = Simple([&generation, &metrics = services.metrics](const HttpRequest&) {
                return HttpResponse{.status = 200,
                                    .fields = {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
                                    .body = metrics.Page(generation.models.All(), Readiness(generation).ok())};
              })});
}

// The console's file, or what an unknown path gets.
HttpResponse ConsoleResponse(const HttpRequest& request, HttpResponse (*error_response)(const Status& status)) {
  const auto field = [&](std::string_view name) {
    const std::string* value = request.Find(name);
    return value == nullptr ? std::string_view() : std::string_view(*value);
  };
  ConsoleAnswer answer = AnswerConsole(
      {.path = request.path, .accept_encoding = field("accept-encoding"), .if_none_match = field("if-none-match")});
  if (answer.status == 404 && answer.fields.empty()) {
    return error_response(
        Status::NotFound("Unknown request URL: GET " + request.path.substr(0, 200)).WithReason("unknown_url"));
  }
  HttpResponse response{.status = answer.status, .fields = {}, .body = std::string(answer.body)};
  for (auto& [name, value] : answer.fields) response.fields.push_back({std::string(name), std::move(value)});
  return response;
}

}  // namespace

void AddRoutes(const RouteServices& services, Router& router) {
  AddOpenAiRoutes(services, router);
  AddHealthRoutes(services, router);
  router.Add({.method = "GET",
              .pattern = "/*",
              .needs_key = false,
              .handler = Simple([error_response = services.error_response](const HttpRequest& request) {
                return ConsoleResponse(request, error_response);
              })});
}

}  // namespace bedplate
