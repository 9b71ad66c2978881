#pragma once
/// Anthropic's API as /openapi.json tells it, and the members of the bodies that it takes, in docs/anthropic.md the
/// same.

#include "serve/operation.h"

namespace bedplate::anthropic {

FieldTable MessagesFields();
FieldTable CountTokensFields();
/// Under Bedrock's InvokeModel, where the path says model and stream.
FieldTable InvokedMessagesFields();

ApiDescription Description();

}  // namespace bedplate::anthropic
