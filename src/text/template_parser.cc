// The statements of a template; the expressions in them are template_expression_parser.h's.
#include <algorithm>
#include <array>
#include <utility>

#include "base/cat.h"
#include "text/template_ast.h"
#include "text/template_expression_parser.h"
#include "text/template_lexer.h"

namespace bedplate::jinja {
namespace {

using StmtKind = Statement::Kind;
using StatementPtr = std::unique_ptr<Statement>;

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::vector<Token> tokens) : ExpressionParser(std::move(tokens)) {}

  Result<std::shared_ptr<const ChatTemplate::Program>> Run() {
    auto program = std::make_shared<ChatTemplate::Program>();
    program->body = ParseBlock({});
    if (!error_.ok()) return std::move(error_);
    program->variables.assign(reads_.begin(), reads_.end());
    return std::shared_ptr<const ChatTemplate::Program>(std::move(program));
  }

 private:
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

  uint32_t loops_ = 0;  // around the statement, within the same macro
};

}  // namespace

Result<std::shared_ptr<const ChatTemplate::Program>> ParseTemplate(std::string_view source) {
  BP_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  return Parser(std::move(tokens)).Run();
}

}  // namespace bedplate::jinja
