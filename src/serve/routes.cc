#include "serve/routes.h"

#include <mutex>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/json.h"
#include "serve/admin_description.h"
#include "serve/admin_routes.h"
#include "serve/anthropic/description.h"
#include "serve/anthropic/encode.h"
#include "serve/anthropic/errors.h"
#include "serve/anthropic/models.h"
#include "serve/bedrock/converse_encode.h"
#include "serve/bedrock/description.h"
#include "serve/bedrock/errors.h"
#include "serve/bedrock/model_id.h"
#include "serve/bedrock/models.h"
#include "serve/console_answer.h"
#include "serve/counting.h"
#include "serve/http_codec.h"
#include "serve/openai/description.h"
#include "serve/openai/errors.h"
#include "serve/openai/models.h"
#include "serve/openai/organization.h"
#include "serve/openai/response_routes.h"
#include "serve/openapi.h"
#include "serve/server_description.h"
#include "serve/sigv4.h"

namespace bedplate {
namespace {

HttpResponse JsonResponse(std::string body) {
  return {.status = 200, .fields = {{"content-type", "application/json"}}, .body = std::move(body)};
}

// A handler that answers at once.
template <class Answer>
Handler Simple(Answer answer) {
  return [answer = std::move(answer)](const Exchange& exchange,
                                      const std::shared_ptr<ResponseSink>& sink) -> std::shared_ptr<Activity> {
    sink->Respond(answer(exchange));
    return nullptr;
  };
}

HttpResponse ErrorFor(const Exchange& exchange, const Status& status) {
  return ErrorWriterFor(exchange.request)(status, exchange.request_id);
}

constexpr std::string_view kOpenAi = "/openai", kAnthropic = "/anthropic";

bool WantsAnthropic(const HttpRequest& head) {
  const std::string_view path = head.path;
  return head.Find("anthropic-version") != nullptr || path.starts_with("/anthropic/") || path == "/v1/messages" ||
         path.starts_with("/v1/messages/");
}

// AWS's SDKs say who they are on each request. Bedrock has a hundred operations that aren't here: what is wrong with
// them has to be told in the form that those can read.
bool WantsBedrock(const HttpRequest& head) {
  const std::string_view path = head.path;
  if (path.starts_with("/v1/") || path.starts_with("/openai/") || path.starts_with("/admin/")) return false;
  const std::string* credentials = head.Find("authorization");
  return head.Find("amz-sdk-invocation-id") != nullptr || (credentials != nullptr && IsSigV4(*credentials));
}

// Under its own path, and under the one that it has on Bedrock's host.
void AddTwice(std::string_view prefix, const Route& route, Router& router) {
  router.Add(route);
  Route prefixed = route;
  prefixed.pattern = Cat(prefix, route.pattern);
  router.Add(std::move(prefixed));
}

Handler Generating(const GenerationServices& services, const Dialect& dialect) {
  return [&services, &dialect](Exchange exchange, const std::shared_ptr<ResponseSink>& sink) {
    return StartGeneration(services, dialect, std::move(exchange), sink);
  };
}

Handler Counting(const GenerationServices& services, const Dialect& dialect, std::string (*encode)(uint32_t)) {
  return [&services, &dialect, encode](Exchange exchange, const std::shared_ptr<ResponseSink>& sink) {
    return StartCounting(services, dialect, std::move(exchange), sink, encode);
  };
}

Status Readiness(const GenerationServices& services) {
  if (services.draining()) return Status::Unavailable("the server is shutting down").WithReason("draining");
  return services.models.Ready();
}

// Paths that two dialects share answer in the one that the request's fields name.
HttpResponse ModelList(const GenerationServices& services, const Exchange& exchange) {
  const std::vector<ServedModel> models = services.models.AllFor(exchange.principal);
  if (!WantsAnthropic(exchange.request)) return JsonResponse(openai::EncodeModelList(models));
  Result<std::string> list = anthropic::EncodeModelList(models, exchange.request.query);
  return list.ok() ? JsonResponse(*std::move(list)) : ErrorFor(exchange, list.status());
}

// Ids may hold slashes, sent as they are or as %2F.
HttpResponse OneModel(const GenerationServices& services, const Exchange& exchange) {
  const std::string_view path = exchange.request.path;
  constexpr std::string_view kModels = "/v1/models/";
  const auto id = PercentDecode(path.substr(path.find(kModels) + kModels.size()));
  if (!id) {
    return ErrorFor(exchange, Status::InvalidArgument("the model's name is not percent-encoded correctly"));
  }
  const Result<ServedModel> model = services.models.FindFor(exchange.principal, *id);
  if (!model.ok()) return ErrorFor(exchange, model.status());
  return JsonResponse(WantsAnthropic(exchange.request) ? anthropic::EncodeModel(*model) : openai::EncodeModel(*model));
}

void AddModelRoutes(const RouteServices& services, Router& router) {
  const GenerationServices& generation = services.generation;
  AddTwice(kOpenAi,
           {.method = "GET", .pattern = "/v1/models", .handler = Simple([&generation](const Exchange& exchange) {
                                                        return ModelList(generation, exchange);
                                                      })},
           router);
  AddTwice(kOpenAi,
           {.method = "GET", .pattern = "/v1/models/*", .handler = Simple([&generation](const Exchange& exchange) {
                                                          return OneModel(generation, exchange);
                                                        })},
           router);
}

void AddGeneratingRoutes(const RouteServices& services, Router& router) {
  const GenerationServices& generation = services.generation;
  const auto post = [](std::string pattern, Handler handler) {
    return Route{.method = "POST", .pattern = std::move(pattern), .handler = std::move(handler)};
  };
  AddTwice(kOpenAi, post("/v1/chat/completions", Generating(generation, services.chat)), router);
  AddTwice(kOpenAi, post("/v1/completions", Generating(generation, services.completions)), router);
  AddTwice(kAnthropic, post("/v1/messages", Generating(generation, services.messages)), router);
  AddTwice(kAnthropic,
           post("/v1/messages/count_tokens", Counting(generation, services.count_tokens, &anthropic::EncodeTokenCount)),
           router);
}

HttpResponse FoundationModels(const GenerationServices& services, const Exchange& exchange) {
  Result<std::string> list =
      bedrock::EncodeFoundationModels(services.models.AllFor(exchange.principal), exchange.request.query);
  return list.ok() ? JsonResponse(*std::move(list)) : ErrorFor(exchange, list.status());
}

HttpResponse FoundationModel(const GenerationServices& services, const Exchange& exchange) {
  const Result<std::string> id = bedrock::ModelIdOf(exchange.request.path);
  if (!id.ok()) return ErrorFor(exchange, id.status());
  const Result<ServedModel> model = services.models.FindFor(exchange.principal, *id);
  return model.ok() ? JsonResponse(bedrock::EncodeFoundationModel(*model)) : ErrorFor(exchange, model.status());
}

void AddBedrockRoutes(const RouteServices& services, Router& router) {
  const GenerationServices& generation = services.generation;
  const auto post = [&](std::string pattern, Handler handler) {
    router.Add({.method = "POST", .pattern = std::move(pattern), .handler = std::move(handler)});
  };
  const bedrock::Dialects& dialects = services.bedrock;
  post("/model/*/converse", Generating(generation, dialects.converse));
  post("/model/*/converse-stream", Generating(generation, dialects.converse_stream));
  post("/model/*/invoke", Generating(generation, dialects.invoke));
  post("/model/*/invoke-with-response-stream", Generating(generation, dialects.invoke_stream));
  post("/model/*/count-tokens", Counting(generation, dialects.count_tokens, &bedrock::EncodeTokenCount));
  router.Add(
      {.method = "GET", .pattern = "/foundation-models", .handler = Simple([&generation](const Exchange& exchange) {
                                                           return FoundationModels(generation, exchange);
                                                         })});
  router.Add(
      {.method = "GET", .pattern = "/foundation-models/*", .handler = Simple([&generation](const Exchange& exchange) {
                                                             return FoundationModel(generation, exchange);
                                                           })});
}

void AddHealthRoutes(const RouteServices& services, Router& router) {
  const GenerationServices& generation = services.generation;
  router.Add(
      {.method = "GET", .pattern = "/health", .access = RouteAccess::kOpen, .handler = Simple([](const Exchange&) {
                                                                              return JsonResponse(R"({"status":"ok"})");
                                                                            })});
  router.Add({.method = "GET",
              .pattern = "/ready",
              .access = RouteAccess::kOpen,
              .handler = Simple([&generation](const Exchange& exchange) {
                const Status ready = Readiness(generation);
                return ready.ok() ? JsonResponse(R"({"status":"ready"})") : ErrorFor(exchange, ready);
              })});
  router.Add(
      {.method = "GET",
       .pattern = "/metrics",
       .access = RouteAccess::kMetrics,
       .handler = Simple([&generation, &metrics = services.metrics, &more = services.more_metrics](const Exchange&) {
         std::string page = metrics.Page(generation.models.All(), Readiness(generation).ok());
         if (more) more(page);
         return HttpResponse{.status = 200,
                             .fields = {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
                             .body = std::move(page)};
       })});
}

// Made when it is first asked for: that takes two thousandths of a second of the strand's time.
void AddDocumentRoute(bool has_keys, bool has_tenants, Router& router) {
  struct Kept {
    std::once_flag once;
    std::string text;
  };
  const auto document = [has_keys, has_tenants, &router, kept = std::make_shared<Kept>()](const Exchange&) {
    std::call_once(kept->once, [&] {
      std::vector<ApiDescription> apis = {openai::Description(), anthropic::Description(), bedrock::Description(),
                                          ServerDescription()};
      if (has_tenants) {  // elsewhere those routes only say that there are none
        apis.push_back(AdminDescription());
        apis.push_back(openai::OrganizationDescription());
      }
      kept->text = OpenApiDocument(router.routes(), apis, has_keys);
    });
    return JsonResponse(kept->text);
  };
  router.Add(
      {.method = "GET", .pattern = "/openapi.json", .access = RouteAccess::kAnyKey, .handler = Simple(document)});
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): the router owns the handler, and that what it keeps

// The console's file, or what an unknown path gets.
HttpResponse ConsoleResponse(const Exchange& exchange) {
  const HttpRequest& request = exchange.request;
  const auto field = [&](std::string_view name) {
    const std::string* value = request.Find(name);
    return value == nullptr ? std::string_view() : std::string_view(*value);
  };
  ConsoleAnswer answer = AnswerConsole(
      {.path = request.path, .accept_encoding = field("accept-encoding"), .if_none_match = field("if-none-match")});
  if (answer.status == 404 && answer.fields.empty()) {
    return ErrorFor(
        exchange,
        Status::NotFound("Unknown request URL: GET " + request.path.substr(0, 200)).WithReason("unknown_url"));
  }
  HttpResponse response{.status = answer.status, .fields = {}, .body = std::string(answer.body)};
  for (auto& [name, value] : answer.fields) response.fields.push_back({std::string(name), std::move(value)});
  return response;
}

}  // namespace

ErrorWriter ErrorWriterFor(const HttpRequest& head) {
  if (bedrock::IsBedrockPath(head.path)) return &bedrock::ErrorResponse;
  if (WantsAnthropic(head)) return &anthropic::ErrorResponse;
  return WantsBedrock(head) ? &bedrock::ErrorResponse : &openai::ErrorResponse;
}

void AddRoutes(const RouteServices& services, Router& router) {
  AddGeneratingRoutes(services, router);
  openai::AddResponseRoutes(services.responses, router);
  AddModelRoutes(services, router);
  AddBedrockRoutes(services, router);
  AddAdminRoutes(services.generation, services.office, router);
  openai::AddOrganizationRoutes(services.generation, services.office, router);
  AddSessionRoutes(services.session, router);
  AddHealthRoutes(services, router);
  AddDocumentRoute(services.has_keys, services.office != nullptr, router);
  router.Add(
      {.method = "GET", .pattern = "/*", .access = RouteAccess::kOpen, .handler = Simple([](const Exchange& exchange) {
                                                                         return ConsoleResponse(exchange);
                                                                       })});
}

}  // namespace bedplate
