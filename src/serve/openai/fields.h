#pragma once
/// The members of the bodies that OpenAI's API takes, in docs/openai.md the same.

#include "serve/field_table.h"

namespace bedplate::openai {

FieldTable ChatFields();
FieldTable CompletionsFields();
FieldTable ResponseFields();

/// Those that say what is generated and how: also under Bedrock's InvokeModel, where the path says model and stream.
FieldTable InvokedChatFields();
FieldTable InvokedCompletionsFields();

}  // namespace bedplate::openai
