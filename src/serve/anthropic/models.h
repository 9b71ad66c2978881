#pragma once
/// GET /v1/models for those who send anthropic-version: a list in pages, in the order of serving. Source:
/// https://docs.anthropic.com/en/api/models-list.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "serve/server.h"

namespace bedplate::anthropic {

std::string EncodeModel(const ServedModel& model);
/// query: the URL's: limit (1 to 1000, 20 if absent), after_id, before_id.
Result<std::string> EncodeModelList(const std::vector<ServedModel>& models, std::string_view query);

}  // namespace bedplate::anthropic
