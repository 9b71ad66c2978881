#include "serve/admin_routes.h"

#include <algorithm>

#include "base/cat.h"
#include "serve/http_codec.h"
#include "serve/query.h"
#include "serve/routes.h"
#include "serve/worker_answer.h"

namespace bedplate {
namespace {

// Members of the query, each once.
Status ReadQuery(std::string_view query, Json::Object& arguments) {
  BP_ASSIGN_OR_RETURN(auto pairs, ParseQuery(query));
  for (auto& [name, value] : pairs) {
    const bool again = std::ranges::any_of(arguments, [&](const Json::Member& member) { return member.first == name; });
    if (again) return Status::InvalidArgument("the query has an argument twice");
    arguments.emplace_back(std::move(name), std::move(value));
  }
  return Status::Ok();
}

Result<HttpResponse> AnswerVerb(Office& office, const VerbRow& row, const HttpRequest& request,
                                const std::string& key_id) {
  BP_ASSIGN_OR_RETURN(const Json arguments, AdminArguments(row, request));
  BP_ASSIGN_OR_RETURN(const Json done, office.Do(Caller::Key(key_id), row.name, arguments));
  return HttpResponse{.status = 200,
                      .fields = {{"content-type", "application/json"}, {"cache-control", "no-store"}},
                      .body = WriteJson(done)};
}

}  // namespace

Result<Json> AdminArguments(const VerbRow& row, const HttpRequest& request) {
  Json::Object arguments;
  if (row.writes()) {
    if (!request.query.empty()) return Status::InvalidArgument("arguments of a POST are in its body, not in its query");
    if (!request.body.empty()) {
      BP_ASSIGN_OR_RETURN(Json body, ParseJson(request.body));
      if (!body.is_object()) return Status::InvalidArgument(Cat("the body must be an object, not ", body.kind()));
      arguments = std::move(body.as_object());
    }
  } else {
    BP_RETURN_IF_ERROR(ReadQuery(request.query, arguments));
  }
  if (row.subject.empty()) return Json(std::move(arguments));
  const bool twice =
      std::ranges::any_of(arguments, [&](const Json::Member& member) { return member.first == row.subject; });
  if (twice) return Status::InvalidArgument(Cat(row.subject, " is in the path already"));
  const size_t star = row.route.find('*');
  const size_t after = row.route.size() - star - 1;
  const std::string_view path = request.path;
  auto subject = PercentDecode(path.substr(star, path.size() - star - after));
  if (!subject || subject->empty()) return Status::InvalidArgument(Cat("the path names no ", row.subject));
  arguments.emplace_back(std::string(row.subject), *std::move(subject));
  return Json(std::move(arguments));
}

void AddAdminRoutes(const GenerationServices& services, Office* office, Router& router) {
  for (const VerbRow& row : VerbRows()) {
    router.Add(
        {.method = std::string(row.method),
         .pattern = std::string(row.route),
         .access = RouteAccess::kAnyKey,
         .handler = [&services, office, &row](const Exchange& exchange,
                                              const std::shared_ptr<ResponseSink>& sink) -> std::shared_ptr<Activity> {
           const ErrorWriter error_writer = ErrorWriterFor(exchange.request);
           if (office == nullptr) {
             sink->Respond(error_writer(Status::NotFound("this server has no tenants; `bedplate tenant init` "
                                                         "makes the first one")
                                            .WithReason("no_tenants"),
                                        exchange.request_id));
             return nullptr;
           }
           return AnswerOnWorker(services, sink, error_writer, exchange.request_id,
                                 [office, &row, request = exchange.request, key = exchange.principal.key] {
                                   return AnswerVerb(*office, row, request, key);
                                 });
         }});
  }
}

}  // namespace bedplate
