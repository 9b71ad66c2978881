#pragma once
/// Which paths exist: the table that server.cc fills the router from.

#include <functional>

#include "serve/generation.h"
#include "serve/router.h"
#include "serve/server_metrics.h"

namespace bedplate {

struct RouteServices {
  const GenerationServices& generation;
  const ServerMetrics& metrics;
  const Dialect& chat;
  const Dialect& completions;
  const Dialect& messages;
  const Dialect& count_tokens;
};

/// The dialect whose errors a request gets: Anthropic's under /v1/messages and where it sends that API's version,
/// OpenAI's elsewhere.
ErrorWriter ErrorWriterFor(const HttpRequest& head);

/// services and what it refers to outlive the router.
void AddRoutes(const RouteServices& services, Router& router);

}  // namespace bedplate
