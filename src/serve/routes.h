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
  HttpResponse (*error_response)(const Status& status);
};

/// services and what it refers to outlive the router.
void AddRoutes(const RouteServices& services, Router& router);

}  // namespace bedplate
