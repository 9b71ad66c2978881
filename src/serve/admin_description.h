#pragma once
/// The admin API as /openapi.json tells it: made from the tables of verbs and of their arguments
/// (ledger/tenancy/roles.h, verb_arguments.h), which are also what is served and what is read.

#include "serve/operation.h"

namespace bedplate {

ApiDescription AdminDescription();

}  // namespace bedplate
