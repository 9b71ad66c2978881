// One rule for each conjunction of schemas that some value must satisfy, made when it is first asked for; the rule's
// body is the shape's alternatives side by side.

#include "text/constraint/json_schema.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "text/constraint/json_text.h"
#include "text/constraint/schema_reader.h"

namespace bedplate {
namespace {

constexpr size_t kCountedStatesMax = 20'000;  // of one object's or array's product of counts

class SchemaRules {
 public:
  SchemaRules(Grammar& grammar, const Json& schema, JsonSchemaOptions options, CompileBudget& budget)
      : grammar_(grammar), options_(options), budget_(budget), reader_(schema, {.budget = budget}) {}

  Result<RuleNumber> Make() {
    BP_RETURN_IF_ERROR(reader_.status());
    const RuleNumber root = RuleFor(reader_.root());
    while (!todo_.empty()) {
      const SubId sub = todo_.front();
      todo_.pop_front();
      const Status status = Fill(sub);
      if (!status.ok()) return Located(sub, status);
      if (grammar_.full() || budget_.spent() || reader_.subs().full()) {
        return Located(sub, Status::InvalidArgument("the schema needs more states than a constraint may have"));
      }
    }
    return root;
  }

 private:
  Status Located(SubId sub, const Status& status) const {
    if (status.message().starts_with("#")) return status;
    return Status::InvalidArgument(Cat(reader_.Where(sub), ": ", status.message()));
  }

  RuleNumber RuleFor(SubId sub) {
    const auto known = rules_.find(sub);
    if (known != rules_.end()) return known->second;
    const RuleNumber rule = grammar_.AddRule(reader_.Where(sub));
    rules_.emplace(sub, rule);
    todo_.push_back(sub);
    return rule;
  }

  Status Fill(SubId sub) {
    BP_ASSIGN_OR_RETURN(const Shape shape, reader_.ShapeOf(sub));
    const StateNumber from = grammar_.start(rules_.at(sub)), to = grammar_.AddState();
    grammar_.MakeFinal(to);
    if (shape.null) grammar_.Text(from, "null", to);
    if (shape.yes) grammar_.Text(from, "true", to);
    if (shape.no) grammar_.Text(from, "false", to);
    if (!shape.numbers.is_empty()) {
      BP_ASSIGN_OR_RETURN(const ByteDfa spellings, shape.numbers.Spellings(reader_.limits()));
      grammar_.Calls(from, Language("number", spellings), to);
    }
    AddStrings(shape.strings, from, to);
    for (const ArrayShape& array : shape.arrays) BP_RETURN_IF_ERROR(AddArray(array, from, to));
    for (const ObjectShape& object : shape.objects) BP_RETURN_IF_ERROR(AddObject(object, from, to));
    return Status::Ok();
  }

  /// The rule of a language, the same for equal ones.
  RuleNumber Language(std::string_view name, const ByteDfa& dfa) {
    const auto [at, added] = languages_.emplace(dfa.Key(), 0);
    if (added) at->second = grammar_.AddDfaRule(name, dfa);
    return at->second;
  }

  void AddStrings(const StringSet& strings, StateNumber from, StateNumber to) {
    if (strings.is_empty()) return;
    const StateNumber open = grammar_.AddState(), close = grammar_.AddState();
    grammar_.Text(from, "\"", open);
    grammar_.Text(close, "\"", to);
    for (const StringSet::Lengths& l : strings.lengths()) {
      if (l.least == 0 && l.most == StringSet::kUnbounded) {
        // The loop stands in the rule itself: what follows any character is then one position.
        grammar_.Jump(open, close);
        grammar_.Dfa(open, AnyJsonChar(), open);
      } else if (l.most == 0) {
        grammar_.Jump(open, close);
      } else {
        grammar_.Repeats(open,
                         {.rule = Language("character", AnyJsonChar()), .least = l.least, .most = l.most, .to = close});
      }
    }
    if (!strings.texts().IsEmpty()) grammar_.Calls(open, Language("string", strings.texts()), close);
  }

  /// Nothing, one space, or a line end with an indent.
  void Space(StateNumber from, StateNumber to) {
    if (options_.compact) return grammar_.Jump(from, to);
    if (!space_.has_value()) {
      space_ = grammar_.AddRule("white space");
      const StateNumber start = grammar_.start(*space_), blank = grammar_.AddState(), feed = grammar_.AddState();
      StateNumber line = grammar_.AddState();
      for (const StateNumber s : {start, blank, line}) grammar_.MakeFinal(s);
      grammar_.Bytes(start, {' ', ' '}, blank);
      grammar_.Bytes(start, {'\n', '\n'}, line);
      grammar_.Bytes(start, {'\r', '\r'}, feed);
      grammar_.Bytes(feed, {'\n', '\n'}, line);
      for (uint32_t i = 0; i < kIndentMax; ++i) {
        const StateNumber next = grammar_.AddState();
        grammar_.MakeFinal(next);
        grammar_.Bytes(line, {' ', ' '}, next);
        grammar_.Bytes(line, {'\t', '\t'}, next);
        line = next;
      }
    }
    grammar_.Calls(from, *space_, to);
  }

  StateNumber AfterSpace(StateNumber from) {
    const StateNumber to = grammar_.AddState();
    Space(from, to);
    return to;
  }

  StateNumber AfterText(StateNumber from, std::string_view text) {
    const StateNumber to = grammar_.AddState();
    grammar_.Text(from, text, to);
    return to;
  }

  /// A place from which only the end can come: white space and the bracket.
  StateNumber Closing(std::string_view bracket, StateNumber to) {
    const StateNumber close = grammar_.AddState();
    grammar_.Text(AfterSpace(close), bracket, to);
    return close;
  }

  Status AddArray(const ArrayShape& array, StateNumber from, StateNumber to) {
    const StateNumber open = AfterText(from, "["), close = Closing("]", to);
    if (!array.contains.empty()) return AddCountedArray(array, open, close);
    if (array.least == 0) grammar_.Jump(open, close);
    if (array.most == 0) return Status::Ok();
    // The prefix, and at least one element, one by one; the rest by counting.
    StateNumber before = AfterSpace(open);
    const size_t one_by_one = std::min<size_t>(std::max<size_t>(array.prefix.size(), 1), array.most);
    for (size_t i = 0; i < one_by_one; ++i) {
      const StateNumber after = grammar_.AddState();
      grammar_.Calls(before, RuleFor(array.At(i)), after);
      const auto read = static_cast<uint32_t>(i + 1);
      if (i + 1 < one_by_one) {
        if (read >= array.least) grammar_.Jump(after, close);
        before = AfterSpace(AfterText(after, ","));
        continue;
      }
      const uint32_t least = array.least > read ? array.least - read : 0;
      const uint32_t most = array.most == ArrayShape::kUnbounded ? Grammar::kUnbounded : array.most - read;
      if (least == 0) grammar_.Jump(after, close);
      if (most > 0) {
        grammar_.Repeats(after, {.rule = Next(array.items), .least = std::max(least, 1u), .most = most, .to = close});
      }
      if (grammar_.full()) break;
    }
    return Status::Ok();
  }

  /// A comma and a value.
  RuleNumber Next(SubId sub) {
    const auto known = next_.find(sub);
    if (known != next_.end()) return known->second;
    const RuleNumber rule = grammar_.AddRule("element");
    next_.emplace(sub, rule);
    const StateNumber end = grammar_.AddState();
    grammar_.MakeFinal(end);
    grammar_.Calls(AfterSpace(AfterText(grammar_.start(rule), ",")), RuleFor(sub), end);
    return rule;
  }

  /// With `contains`: a state for each number of elements and of those that were counted.
  Status AddCountedArray(const ArrayShape& array, StateNumber open, StateNumber close) {
    uint32_t elements_max = std::max<uint32_t>(static_cast<uint32_t>(array.prefix.size()), array.least);
    for (const auto& c : array.contains) elements_max = std::max(elements_max, c.from);
    if (array.most != ArrayShape::kUnbounded) elements_max = std::max(elements_max, array.most);
    size_t states = size_t{elements_max} + 2;
    std::vector<uint32_t> caps;
    for (const auto& c : array.contains) {
      caps.push_back(c.most == ArrayShape::kUnbounded ? c.least : c.most);
      states *= size_t{caps.back()} + 1;
      if (states > kCountedStatesMax || array.contains.size() > 3) {
        return Status::InvalidArgument("contains: the counts need more states than a constraint may have");
      }
    }
    using Counts = std::vector<uint32_t>;  // elements read, then what was counted of each
    std::map<Counts, StateNumber> known;
    std::deque<Counts> todo;
    const auto state_of = [&](const Counts& counts) {
      const auto [at, added] = known.emplace(counts, 0);
      if (added) {
        at->second = grammar_.AddState();
        todo.push_back(counts);
      }
      return at->second;
    };
    grammar_.Jump(open, state_of(Counts(array.contains.size() + 1, 0)));
    while (!todo.empty()) {
      const Counts counts = todo.front();
      todo.pop_front();
      const StateNumber at = known.at(counts);
      bool enough = counts[0] >= array.least;
      for (size_t c = 0; c < caps.size(); ++c) enough = enough && counts[c + 1] >= array.contains[c].least;
      if (enough) grammar_.Jump(at, close);
      if (counts[0] == array.most) continue;
      const StateNumber before = AfterSpace(counts[0] == 0 ? at : AfterText(at, ","));
      for (uint32_t choice = 0; choice < 1u << caps.size(); ++choice) {
        Counts next = counts;
        next[0] = std::min(counts[0] + 1, elements_max + (array.most == ArrayShape::kUnbounded ? 1 : 0));
        SubId sub = array.At(counts[0]);
        bool possible = true;
        for (size_t c = 0; c < caps.size(); ++c) {
          const ArrayShape::Contains& contains = array.contains[c];
          const bool counted = (choice >> c & 1u) != 0, bounded = contains.most != ArrayShape::kUnbounded;
          if (counts[0] < contains.from) {
            possible = possible && !counted;
          } else if (counted) {
            possible = possible && !(bounded && counts[c + 1] == caps[c]);
            sub = reader_.subs().And(sub, contains.sub);
            next[c + 1] = std::min(counts[c + 1] + 1, caps[c]);
          } else if (bounded) {
            sub = reader_.subs().And(sub, reader_.subs().Not(contains.sub));
          }
        }
        if (possible && sub != SubSchemas::kNothing) grammar_.Calls(before, RuleFor(sub), state_of(next));
      }
    }
    return Status::Ok();
  }

  /// "name": value
  RuleNumber Pair(const std::string& name, SubId sub) {
    const auto [at, added] = pairs_.emplace(std::pair(name, sub), 0);
    if (!added) return at->second;
    const RuleNumber rule = at->second = grammar_.AddRule(name);
    FillPair(AfterText(grammar_.start(rule), Cat("\"", SpellInJson(name), "\":")), sub);
    return rule;
  }
  void FillPair(StateNumber colon, SubId sub) {
    const StateNumber end = grammar_.AddState();
    grammar_.MakeFinal(end);
    grammar_.Calls(AfterSpace(colon), RuleFor(sub), end);
  }

  /// The pairs of an object in the order they are written; those of any other name come last.
  struct Pairs {
    struct Listed {
      RuleNumber rule;
      bool required;
    };
    std::vector<Listed> listed;
    std::vector<RuleNumber> others;
  };

  Result<Pairs> PairsOf(const ObjectShape& object) {
    Pairs pairs;
    std::vector<std::string> names;
    for (const ObjectShape::Property& p : object.properties) {
      names.push_back(SpellInJson(p.name));
      if (p.sub != SubSchemas::kNothing) pairs.listed.push_back({Pair(p.name, p.sub), p.required});
    }
    MaybeDfa listed;
    for (const ObjectShape::Others& others : object.others) {
      if (others.sub == SubSchemas::kNothing) continue;
      if (!listed.has_value()) listed = ByteDfa::AnyOf(names, reader_.limits().budget);
      const MaybeDfa rest = names.empty()        ? MaybeDfa(others.names)
                            : listed.has_value() ? Subtract(others.names, *listed, reader_.limits())
                                                 : std::nullopt;
      if (!rest.has_value()) {
        return Status::InvalidArgument("the names of its properties need more states than a constraint may have");
      }
      if (rest->IsEmpty()) continue;
      const RuleNumber rule = grammar_.AddRule("property");
      const StateNumber close = grammar_.AddState();
      grammar_.Calls(AfterText(grammar_.start(rule), "\""), Language("name", *rest), close);
      FillPair(AfterText(close, "\":"), others.sub);
      pairs.others.push_back(rule);
    }
    return pairs;
  }

  Status AddObject(const ObjectShape& object, StateNumber from, StateNumber to) {
    if (grammar_.full()) return Status::Ok();  // which whoever asked for all of them says
    BP_ASSIGN_OR_RETURN(const Pairs pairs, PairsOf(object));
    const auto required = static_cast<uint32_t>(std::ranges::count_if(pairs.listed, &Pairs::Listed::required));
    const uint32_t least = object.least > required ? object.least : 0;
    if (least > 1 && !pairs.others.empty()) {
      return Status::InvalidArgument(
          "minProperties: names that are not listed might be repeated, so only a minimum of 1 can be enforced for "
          "them");
    }
    const bool bounded = object.most != ObjectShape::kUnbounded;
    const uint32_t cap = bounded ? object.most : least;  // counts beyond are alike
    const size_t n = pairs.listed.size();
    if ((n + 1) * (size_t{cap} + 1) > kCountedStatesMax) {
      return Status::InvalidArgument("the counts of its properties need more states than a constraint may have");
    }
    size_t after_required = n;  // the first index from which on everything may be left out
    while (after_required > 0 && !pairs.listed[after_required - 1].required) --after_required;
    const StateNumber close = Closing("}", to);
    // before[i][c]: property i is next and c were written; first: none yet. then: the comma stands already.
    struct Row {
      std::vector<StateNumber> after, then;
    };
    std::vector<Row> rows(n + 1);
    for (Row& row : rows) {
      for (uint32_t c = 0; c <= cap; ++c) {
        row.after.push_back(grammar_.AddState());
        row.then.push_back(grammar_.AddState());
      }
    }
    std::vector<StateNumber> first;
    for (size_t i = 0; i <= n; ++i) first.push_back(grammar_.AddState());
    const StateNumber open = AfterText(from, "{");
    Space(open, first[0]);
    if (after_required == 0 && least == 0) grammar_.Jump(open, close);
    const auto next = [&](uint32_t c) { return std::min(c + 1, cap); };
    for (size_t i = 0; i <= n; ++i) {
      const auto write = [&](StateNumber at, uint32_t count) {
        if (bounded && count == cap) return;
        if (i < n) return grammar_.Calls(at, pairs.listed[i].rule, rows[i + 1].after[next(count)]);
        for (const RuleNumber rule : pairs.others) grammar_.Calls(at, rule, rows[n].after[next(count)]);
      };
      const bool optional = i < n && !pairs.listed[i].required;
      write(first[i], 0);
      if (optional) grammar_.Jump(first[i], first[i + 1]);
      for (uint32_t c = 0; c <= cap; ++c) {
        Space(AfterText(rows[i].after[c], ","), rows[i].then[c]);
        write(rows[i].then[c], c);
        if (optional) grammar_.Jump(rows[i].then[c], rows[i + 1].then[c]);
        if (i >= after_required && c >= least) grammar_.Jump(rows[i].after[c], close);
      }
    }
    return Status::Ok();
  }

  Grammar& grammar_;
  const JsonSchemaOptions options_;
  CompileBudget& budget_;
  SchemaReader reader_;
  std::map<SubId, RuleNumber> rules_;
  std::deque<SubId> todo_;
  std::map<std::string, RuleNumber> languages_;  // by ByteDfa::Key
  std::map<SubId, RuleNumber> next_;
  std::map<std::pair<std::string, SubId>, RuleNumber> pairs_;
  std::optional<RuleNumber> space_;
};

/// Every value of the document is looked at, and its place kept, before any keyword is.
Status CheckSize(const Json& schema, CompileBudget& budget) {
  constexpr uint64_t kValueSteps = 100;  // so that few enough of some hundred bytes are made
  std::vector<const Json*> todo{&schema};
  while (!todo.empty()) {
    const Json& value = *todo.back();
    todo.pop_back();
    if (!budget.Spend(kValueSteps)) return Status::InvalidArgument("#: the schema has too many parts");
    if (value.is_array()) {
      for (const Json& element : value.as_array()) todo.push_back(&element);
    } else if (value.is_object()) {
      for (const auto& [name, member] : value.as_object()) {
        if (name.size() > ObjectShape::kNameMax) {  // it may be told again by every schema that refers to this
          return Status::InvalidArgument(
              Cat("#: a name has ", name.size(), " bytes; allowed: up to ", ObjectShape::kNameMax));
        }
        todo.push_back(&member);
      }
    }
  }
  return Status::Ok();
}

}  // namespace

Result<RuleNumber> AddJsonSchema(Grammar& grammar, const Json& schema, JsonSchemaOptions options,
                                 CompileBudget& budget) {
  BP_RETURN_IF_ERROR(CheckSize(schema, budget));
  return SchemaRules(grammar, schema, options, budget).Make();
}

}  // namespace bedplate
