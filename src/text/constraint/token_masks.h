#pragma once
/// Which tokens a grammar allows next, and where a text stands in it.
///
/// A mask is computed by walking the automaton over the vocabulary's trie, and kept for the position that stands for
/// all with the same future (ByteAutomaton::Clamped). Where any plain character may come next, as inside a string, the
/// plain tokens are taken from ready masks, and only the rest is walked.
///
/// Exact: a token is allowed if and only if some text that the grammar allows begins with the text so far and the
/// token's bytes. Tokens without bytes are never allowed.
/// Owns:    the grammar, its automaton and the masks. Beyond memory_max bytes of the last two, all is forgotten but
///          where the cursors stand, and made again. A call may grow past it by what its own work makes; when it
///          returns, only what the cursors stand on, very deep in nested texts, can be more.
/// Threads: made on any; then one at a time.
/// Errors:  kInvalidArgument where a grammar is too ambiguous to go on with: a step or a mask cost more than its bound.
///          After an exception (no memory) the masks begin anew at their next use, and the cursors there were are lost:
///          they allow nothing, with kInternal.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "text/constraint/byte_automaton.h"
#include "text/constraint/grammar.h"
#include "text/constraint/token_trie.h"

namespace bedplate {

/// What a request is told whose constraint costs more than a token may.
[[nodiscard]] Status TooAmbiguous();

class TokenMasks {
 public:
  static constexpr size_t kMemoryMax = size_t{4} << 20;

  /// grammar: finished. The trie outlives it by shared ownership: all constraints of one vocabulary use it.
  TokenMasks(Grammar grammar, std::shared_ptr<const TokenTrie> trie, size_t memory_max = kMemoryMax);
  TokenMasks(const TokenMasks&) = delete;
  TokenMasks& operator=(const TokenMasks&) = delete;

  /// Where one text stands. The masks outlive it, and it does not move while it exists: they know where it is.
  class Cursor {
   public:
    explicit Cursor(TokenMasks& masks);
    ~Cursor();
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;

    /// The tokens that may come next. Valid until the next call of anything.
    Result<std::span<const uint64_t>> Allowed();
    /// False, and nothing has changed: not allowed, or not to be found out with kMaskWorkMax. The latter can come for a
    /// token that Allowed() has: a mask is found without the counts of repetitions that don't matter for it.
    [[nodiscard]] bool Accept(TokenId token);
    /// A text of any length; each byte may cost as much as a token.
    [[nodiscard]] bool Accept(std::string_view bytes);
    /// How many of the tokens, from the first, would be accepted one after the other; fewer, where it costs too much.
    [[nodiscard]] size_t Fits(std::span<const TokenId> tokens);
    /// The text may end here.
    [[nodiscard]] bool MayEnd() const { return masks_.automaton_.Accepts(at_); }
    /// Nothing can follow.
    [[nodiscard]] bool MustEnd() const { return masks_.automaton_.Ends(at_); }

   private:
    friend class TokenMasks;
    [[nodiscard]] PositionNumber Walk(PositionNumber from, std::string_view bytes);
    void MoveTo(PositionNumber next);
    TokenMasks& masks_;
    PositionNumber at_;
    bool lost_ = false;
  };

  /// Elementary steps that one mask, or reading one token or draft, may cost, about 20 ms; the usual is a few thousand.
  static constexpr size_t kMaskWorkMax = 1'000'000;

  [[nodiscard]] const TokenTrie& trie() const { return *trie_; }
  [[nodiscard]] const Grammar& grammar() const { return grammar_; }
  [[nodiscard]] ByteAutomaton& automaton() { return automaton_; }
  [[nodiscard]] size_t MemoryBytes() const { return automaton_.MemoryBytes() + mask_bytes_; }

 private:
  /// Few tokens are kept as a list, many as a mask.
  struct Kept {
    std::vector<uint32_t> few;
    TokenMask many;
  };
  Result<std::span<const uint64_t>> MaskOf(PositionNumber at);
  [[nodiscard]] bool Compute(PositionNumber at);
  [[nodiscard]] bool WalkTrie(const TokenTrie::Nodes& nodes, PositionNumber at);
  /// What ready masks say of the plain tokens at a position.
  enum class PlainAnswer : uint8_t { kUnknown, kAnswered, kAllButLong };
  [[nodiscard]] PlainAnswer TakePlain(PositionNumber at);
  [[nodiscard]] PositionNumber AnyPlain(PositionNumber at);
  [[nodiscard]] PositionNumber ComputeAnyPlain(PositionNumber at);
  [[nodiscard]] bool costs_too_much() const { return automaton_.work() > kMaskWorkMax; }
  void Keep(PositionNumber at);
  void KeepWithinMemory();
  void Begin();
  void End() { torn_ = false; }

  const Grammar grammar_;
  const std::shared_ptr<const TokenTrie> trie_;
  const size_t memory_max_;
  ByteAutomaton automaton_;
  std::vector<Cursor*> cursors_;
  std::unordered_map<PositionNumber, Kept> kept_;
  std::unordered_map<PositionNumber, PositionNumber> any_plain_;
  size_t mask_bytes_ = 0;
  TokenMask mask_;                    // being computed, or unpacked
  std::vector<PositionNumber> path_;  // positions after a text's first bytes, while a trie is walked
  bool torn_ = false;                 // between Begin() and End(), and after an exception in between
};

}  // namespace bedplate
