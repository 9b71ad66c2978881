#pragma once
/// The half of the template parser that reads expressions, by recursive descent with jinja2's grammar and precedence.
/// A depth guard bounds the recursion, and every node knows its own depth, because chains such as a + a + a grow a deep
/// tree without recursion. template_parser.cc adds the statements.
///
/// Errors: the first is kept in error_, and from then on every token is the last, so that all loops end.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "text/template_ast.h"
#include "text/template_lexer.h"

namespace bedplate::jinja {

/// A token as an error message names it.
std::string Describe(const Token& token);

class ExpressionParser {
 protected:
  using ExprKind = Expression::Kind;
  using TokenKind = Token::Kind;

  static constexpr uint32_t kNestingMax = 100;  // of recursive calls that come from the source: brackets and blocks

  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // ---- Tokens

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
    explicit Nesting(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.nesting_ > kNestingMax) {
        parser_.Fail(parser_.Line(), Cat("brackets and blocks nest deeper than ", kNestingMax, " levels"));
      }
    }
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    ExpressionParser& parser_;
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

  void NoteRead(const std::string& name);

  // ---- Expressions, loosest first

  ExpressionPtr ParseExpression();
  ExpressionPtr ParseOr();
  ExpressionPtr ParseAnd();
  ExpressionPtr ParseNot();
  std::optional<Operator> TakeComparison();
  ExpressionPtr ParseCompare();
  ExpressionPtr Binary(uint32_t line, Operator op, ExpressionPtr left, ExpressionPtr right);
  ExpressionPtr ParseSum();
  ExpressionPtr ParseConcat();
  ExpressionPtr ParseProduct();

  // Groups to the left, unlike Python's.
  ExpressionPtr ParsePower();
  ExpressionPtr ParseUnary(bool with_filters);
  ExpressionPtr ParsePrimary();
  ExpressionPtr ParseNameOrConstant();
  [[nodiscard]] bool AtTupleEnd() const;

  // One expression, or several with commas: a tuple.
  ExpressionPtr ParseTuple(bool in_parentheses, bool with_condition = true, std::string_view end_name = {});
  ExpressionPtr ParseList(uint32_t line);
  ExpressionPtr ParseDict(uint32_t line);
  ExpressionPtr ParsePostfix(ExpressionPtr node);
  ExpressionPtr ParseAttribute(uint32_t line, ExpressionPtr object);
  ExpressionPtr ParseItem(uint32_t line, ExpressionPtr object);
  ExpressionPtr ParseSubscript();
  ExpressionPtr ParseCall(uint32_t line, ExpressionPtr callee);
  void ParseArguments(Expression& node);
  ExpressionPtr ParseFiltersAndTests(ExpressionPtr node);
  std::string TakeDottedName();
  ExpressionPtr ParseFilter(uint32_t line, ExpressionPtr input);

  // The filters of a set or filter block: the first applies to the block's text.
  ExpressionPtr ParseBlockFilters();
  [[nodiscard]] bool AtBareTestArgument() const;
  ExpressionPtr ParseTest(uint32_t line, ExpressionPtr input);

  // ---- Assignment targets

  // A name, name.attribute (a namespace's) or a tuple of them.
  ExpressionPtr ParseTarget(bool with_namespace, std::string_view end_name = {});
  ExpressionPtr ParseOneTarget(bool with_namespace);
  void NoteLocals(const Expression& target);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  Status error_;
  uint32_t nesting_ = 0;
  std::vector<std::set<std::string>> locals_ = {{}};  // names of loops, macros and their parameters in scope
  std::set<std::string> reads_;
};

}  // namespace bedplate::jinja
