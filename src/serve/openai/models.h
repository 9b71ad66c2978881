#pragma once
/// GET /v1/models. Beside OpenAI's fields: context_length, max_model_len (vLLM's name for it), aliases, chat (whether
/// the model has a chat template).

#include <string>
#include <vector>

#include "serve/server.h"

namespace bedplate::openai {

std::string EncodeModel(const ServedModel& model);
std::string EncodeModelList(const std::vector<ServedModel>& models);

}  // namespace bedplate::openai
