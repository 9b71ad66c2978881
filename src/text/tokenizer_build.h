#pragma once
/// Makes a tokenizer's tables from its spec: about 80 ms for 150,000 tokens and as many merges.

#include <cstdint>

#include "base/status.h"
#include "text/token_tables.h"
#include "text/tokenizer_spec.h"

namespace bedplate {

/// Checks the whole spec; errors as Tokenizer::Create has them.
Result<TokenTables> BuildTokenTables(const TokenizerSpec& spec);

/// What this build's BuildTokenTables makes of two fixed specs: changes by itself whenever the tables do, so that
/// nobody has to remember raising a version.
uint64_t TokenTablesFingerprint();

}  // namespace bedplate
