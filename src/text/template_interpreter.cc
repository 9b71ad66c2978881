#include "text/template_interpreter.h"

#include <algorithm>

#include "base/cat.h"
#include "text/template_call.h"
#include "text/template_print.h"

namespace bedplate::jinja {
namespace {

// A macro, or the caller() of a call block.
struct Macro final : Callable {
  Macro(const Statement& s, std::shared_ptr<Scope> sc) : Callable(s.name), statement(s), scope(std::move(sc)) {}
  Value Call(Interpreter& interpreter, const Arguments& arguments) const override {
    return interpreter.CallMacro(statement, statement.signature, scope, arguments);
  }
  const Statement& statement;
  std::shared_ptr<Scope> scope;
};

struct GlobalFunction final : Callable {
  GlobalFunction(std::string_view n, Function f) : Callable(std::string(n)), function(f) {}
  Value Call(Interpreter& interpreter, const Arguments& arguments) const override {
    return function(interpreter, {}, arguments);
  }
  Function function;
};

// Sets a variable for as long as it lives.
template <class T>
class Swap {
 public:
  Swap(T& place, T value) : place_(place), old_(std::exchange(place, std::move(value))) {}
  ~Swap() { place_ = std::move(old_); }
  Swap(const Swap&) = delete;
  Swap& operator=(const Swap&) = delete;

 private:
  T& place_;
  T old_;
};

}  // namespace

const Value* Scope::Find(std::string_view name) const {
  for (const auto& [key, value] : variables) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Scope::Set(std::string_view name, Value value) {
  for (auto& [key, old] : variables) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(name, std::move(value));
}

Interpreter::Interpreter(const ChatTemplate::Inputs& inputs, const TemplateLimits& limits)
    : inputs_(inputs), run_(limits), scope_(std::make_shared<Scope>(nullptr)) {
  scope_->Set("messages", FromJson(run_, inputs.messages));
  scope_->Set("tools", FromJson(run_, inputs.tools));
  scope_->Set("add_generation_prompt", Value::Bool(inputs.add_generation_prompt));
  scope_->Set("bos_token", Value::Of(inputs.bos_token));
  scope_->Set("eos_token", Value::Of(inputs.eos_token));
  for (const auto& [name, value] : inputs.extra) scope_->Set(name, FromJson(run_, value));
}

Interpreter::~Interpreter() {
  for (const auto& scope : macro_scopes_) scope->variables.clear();
  for (const auto& space : namespaces_) space->attributes.clear();
}

Text Interpreter::Render(const ChatTemplate::Program& program) {
  Text out;
  out_ = &out;
  Execute(program.body);
  out_ = nullptr;
  return out;
}

Value Interpreter::NewNamespace() {
  if (!run_.Grow(sizeof(Namespace) + 64)) return {};
  namespaces_.push_back(std::make_shared<Namespace>());
  return Value::Make(Kind::kNamespace, namespaces_.back(), /*trusted=*/false);
}

// ---- Statements

Interpreter::Flow Interpreter::Execute(const Block& block) {
  for (const auto& statement : block) {
    const Flow flow = Execute(*statement);
    if (flow != Flow::kNormal || run_.failed()) return flow;
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::Execute(const Statement& statement) {
  run_.SetLine(statement.line);
  if (!run_.Enter()) return Flow::kNormal;
  Flow flow = Flow::kNormal;
  switch (statement.kind) {
    case Statement::Kind::kText:
      Append(*out_, statement.value.text());
      break;
    case Statement::Kind::kPrint:
      Print(Evaluate(*statement.expressions[0]));
      break;
    case Statement::Kind::kIf:
      flow = ExecuteIf(statement);
      break;
    case Statement::Kind::kFor:
      flow = ExecuteFor(statement, Evaluate(*statement.expressions[0]), 0);
      break;
    case Statement::Kind::kSet:
      Assign(*statement.target, Evaluate(*statement.expressions[0]));
      break;
    case Statement::Kind::kSetBlock: {
      Text text;
      flow = Capture(statement.blocks[0], text);
      if (flow != Flow::kNormal) break;
      const bool filtered = statement.expressions[0] != nullptr;
      Assign(*statement.target,
             filtered ? FilterBlock(*statement.expressions[0], std::move(text)) : Value::Of(std::move(text)));
      break;
    }
    case Statement::Kind::kFilterBlock: {
      Text text;
      flow = Capture(statement.blocks[0], text);
      if (flow == Flow::kNormal) Print(FilterBlock(*statement.expressions[0], std::move(text)));
      break;
    }
    case Statement::Kind::kMacro:
      ExecuteMacro(statement);
      break;
    case Statement::Kind::kCall:
      ExecuteCall(statement);
      break;
    case Statement::Kind::kWith:
      ExecuteWith(statement);
      break;
    case Statement::Kind::kScope:
      flow = ExecuteInScope(statement.blocks[0]);
      break;
    case Statement::Kind::kBreak:
      flow = Flow::kBreak;
      break;
    case Statement::Kind::kContinue:
      flow = Flow::kContinue;
      break;
  }
  run_.Leave();
  return flow;
}

Interpreter::Flow Interpreter::ExecuteIf(const Statement& statement) {
  for (size_t i = 0; i < statement.expressions.size(); ++i) {
    const bool taken = Truthy(Evaluate(*statement.expressions[i]));
    if (run_.failed()) return Flow::kNormal;
    if (taken) return Execute(statement.blocks[i]);
  }
  return statement.blocks.size() > statement.expressions.size() ? Execute(statement.blocks.back()) : Flow::kNormal;
}

Interpreter::Flow Interpreter::ExecuteFor(const Statement& statement, const Value& iterable, uint32_t depth0) {
  auto loop = std::make_shared<Loop>();
  loop->items = Items(run_, iterable);
  if (statement.expressions[1] != nullptr) {
    std::vector<Value> kept;
    for (const Value& item : loop->items) {
      const Swap inner(scope_, std::make_shared<Scope>(scope_));
      Assign(*statement.target, item);
      if (Truthy(Evaluate(*statement.expressions[1]))) kept.push_back(item);
      if (run_.failed()) return Flow::kNormal;
    }
    loop->items = std::move(kept);
  }
  loop->depth0 = depth0;
  loop->statement = statement.recursive ? &statement : nullptr;
  loop->scope = scope_;
  const Value loop_value = Value::Make(Kind::kLoop, loop);
  bool finished_one = false;  // as in the reference, a first round that ends by break or continue doesn't count
  for (; loop->index0 < loop->items.size() && !run_.failed(); ++loop->index0) {
    const Swap inner(scope_, std::make_shared<Scope>(scope_));
    Assign(*statement.target, loop->items[loop->index0]);
    scope_->Set("loop", loop_value);
    const Flow flow = Execute(statement.blocks[0]);
    if (flow == Flow::kBreak) break;
    finished_one |= flow == Flow::kNormal;
  }
  if (!finished_one && statement.blocks.size() > 1 && !run_.failed()) return ExecuteInScope(statement.blocks[1]);
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::ExecuteInScope(const Block& block) {
  const Swap inner(scope_, std::make_shared<Scope>(scope_));
  return Execute(block);
}

Interpreter::Flow Interpreter::Capture(const Block& block, Text& text) {
  const Swap out(out_, &text);
  return ExecuteInScope(block);
}

void Interpreter::ExecuteMacro(const Statement& statement) {
  if (macro_scopes_.empty() || macro_scopes_.back() != scope_) macro_scopes_.push_back(scope_);
  scope_->Set(statement.name, Value::Make(Kind::kCallable, std::make_shared<Macro>(statement, scope_)));
}

void Interpreter::ExecuteCall(const Statement& statement) {
  const Expression& call = *statement.expressions[0];
  const Value callee = Evaluate(*call.parts[0]);
  Arguments arguments = EvaluateArguments(call);
  if (run_.failed()) return;
  if (macro_scopes_.empty() || macro_scopes_.back() != scope_) macro_scopes_.push_back(scope_);
  arguments.named.emplace_back("caller", Value::Make(Kind::kCallable, std::make_shared<Macro>(statement, scope_)));
  run_.SetLine(call.line);
  Print(Call(callee, arguments));
}

void Interpreter::ExecuteWith(const Statement& statement) {
  std::vector<Value> values;
  for (const auto& expression : statement.expressions) values.push_back(Evaluate(*expression));
  const Swap inner(scope_, std::make_shared<Scope>(scope_));
  for (size_t i = 0; i < values.size(); ++i) Assign(*statement.targets[i], values[i]);
  Execute(statement.blocks[0]);
}

void Interpreter::Print(const Value& value) {
  if (run_.failed()) return;
  if (value.is_text()) return Append(*out_, value.text());
  Append(*out_, Str(run_, value));
}

void Interpreter::Append(Text& out, const Text& text) {
  if (run_.Grow(text.footprint() + sizeof(Text::Run))) out.Append(text);
}

void Interpreter::Assign(const Expression& target, const Value& value) {
  if (run_.failed()) return;
  if (target.kind == Expression::Kind::kName) return scope_->Set(target.name, value);
  run_.SetLine(target.line);
  if (target.kind == Expression::Kind::kAttribute) {
    const Value object = Evaluate(*target.parts[0]);
    if (!object.Is(Kind::kNamespace)) return run_.Fail("cannot assign attribute on non-namespace object");
    if (run_.Grow(target.name.size() + 64)) object.name_space().Set(target.name, value);
    return;
  }
  const std::vector<Value> items = Items(run_, value);
  if (run_.failed()) return;
  if (items.size() != target.parts.size()) {
    return run_.Fail(
        items.size() > target.parts.size()
            ? Cat("too many values to unpack (expected ", target.parts.size(), ")")
            : Cat("not enough values to unpack (expected ", target.parts.size(), ", got ", items.size(), ")"));
  }
  for (size_t i = 0; i < items.size(); ++i) Assign(*target.parts[i], items[i]);
}

// ---- Calls

Value Interpreter::CallMacro(const Statement& macro, const Signature& signature, const std::shared_ptr<Scope>& scope,
                             const Arguments& arguments) {
  const size_t count = signature.names.size();
  const auto inner_scope = std::make_shared<Scope>(scope);
  std::vector<bool> used(arguments.named.size());
  const auto take_named = [&](std::string_view name) -> const Value* {
    for (size_t i = 0; i < used.size(); ++i) {
      if (!used[i] && arguments.named[i].first == name) {
        used[i] = true;
        return &arguments.named[i].second;
      }
    }
    return nullptr;
  };
  if (!run_.Enter()) return {};
  Text text;
  {
    const Swap inner(scope_, inner_scope);
    const Swap out(out_, &text);
    for (size_t i = 0; i < count; ++i) {
      const std::string& name = signature.names[i];
      const size_t first_default = count - signature.defaults.size();
      if (i < arguments.positional.size())
        scope_->Set(name, arguments.positional[i]);
      else if (const Value* named = take_named(name))
        scope_->Set(name, *named);
      else if (i >= first_default)
        scope_->Set(name, Evaluate(*signature.defaults[i - first_default]));
      else
        scope_->Set(name, Value::UndefinedFor(Cat("parameter '", name, "' was not provided")));
    }
    if (macro.uses_caller && scope_->Find("caller") == nullptr) {
      const Value* caller = take_named("caller");
      scope_->Set("caller", caller != nullptr ? *caller : Value::UndefinedFor("No caller defined"));
    }
    std::vector<std::pair<Value, Value>> rest;
    for (size_t i = 0; i < used.size(); ++i) {
      if (used[i]) continue;
      const auto& [name, value] = arguments.named[i];
      if (!macro.uses_kwargs) run_.Fail(Cat("macro '", macro.name, "' takes no keyword argument '", name, "'"));
      rest.emplace_back(Value::Of(std::string(name)), value);
    }
    if (macro.uses_kwargs) scope_->Set("kwargs", MakeDict(run_, std::move(rest)));
    if (macro.uses_varargs) {
      std::vector<Value> more;
      for (size_t i = count; i < arguments.positional.size(); ++i) more.push_back(arguments.positional[i]);
      scope_->Set("varargs", MakeSequence(run_, Kind::kTuple, std::move(more)));
    } else if (arguments.positional.size() > count) {
      run_.Fail(Cat("macro '", macro.name, "' takes not more than ", count, " argument(s)"));
    }
    if (!run_.failed()) Execute(macro.blocks[0]);
  }
  run_.Leave();
  return Value::Of(std::move(text));
}

Value Interpreter::CallLoop(const Loop& loop, const Value& items) {
  if (loop.statement == nullptr) {
    run_.Fail("the loop must have the 'recursive' marker to be called");
    return {};
  }
  Text text;
  {
    const Swap outer(scope_, loop.scope);
    const Swap out(out_, &text);
    if (run_.Enter()) {
      (void)ExecuteFor(*loop.statement, items, loop.depth0 + 1);
      run_.Leave();
    }
  }
  return Value::Of(std::move(text));
}

Value Interpreter::Call(const Value& callee, const Arguments& arguments) {
  if (run_.failed()) return {};
  if (callee.Is(Kind::kCallable)) return static_cast<const Callable*>(callee.object().get())->Call(*this, arguments);
  if (callee.Is(Kind::kLoop)) {
    const Parameters parameters(*this, "loop", arguments, {"iterable"}, 1);
    return parameters.ok() ? CallLoop(*static_cast<const Loop*>(callee.object().get()), *parameters[0]) : Value();
  }
  run_.Fail(callee.is_undefined() ? callee.undefined().reason : Cat("'", TypeName(callee), "' object is not callable"));
  return {};
}

// ---- Expressions

Value Interpreter::Evaluate(const Expression& expression) {
  if (!run_.Enter()) return {};
  run_.SetLine(expression.line);
  Value value = EvaluateNode(expression);
  run_.Leave();
  return value;
}

Value Interpreter::EvaluateNode(const Expression& expression) {
  using ExprKind = Expression::Kind;
  const auto& parts = expression.parts;
  const auto back_here = [&] {
    run_.SetLine(expression.line);
    return !run_.failed();
  };
  switch (expression.kind) {
    case ExprKind::kConstant:
      return expression.value;
    case ExprKind::kName:
      return EvaluateName(expression);
    case ExprKind::kList:
    case ExprKind::kTuple: {
      std::vector<Value> items;
      items.reserve(parts.size());
      for (const auto& part : parts) items.push_back(Evaluate(*part));
      return MakeSequence(run_, expression.kind == ExprKind::kList ? Kind::kList : Kind::kTuple, std::move(items));
    }
    case ExprKind::kDict:
      return EvaluateDict(expression);
    case ExprKind::kAttribute: {
      const Value object = Evaluate(*parts[0]);
      return back_here() ? GetAttribute(object, expression.name) : Value();
    }
    case ExprKind::kItem:
      return EvaluateItem(expression);
    case ExprKind::kSlice:
      run_.Fail("a slice is only possible as an index of its own");
      return {};
    case ExprKind::kCall: {
      const Value callee = Evaluate(*parts[0]);
      const Arguments arguments = EvaluateArguments(expression);
      return back_here() ? Call(callee, arguments) : Value();
    }
    case ExprKind::kFilter: {
      const Value input = parts[0] != nullptr ? Evaluate(*parts[0]) : *block_input_;
      const Arguments arguments = EvaluateArguments(expression);
      return back_here() ? ApplyFilter(expression.name, input, arguments) : Value();
    }
    case ExprKind::kTest: {
      const Value input = Evaluate(*parts[0]);
      const Arguments arguments = EvaluateArguments(expression);
      return back_here() ? Value::Bool(ApplyTest(expression.name, input, arguments)) : Value();
    }
    case ExprKind::kNot:
      return Value::Bool(!Truthy(Evaluate(*parts[0])));
    case ExprKind::kNegate:
    case ExprKind::kPlus: {
      const Value value = Evaluate(*parts[0]);
      if (!back_here()) return {};
      const Value negative = Negate(value);
      return expression.kind == ExprKind::kNegate ? negative : Negate(negative);
    }
    case ExprKind::kAnd: {
      Value left = Evaluate(*parts[0]);
      return Truthy(left) ? Evaluate(*parts[1]) : left;
    }
    case ExprKind::kOr: {
      Value left = Evaluate(*parts[0]);
      return Truthy(left) || run_.failed() ? left : Evaluate(*parts[1]);
    }
    case ExprKind::kIf: {
      if (Truthy(Evaluate(*parts[0]))) return Evaluate(*parts[1]);
      if (parts[2] != nullptr) return Evaluate(*parts[2]);
      return Value::UndefinedFor(Cat("the inline if-expression on line ", expression.line,
                                     " evaluated to false and no else section was defined."));
    }
    case ExprKind::kCompare:
      return EvaluateCompare(expression);
    case ExprKind::kConcat:
      return EvaluateConcat(expression);
    case ExprKind::kBinary: {
      const Value left = Evaluate(*parts[0]);
      const Value right = Evaluate(*parts[1]);
      return back_here() ? Binary(expression.operators[0], left, right) : Value();
    }
  }
  return {};
}

Value Interpreter::EvaluateName(const Expression& expression) {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    if (const Value* value = scope->Find(expression.name)) return *value;
  }
  return BuiltInFunction(expression.name);
}

Value Interpreter::BuiltInFunction(std::string_view name) {
  if (const Function function = FindGlobal(name)) {
    return Value::Make(Kind::kCallable, std::make_shared<GlobalFunction>(name, function));
  }
  return Value::UndefinedFor(Cat("'", name, "' is undefined"));
}

Value Interpreter::EvaluateItem(const Expression& expression) {
  const Value object = Evaluate(*expression.parts[0]);
  const Expression& index = *expression.parts[1];
  if (index.kind != Expression::Kind::kSlice) {
    const Value key = Evaluate(index);
    run_.SetLine(expression.line);
    return run_.failed() ? Value() : GetItem(object, key);
  }
  const auto bound = [&](size_t part) { return index.parts[part] != nullptr ? Evaluate(*index.parts[part]) : Value(); };
  const Value start = bound(0);
  const Value stop = bound(1);
  const Value step = bound(2);
  run_.SetLine(expression.line);
  return run_.failed() ? Value() : Slice(object, start, stop, step);
}

Value Interpreter::EvaluateDict(const Expression& expression) {
  std::vector<std::pair<Value, Value>> entries;
  for (size_t i = 0; i + 1 < expression.parts.size(); i += 2) {
    Value key = Evaluate(*expression.parts[i]);
    entries.emplace_back(std::move(key), Evaluate(*expression.parts[i + 1]));
  }
  run_.SetLine(expression.line);
  return MakeDict(run_, std::move(entries));
}

Value Interpreter::EvaluateCompare(const Expression& expression) {
  Value left = Evaluate(*expression.parts[0]);
  for (size_t i = 0; i < expression.operators.size(); ++i) {
    Value right = Evaluate(*expression.parts[i + 1]);
    run_.SetLine(expression.line);
    if (run_.failed() || !Compare(expression.operators[i], left, right)) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

Value Interpreter::EvaluateConcat(const Expression& expression) {
  Text out;
  for (const auto& part : expression.parts) {
    const Value value = Evaluate(*part);
    if (run_.failed()) return {};
    if (value.is_text())
      Append(out, value.text());
    else
      Append(out, Str(run_, value));
  }
  return Value::Of(std::move(out));
}

Arguments Interpreter::EvaluateArguments(const Expression& expression) {
  Arguments out;
  if (expression.arguments == nullptr) return out;
  const CallArguments& arguments = *expression.arguments;
  for (const auto& argument : arguments.positional) out.positional.push_back(Evaluate(*argument));
  if (arguments.star != nullptr) {
    std::vector<Value> more = Items(run_, Evaluate(*arguments.star));
    out.positional.insert(out.positional.end(), more.begin(), more.end());
  }
  for (const auto& [name, argument] : arguments.named) out.named.emplace_back(name, Evaluate(*argument));
  if (arguments.double_star != nullptr) {
    const Value more = Evaluate(*arguments.double_star);
    if (run_.failed()) return out;
    if (!more.is_dict()) {
      run_.Fail(Cat("argument after ** must be a mapping, not ", TypeName(more)));
      return out;
    }
    for (const auto& [name, value] : more.dict().entries) {
      if (!name.is_text())
        run_.Fail("keywords must be strings");
      else if (run_.Grow(name.text().size() + sizeof(Value))) {
        kept_names_.push_back(std::make_unique<std::string>(name.text().bytes()));
        out.named.emplace_back(*kept_names_.back(), value);
      }
    }
  }
  return out;
}

Value Interpreter::FilterBlock(const Expression& filters, Text text) {
  const Value input = Value::Of(std::move(text));
  const Swap block_input(block_input_, &input);
  return Evaluate(filters);
}

Value Interpreter::ApplyFilter(std::string_view name, const Value& input, const Arguments& arguments) {
  const Function function = FindFilter(name);
  if (function == nullptr) {
    run_.Fail(Cat("no filter named '", name, "'"));
    return {};
  }
  return run_.Step() ? function(*this, input, arguments) : Value();
}

bool Interpreter::ApplyTest(std::string_view name, const Value& input, const Arguments& arguments) {
  const Function function = FindTest(name);
  if (function == nullptr) {
    run_.Fail(Cat("no test named '", name, "'"));
    return false;
  }
  return run_.Step() && Truthy(function(*this, input, arguments));
}

}  // namespace bedplate::jinja
