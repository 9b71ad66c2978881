#pragma once
/// A parsed template: statements that hold expressions. Built once by the parser, read by any number of renders.
/// Trees are at most kTreeDepthMax deep, so walking and destroying them by recursion is safe.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "text/chat_template.h"
#include "text/template_value.h"

namespace bedplate::jinja {

inline constexpr uint32_t kTreeDepthMax = 300;

enum class Operator : uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, double_star;  // *args and **kwargs, or null
};

struct Expression {
  enum class Kind : uint8_t {
    kConstant,   // value
    kName,       // name
    kList,       // parts
    kTuple,      // parts
    kDict,       // parts: key, value, key, value, ...
    kAttribute,  // parts[0] . name
    kItem,       // parts[0] [ parts[1] ]
    kSlice,      // parts[0] : parts[1] : parts[2], any of them null; only as parts[1] of kItem
    kCall,       // parts[0] ( arguments )
    kFilter,     // parts[0] | name ( arguments ); a null parts[0] is the block that a filter block applies to
    kTest,       // parts[0] is name ( arguments )
    kNot,
    kNegate,
    kPlus,  // parts[0]
    kAnd,
    kOr,       // parts[0], parts[1]
    kIf,       // parts[1] if parts[0] else parts[2] (or null)
    kCompare,  // parts[0] operators[0] parts[1] operators[1] parts[2] ...
    kConcat,   // parts[0] ~ parts[1] ~ ...
    kBinary,   // parts[0] operators[0] parts[1]
  };
  Kind kind;
  uint32_t line;
  uint32_t depth = 1;
  std::string name;
  Value value;
  std::vector<ExpressionPtr> parts;
  std::vector<Operator> operators;
  std::unique_ptr<CallArguments> arguments;
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Signature {
  std::vector<std::string> names;
  std::vector<ExpressionPtr> defaults;  // of the last defaults.size() names
};

struct Statement {
  enum class Kind : uint8_t {
    kText,         // value (printed as it is)
    kPrint,        // expressions[0]
    kIf,           // expressions[i] guards blocks[i]; one block more is the else
    kFor,          // for target in expressions[0] if expressions[1] (or null) recursive: blocks[0] else blocks[1]
    kSet,          // target = expressions[0]
    kSetBlock,     // target = blocks[0], through the filter expressions[0] if there
    kMacro,        // name(signature): blocks[0]
    kCall,         // expressions[0] is a call; its caller(signature) is blocks[0]
    kFilterBlock,  // expressions[0] applied to blocks[0]
    kWith,         // names = expressions, in turn, around blocks[0]; targets in `targets`
    kScope,        // blocks[0] on its own: the generation tag
    kBreak,
    kContinue,
  };
  Kind kind;
  uint32_t line;
  bool recursive = false;
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;  // a macro's body reads these names
  std::string name;
  Value value;
  ExpressionPtr target;
  std::vector<ExpressionPtr> targets;
  std::vector<ExpressionPtr> expressions;
  std::vector<Block> blocks;
  Signature signature;
};

/// A syntax error is kInvalidArgument and names its line.
Result<std::shared_ptr<const ChatTemplate::Program>> ParseTemplate(std::string_view source);

}  // namespace bedplate::jinja

namespace bedplate {

struct ChatTemplate::Program {
  jinja::Block body;
  std::vector<std::string> variables;
};

}  // namespace bedplate
