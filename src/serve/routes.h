#pragma once
/// Which paths exist: the table that server.cc fills the router from.

#include <functional>

#include "ledger/office/office.h"
#include "serve/bedrock/dialects.h"
#include "serve/generation.h"
#include "serve/openai/response_run.h"
#include "serve/router.h"
#include "serve/server_metrics.h"
#include "serve/session_routes.h"

namespace bedplate {

struct RouteServices {
  const GenerationServices& generation;
  const ServerMetrics& metrics;
  const std::function<void(std::string& page)>& more_metrics;  // may be none
  const Dialect& chat;
  const Dialect& completions;
  const Dialect& messages;
  const Dialect& count_tokens;
  const bedrock::Dialects& bedrock;
  const openai::ResponseServices& responses;
  SessionServices session;
  Office* office;  // null: none
  bool has_keys = false;
};

/// The dialect whose errors a request gets: Bedrock's on Bedrock's paths, Anthropic's under
/// /v1/messages and where it sends that API's version, OpenAI's elsewhere. As on Bedrock's host, OpenAI's API is under
/// /openai and Anthropic's Messages under /anthropic, too.
ErrorWriter ErrorWriterFor(const HttpRequest& head);

/// services and what it refers to outlive the router.
void AddRoutes(const RouteServices& services, Router& router);

}  // namespace bedplate
