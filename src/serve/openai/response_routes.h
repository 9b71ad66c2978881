#pragma once
/// /v1/responses and what lies below it: create, retrieve (also as a stream), delete, cancel, input items, token
/// counts.

#include "serve/openai/response_run.h"
#include "serve/router.h"

namespace bedplate::openai {

/// services outlive the router.
void AddResponseRoutes(const ResponseServices& services, Router& router);

}  // namespace bedplate::openai
