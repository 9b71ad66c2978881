#pragma once
/// Converse and ConverseStream, decoded. Unknown fields are ignored, as clients send new ones; a field or block that
/// asks for what this build can't do is refused by name, and so is every member of additionalModelRequestFields that
/// isn't known here. Table: docs/bedrock.md. Source: the service's model in botocore (bedrock-runtime/2023-09-30).

#include <string>

#include "base/json.h"
#include "base/status.h"
#include "serve/dialect.h"

namespace bedplate::bedrock {

struct ConverseOptions {
  std::string model;  // from the path
  bool stream = false;
};
Result<Call> DecodeConverse(const Json& body, ConverseOptions options);

}  // namespace bedplate::bedrock
