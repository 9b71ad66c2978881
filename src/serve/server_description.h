#pragma once
/// What the server has beside the APIs, as /openapi.json tells it.

#include "serve/operation.h"

namespace bedplate {

ApiDescription ServerDescription();

}  // namespace bedplate
