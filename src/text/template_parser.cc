// Recursive descent over the tokens, with jinja2's grammar and precedence. A depth guard bounds the recursion, and
// every node knows its own depth, because chains such as a + a + a grow a deep tree without recursion.
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "base/cat.h"
#include "text/template_ast.h"
#include "text/template_lexer.h"

namespace bedplate::jinja {
namespace {

using ExprKind = Expression::Kind;
using StmtKind = Statement::Kind;
using TokenKind = Token::Kind;
using StatementPtr = std::unique_ptr<Statement>;

constexpr uint32_t kNestingMax = 100;  // of recursive calls that come from the source: brackets and blocks

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kText:
      return "text";
    case TokenKind::kPrintBegin:
      return "'{{'";
    case TokenKind::kPrintEnd:
      return "'}}'";
    case TokenKind::kBlockBegin:
      return "'{%'";
    case TokenKind::kBlockEnd:
      return "'%}'";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kEnd:
      return "the end of the template";
    default:
      return Cat("'", token.text, "'");
  }
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<std::shared_ptr<const ChatTemplate::Program>> Run() {
    auto program = std::make_shared<ChatTemplate::Program>();
    program->body = ParseBlock({});
    if (!error_.ok()) return std::move(error_);
    program->variables.assign(reads_.begin(), reads_.end());
    return std::shared_ptr<const ChatTemplate::Program>(std::move(program));
  }

 private:
  // ---- Tokens. After the first error every token is kEnd, so that all loops end.

  [[nodiscard]] const Token& Current() const { return tokens_[at_]; }
  [[nodiscard]] const Token& Ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  [[nodiscard]] uint32_t Line() const { return Current().line; }
  void Next() { at_ = std::min(at_ + 1, tokens_.size() - 1); }

  void Fail(uint32_t line, std::string_view message) {
    if (error_.ok()) error_ = SyntaxError(line, message);
    at_ = tokens_.size() - 1;
  }

  [[nodiscard]] bool IsOperator(std::string_view text) const {
    return Current().kind == TokenKind::kOperator && Current().text == text;
  }
  [[nodiscard]] bool IsName(std::string_view text) const {
    return Current().kind == TokenKind::kName && Current().text == text;
  }
  bool SkipOperator(std::string_view text) {
    const bool is = IsOperator(text);
    if (is) Next();
    return is;
  }
  bool SkipName(std::string_view text) {
    const bool is = IsName(text);
    if (is) Next();
    return is;
  }
  void ExpectOperator(std::string_view text) {
    if (!SkipOperator(text)) Fail(Line(), Cat("expected '", text, "', found ", Describe(Current())));
  }
  void ExpectName(std::string_view text) {
    if (!SkipName(text)) Fail(Line(), Cat("expected '", text, "', found ", Describe(Current())));
  }
  std::string TakeName() {
    if (Current().kind != TokenKind::kName) {
      Fail(Line(), Cat("expected a name, found ", Describe(Current())));
      return {};
    }
    std::string name = Current().text;
    Next();
    return name;
  }
  void ExpectBlockEnd() {
    if (Current().kind != TokenKind::kBlockEnd) return Fail(Line(), Cat("expected '%}', found ", Describe(Current())));
    Next();
  }

  // ---- Trees

  // Counts recursion that the source drives.
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser) {
      if (++parser_.nesting_ > kNestingMax) {
        parser_.Fail(parser_.Line(), Cat("brackets and blocks nest deeper than ", kNestingMax, " levels"));
      }
    }
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser& parser_;
  };

  ExpressionPtr Node(ExprKind kind, uint32_t line) {
    auto node = std::make_unique<Expression>();
    node->kind = kind;
    node->line = line;
    return node;
  }

  template <class... Parts>
  ExpressionPtr Node(ExprKind kind, uint32_t line, Parts... parts) {
    ExpressionPtr node = Node(kind, line);
    (AddPart(*node, std::move(parts)), ...);
    return node;
  }

  void NoteDepth(Expression& node, const ExpressionPtr& part) {
    if (part == nullptr) return;
    node.depth = std::max(node.depth, part->depth + 1);
    if (node.depth > kTreeDepthMax) Fail(node.line, Cat("an expression nests deeper than ", kTreeDepthMax, " levels"));
  }

  void AddPart(Expression& node, ExpressionPtr part) {
    NoteDepth(node, part);
    node.parts.push_back(std::move(part));
  }

  ExpressionPtr Constant(uint32_t line, Value value) {
    ExpressionPtr node = Node(ExprKind::kConstant, line);
    node->value = std::move(value);
    return node;
  }

  ExpressionPtr NameNode(uint32_t line, std::string name) {
    ExpressionPtr node = Node(ExprKind::kName, line);
    node->name = std::move(name);
    return node;
  }

  ExpressionPtr ReadName(uint32_t line, std::string name) {
    NoteRead(name);
    return NameNode(line, std::move(name));
  }

  void NoteRead(const std::string& name) {
    for (const auto& scope : locals_) {
      if (scope.contains(name)) return;
    }
    constexpr std::array<std::string_view, 6> kBuiltIn = {"range",           "dict",         "namespace",
                                                          "raise_exception", "strftime_now", "loop"};
    if (std::find(kBuiltIn.begin(), kBuiltIn.end(), name) == kBuiltIn.end()) reads_.insert(name);
  }

  // ---- Expressions, loosest first

  ExpressionPtr ParseExpression() {
    const Nesting nesting(*this);
    if (!error_.ok()) return Constant(Line(), {});
    uint32_t line = Line();
    ExpressionPtr value = ParseOr();
    while (SkipName("if")) {
      ExpressionPtr condition = ParseOr();
      ExpressionPtr otherwise = SkipName("else") ? ParseExpression() : nullptr;
      value = Node(ExprKind::kIf, line, std::move(condition), std::move(value), std::move(otherwise));
      line = Line();
    }
    return value;
  }

  ExpressionPtr ParseOr() {
    const uint32_t line = Line();
    ExpressionPtr left = ParseAnd();
    while (SkipName("or")) left = Node(ExprKind::kOr, line, std::move(left), ParseAnd());
    return left;
  }

  ExpressionPtr ParseAnd() {
    const uint32_t line = Line();
    ExpressionPtr left = ParseNot();
    while (SkipName("and")) left = Node(ExprKind::kAnd, line, std::move(left), ParseNot());
    return left;
  }

  ExpressionPtr ParseNot() {
    const uint32_t line = Line();
    if (!IsName("not")) return ParseCompare();
    Next();
    const Nesting nesting(*this);
    if (!error_.ok()) return Constant(line, {});
    return Node(ExprKind::kNot, line, ParseNot());
  }

  std::optional<Operator> TakeComparison() {
    if (Current().kind == TokenKind::kOperator) {
      constexpr std::pair<std::string_view, Operator> kComparisons[] = {
          {"==", Operator::kEqual},     {"!=", Operator::kNotEqual}, {"<", Operator::kLess},
          {"<=", Operator::kLessEqual}, {">", Operator::kGreater},   {">=", Operator::kGreaterEqual}};
      for (const auto& [text, op] : kComparisons) {
        if (SkipOperator(text)) return op;
      }
      return std::nullopt;
    }
    if (SkipName("in")) return Operator::kIn;
    if (IsName("not") && Ahead().kind == TokenKind::kName && Ahead().text == "in") {
      Next();
      Next();
      return Operator::kNotIn;
    }
    return std::nullopt;
  }

  ExpressionPtr ParseCompare() {
    const uint32_t line = Line();
    ExpressionPtr first = ParseSum();
    std::optional<Operator> op = TakeComparison();
    if (!op) return first;
    ExpressionPtr node = Node(ExprKind::kCompare, line, std::move(first));
    for (; op; op = TakeComparison()) {
      node->operators.push_back(*op);
      AddPart(*node, ParseSum());
    }
    return node;
  }

  ExpressionPtr Binary(uint32_t line, Operator op, ExpressionPtr left, ExpressionPtr right) {
    ExpressionPtr node = Node(ExprKind::kBinary, line, std::move(left), std::move(right));
    node->operators.push_back(op);
    return node;
  }

  ExpressionPtr ParseSum() {
    ExpressionPtr left = ParseConcat();
    for (;;) {
      const uint32_t line = Line();
      if (SkipOperator("+"))
        left = Binary(line, Operator::kAdd, std::move(left), ParseConcat());
      else if (SkipOperator("-"))
        left = Binary(line, Operator::kSubtract, std::move(left), ParseConcat());
      else
        return left;
    }
  }

  ExpressionPtr ParseConcat() {
    const uint32_t line = Line();
    ExpressionPtr first = ParseProduct();
    if (!IsOperator("~")) return first;
    ExpressionPtr node = Node(ExprKind::kConcat, line, std::move(first));
    while (SkipOperator("~")) AddPart(*node, ParseProduct());
    return node;
  }

  ExpressionPtr ParseProduct() {
    ExpressionPtr left = ParsePower();
    for (;;) {
      const uint32_t line = Line();
      if (SkipOperator("*"))
        left = Binary(line, Operator::kMultiply, std::move(left), ParsePower());
      else if (SkipOperator("/"))
        left = Binary(line, Operator::kDivide, std::move(left), ParsePower());
      else if (SkipOperator("//"))
        left = Binary(line, Operator::kFloorDivide, std::move(left), ParsePower());
      else if (SkipOperator("%"))
        left = Binary(line, Operator::kModulo, std::move(left), ParsePower());
      else
        return left;
    }
  }

  ExpressionPtr ParsePower() {  // to the left, unlike Python's
    ExpressionPtr left = ParseUnary(true);
    for (;;) {
      const uint32_t line = Line();
      if (!SkipOperator("**")) return left;
      left = Binary(line, Operator::kPower, std::move(left), ParseUnary(true));
    }
  }

  ExpressionPtr ParseUnary(bool with_filters) {
    const uint32_t line = Line();
    ExpressionPtr node;
    if (IsOperator("-") || IsOperator("+")) {
      const ExprKind kind = IsOperator("-") ? ExprKind::kNegate : ExprKind::kPlus;
      Next();
      const Nesting nesting(*this);
      if (!error_.ok()) return Constant(line, {});
      node = Node(kind, line, ParseUnary(false));
    } else {
      node = ParsePrimary();
    }
    node = ParsePostfix(std::move(node));
    return with_filters ? ParseFiltersAndTests(std::move(node)) : std::move(node);
  }

  ExpressionPtr ParsePrimary() {
    const Token& token = Current();
    const uint32_t line = token.line;
    switch (token.kind) {
      case TokenKind::kName:
        return ParseNameOrConstant();
      case TokenKind::kString: {
        std::string joined;
        for (; Current().kind == TokenKind::kString; Next()) joined += Current().text;
        return Constant(line, Value::Of(std::move(joined)));
      }
      case TokenKind::kInteger:
        Next();
        return Constant(line, Value::Int(token.integer));
      case TokenKind::kFloat:
        Next();
        return Constant(line, Value::Float(token.number));
      default:
        break;
    }
    if (SkipOperator("(")) {
      ExpressionPtr inner = ParseTuple(/*in_parentheses=*/true);
      ExpectOperator(")");
      return inner;
    }
    if (SkipOperator("[")) return ParseList(line);
    if (SkipOperator("{")) return ParseDict(line);
    Fail(line, Cat("expected an expression, found ", Describe(token)));
    return Constant(line, {});
  }

  ExpressionPtr ParseNameOrConstant() {
    const uint32_t line = Line();
    std::string name = TakeName();
    if (name == "true" || name == "True") return Constant(line, Value::Bool(true));
    if (name == "false" || name == "False") return Constant(line, Value::Bool(false));
    if (name == "none" || name == "None") return Constant(line, {});
    return ReadName(line, std::move(name));
  }

  [[nodiscard]] bool AtTupleEnd() const {
    return Current().kind == TokenKind::kPrintEnd || Current().kind == TokenKind::kBlockEnd || IsOperator(")") ||
           Current().kind == TokenKind::kEnd;
  }

  // One expression, or several with commas: a tuple.
  ExpressionPtr ParseTuple(bool in_parentheses, bool with_condition = true, std::string_view end_name = {}) {
    const Nesting nesting(*this);
    const uint32_t line = Line();
    ExpressionPtr tuple = Node(ExprKind::kTuple, line);
    if (!error_.ok()) return tuple;
    bool is_tuple = false;
    for (;;) {
      if (AtTupleEnd() || (!end_name.empty() && IsName(end_name))) break;
      AddPart(*tuple, with_condition ? ParseExpression() : ParseOr());
      if (!SkipOperator(",")) break;
      is_tuple = true;
    }
    if (!is_tuple && tuple->parts.size() == 1) return std::move(tuple->parts[0]);
    if (tuple->parts.empty() && !in_parentheses) {
      Fail(line, Cat("expected an expression, found ", Describe(Current())));
    }
    return tuple;
  }

  ExpressionPtr ParseList(uint32_t line) {
    ExpressionPtr list = Node(ExprKind::kList, line);
    while (error_.ok() && !IsOperator("]")) {
      if (!list->parts.empty()) ExpectOperator(",");
      if (IsOperator("]")) break;
      AddPart(*list, ParseExpression());
    }
    ExpectOperator("]");
    return list;
  }

  ExpressionPtr ParseDict(uint32_t line) {
    ExpressionPtr dict = Node(ExprKind::kDict, line);
    while (error_.ok() && !IsOperator("}")) {
      if (!dict->parts.empty()) ExpectOperator(",");
      if (IsOperator("}")) break;
      AddPart(*dict, ParseExpression());
      ExpectOperator(":");
      AddPart(*dict, ParseExpression());
    }
    ExpectOperator("}");
    return dict;
  }

  ExpressionPtr ParsePostfix(ExpressionPtr node) {
    for (;;) {
      const uint32_t line = Line();
      if (SkipOperator("."))
        node = ParseAttribute(line, std::move(node));
      else if (SkipOperator("["))
        node = ParseItem(line, std::move(node));
      else if (IsOperator("("))
        node = ParseCall(line, std::move(node));
      else
        return node;
    }
  }

  ExpressionPtr ParseAttribute(uint32_t line, ExpressionPtr object) {
    if (Current().kind == TokenKind::kInteger) {
      ExpressionPtr index = Constant(line, Value::Int(Current().integer));
      Next();
      return Node(ExprKind::kItem, line, std::move(object), std::move(index));
    }
    ExpressionPtr node = Node(ExprKind::kAttribute, line, std::move(object));
    node->name = TakeName();
    return node;
  }

  ExpressionPtr ParseItem(uint32_t line, ExpressionPtr object) {
    ExpressionPtr index = Node(ExprKind::kTuple, line);
    while (error_.ok() && !IsOperator("]")) {
      if (!index->parts.empty()) ExpectOperator(",");
      AddPart(*index, ParseSubscript());
    }
    ExpectOperator("]");
    if (index->parts.size() == 1) index = std::move(index->parts[0]);
    return Node(ExprKind::kItem, line, std::move(object), std::move(index));
  }

  ExpressionPtr ParseSubscript() {
    const uint32_t line = Line();
    ExpressionPtr start = IsOperator(":") ? nullptr : ParseExpression();
    if (start != nullptr && !IsOperator(":")) return start;
    ExpectOperator(":");
    const auto bound = [&]() -> ExpressionPtr {
      return IsOperator(":") || IsOperator("]") || IsOperator(",") ? nullptr : ParseExpression();
    };
    ExpressionPtr stop = bound();
    ExpressionPtr step = SkipOperator(":") ? bound() : nullptr;
    return Node(ExprKind::kSlice, line, std::move(start), std::move(stop), std::move(step));
  }

  ExpressionPtr ParseCall(uint32_t line, ExpressionPtr callee) {
    ExpressionPtr node = Node(ExprKind::kCall, line, std::move(callee));
    ParseArguments(*node);
    return node;
  }

  void ParseArguments(Expression& node) {
    node.arguments = std::make_unique<CallArguments>();
    CallArguments& arguments = *node.arguments;
    const auto take = [&](ExpressionPtr part) {
      NoteDepth(node, part);
      return part;
    };
    const auto refuse = [&](bool out_of_order) {
      if (out_of_order) Fail(node.line, "the arguments of a call are out of order");
    };
    ExpectOperator("(");
    for (bool first = true; error_.ok() && !IsOperator(")"); first = false) {
      if (!first) {
        ExpectOperator(",");
        if (IsOperator(")")) break;
      }
      if (SkipOperator("*")) {
        refuse(arguments.star != nullptr || arguments.double_star != nullptr);
        arguments.star = take(ParseExpression());
      } else if (SkipOperator("**")) {
        refuse(arguments.double_star != nullptr);
        arguments.double_star = take(ParseExpression());
      } else if (Current().kind == TokenKind::kName && Ahead().kind == TokenKind::kOperator && Ahead().text == "=") {
        refuse(arguments.double_star != nullptr);
        std::string name = TakeName();
        Next();
        arguments.named.emplace_back(std::move(name), take(ParseExpression()));
      } else {
        refuse(arguments.star != nullptr || arguments.double_star != nullptr || !arguments.named.empty());
        arguments.positional.push_back(take(ParseExpression()));
      }
    }
    ExpectOperator(")");
  }

  ExpressionPtr ParseFiltersAndTests(ExpressionPtr node) {
    for (;;) {
      const uint32_t line = Line();
      if (SkipOperator("|"))
        node = ParseFilter(line, std::move(node));
      else if (SkipName("is"))
        node = ParseTest(line, std::move(node));
      else if (IsOperator("("))
        node = ParseCall(line, std::move(node));
      else
        return node;
    }
  }

  std::string TakeDottedName() {
    std::string name = TakeName();
    while (SkipOperator(".")) name += Cat(".", TakeName());
    return name;
  }

  ExpressionPtr ParseFilter(uint32_t line, ExpressionPtr input) {
    ExpressionPtr node = Node(ExprKind::kFilter, line, std::move(input));
    node->name = TakeDottedName();
    if (IsOperator("(")) ParseArguments(*node);
    return node;
  }

  // The filters of a set or filter block: the first applies to the block's text.
  ExpressionPtr ParseBlockFilters() {
    ExpressionPtr node = ParseFilter(Line(), nullptr);
    while (IsOperator("|")) {
      const uint32_t line = Line();
      Next();
      node = ParseFilter(line, std::move(node));
    }
    return node;
  }

  [[nodiscard]] bool AtBareTestArgument() const {
    switch (Current().kind) {
      case TokenKind::kString:
      case TokenKind::kInteger:
      case TokenKind::kFloat:
        return true;
      case TokenKind::kName:
        return !IsName("else") && !IsName("or") && !IsName("and");
      default:
        return IsOperator("[") || IsOperator("{");
    }
  }

  ExpressionPtr ParseTest(uint32_t line, ExpressionPtr input) {
    const bool negated = SkipName("not");
    ExpressionPtr node = Node(ExprKind::kTest, line, std::move(input));
    node->name = TakeDottedName();
    if (IsOperator("(")) {
      ParseArguments(*node);
    } else if (AtBareTestArgument()) {
      if (IsName("is")) Fail(Line(), "tests with 'is' can't be chained");
      node->arguments = std::make_unique<CallArguments>();
      ExpressionPtr argument = ParsePostfix(ParsePrimary());
      NoteDepth(*node, argument);
      node->arguments->positional.push_back(std::move(argument));
    }
    return negated ? Node(ExprKind::kNot, line, std::move(node)) : std::move(node);
  }

  // ---- Assignment targets

  // A name, name.attribute (a namespace's) or a tuple of them.
  ExpressionPtr ParseTarget(bool with_namespace, std::string_view end_name = {}) {
    const Nesting nesting(*this);
    const uint32_t line = Line();
    ExpressionPtr tuple = Node(ExprKind::kTuple, line);
    bool is_tuple = false;
    while (error_.ok()) {
      if (AtTupleEnd() || (!end_name.empty() && IsName(end_name))) break;
      AddPart(*tuple, ParseOneTarget(with_namespace));
      if (!SkipOperator(",")) break;
      is_tuple = true;
    }
    if (tuple->parts.empty()) {
      Fail(line, Cat("expected a name to assign to, found ", Describe(Current())));
      return tuple;
    }
    return is_tuple ? std::move(tuple) : std::move(tuple->parts[0]);
  }

  ExpressionPtr ParseOneTarget(bool with_namespace) {
    const uint32_t line = Line();
    if (SkipOperator("(")) {
      ExpressionPtr inner = ParseTarget(with_namespace);
      ExpectOperator(")");
      return inner;
    }
    std::string name = TakeName();
    constexpr std::array<std::string_view, 6> kReserved = {"true", "false", "none", "True", "False", "None"};
    if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
      Fail(line, Cat("can't assign to '", name, "'"));
    }
    if (!with_namespace || !SkipOperator(".")) return NameNode(line, std::move(name));
    ExpressionPtr node = Node(ExprKind::kAttribute, line, ReadName(line, std::move(name)));
    node->name = TakeName();
    return node;
  }

  void NoteLocals(const Expression& target) {
    if (target.kind == ExprKind::kName) locals_.back().insert(target.name);
    for (const ExpressionPtr& part : target.parts) {
      if (part != nullptr && target.kind == ExprKind::kTuple) NoteLocals(*part);
    }
  }

  // ---- Statements

  // Statements up to a block tag named in `ends`, whose name is left as the current token; up to the end if none.
  Block ParseBlock(std::initializer_list<std::string_view> ends) {
    const Nesting nesting(*this);
    const uint32_t begin_line = tokens_[at_ > 0 ? at_ - 1 : 0].line;  // of the tag's end
    Block block;
    while (error_.ok() && Current().kind != TokenKind::kEnd) {
      const Token& token = Current();
      const uint32_t line = token.line;
      if (token.kind == TokenKind::kText) {
        StatementPtr text = Make(StmtKind::kText, line);
        text->value = Value::Of(token.text);
        block.push_back(std::move(text));
        Next();
      } else if (token.kind == TokenKind::kPrintBegin) {
        Next();
        StatementPtr print = Make(StmtKind::kPrint, line);
        print->expressions.push_back(ParseTuple(false));
        if (Current().kind != TokenKind::kPrintEnd) Fail(Line(), Cat("expected '}}', found ", Describe(Current())));
        Next();
        block.push_back(std::move(print));
      } else {
        Next();  // {%
        if (Current().kind == TokenKind::kName && std::find(ends.begin(), ends.end(), Current().text) != ends.end()) {
          return block;
        }
        block.push_back(ParseStatement());
        ExpectBlockEnd();
      }
    }
    if (ends.size() > 0)
      Fail(Line(),
           Cat("the block that begins on line ", begin_line, " is not closed with {% ", *(ends.end() - 1), " %}"));
    return block;
  }

  // The rest of a block tag and its body; skips the end tag's name where it is the only possible one.
  Block ParseBody(std::string_view end) {
    SkipOperator(":");
    ExpectBlockEnd();
    Block body = ParseBlock({end});
    Next();
    return body;
  }

  StatementPtr Make(StmtKind kind, uint32_t line) {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = line;
    return statement;
  }

  StatementPtr ParseStatement() {
    const uint32_t line = Line();
    const std::string tag = TakeName();
    if (tag == "if") return ParseIf(line);
    if (tag == "for") return ParseFor(line);
    if (tag == "set") return ParseSet(line);
    if (tag == "macro") return ParseMacro(line);
    if (tag == "call") return ParseCallBlock(line);
    if (tag == "filter") return ParseFilterBlock(line);
    if (tag == "with") return ParseWith(line);
    if (tag == "print") return ParsePrint(line);
    if (tag == "break") return ParseLoopControl(StmtKind::kBreak, line, tag);
    if (tag == "continue") return ParseLoopControl(StmtKind::kContinue, line, tag);
    if (tag == "generation") {
      StatementPtr scope = Make(StmtKind::kScope, line);
      scope->blocks.push_back(ParseBodyOutsideLoop("endgeneration"));
      return scope;
    }
    constexpr std::array<std::string_view, 7> kFiles = {"include", "import", "from",      "extends",
                                                        "block",   "do",     "autoescape"};
    if (std::find(kFiles.begin(), kFiles.end(), tag) != kFiles.end()) {
      Fail(line, Cat("the tag '", tag, "' is not part of chat templates"));
    } else {
      Fail(line, Cat("unknown tag '", tag, "'"));
    }
    return Make(StmtKind::kText, line);
  }

  StatementPtr ParseIf(uint32_t line) {
    StatementPtr node = Make(StmtKind::kIf, line);
    for (;;) {
      node->expressions.push_back(ParseTuple(false, /*with_condition=*/false));
      SkipOperator(":");
      ExpectBlockEnd();
      node->blocks.push_back(ParseBlock({"elif", "else", "endif"}));
      if (SkipName("elif")) continue;
      if (SkipName("else")) {
        node->blocks.push_back(ParseBody("endif"));
      } else {
        Next();
      }
      return node;
    }
  }

  StatementPtr ParseFor(uint32_t line) {
    StatementPtr node = Make(StmtKind::kFor, line);
    node->target = ParseTarget(false, "in");
    ExpectName("in");
    node->expressions.push_back(ParseTuple(false, /*with_condition=*/false, "recursive"));
    locals_.emplace_back();
    NoteLocals(*node->target);
    node->expressions.push_back(SkipName("if") ? ParseExpression() : nullptr);
    node->recursive = SkipName("recursive");
    SkipOperator(":");
    ExpectBlockEnd();
    ++loops_;
    node->blocks.push_back(ParseBlock({"else", "endfor"}));
    --loops_;
    locals_.pop_back();
    if (SkipName("else")) {
      node->blocks.push_back(ParseBody("endfor"));
    } else {
      Next();
    }
    return node;
  }

  StatementPtr ParseSet(uint32_t line) {
    StatementPtr node = Make(StmtKind::kSet, line);
    node->target = ParseTarget(true);
    if (SkipOperator("=")) {
      node->expressions.push_back(ParseTuple(false));
      return node;
    }
    node->kind = StmtKind::kSetBlock;
    ExpressionPtr filters;
    if (SkipOperator("|")) filters = ParseBlockFilters();
    node->expressions.push_back(std::move(filters));
    node->blocks.push_back(ParseBody("endset"));
    return node;
  }

  void ParseSignature(Signature& signature) {
    ExpectOperator("(");
    while (error_.ok() && !IsOperator(")")) {
      if (!signature.names.empty()) ExpectOperator(",");
      const uint32_t line = Line();
      signature.names.push_back(TakeName());
      locals_.back().insert(signature.names.back());
      if (SkipOperator("="))
        signature.defaults.push_back(ParseExpression());
      else if (!signature.defaults.empty())
        Fail(line, "a parameter without a default follows one with a default");
    }
    ExpectOperator(")");
  }

  // A body that runs as a function of its own: break and continue don't reach the loop around it.
  Block ParseBodyOutsideLoop(std::string_view end) {
    const uint32_t loops = std::exchange(loops_, 0);
    Block body = ParseBody(end);
    loops_ = loops;
    return body;
  }

  StatementPtr ParseMacro(uint32_t line) {
    StatementPtr node = Make(StmtKind::kMacro, line);
    node->name = TakeName();
    locals_.front().insert(node->name);
    locals_.push_back({"varargs", "kwargs", "caller"});
    ParseSignature(node->signature);
    const size_t first = at_;
    node->blocks.push_back(ParseBodyOutsideLoop("endmacro"));
    for (size_t i = first; i < at_; ++i) {
      if (tokens_[i].kind != TokenKind::kName) continue;
      node->uses_varargs |= tokens_[i].text == "varargs";
      node->uses_kwargs |= tokens_[i].text == "kwargs";
      node->uses_caller |= tokens_[i].text == "caller";
    }
    locals_.pop_back();
    return node;
  }

  StatementPtr ParseCallBlock(uint32_t line) {
    StatementPtr node = Make(StmtKind::kCall, line);
    node->name = "caller";
    locals_.emplace_back();
    if (IsOperator("(")) ParseSignature(node->signature);
    ExpressionPtr call = ParseExpression();
    if (call->kind != ExprKind::kCall) Fail(line, "a call block needs a call");
    node->expressions.push_back(std::move(call));
    node->blocks.push_back(ParseBodyOutsideLoop("endcall"));
    locals_.pop_back();
    return node;
  }

  StatementPtr ParseFilterBlock(uint32_t line) {
    StatementPtr node = Make(StmtKind::kFilterBlock, line);
    node->expressions.push_back(ParseBlockFilters());
    node->blocks.push_back(ParseBody("endfilter"));
    return node;
  }

  StatementPtr ParseWith(uint32_t line) {
    StatementPtr node = Make(StmtKind::kWith, line);
    while (error_.ok() && Current().kind != TokenKind::kBlockEnd) {
      if (!node->targets.empty()) ExpectOperator(",");
      node->targets.push_back(ParseOneTarget(false));
      ExpectOperator("=");
      node->expressions.push_back(ParseExpression());
    }
    node->blocks.push_back(ParseBody("endwith"));
    return node;
  }

  StatementPtr ParsePrint(uint32_t line) {
    StatementPtr node = Make(StmtKind::kPrint, line);
    ExpressionPtr concat = Node(ExprKind::kConcat, line);
    while (error_.ok() && Current().kind != TokenKind::kBlockEnd) {
      if (!concat->parts.empty()) ExpectOperator(",");
      AddPart(*concat, ParseExpression());
    }
    node->expressions.push_back(std::move(concat));
    return node;
  }

  StatementPtr ParseLoopControl(StmtKind kind, uint32_t line, std::string_view tag) {
    if (loops_ == 0) Fail(line, Cat("'", tag, "' outside of a loop"));
    return Make(kind, line);
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  Status error_;
  uint32_t nesting_ = 0;
  uint32_t loops_ = 0;
  std::vector<std::set<std::string>> locals_ = {{}};  // names of loops, macros and their parameters in scope
  std::set<std::string> reads_;
};

}  // namespace

Result<std::shared_ptr<const ChatTemplate::Program>> ParseTemplate(std::string_view source) {
  BP_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  return Parser(std::move(tokens)).Run();
}

}  // namespace bedplate::jinja
