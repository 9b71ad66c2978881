#pragma once
/// JSON Schema (2020-12, and what draft 4 to 7 spelled otherwise) to rules of a grammar: JSON texts of the values that
/// the schema allows.
///
/// Order:   an object's properties come in the order in which the schema lists them in `properties` (then those only
///          in `required`, then others); any that are optional may be left out.
/// Space:   between parts nothing, one space, or a line end and up to kIndentMax spaces or tabs; after [ { , : and
///          before ] }. With `compact`, nothing.
/// Spelling: see json_text.h and number_language.h.
/// Format:  `format` is enforced (string_language.h).
/// Errors:  kInvalidArgument: "#/properties/a/contains: why". Never a wider language than the schema's.

#include "base/json.h"
#include "base/status.h"
#include "text/constraint/grammar.h"

namespace bedplate {

struct JsonSchemaOptions {
  bool compact = false;
};

inline constexpr uint32_t kIndentMax = 64;

Result<RuleNumber> AddJsonSchema(Grammar& grammar, const Json& schema, JsonSchemaOptions options,
                                 CompileBudget& budget);

}  // namespace bedplate
