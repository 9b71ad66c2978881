// The text becomes a tree for each rule, and each tree states of the grammar. A rule that begins with itself,
// A ::= A x | y, is written as y x*: the same language.

#include "text/constraint/gbnf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "text/unicode.h"

namespace bedplate {
namespace {

constexpr uint32_t kGbnfDepthMax = 200;
constexpr uint64_t kNodeSteps = 100;       // of the budget, so that few enough of 130 bytes are made
constexpr uint32_t kCountMax = 1'000'000;  // of repetitions, as written
constexpr uint32_t kUnrolled = 4;          // repetitions up to this count are written out

struct GbnfNode {
  enum class Kind : uint8_t { kText, kChars, kRule, kSequence, kEither, kRepeat };
  Kind kind = Kind::kSequence;
  std::string text{};  // kText; kRule: its name
  CodeSet chars{};
  std::vector<GbnfNode> parts{};  // kRepeat: one
  uint32_t least = 0;
  uint32_t most = 0;
  uint32_t line = 0;
};

Status TooLargeGrammar() {
  return Status::InvalidArgument("the grammar needs more states than a constraint may have");
}

class GbnfParser {
 public:
  struct Rule {
    std::string name;
    GbnfNode body;
  };

  GbnfParser(std::string_view text, CompileBudget& budget) : text_(text), budget_(budget) {}

  Result<std::vector<Rule>> Parse() {
    std::vector<Rule> rules;
    for (Skip(); at_ < text_.size(); Skip()) {
      if (!budget_.Spend(kNodeSteps)) return TooLargeGrammar();
      Rule rule{.name = Name(), .body = {}};
      Skip();
      if (rule.name.empty() || !Take("::=")) return Wrong("expected a rule: name ::= ...");
      BP_ASSIGN_OR_RETURN(rule.body, Either(0));
      if (Peek() == ')') return Wrong("a ')' without its '('");
      rules.push_back(std::move(rule));
    }
    return rules;
  }

 private:
  [[nodiscard]] char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  /// Counts on from where it was asked last: a grammar may have many parts.
  uint32_t Line() {
    if (at_ > counted_)
      line_ += static_cast<uint32_t>(std::ranges::count(text_.substr(counted_, at_ - counted_), '\n'));
    counted_ = std::max(counted_, at_);
    return line_;
  }
  Status Wrong(std::string_view what) {
    return Status::InvalidArgument(Cat("in the grammar, line ", Line(), ": ", what));
  }

  void Skip() {
    while (at_ < text_.size()) {
      if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }

  static bool InName(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }
  std::string Name() {
    const size_t begin = at_;
    while (InName(Peek())) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<GbnfNode> Either(uint32_t depth) {
    if (depth > kGbnfDepthMax) return Wrong(Cat("groups are more than ", kGbnfDepthMax, " deep"));
    GbnfNode either{.kind = GbnfNode::Kind::kEither, .line = Line()};
    do {
      BP_ASSIGN_OR_RETURN(GbnfNode sequence, Sequence(depth));
      either.parts.push_back(std::move(sequence));
    } while (Take("|"));
    return either;
  }

  /// The next rule begins where a name is followed by "::=".
  bool AtNextRule() {
    const size_t begin = at_;
    const bool name = !Name().empty();
    Skip();
    const bool next = name && text_.substr(at_).starts_with("::=");
    at_ = begin;
    return next;
  }

  Result<GbnfNode> Sequence(uint32_t depth) {
    if (!budget_.Spend(kNodeSteps)) return TooLargeGrammar();  // also where nothing stands between two bars
    GbnfNode sequence{.kind = GbnfNode::Kind::kSequence, .line = Line()};
    for (Skip(); at_ < text_.size() && Peek() != '|' && Peek() != ')' && !AtNextRule(); Skip()) {
      BP_ASSIGN_OR_RETURN(GbnfNode item, Item(depth));
      BP_ASSIGN_OR_RETURN(item, Repeated(std::move(item)));
      sequence.parts.push_back(std::move(item));
    }
    return sequence;
  }

  Result<GbnfNode> Item(uint32_t depth) {
    if (!budget_.Spend(kNodeSteps)) return TooLargeGrammar();
    GbnfNode node{.kind = GbnfNode::Kind::kText, .line = Line()};
    if (Take("\"")) {
      while (!Take("\"")) {
        BP_ASSIGN_OR_RETURN(const uint32_t code, Char("a string without its closing quote"));
        AppendUtf8(code, node.text);
      }
    } else if (Take("[")) {
      node.kind = GbnfNode::Kind::kChars;
      BP_ASSIGN_OR_RETURN(node.chars, Class());
    } else if (Take(".")) {
      node.kind = GbnfNode::Kind::kChars;
      node.chars = CodeSet::All();
    } else if (Take("(")) {
      if (Peek() == '=' || Peek() == '!') return Wrong("look-ahead is not supported");
      BP_ASSIGN_OR_RETURN(node, Either(depth + 1));
      if (!Take(")")) return Wrong("a '(' without its ')'");
    } else {
      node.kind = GbnfNode::Kind::kRule;
      node.text = Name();
      if (node.text.empty()) return Wrong("expected a string, a class, a name or a group");
    }
    return node;
  }

  Result<GbnfNode> Repeated(GbnfNode item) {
    constexpr uint32_t kRepeatsMax = 8;  // of one item: each is a level of the tree, which is followed by recursion
    for (uint32_t repeats = 0;; ++repeats) {
      uint32_t least = 0, most = Grammar::kUnbounded;
      if (Take("*")) {
      } else if (Take("+")) {
        least = 1;
      } else if (Take("?")) {
        most = 1;
      } else if (Take("{")) {
        BP_RETURN_IF_ERROR(Counts(least, most));
      } else {
        return item;
      }
      if (repeats == kRepeatsMax) return Wrong(Cat("more than ", kRepeatsMax, " repetitions of one part"));
      GbnfNode repeat{.kind = GbnfNode::Kind::kRepeat, .least = least, .most = most, .line = Line()};
      repeat.parts.push_back(std::move(item));
      item = std::move(repeat);
    }
  }

  Status Counts(uint32_t& least, uint32_t& most) {
    Skip();
    const std::optional<uint32_t> low = Number();
    Skip();
    std::optional<uint32_t> high = low;
    if (Take(",")) {
      Skip();
      high = Peek() == '}' ? std::optional<uint32_t>(Grammar::kUnbounded) : Number();
      Skip();
    }
    const bool too_large = low.value_or(0) > kCountMax || (high > kCountMax && high != Grammar::kUnbounded);
    if (!high.has_value() || too_large || !Take("}")) {
      return Wrong(Cat("a repetition is {m}, {m,} or {m,n}, up to ", kCountMax));
    }
    least = low.value_or(0);
    most = *high;
    if (most < least) return Wrong("a repetition's bounds are out of order");
    return Status::Ok();
  }

  /// However many digits: what is larger than any bound is as large as the next.
  std::optional<uint32_t> Number() {
    uint32_t value = 0;
    const size_t begin = at_;
    while (Peek() >= '0' && Peek() <= '9') {
      value = std::min(value * 10 + static_cast<uint32_t>(text_[at_++] - '0'), 10 * kCountMax);
    }
    return at_ == begin ? std::nullopt : std::optional(value);
  }

  Result<CodeSet> Class() {
    const bool negated = Take("^");
    CodeSet set;
    while (!Take("]")) {
      constexpr std::string_view kOpen = "a class without its ']'";
      if (!budget_.Spend(10 + set.ranges().size() / 8)) return TooLargeGrammar();  // what an insertion may move
      BP_ASSIGN_OR_RETURN(const uint32_t low, Char(kOpen));
      uint32_t high = low;
      if (Peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        BP_ASSIGN_OR_RETURN(high, Char(kOpen));
      }
      if (high < low) return Wrong("a range in a class is out of order");
      set.Add({low, high});
    }
    return negated ? set.Complement() : set;
  }

  Result<uint32_t> Char(std::string_view at_end) {
    if (at_ == text_.size()) return Wrong(at_end);
    if (Take("\\")) return Escape();
    const CodePoint point = ReadUtf8(text_, at_);
    if (point.code == kBadByte && point.size == 1) return Wrong("the grammar is not UTF-8");
    at_ += point.size;
    return point.code;
  }

  Result<uint32_t> Escape() {
    const char c = Peek();
    ++at_;
    switch (c) {
      case 'n':
        return uint32_t{'\n'};
      case 'r':
        return uint32_t{'\r'};
      case 't':
        return uint32_t{'\t'};
      case 'x':
        return Hex(2);
      case 'u':
        return Hex(4);
      case 'U':
        return Hex(8);
      default:
        break;
    }
    if (std::string_view("\"\\[]-^'/.").find(c) == std::string_view::npos || c == '\0') {
      return Wrong("an escape is one of \\n \\r \\t \\\" \\\\ \\[ \\] \\- \\^ \\xHH \\uHHHH \\UHHHHHHHH");
    }
    return static_cast<uint32_t>(c);
  }

  Result<uint32_t> Hex(size_t digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      const char c = Peek();
      const uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                             : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                             : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                                    : 16;
      if (digit == 16) return Wrong("hexadecimal digits are missing after an escape");
      value = value << 4 | digit;
      ++at_;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return Wrong("an escape is no character");
    return value;
  }

  static void AppendUtf8(uint32_t code, std::string& out) {
    VisitUtf8({{code, code}}, [&](std::span<const ByteRange> bytes) {
      for (const ByteRange& b : bytes) out += static_cast<char>(b.low);
    });
  }

  const std::string_view text_;
  CompileBudget& budget_;
  size_t at_ = 0;
  size_t counted_ = 0;  // up to where line_ has been counted
  uint32_t line_ = 1;
};

class GbnfBuilder {
 public:
  GbnfBuilder(Grammar& grammar, CompileBudget& budget) : grammar_(grammar), budget_(budget) {}

  Result<RuleNumber> Build(const std::vector<GbnfParser::Rule>& rules) {
    for (const GbnfParser::Rule& rule : rules) {
      if (!rules_.emplace(rule.name, grammar_.AddRule(rule.name)).second) {
        return Status::InvalidArgument(Cat("in the grammar: the rule '", rule.name, "' stands twice"));
      }
    }
    for (const GbnfParser::Rule& rule : rules) BP_RETURN_IF_ERROR(AddRule(rule));
    const auto root = rules_.find("root");
    if (root == rules_.end()) return Status::InvalidArgument("in the grammar: there is no rule 'root'");
    return root->second;
  }

 private:
  Status AddRule(const GbnfParser::Rule& rule) {
    const StateNumber start = grammar_.start(rules_.at(rule.name)), end = grammar_.AddState();
    grammar_.MakeFinal(end);
    for (const GbnfNode& alternative : rule.body.parts) {
      const bool itself = !alternative.parts.empty() && alternative.parts.front().kind == GbnfNode::Kind::kRule &&
                          alternative.parts.front().text == rule.name;
      if (!itself) {
        BP_RETURN_IF_ERROR(Add(alternative, start, end));
        continue;
      }
      GbnfNode rest = alternative;
      rest.parts.erase(rest.parts.begin());
      if (!rest.parts.empty()) BP_RETURN_IF_ERROR(Add(rest, end, end));
    }
    return Status::Ok();
  }

  Status Add(const GbnfNode& node, StateNumber from, StateNumber to) {
    if (grammar_.full() || !budget_.Spend(10)) {
      return TooLargeGrammar();
    }
    switch (node.kind) {
      case GbnfNode::Kind::kText:
        grammar_.Text(from, node.text, to);
        return Status::Ok();
      case GbnfNode::Kind::kChars:
        grammar_.Chars(from, node.chars, to);
        return Status::Ok();
      case GbnfNode::Kind::kEither:
        for (const GbnfNode& part : node.parts) BP_RETURN_IF_ERROR(Add(part, from, to));
        return Status::Ok();
      case GbnfNode::Kind::kRepeat:
        return AddRepeat(node, from, to);
      case GbnfNode::Kind::kRule: {
        const auto rule = rules_.find(node.text);
        if (rule == rules_.end()) {
          return Status::InvalidArgument(
              Cat("in the grammar, line ", node.line, ": there is no rule '", node.text.substr(0, 60), "'"));
        }
        grammar_.Calls(from, rule->second, to);
        return Status::Ok();
      }
      case GbnfNode::Kind::kSequence:
        break;
    }
    for (const GbnfNode& part : node.parts) {
      const StateNumber next = grammar_.AddState();
      BP_RETURN_IF_ERROR(Add(part, from, next));
      from = next;
    }
    grammar_.Jump(from, to);
    return Status::Ok();
  }

  Status AddRepeat(const GbnfNode& node, StateNumber from, StateNumber to) {
    const GbnfNode& part = node.parts.front();
    if (node.most == 0) {
      grammar_.Jump(from, to);
      return Status::Ok();
    }
    const bool unbounded = node.most == Grammar::kUnbounded;
    if (unbounded ? node.least > kUnrolled : node.most > kUnrolled) {
      const RuleNumber rule = grammar_.AddRule("repeated part");
      const StateNumber end = grammar_.AddState();
      grammar_.MakeFinal(end);
      grammar_.Repeats(from, {.rule = rule, .least = node.least, .most = node.most, .to = to});
      return Add(part, grammar_.start(rule), end);
    }
    StateNumber at = from;
    const uint32_t written = unbounded ? node.least : node.most;
    for (uint32_t i = 0; i < written; ++i) {
      const StateNumber next = grammar_.AddState();
      if (i >= node.least) grammar_.Jump(at, to);
      BP_RETURN_IF_ERROR(Add(part, at, next));
      at = next;
    }
    if (!unbounded) {
      grammar_.Jump(at, to);
      return Status::Ok();
    }
    const StateNumber loop = grammar_.AddState();
    grammar_.Jump(at, loop);
    grammar_.Jump(loop, to);
    return Add(part, loop, loop);
  }

  Grammar& grammar_;
  CompileBudget& budget_;
  std::map<std::string, RuleNumber, std::less<>> rules_;
};

}  // namespace

Result<RuleNumber> AddGbnf(Grammar& grammar, std::string_view text, CompileBudget& budget) {
  BP_ASSIGN_OR_RETURN(const std::vector<GbnfParser::Rule> rules, GbnfParser(text, budget).Parse());
  return GbnfBuilder(grammar, budget).Build(rules);
}

}  // namespace bedplate
