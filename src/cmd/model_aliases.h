#pragma once
/// Further names of the models that a server serves, as clients send them: "gpt-4o", an ARN, an id with a ':'.
///
/// Written NAME where one model is served, NAME=MODEL where there are several. Errors: kInvalidArgument.

#include <string>
#include <vector>

#include "base/status.h"
#include "serve/server.h"

namespace bedplate {

/// models: the ids of those that are served.
Result<std::vector<ModelAlias>> ParseModelAliases(const std::vector<std::string>& texts,
                                                  const std::vector<std::string>& models);

}  // namespace bedplate
