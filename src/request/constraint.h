#pragma once
/// What an output must look like: plain values. The engine's Prepare compiles a constraint to an automaton over bytes
/// (text/constraint/), and every token is then drawn among those that the automaton allows. What can't be enforced
/// exactly is refused there with kInvalidArgument; nothing is ever left unenforced. docs/structured-output.md lists
/// what each form may hold.
///
/// Errors name `param`, the field of the client's request that the form was read from, and in the message the place
/// inside it: "#/properties/age/contains".

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"

namespace bedplate {

/// JSON text of a value that the schema allows. An object's properties come in the order in which the schema declares
/// them. {} or true: any value.
struct JsonSchemaForm {
  Json schema{};
  bool compact = false;  // no white space between the parts
  std::string param{};
};
/// JSON text of any object.
struct JsonObjectForm {};
/// Text that matches as a whole.
struct RegexForm {
  std::string pattern;
  std::string param{};
};
/// Text of the rule `root` of a grammar in GBNF.
struct GrammarForm {
  std::string text;
  std::string param{};
};
/// One of these, none empty.
struct ChoiceForm {
  std::vector<std::string> choices;
  std::string param{};
};

/// Pieces between fixed text, as tool calls are written:
///   prefix, then `least` to `most` alternatives with `separator` between them, then suffix.
/// An alternative is begin, a value of its schema, end. Every literal may be empty, but what is repeated without a most
/// must have some text. Spell literals as text: a token that is control in the vocabulary is never drawn.
struct StructuralForm {
  struct Alternative {
    std::string begin{};
    JsonSchemaForm content{};
    std::string end{};
  };
  std::string prefix{};
  std::vector<Alternative> alternatives{};
  std::string separator{};
  uint32_t least = 1;
  uint32_t most = 1;  // 0: no limit
  std::string suffix{};
};

struct Constraint {
  using Form = std::variant<JsonSchemaForm, JsonObjectForm, RegexForm, GrammarForm, ChoiceForm, StructuralForm>;
  Form form;
  /// Any text up to the first appearance of this marker, and the marker, come before the form: reasoning that ends with
  /// "</think>". Empty: the form alone.
  std::string after{};
  /// In place of the form the output may be this: calls of the tools that the model may make.
  std::optional<StructuralForm> or_calls{};
};

}  // namespace bedplate
