#include "serve/server_description.h"

namespace bedplate {
namespace {

using enum Schema::Form;

constexpr Schema kSchemas[] = {
    {"Health", kExact, R"({"status":"=ok"})"},
    {"Readiness", kExact, R"({"status":"=ready"})"},
    {"OpenApi", kExact, R"({"*":"any"})"},
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
