#include "engine/constraint.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/cat.h"
#include "text/constraint/gbnf.h"
#include "text/constraint/json_schema.h"
#include "text/constraint/regex.h"

namespace bedplate {
namespace {

constexpr size_t kChoicesMax = 10'000;
constexpr size_t kChoiceBytesMax = 200'000;  // of all choices
constexpr size_t kAlternativesMax = 512;

Status Refused(const std::string& param, std::string_view what, const Status& status) {
  if (status.code() != StatusCode::kInvalidArgument) return status;
  return Status::InvalidArgument(Cat(what, ": ", status.message())).WithParam(param).WithReason("invalid_constraint");
}

/// Puts a form between two states of the grammar, and says who is to be told of what is wrong.
class FormBuilder {
 public:
  FormBuilder(Grammar& grammar, CompileBudget& budget, StateNumber from, StateNumber to)
      : grammar_(grammar), budget_(budget), from_(from), to_(to) {}

  Status operator()(const JsonSchemaForm& form) { return AddSchema(form, from_, to_); }

  Status operator()(const JsonObjectForm&) {
    const Json::Object object{{"type", "object"}};
    return AddSchema({.schema = object, .param = "response_format"}, from_, to_);
  }

  Status operator()(const RegexForm& form) {
    const Result<ByteDfa> language = CompileRegex(form.pattern, {}, {.budget = budget_});
    if (!language.ok()) return Refused(form.param, "Invalid regular expression", language.status());
    grammar_.Dfa(from_, *language, to_);
    return Status::Ok();
  }

  Status operator()(const GrammarForm& form) {
    const Result<RuleNumber> rule = AddGbnf(grammar_, form.text, budget_);
    if (!rule.ok()) return Refused(form.param, "Invalid grammar", rule.status());
    grammar_.Calls(from_, *rule, to_);
    return Status::Ok();
  }

  Status operator()(const ChoiceForm& form) {
    size_t bytes = 0;
    for (const std::string& choice : form.choices) bytes += choice.size();
    const bool some_empty = std::ranges::any_of(form.choices, &std::string::empty);
    if (form.choices.empty() || some_empty || form.choices.size() > kChoicesMax || bytes > kChoiceBytesMax) {
      return Status::InvalidArgument(Cat("Invalid choices: expected 1 to ", kChoicesMax,
                                         " strings, none empty, of at most ", kChoiceBytesMax, " bytes together."))
          .WithParam(form.param)
          .WithReason("invalid_constraint");
    }
    const MaybeDfa language = ByteDfa::AnyOf(form.choices, budget_);
    if (!language.has_value()) return Refused(form.param, "Invalid choices", TooManyStates());
    grammar_.Dfa(from_, *language, to_);
    return Status::Ok();
  }

  Status operator()(const StructuralForm& form) {
    if (form.alternatives.empty() || form.alternatives.size() > kAlternativesMax ||
        (form.most != 0 && form.most < form.least)) {
      return Status::InvalidArgument(Cat("a structural constraint has 1 to ", kAlternativesMax,
                                         " alternatives, and at most as many as `most` says"));
    }
    const RuleNumber first = grammar_.AddRule("alternative"), next = grammar_.AddRule("next alternative");
    const StateNumber end = grammar_.AddState(), next_end = grammar_.AddState();
    grammar_.MakeFinal(end);
    grammar_.MakeFinal(next_end);
    std::vector<std::pair<const JsonSchemaForm*, RuleNumber>> known;  // equal schemas share their states
    for (const StructuralForm::Alternative& alternative : form.alternatives) {
      const StateNumber before = grammar_.AddState(), after = grammar_.AddState();
      grammar_.Text(grammar_.start(first), alternative.begin, before);
      const JsonSchemaForm& content = alternative.content;
      const auto same = std::ranges::find_if(known, [&](const auto& one) {
        return one.first->compact == content.compact && one.first->schema == content.schema;
      });
      if (same == known.end()) {
        BP_ASSIGN_OR_RETURN(const RuleNumber rule, SchemaRule(content, Cat("Invalid schema in '", content.param, "'")));
        known.emplace_back(&content, rule);
        grammar_.Calls(before, rule, after);
      } else {
        grammar_.Calls(before, same->second, after);
      }
      grammar_.Text(after, alternative.end, end);
    }
    const StateNumber separated = grammar_.AddState();
    grammar_.Text(grammar_.start(next), form.separator, separated);
    grammar_.Calls(separated, first, next_end);
    const StateNumber open = grammar_.AddState(), one = grammar_.AddState(), close = grammar_.AddState();
    grammar_.Text(from_, form.prefix, open);
    grammar_.Calls(open, first, one);
    if (form.least == 0) grammar_.Jump(open, close);
    if (form.least <= 1) grammar_.Jump(one, close);
    if (form.most != 1) {
      grammar_.Repeats(one, {.rule = next,
                             .least = std::max(form.least, 2u) - 1,
                             .most = form.most == 0 ? Grammar::kUnbounded : form.most - 1,
                             .to = close});
    }
    grammar_.Text(close, form.suffix, to_);
    return Status::Ok();
  }

 private:
  Result<RuleNumber> SchemaRule(const JsonSchemaForm& form, std::string_view what) {
    Result<RuleNumber> rule = AddJsonSchema(grammar_, form.schema, {.compact = form.compact}, budget_);
    if (!rule.ok()) return Refused(form.param, what, rule.status());
    return rule;
  }
  Status AddSchema(const JsonSchemaForm& form, StateNumber from, StateNumber to) {
    BP_ASSIGN_OR_RETURN(const RuleNumber rule, SchemaRule(form, "Invalid schema"));
    grammar_.Calls(from, rule, to);
    return Status::Ok();
  }

  Grammar& grammar_;
  CompileBudget& budget_;
  const StateNumber from_, to_;
};

/// Any text up to the marker's first end.
Result<ByteDfa> Until(const std::string& marker, CompileBudget& budget) {
  ByteNfa nfa;
  const uint32_t start = nfa.Add(), final = nfa.Add();
  nfa.Chars(start, CodeSet::All(), start);
  nfa.Text(start, marker, final);
  MaybeDfa dfa = nfa.Determinise(start, final, {.budget = budget});
  if (!dfa.has_value()) return Status::InvalidArgument("the marker before the constraint is too long");
  for (ByteDfa::State& state : dfa->states) {
    if (state.accepting) state.edges.clear();
  }
  if (!dfa->Minimise(budget)) return Status::InvalidArgument("the marker before the constraint is too long");
  return *std::move(dfa);
}

/// Equal constraints have equal keys, and others don't: every part is written with its length.
class KeyWriter {
 public:
  std::string Of(const Constraint& constraint) {
    Add(constraint.after);
    key_ += static_cast<char>('0' + constraint.form.index());
    std::visit(*this, constraint.form);
    key_ += constraint.or_calls.has_value() ? 'C' : '.';
    if (constraint.or_calls.has_value()) (*this)(*constraint.or_calls);
    return std::move(key_);
  }
  void operator()(const JsonSchemaForm& form) {
    Add(WriteJson(form.schema));
    key_ += form.compact ? 'c' : 'w';
  }
  void operator()(const JsonObjectForm&) {}
  void operator()(const RegexForm& form) { Add(form.pattern); }
  void operator()(const GrammarForm& form) { Add(form.text); }
  void operator()(const ChoiceForm& form) {
    for (const std::string& choice : form.choices) Add(choice);
  }
  void operator()(const StructuralForm& form) {
    for (const std::string* part : {&form.prefix, &form.separator, &form.suffix}) Add(*part);
    key_ += Cat(form.least, ",", form.most, ";");
    for (const auto& alternative : form.alternatives) {
      Add(alternative.begin);
      (*this)(alternative.content);
      Add(alternative.end);
    }
  }

 private:
  void Add(std::string_view part) { key_ += Cat(part.size(), ":", part); }
  std::string key_;
};

}  // namespace

std::string ParamOf(const Constraint& constraint) {
  struct Visitor {
    std::string operator()(const JsonSchemaForm& form) const { return form.param; }
    std::string operator()(const JsonObjectForm&) const { return "response_format"; }
    std::string operator()(const RegexForm& form) const { return form.param; }
    std::string operator()(const GrammarForm& form) const { return form.param; }
    std::string operator()(const ChoiceForm& form) const { return form.param; }
    std::string operator()(const StructuralForm& form) const {
      return form.alternatives.size() == 1 ? form.alternatives.front().content.param : "tools";
    }
  };
  return std::visit(Visitor(), constraint.form);
}

Result<std::shared_ptr<TokenMasks>> CompileConstraint(const Constraint& constraint,
                                                      std::shared_ptr<const TokenTrie> trie) {
  CompileBudget budget;
  Grammar grammar;
  const RuleNumber root = grammar.AddRule("the constraint");
  const StateNumber end = grammar.AddState();
  grammar.MakeFinal(end);
  StateNumber from = grammar.start(root);
  if (!constraint.after.empty()) {
    BP_ASSIGN_OR_RETURN(const ByteDfa lead, Until(constraint.after, budget));
    const StateNumber begin = grammar.AddState();
    grammar.Dfa(from, lead, begin);
    from = begin;
  }
  BP_RETURN_IF_ERROR(std::visit(FormBuilder(grammar, budget, from, end), constraint.form));
  if (constraint.or_calls.has_value()) {
    BP_RETURN_IF_ERROR(FormBuilder(grammar, budget, from, end)(*constraint.or_calls));
  }
  const Status finished = grammar.Finish(root);
  if (!finished.ok()) return Refused(ParamOf(constraint), "This can't be enforced", finished);
  auto masks = std::make_shared<TokenMasks>(std::move(grammar), std::move(trie));
  const PositionNumber at = masks->automaton().start();
  if (at == ByteAutomaton::kTooAmbiguous || at == ByteAutomaton::kDead) {
    const std::string why = at == ByteAutomaton::kDead
                                ? Cat("its rules begin with one another more than ", ByteAutomaton::kDepthMax, " deep")
                                : "it is too ambiguous";
    return Refused(ParamOf(constraint), "This can't be enforced", Status::InvalidArgument(why));
  }
  TokenMasks::Cursor start(*masks);
  const auto allowed = start.Allowed();
  if (!allowed.ok()) return Refused(ParamOf(constraint), "This can't be enforced", allowed.status());
  if (std::ranges::all_of(*allowed, [](uint64_t word) { return word == 0; }) && !start.MayEnd()) {
    return Status::InvalidArgument("The model's vocabulary has no token that what this allows could begin with.")
        .WithParam(ParamOf(constraint))
        .WithReason("invalid_constraint");
  }
  return masks;
}

Result<std::shared_ptr<TokenMasks>> ConstraintCache::Get(const Constraint& constraint) {
  const std::string key = KeyWriter().Of(constraint);
  if (std::shared_ptr<TokenMasks> known = Find(key)) return known;
  // Without the lock: others need not wait. Two that compile the same at once both keep theirs; one is found later.
  BP_ASSIGN_OR_RETURN(std::shared_ptr<TokenMasks> masks, CompileConstraint(constraint, Trie()));
  const size_t bytes = masks->grammar().MemoryBytes() + TokenMasks::kMemoryMax + key.size();
  const std::lock_guard lock(mutex_);
  BP_RETURN_IF_ERROR(MakeRoom(bytes));
  entries_.push_back({.key = key, .masks = masks, .bytes = bytes});
  return masks;
}

std::shared_ptr<const TokenTrie> ConstraintCache::Trie() {
  const std::lock_guard lock(mutex_);
  if (trie_ == nullptr) trie_ = std::make_shared<const TokenTrie>(tokenizer_);
  return trie_;
}

std::shared_ptr<TokenMasks> ConstraintCache::Find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::find(entries_, key, &Entry::key);
  if (at == entries_.end()) return nullptr;
  std::rotate(at, at + 1, entries_.end());
  return entries_.back().masks;
}

/// Entries that no request uses go first, the one used longest ago first of all.
Status ConstraintCache::MakeRoom(size_t bytes) {
  size_t all = bytes, idle = bytes;
  for (const Entry& entry : entries_) {
    all += entry.bytes;
    if (entry.masks.use_count() == 1) idle += entry.bytes;
  }
  for (auto at = entries_.begin(); at != entries_.end() && (idle > kIdleMax || all > kMemoryMax);) {
    if (at->masks.use_count() > 1) {
      ++at;
      continue;
    }
    all -= at->bytes;
    idle -= at->bytes;
    at = entries_.erase(at);
  }
  if (all <= kMemoryMax) return Status::Ok();
  constexpr uint32_t kRetryMs = 1000;
  return Status::ResourceExhausted(
             "the constraints of requests that run or wait hold all of the memory for constraints; try again later")
      .WithReason("queue_full")
      .WithRetryAfterMs(kRetryMs);
}

}  // namespace bedplate
