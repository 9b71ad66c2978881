#include "text/template_expression_parser.h"

#include <array>

namespace bedplate::jinja {

std::string Describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::kText:
      return "text";
    case Token::Kind::kPrintBegin:
      return "'{{'";
    case Token::Kind::kPrintEnd:
      return "'}}'";
    case Token::Kind::kBlockBegin:
      return "'{%'";
    case Token::Kind::kBlockEnd:
      return "'%}'";
    case Token::Kind::kString:
      return "a string";
    case Token::Kind::kEnd:
      return "the end of the template";
    default:
      return Cat("'", token.text, "'");
  }
}

void ExpressionParser::NoteRead(const std::string& name) {
  for (const auto& scope : locals_) {
    if (scope.contains(name)) return;
  }
  constexpr std::array<std::string_view, 6> kBuiltIn = {"range",           "dict",         "namespace",
                                                        "raise_exception", "strftime_now", "loop"};
  if (std::find(kBuiltIn.begin(), kBuiltIn.end(), name) == kBuiltIn.end()) reads_.insert(name);
}

ExpressionPtr ExpressionParser::ParseExpression() {
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

ExpressionPtr ExpressionParser::ParseOr() {
  const uint32_t line = Line();
  ExpressionPtr left = ParseAnd();
  while (SkipName("or")) left = Node(ExprKind::kOr, line, std::move(left), ParseAnd());
  return left;
}

ExpressionPtr ExpressionParser::ParseAnd() {
  const uint32_t line = Line();
  ExpressionPtr left = ParseNot();
  while (SkipName("and")) left = Node(ExprKind::kAnd, line, std::move(left), ParseNot());
  return left;
}

ExpressionPtr ExpressionParser::ParseNot() {
  const uint32_t line = Line();
  if (!IsName("not")) return ParseCompare();
  Next();
  const Nesting nesting(*this);
  if (!error_.ok()) return Constant(line, {});
  return Node(ExprKind::kNot, line, ParseNot());
}

std::optional<Operator> ExpressionParser::TakeComparison() {
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

ExpressionPtr ExpressionParser::ParseCompare() {
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

ExpressionPtr ExpressionParser::Binary(uint32_t line, Operator op, ExpressionPtr left, ExpressionPtr right) {
  ExpressionPtr node = Node(ExprKind::kBinary, line, std::move(left), std::move(right));
  node->operators.push_back(op);
  return node;
}

ExpressionPtr ExpressionParser::ParseSum() {
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

ExpressionPtr ExpressionParser::ParseConcat() {
  const uint32_t line = Line();
  ExpressionPtr first = ParseProduct();
  if (!IsOperator("~")) return first;
  ExpressionPtr node = Node(ExprKind::kConcat, line, std::move(first));
  while (SkipOperator("~")) AddPart(*node, ParseProduct());
  return node;
}

ExpressionPtr ExpressionParser::ParseProduct() {
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

ExpressionPtr ExpressionParser::ParsePower() {
  ExpressionPtr left = ParseUnary(true);
  for (;;) {
    const uint32_t line = Line();
    if (!SkipOperator("**")) return left;
    left = Binary(line, Operator::kPower, std::move(left), ParseUnary(true));
  }
}

ExpressionPtr ExpressionParser::ParseUnary(bool with_filters) {
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

ExpressionPtr ExpressionParser::ParsePrimary() {
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

ExpressionPtr ExpressionParser::ParseNameOrConstant() {
  const uint32_t line = Line();
  std::string name = TakeName();
  if (name == "true" || name == "True") return Constant(line, Value::Bool(true));
  if (name == "false" || name == "False") return Constant(line, Value::Bool(false));
  if (name == "none" || name == "None") return Constant(line, {});
  return ReadName(line, std::move(name));
}

bool ExpressionParser::AtTupleEnd() const {
  return Current().kind == TokenKind::kPrintEnd || Current().kind == TokenKind::kBlockEnd || IsOperator(")") ||
         Current().kind == TokenKind::kEnd;
}

ExpressionPtr ExpressionParser::ParseTuple(bool in_parentheses, bool with_condition, std::string_view end_name) {
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

ExpressionPtr ExpressionParser::ParseList(uint32_t line) {
  ExpressionPtr list = Node(ExprKind::kList, line);
  while (error_.ok() && !IsOperator("]")) {
    if (!list->parts.empty()) ExpectOperator(",");
    if (IsOperator("]")) break;
    AddPart(*list, ParseExpression());
  }
  ExpectOperator("]");
  return list;
}

ExpressionPtr ExpressionParser::ParseDict(uint32_t line) {
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

ExpressionPtr ExpressionParser::ParsePostfix(ExpressionPtr node) {
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

ExpressionPtr ExpressionParser::ParseAttribute(uint32_t line, ExpressionPtr object) {
  if (Current().kind == TokenKind::kInteger) {
    ExpressionPtr index = Constant(line, Value::Int(Current().integer));
    Next();
    return Node(ExprKind::kItem, line, std::move(object), std::move(index));
  }
  ExpressionPtr node = Node(ExprKind::kAttribute, line, std::move(object));
  node->name = TakeName();
  return node;
}

ExpressionPtr ExpressionParser::ParseItem(uint32_t line, ExpressionPtr object) {
  ExpressionPtr index = Node(ExprKind::kTuple, line);
  while (error_.ok() && !IsOperator("]")) {
    if (!index->parts.empty()) ExpectOperator(",");
    AddPart(*index, ParseSubscript());
  }
  ExpectOperator("]");
  if (index->parts.size() == 1) index = std::move(index->parts[0]);
  return Node(ExprKind::kItem, line, std::move(object), std::move(index));
}

ExpressionPtr ExpressionParser::ParseSubscript() {
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

ExpressionPtr ExpressionParser::ParseCall(uint32_t line, ExpressionPtr callee) {
  ExpressionPtr node = Node(ExprKind::kCall, line, std::move(callee));
  ParseArguments(*node);
  return node;
}

void ExpressionParser::ParseArguments(Expression& node) {
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

ExpressionPtr ExpressionParser::ParseFiltersAndTests(ExpressionPtr node) {
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

std::string ExpressionParser::TakeDottedName() {
  std::string name = TakeName();
  while (SkipOperator(".")) name += Cat(".", TakeName());
  return name;
}

ExpressionPtr ExpressionParser::ParseFilter(uint32_t line, ExpressionPtr input) {
  ExpressionPtr node = Node(ExprKind::kFilter, line, std::move(input));
  node->name = TakeDottedName();
  if (IsOperator("(")) ParseArguments(*node);
  return node;
}

ExpressionPtr ExpressionParser::ParseBlockFilters() {
  ExpressionPtr node = ParseFilter(Line(), nullptr);
  while (IsOperator("|")) {
    const uint32_t line = Line();
    Next();
    node = ParseFilter(line, std::move(node));
  }
  return node;
}

bool ExpressionParser::AtBareTestArgument() const {
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

ExpressionPtr ExpressionParser::ParseTest(uint32_t line, ExpressionPtr input) {
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

ExpressionPtr ExpressionParser::ParseTarget(bool with_namespace, std::string_view end_name) {
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

ExpressionPtr ExpressionParser::ParseOneTarget(bool with_namespace) {
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

void ExpressionParser::NoteLocals(const Expression& target) {
  if (target.kind == ExprKind::kName) locals_.back().insert(target.name);
  for (const ExpressionPtr& part : target.parts) {
    if (part != nullptr && target.kind == ExprKind::kTuple) NoteLocals(*part);
  }
}

}  // namespace bedplate::jinja
