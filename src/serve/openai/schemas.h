#pragma once
/// The schemas of OpenAI's API that /openapi.json names.

#include <span>

#include "serve/operation.h"

namespace bedplate::openai {

std::span<const Schema> RequestSchemas();
std::span<const Schema> AnswerSchemas();

}  // namespace bedplate::openai
