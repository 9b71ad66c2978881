#include "serve/session_routes.h"

#include <optional>
#include <utility>

#include "base/cat.h"
#include "base/json.h"
#include "serve/routes.h"

namespace bedplate {
namespace {

/// A request's key, and how long it stays signed in; no time where it sent the key itself.
struct Asker {
  Principal principal;
  std::optional<Duration> left;
};

std::string_view ReachName(Reach reach) {
  constexpr std::string_view kNames[] = {"none", "key", "project", "tenant", "everywhere"};
  return kNames[static_cast<size_t>(reach)];
}

/// What a key may do: the verbs that its role and its scopes give it, and how far each goes.
Json MayOf(const TenantState& state, const std::string& key_id, int64_t now) {
  Json::Object may;
  for (const VerbRow& row : VerbRows()) {
    const Result<Actor> actor = Actor::Of(state, Caller::Key(key_id), row, now);
    if (actor.ok()) may.emplace_back(std::string(row.name), std::string(ReachName(actor->reach)));
  }
  return may;
}

Json SessionJson(const SessionServices& services, const std::optional<Asker>& asker) {
  const int64_t now = services.clock.UnixSeconds();
  Json::Object out{{"object", "console_session"}, {"keys_asked", services.has_keys}, {"signed_in", asker.has_value()}};
  if (!asker) return out;
  const Principal& who = asker->principal;
  TenantState::KeyPointer key;
  std::shared_ptr<const TenantState> state;
  if (services.office != nullptr) {
    state = services.office->state();
    key = state->FindKey(who.key);
  }
  out.emplace_back("tenant", who.tenant);
  out.emplace_back("project", who.project);
  out.emplace_back("key", who.key);
  out.emplace_back("name", key == nullptr ? Json() : Json(key->name));
  out.emplace_back("role", key == nullptr ? Json() : Json(std::string(RoleName(key->role))));
  out.emplace_back("operator", key != nullptr && state->OfOperator(*key));
  const bool ends = asker->left.has_value();
  out.emplace_back("ends_at",
                   ends ? Json(now + std::chrono::floor<std::chrono::seconds>(*asker->left).count()) : Json());
  out.emplace_back("may_use_models", who.may_use_models);
  out.emplace_back("may_read_metrics", who.may_read_metrics);
  out.emplace_back("may", key == nullptr ? Json(Json::Object{}) : MayOf(*state, who.key, now));
  return out;
}

HttpResponse SessionResponse(const Json& body) {
  return {.status = 200,
          .fields = {{"content-type", "application/json"}, {"cache-control", "no-store"}},
          .body = WriteJson(body)};
}

/// The browser speaks TLS, with us or with what stands before us.
bool IsSecure(const SessionServices& services, const HttpRequest& request) {
  const std::string* const origin = request.Find("origin");
  return services.under_tls || (origin != nullptr && origin->starts_with("https://"));
}

Result<std::string> KeyIn(const HttpRequest& request) {
  BP_ASSIGN_OR_RETURN(const Json body, ParseJson(request.body));
  const Json* const key = body.Find("key");
  if (key == nullptr || !key->is_string() || key->as_string().empty()) {
    return Status::InvalidArgument("the body must be {\"key\": \"...\"}, with a key of this server").WithParam("key");
  }
  return key->as_string();
}

Status CheckOwnPage(const HttpRequest& request) {
  if (IsFromOwnPage(request)) return Status::Ok();
  return Status(StatusCode::kPermissionDenied, "only the console's own pages sign in and out; send a key instead")
      .WithReason("origin_not_allowed");
}

Status CheckAttempts(const SessionServices& services, const std::string& address) {
  const Duration wait = services.attempts.WaitOf(address);
  if (wait <= Duration{}) return Status::Ok();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  return Status(StatusCode::kResourceExhausted,
                Cat("Too many wrong keys have come from your address. Try again in ", (ms + 999) / 1000, " s."))
      .WithReason("too_many_attempts")
      .WithRetryAfterMs(static_cast<uint32_t>(ms));
}

Result<HttpResponse> SignIn(const SessionServices& services, const Exchange& exchange) {
  BP_RETURN_IF_ERROR(CheckOwnPage(exchange.request));
  if (!services.has_keys) {
    return Status::InvalidArgument("this server asks for no keys: there is nothing to sign in to")
        .WithReason("no_keys");
  }
  BP_RETURN_IF_ERROR(CheckAttempts(services, exchange.client));
  BP_ASSIGN_OR_RETURN(const std::string key, KeyIn(exchange.request));
  std::string credentials = Cat("Bearer ", key);
  Result<Principal> principal = services.admission.Authenticate(credentials);
  if (!principal.ok()) {
    services.attempts.CountFailure(exchange.client);
    return principal.status();
  }
  // Whoever holds the earlier id, this browser or somebody who gave it to it, has nothing of the new one.
  if (const auto earlier = SessionIdOf(exchange.request, services.under_tls)) services.sessions.End(*earlier);
  BP_ASSIGN_OR_RETURN(const std::string id, services.sessions.Begin(*principal, std::move(credentials)));
  HttpResponse response = SessionResponse(
      SessionJson(services, Asker{.principal = *std::move(principal), .left = ConsoleSessions::kTimeMax}));
  response.fields.push_back({"set-cookie", SessionCookie(id, IsSecure(services, exchange.request))});
  return response;
}

Result<HttpResponse> SignOut(const SessionServices& services, const Exchange& exchange) {
  BP_RETURN_IF_ERROR(CheckOwnPage(exchange.request));
  if (const auto id = SessionIdOf(exchange.request, services.under_tls)) services.sessions.End(*id);
  HttpResponse response = SessionResponse(SessionJson(services, std::nullopt));
  response.fields.push_back({"set-cookie", EndedSessionCookie(IsSecure(services, exchange.request))});
  return response;
}

std::optional<Asker> AskerOf(const SessionServices& services, const HttpRequest& request) {
  if (!services.has_keys) return std::nullopt;
  if (const std::string sent = CredentialsOf(request); !sent.empty()) {
    auto principal = services.admission.Authenticate(sent);
    if (!principal.ok()) return std::nullopt;
    return Asker{.principal = *std::move(principal), .left = std::nullopt};
  }
  const auto id = SessionIdOf(request, services.under_tls);
  const auto found = id ? services.sessions.Find(*id) : std::nullopt;
  if (!found) return std::nullopt;
  auto principal = services.admission.Authenticate(found->credentials);
  if (!principal.ok()) {  // revoked since, perhaps
    services.sessions.End(*id);
    return std::nullopt;
  }
  return Asker{.principal = *std::move(principal), .left = found->left};
}

template <class Answer>
void AddSessionRoute(std::string method, Answer answer, Router& router) {
  router.Add(
      {.method = std::move(method),
       .pattern = "/console/session",
       .access = RouteAccess::kOpen,
       .handler = [answer = std::move(answer)](const Exchange& exchange,
                                               const std::shared_ptr<ResponseSink>& sink) -> std::shared_ptr<Activity> {
         Result<HttpResponse> response = answer(exchange);
         sink->Respond(response.ok() ? *std::move(response)
                                     : ErrorWriterFor(exchange.request)(response.status(), exchange.request_id));
         return nullptr;
       }});
}

}  // namespace

void AddSessionRoutes(const SessionServices& services, Router& router) {
  AddSessionRoute(
      "GET",
      [services](const Exchange& exchange) -> Result<HttpResponse> {
        return SessionResponse(SessionJson(services, AskerOf(services, exchange.request)));
      },
      router);
  AddSessionRoute("POST", [services](const Exchange& exchange) { return SignIn(services, exchange); }, router);
  AddSessionRoute("DELETE", [services](const Exchange& exchange) { return SignOut(services, exchange); }, router);
}

}  // namespace bedplate
