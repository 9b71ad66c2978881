#pragma once
/// Which model a path names: /model/{modelId}/converse. Ids hold ':' and ARNs '/', percent-encoded in the path, which
/// is therefore routed as it was sent.

#include <string>
#include <string_view>

#include "base/status.h"

namespace bedplate::bedrock {

/// path: as sent, of a route "/model/*/OPERATION" or "/foundation-models/*". The id, or what an ARN of a foundation
/// model or an inference profile ends with; any other ARN as it is, for an alias may name it. kInvalidArgument for
/// broken percent-encoding.
Result<std::string> ModelIdOf(std::string_view path);

}  // namespace bedplate::bedrock
