#include "serve/openai/response_routes.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/cat.h"
#include "serve/counting.h"
#include "serve/http_codec.h"
#include "serve/openai/encode_response.h"
#include "serve/openai/errors.h"
#include "serve/query.h"
#include "serve/worker_answer.h"

namespace bedplate::openai {
namespace {

constexpr std::string_view kRoot = "/v1/responses/";
constexpr int64_t kPageMax = 100;

/// What a path below the root names: "ID", "ID/cancel", "ID/input_items".
struct Target {
  std::string id, rest;
};
Target TargetOf(const HttpRequest& request) {
  const std::string_view path = std::string_view(request.path).substr(request.path.find(kRoot) + kRoot.size());
  const size_t slash = path.find('/');
  return {.id = PercentDecode(path.substr(0, slash)).value_or(""),
          .rest = std::string(slash == std::string_view::npos ? "" : path.substr(slash + 1))};
}

Status UnknownUrl(const HttpRequest& request) {
  return Status::NotFound(Cat("Unknown request URL: ", request.method, " ", request.path.substr(0, 200)))
      .WithReason("unknown_url");
}

HttpResponse JsonAnswer(const Json& body) {
  return {.status = 200, .fields = {{"content-type", "application/json"}}, .body = WriteJson(body)};
}

Status BadQuery(std::string name, std::string_view value, std::string_view allowed) {
  std::string message = Cat("Invalid '", name, "': '", value.substr(0, 50), "'; allowed: ", allowed, ".");
  return Status::InvalidArgument(std::move(message)).WithParam(std::move(name)).WithReason("invalid_value");
}

Result<std::optional<int64_t>> QueryInt(const HttpRequest& request, std::string name, int64_t low, int64_t high) {
  const std::optional<std::string> text = QueryValue(request.query, name);
  if (!text.has_value()) return std::optional<int64_t>();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc() && end == text->data() + text->size() && value >= low && value <= high) {
    return std::optional(value);
  }
  return BadQuery(std::move(name), *text, Cat(low, " to ", high));
}

/// A handler's means. Copied into what runs on workers.
struct Desk {
  const ResponseServices& services;
  Principal principal;

  explicit Desk(const ResponseServices& the_services, const Exchange& exchange)
      : services(the_services), principal(exchange.principal) {}
  [[nodiscard]] std::string owner() const { return OwnerOf(principal); }
  [[nodiscard]] std::shared_ptr<ResponseRun> Live(std::string_view id) const { return services.live.Find(id, owner()); }
  [[nodiscard]] StoredResponses Stored() const {
    return {services.objects, owner(), [&clock = services.generation.clock] { return clock.UnixSeconds(); }};
  }
  /// As it stands: the one that runs, or the one that is stored.
  [[nodiscard]] Result<Json> Find(const std::string& id) const {
    if (const auto run = Live(id)) return run->Snapshot();
    BP_ASSIGN_OR_RETURN(StoredResponse record, Stored().Find(id));
    if (HasEnded(record.response)) return std::move(record.response);
    if (const auto run = Live(id)) return run->Snapshot();
    return WithFailure(std::move(record.response), "failed", "the server ended before the response was complete");
  }
};

std::shared_ptr<Activity> Refuse(const Exchange& exchange, ResponseSink& sink, const Status& status) {
  sink.Respond(ErrorResponse(status, exchange.request_id));
  return nullptr;
}

std::shared_ptr<Activity> Create(const ResponseServices& services, Exchange exchange,
                                 const std::shared_ptr<ResponseSink>& sink) {
  auto run = std::make_shared<ResponseRun>(services, exchange, sink);
  run->Start(std::move(exchange));
  return run;
}

std::shared_ptr<Activity> CountInput(const ResponseServices& services, Exchange exchange,
                                     const std::shared_ptr<ResponseSink>& sink) {
  const Dialect dialect{.decode = [desk = Desk(services, exchange), id = exchange.id](
                                      const Json& body, const HttpRequest&) -> Result<Call> {
                          StoredResponses stored = desk.Stored();
                          BP_ASSIGN_OR_RETURN(
                              ResponseCall decoded,
                              DecodeResponse(body, {.response = id, .history = stored, .unix_seconds = {}}));
                          return std::move(decoded.call);
                        },
                        .error_response = &ErrorResponse};
  return StartCounting(services.generation, dialect, std::move(exchange), sink, &EncodeInputTokens);
}

/// Its events from one on: those that are still coming, or those that were stored.
std::shared_ptr<Activity> Follow(const Desk& desk, const Exchange& exchange, const std::string& id,
                                 const std::shared_ptr<ResponseSink>& sink) {
  const Result<std::optional<int64_t>> after = QueryInt(exchange.request, "starting_after", -1, INT32_MAX);
  if (!after.ok()) return Refuse(exchange, *sink, after.status());
  auto tail = std::make_shared<EventTail>(sink, static_cast<size_t>(after->value_or(-1) + 1));
  const auto no_stream = [id] {
    return Status::InvalidArgument(Cat("Response '", id, "' has no stream: only one that was created with ",
                                       "'background' and 'stream' can be streamed again."))
        .WithParam("stream")
        .WithReason("invalid_value");
  };
  if (const auto run = desk.Live(id)) {
    if (!run->streams()) return Refuse(exchange, *sink, no_stream());
    tail->Follow(run->log());
    return tail;
  }
  auto text = std::make_shared<std::string>();  // the worker's, then the strand's
  MakeOnWorker(
      desk.services.generation, sink,
      [desk, id, text, no_stream]() -> Status {
        StoredResponses stored = desk.Stored();
        BP_RETURN_IF_ERROR(stored.Find(id).status());
        Result<std::string> events = stored.FindEvents(id);
        if (!events.ok()) return events.status().code() == StatusCode::kNotFound ? no_stream() : events.status();
        *text = *std::move(events);
        return Status::Ok();
      },
      [tail, text, request_id = exchange.request_id](ResponseSink& to, const Status& status) {
        if (!status.ok()) return to.Respond(ErrorResponse(status, request_id));
        tail->Follow(std::make_shared<EventLog>(*text));
      });
  return tail;
}

/// The items of its own input, a page of them.
Result<HttpResponse> InputItems(const Desk& desk, const HttpRequest& request, const std::string& id) {
  BP_ASSIGN_OR_RETURN(const auto limit, QueryInt(request, "limit", 1, kPageMax));
  const std::string order = QueryValue(request.query, "order").value_or("desc");
  if (order != "asc" && order != "desc") return BadQuery("order", order, "asc, desc");
  BP_ASSIGN_OR_RETURN(StoredResponse record, desk.Stored().Find(id));
  Json::Array& items = record.input;
  if (order == "desc") std::ranges::reverse(items);
  const auto id_of = [](const Json& item) { return *item.Find("id"); };
  size_t begin = 0;
  if (const std::optional<std::string> after = QueryValue(request.query, "after")) {
    const auto at = std::ranges::find(items, Json(*after), id_of);
    if (at == items.end()) return BadQuery("after", *after, "the id of one of the items");
    begin = static_cast<size_t>(at - items.begin()) + 1;
  }
  const size_t end = std::min(items.size(), begin + static_cast<size_t>(limit.value_or(20)));
  Json::Array page(std::make_move_iterator(items.begin() + static_cast<ptrdiff_t>(begin)),
                   std::make_move_iterator(items.begin() + static_cast<ptrdiff_t>(end)));
  Json first = page.empty() ? Json() : id_of(page.front()), last = page.empty() ? Json() : id_of(page.back());
  return JsonAnswer(Json::Object{{"object", "list"},
                                 {"data", std::move(page)},
                                 {"first_id", std::move(first)},
                                 {"last_id", std::move(last)},
                                 {"has_more", end < record.input.size()}});
}

std::shared_ptr<Activity> Retrieve(const ResponseServices& services, Exchange exchange,
                                   const std::shared_ptr<ResponseSink>& sink) {
  const Target target = TargetOf(exchange.request);
  const Desk desk(services, exchange);
  if (target.rest.empty() && QueryValue(exchange.request.query, "stream").value_or("false") == "true") {
    return Follow(desk, exchange, target.id, sink);
  }
  if (!target.rest.empty() && target.rest != "input_items") {
    return Refuse(exchange, *sink, UnknownUrl(exchange.request));
  }
  std::string request_id = exchange.request_id;
  return AnswerOnWorker(services.generation, sink, &ErrorResponse, std::move(request_id),
                        [desk, target, request = std::move(exchange.request)]() -> Result<HttpResponse> {
                          if (!target.rest.empty()) return InputItems(desk, request, target.id);
                          BP_ASSIGN_OR_RETURN(const Json response, desk.Find(target.id));
                          return JsonAnswer(response);
                        });
}

/// One that runs is cancelled first; what it would still store is not.
std::shared_ptr<Activity> Delete(const ResponseServices& services, const Exchange& exchange,
                                 const std::shared_ptr<ResponseSink>& sink) {
  const Target target = TargetOf(exchange.request);
  if (!target.rest.empty()) return Refuse(exchange, *sink, UnknownUrl(exchange.request));
  const Desk desk(services, exchange);
  const auto answer = [desk, id = target.id]() -> Result<HttpResponse> {
    BP_RETURN_IF_ERROR(desk.Stored().Delete(id));
    return JsonAnswer(Json::Object{{"id", id}, {"object", "response"}, {"deleted", true}});
  };
  const auto run = desk.Live(target.id);
  if (!run) return AnswerOnWorker(services.generation, sink, &ErrorResponse, exchange.request_id, answer);
  run->Cancel(ResponseRun::Afterwards::kForget);
  run->WhenEnded([&services, weak = std::weak_ptr(sink), answer, request_id = exchange.request_id](const Json&) {
    if (const auto to = weak.lock()) {
      AnswerOnWorker(services.generation, to, &ErrorResponse, request_id, answer);
    } else {
      services.generation.run_on_worker([answer] { (void)answer(); });  // nobody waits, but it was asked for
    }
  });
  return WaitForAnswer();
}

std::shared_ptr<Activity> CancelOne(const ResponseServices& services, const Exchange& exchange,
                                    const std::shared_ptr<ResponseSink>& sink) {
  const Target target = TargetOf(exchange.request);
  if (target.rest != "cancel") return Refuse(exchange, *sink, UnknownUrl(exchange.request));
  const Desk desk(services, exchange);
  if (const auto run = desk.Live(target.id)) {
    run->WhenEnded([weak = std::weak_ptr(sink), post = sink->poster()](const Json& response) {
      post([weak, response] {
        if (const auto to = weak.lock()) to->Respond(JsonAnswer(response));
      });
    });
    run->Cancel(ResponseRun::Afterwards::kKeep);
    return WaitForAnswer();
  }
  return AnswerOnWorker(services.generation, sink, &ErrorResponse, exchange.request_id,
                        [desk, id = target.id]() -> Result<HttpResponse> {
                          BP_ASSIGN_OR_RETURN(const Json response, desk.Find(id));
                          const Json* background = response.Find("background");
                          if (background != nullptr && *background == Json(true)) return JsonAnswer(response);
                          return Status::InvalidArgument("Cannot cancel a synchronous response.")
                              .WithParam("id")
                              .WithReason("invalid_value");
                        });
}

}  // namespace

void AddResponseRoutes(const ResponseServices& services, Router& router) {
  const auto add = [&](const std::string& method, const std::string& pattern, auto answer) {
    for (const std::string_view prefix : {"", "/openai"}) {  // as on Bedrock's host
      router.Add({.method = method,
                  .pattern = Cat(prefix, pattern),
                  .handler = [&services, answer](const Exchange& exchange, const std::shared_ptr<ResponseSink>& sink) {
                    return answer(services, exchange, sink);
                  }});
    }
  };
  add("POST", "/v1/responses", &Create);
  add("POST", "/v1/responses/input_tokens", &CountInput);
  add("GET", "/v1/responses/*", &Retrieve);
  add("DELETE", "/v1/responses/*", &Delete);
  add("POST", "/v1/responses/*", &CancelOne);
}

}  // namespace bedplate::openai
