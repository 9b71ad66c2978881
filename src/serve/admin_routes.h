#pragma once
/// The admin API: what `bedplate tenant|project|key|price|usage` do, over HTTP, with a key that has a role. Its routes
/// are the table of verbs (ledger/tenancy/roles.h); who may do what, and with what of whose, is decided by Office::Do.
///
///   GET  /admin/v1/keys?tenant=acme                              arguments in the query
///   POST /admin/v1/keys {"tenant": "acme", "role": "member"}     or in a body, an object
///   POST /admin/v1/keys/ID/rotate {"overlap_seconds": 3600}      what the path names stands there alone
///
/// Answers are JSON objects, which no cache may keep: some show a secret. Without tenants every route is a 404.

#include "base/json.h"
#include "ledger/office/office.h"
#include "serve/generation.h"
#include "serve/router.h"

namespace bedplate {

/// office: null where a server has no tenants. Both outlive the router.
void AddAdminRoutes(const GenerationServices& services, Office* office, Router& router);

/// The arguments that a request of a verb's route has. kInvalidArgument says what is wrong with it.
Result<Json> AdminArguments(const VerbRow& row, const HttpRequest& request);

}  // namespace bedplate
