#pragma once
/// A call of a tool that the model must make: what the output must look like, so that the parser that reads it
/// (text/output_parser.h) finds one call, of a tool that may be chosen, with arguments that fit its schema.
///
/// One call is asked for, also where several would be allowed. It is written as the model's family writes calls where
/// that takes no control token, which a constrained output can't have; otherwise as JSON alone, which the parser takes
/// as a call at an answer's beginning. Reasoning that the prompt has opened comes first, as ever (engine_core.cc).
///
/// Beside a form that the text is held to, calls that the model may make by itself have to be allowed as well: they
/// stand in the form's place.
///
/// Pure; any thread. Errors: kInvalidArgument, with the param tool_choice or that of a tool's parameters.

#include "base/status.h"
#include "request/constraint.h"
#include "request/request.h"
#include "text/output_parser.h"
#include "text/tokenizer.h"

namespace bedplate {

/// prompt.tool_choice is not kAuto.
Result<Constraint> ForcedCall(const ChatPrompt& prompt, const OutputParserOptions& output, const Tokenizer& tokenizer);

/// prompt.tool_choice is kAuto, and there are tools. One call; its arguments are any object, as where nothing else is
/// constrained: so no tool's schema is a reason to refuse.
Result<StructuralForm> CallsByChoice(const ChatPrompt& prompt, const OutputParserOptions& output,
                                     const Tokenizer& tokenizer);

}  // namespace bedplate
