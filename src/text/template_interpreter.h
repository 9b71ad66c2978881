#pragma once
/// Walks a parsed template. One Interpreter is one render.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template_ast.h"
#include "text/template_run.h"
#include "text/template_value.h"

namespace bedplate::jinja {

/// The arguments of a call, evaluated.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;  // names outlive the call
};

/// Variables of one level. Inner levels see outer ones; `set` writes the innermost.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> p) : parent(std::move(p)) {}
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string_view, Value>> variables;     // names live in the program or the inputs
  [[nodiscard]] const Value* Find(std::string_view name) const;  // here only
  void Set(std::string_view name, Value value);
};

/// The `loop` variable.
struct Loop final : Object {
  std::vector<Value> items;
  size_t index0 = 0;
  uint32_t depth0 = 0;
  const Statement* statement = nullptr;  // of a recursive loop, else null
  std::shared_ptr<Scope> scope;          // around the loop
  std::vector<Value> last_changed;
  bool has_changed = false;
};

class Interpreter {
 public:
  Interpreter(const ChatTemplate::Inputs& inputs, const TemplateLimits& limits);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  /// The prompt. Ask run().failed() before using it.
  Text Render(const ChatTemplate::Program& program);

  [[nodiscard]] Run& run() { return run_; }
  [[nodiscard]] int64_t now_unix_seconds() const { return inputs_.now_unix_seconds; }

  // The language's own operations, shared with filters and methods.
  Value GetAttribute(const Value& object, std::string_view name);  // object.name: method, then item
  Value GetItem(const Value& object, const Value& key);            // object[key]: item, then method
  Value Slice(const Value& object, const Value& start, const Value& stop, const Value& step);
  Value Call(const Value& callee, const Arguments& arguments);
  Value ApplyFilter(std::string_view name, const Value& input, const Arguments& arguments);
  bool ApplyTest(std::string_view name, const Value& input, const Arguments& arguments);
  Value Binary(Operator op, const Value& a, const Value& b);
  bool Compare(Operator op, const Value& a, const Value& b);
  Value Negate(const Value& value);

  Value CallMacro(const Statement& macro, const Signature& signature, const std::shared_ptr<Scope>& scope,
                  const Arguments& arguments);
  Value CallLoop(const Loop& loop, const Value& items);
  Value NewNamespace();

 private:
  enum class Flow : uint8_t { kNormal, kBreak, kContinue };

  Flow Execute(const Block& block);
  Flow Execute(const Statement& statement);
  Flow ExecuteIf(const Statement& statement);
  Flow ExecuteFor(const Statement& statement, const Value& iterable, uint32_t depth0);
  Flow ExecuteInScope(const Block& block);  // in a new inner scope
  void ExecuteMacro(const Statement& statement);
  void ExecuteCall(const Statement& statement);
  void ExecuteWith(const Statement& statement);
  Flow Capture(const Block& block, Text& text);  // in a new inner scope, into a text
  void Print(const Value& value);
  void Append(Text& out, const Text& text);
  void Assign(const Expression& target, const Value& value);

  Value Evaluate(const Expression& expression);
  Value EvaluateNode(const Expression& expression);
  Value EvaluateName(const Expression& expression);
  Value EvaluateItem(const Expression& expression);
  Value EvaluateDict(const Expression& expression);
  Value EvaluateCompare(const Expression& expression);
  Value EvaluateConcat(const Expression& expression);
  Arguments EvaluateArguments(const Expression& expression);
  Value FilterBlock(const Expression& filters, Text text);
  Value BuiltInFunction(std::string_view name);

  const ChatTemplate::Inputs& inputs_;
  Run run_;
  std::shared_ptr<Scope> scope_;
  Text* out_ = nullptr;
  const Value* block_input_ = nullptr;  // what a filter without an input applies to
  // A namespace can hold a value that holds it, and a scope a macro that holds it: emptied at the end, so nothing
  // leaks.
  std::vector<std::shared_ptr<Namespace>> namespaces_;
  std::vector<std::shared_ptr<Scope>> macro_scopes_;
  std::vector<std::unique_ptr<std::string>> kept_names_;  // of arguments that came by **
};

}  // namespace bedplate::jinja
