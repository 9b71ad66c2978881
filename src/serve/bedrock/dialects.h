#pragma once
/// Amazon Bedrock's runtime: the dialects of its operations. The model is in the path, /model/{modelId}/OPERATION.

#include "serve/dialect.h"

namespace bedplate::bedrock {

struct Dialects {
  Dialect converse, converse_stream, invoke, invoke_stream, count_tokens;
};
Dialects MakeDialects();

/// Whether a path is one of Bedrock's, so that its errors are told in Bedrock's shape.
bool IsBedrockPath(std::string_view path);

}  // namespace bedplate::bedrock
