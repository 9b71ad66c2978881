#include "serve/server_description.h"

namespace bedplate {
namespace {

using enum Schema::Form;

constexpr Schema kSchemas[] = {
    {"Health", kExact, R"({"status":"=ok"})"},
    {"Readiness", kExact, R"({"status":"=ready"})"},
    {"OpenApi", kExact, R"({"*":"any"})"},
    {"SignIn", kJsonSchema, R"({"type":"object","properties":{"key":{"type":"string"}},"required":["key"]})"},
    {"ConsoleSession", kExact,
     R"({"object":"=console_session","keys_asked":"boolean","signed_in":"boolean","tenant?":"string",)"
     R"("project?":"string","key?":"string","name?":"string|null",)"
     R"("role?":"=owner|=billing|=admin|=member|=auditor|null","operator?":"boolean","ends_at?":"integer|null",)"
     R"("may_use_models?":"boolean","may_read_metrics?":"boolean","may?":{"*":"=key|=project|=tenant|=everywhere"}})"},
};

constexpr Operation kOperations[] = {
    {.method = "GET",
     .pattern = "/health",
     .path = "/health",
     .id = "health",
     .summary = "Whether the process answers.",
     .answer = "Health"},
    {.method = "GET",
     .pattern = "/ready",
     .path = "/ready",
     .id = "ready",
     .summary = "Whether its models are loaded; 503 until then, and while it shuts down.",
     .answer = "Readiness"},
    {.method = "GET",
     .pattern = "/metrics",
     .path = "/metrics",
     .id = "metrics",
     .summary = "Numbers for Prometheus.",
     .answer = "string",
     .answer_type = "text/plain"},
    {.method = "GET",
     .pattern = "/openapi.json",
     .path = "/openapi.json",
     .id = "openapi",
     .summary = "This document.",
     .answer = "OpenApi"},
    {.method = "GET",
     .pattern = "/console/session",
     .path = "/console/session",
     .id = "console_session",
     .summary = "Who the request's key or cookie is, and what they may do.",
     .answer = "ConsoleSession"},
    {.method = "POST",
     .pattern = "/console/session",
     .path = "/console/session",
     .id = "console_sign_in",
     .summary = "For the console's page: gives the browser a cookie that stands for the key, for twelve hours.",
     .body = "SignIn",
     .answer = "ConsoleSession"},
    {.method = "DELETE",
     .pattern = "/console/session",
     .path = "/console/session",
     .id = "console_sign_out",
     .summary = "For the console's page: the cookie stands for nothing any more.",
     .answer = "ConsoleSession"},
    {.method = "GET",
     .pattern = "/*",
     .path = "/",
     .id = "console",
     .summary = "The console's page; its other files are named there.",
     .answer = "string",
     .answer_type = "text/html"},
};

}  // namespace

ApiDescription ServerDescription() {
  return {.operations = kOperations, .schemas = kSchemas};
}

}  // namespace bedplate
