#pragma once
/// A request's constraint (request/constraint.h), compiled for one vocabulary, and those that were compiled lately.
///
/// Threads: Get() on any, in Prepare: compiling takes up to about a second, and stays out of the engine's step. What it
///          returns belongs to the engine thread afterwards.
/// Memory:  one constraint's grammar and masks have bounds of their own; all that are kept or in use together,
///          kMemoryMax. Those in use count until their requests end.
/// Errors:  kInvalidArgument with the form's param and the place inside it; kResourceExhausted while requests that run
///          or wait hold all of the memory.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "request/constraint.h"
#include "text/constraint/token_masks.h"
#include "text/tokenizer.h"

namespace bedplate {

Result<std::shared_ptr<TokenMasks>> CompileConstraint(const Constraint& constraint,
                                                      std::shared_ptr<const TokenTrie> trie);

/// The field that the whole form came from, for what is wrong with none of its parts alone.
std::string ParamOf(const Constraint& constraint);

class ConstraintCache {
 public:
  static constexpr size_t kMemoryMax = size_t{96} << 20;
  static constexpr size_t kIdleMax = size_t{32} << 20;  // of it, for those that no request uses

  /// The tokenizer outlives the cache.
  explicit ConstraintCache(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  Result<std::shared_ptr<TokenMasks>> Get(const Constraint& constraint);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<TokenMasks> masks;
    size_t bytes = 0;
  };
  [[nodiscard]] std::shared_ptr<const TokenTrie> Trie();
  [[nodiscard]] std::shared_ptr<TokenMasks> Find(const std::string& key);
  [[nodiscard]] Status MakeRoom(size_t bytes);

  const Tokenizer& tokenizer_;
  std::mutex mutex_;  // guards the rest
  std::shared_ptr<const TokenTrie> trie_;
  std::vector<Entry> entries_;  // the one used last is last
};

}  // namespace bedplate
