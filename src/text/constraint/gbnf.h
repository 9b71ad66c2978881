#pragma once
/// Grammars in GBNF, the notation of llama.cpp that xgrammar and vLLM take as EBNF, to rules of a Grammar.
///
///     root  ::= "{" pair ("," pair)* "}"        # from here to the line's end: a comment
///     pair  ::= name ":" [0-9]{1,3}
///     name  ::= [a-zA-Z_] [^:\n]*
///
/// Read:     "text" and [classes] with the escapes \n \r \t \" \\ \[ \] \- \^ \' \/ \. \xHH \uHHHH \UHHHHHHHH; . (any
///           character); names, ( ), |, * + ? {m} {m,} {,n} {m,n}. A rule ends where the next one's `name ::=` begins.
///           The first rule need not be root, but there must be a root. A rule may begin with itself in an alternative
///           of its own (list ::= item | list "," item).
/// Refused:  rules that begin with themselves through others, look-ahead, counts above a million, groups more than 200
///           deep, more than 8 repetitions of one part (a**...), what needs more states or steps than the budget has,
///           anything else.
/// Errors:   kInvalidArgument, with the line where it is about one.

#include <string_view>

#include "base/status.h"
#include "text/constraint/grammar.h"

namespace bedplate {

/// The rule `root`.
Result<RuleNumber> AddGbnf(Grammar& grammar, std::string_view text, CompileBudget& budget);

}  // namespace bedplate
