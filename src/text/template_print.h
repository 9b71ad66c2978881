#pragma once
/// Values as text: str(), repr(), JSON and Python's formatting. A number, a container or a JSON text is trusted only if
/// all of it is; a text keeps its runs.

#include <optional>
#include <string>
#include <vector>

#include "text/template_value.h"

namespace bedplate::jinja {

Text Str(Run& run, const Value& value);
Text Repr(Run& run, const Value& value);
/// repr() of a Python float: the shortest digits that read back equal.
std::string FloatRepr(double value);
/// %e, %f or %g with a precision, as printf; type is one of eEfFgG.
std::string FormatFloat(double value, char type, int precision, bool alternate);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // for one level; none: all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
/// json.dumps(). Fails on what JSON has no form for.
Text ToJson(Run& run, const Value& value, const JsonStyle& style);

/// "format" % arguments: one value, a tuple of them, or a dict for %(name)s.
Text FormatPercent(Run& run, const Text& format, const Value& arguments);
/// "format".format(...), with names looked up by the interpreter's attribute and item rules.
Text FormatBraces(Interpreter& interpreter, const Text& format, const Arguments& arguments);

}  // namespace bedplate::jinja
