#pragma once
/// OpenAI's usage and costs of an organization, as its administration API and SDKs ask for them, from the books:
///
///   GET /v1/organization/usage/completions?start_time=1730419200&bucket_width=1h&group_by[]=model
///   GET /v1/organization/costs?start_time=1730419200&group_by[]=line_item
///
/// A key sees what its role reaches (ledger/tenancy/roles.h). A project's id is its name, a user's what requests named
/// as their end user. A line item is a model and what was counted: "smollm2-135m, output". Amounts are exact decimals.
/// Without tenants both are a 404.

#include <string>

#include "ledger/office/office.h"
#include "serve/generation.h"
#include "serve/operation.h"
#include "serve/router.h"

namespace bedplate::openai {

/// office: null where a server has no tenants. Both outlive the router.
void AddOrganizationRoutes(const GenerationServices& services, Office* office, Router& router);
ApiDescription OrganizationDescription();

/// The body of the answer to a query. now: Unix seconds, the end of what is told where the query names none.
Result<std::string> UsagePage(Office& office, const Caller& caller, std::string_view query, int64_t now);
Result<std::string> CostsPage(Office& office, const Caller& caller, std::string_view query, int64_t now);

}  // namespace bedplate::openai
