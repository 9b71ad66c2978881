#pragma once
/// Amazon Bedrock's API as /openapi.json tells it, and the members of the bodies that it takes, in docs/bedrock.md the
/// same.

#include "serve/operation.h"

namespace bedplate::bedrock {

FieldTable ConverseFields();
FieldTable AdditionalModelFields();  // of additionalModelRequestFields, where others are refused
FieldTable LlamaFields();

ApiDescription Description();

}  // namespace bedplate::bedrock
