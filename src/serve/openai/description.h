#pragma once
/// OpenAI's API as /openapi.json tells it.

#include "serve/operation.h"

namespace bedplate::openai {

ApiDescription Description();

}  // namespace bedplate::openai
