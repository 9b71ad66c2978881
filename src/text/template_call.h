#pragma once
/// How filters, tests, methods and global functions are written: one C++ function each, found by name in a sorted
/// table.

#include <initializer_list>
#include <string_view>
#include <vector>

#include "text/template_interpreter.h"

namespace bedplate::jinja {

using Function = Value (*)(Interpreter& interpreter, const Value& self, const Arguments& arguments);

struct NamedFunction {
  std::string_view name;
  Function function;
};

/// Matches arguments to parameters by place and name, as Python does; too many or unknown ones fail the run.
class Parameters {
 public:
  Parameters(Interpreter& interpreter, std::string_view function, const Arguments& arguments,
             std::initializer_list<std::string_view> names, size_t required = 0);

  [[nodiscard]] bool ok() const { return !run_.failed(); }
  /// nullptr if not given.
  [[nodiscard]] const Value* operator[](size_t index) const { return values_[index]; }

  // The argument or its default; an argument of another type fails the run.
  [[nodiscard]] int64_t Integer(size_t index, int64_t otherwise) const;
  [[nodiscard]] bool Flag(size_t index, bool otherwise) const;  // any value, by its truth
  /// nullptr if not given or None.
  [[nodiscard]] const Text* TextOrNone(size_t index) const;

 private:
  Run& run_;
  std::string_view function_;
  std::vector<const Value*> values_;
};

/// A method of a text, list, tuple, dict or number, or nullptr.
Function FindMethod(const Value& object, std::string_view name);
/// True for the methods that would change a list or dict: the sandbox hides them.
bool IsMutator(const Value& object, std::string_view name);
Function FindFilter(std::string_view name);
Function FindTest(std::string_view name);
Function FindGlobal(std::string_view name);

/// Walks a dotted path such as "function.name" or "0.x"; an integer is an index. Where a step is missing: the default
/// if there is one, else undefined.
Value FollowPath(Interpreter& interpreter, const Value& object, const Value& path, const Value* otherwise = nullptr);
/// The characters at both ends go that are white space, or that are in `chars`.
Text Strip(const Text& text, const Text* chars, bool left, bool right);
Text Repeat(Run& run, const Text& text, int64_t count);
/// A replaced place is trusted only if the text that was there, and what comes instead, both are: otherwise a user
/// could choose where a trusted word appears.
Text Replace(Run& run, const Text& text, const Text& from, const Text& to, int64_t count_max);
/// With & < > " ' as HTML entities; a markup stays as it is.
Value EscapeText(Interpreter& interpreter, const Value& value);
Text JoinTexts(Interpreter& interpreter, const Text& separator, const std::vector<Value>& items);

}  // namespace bedplate::jinja
