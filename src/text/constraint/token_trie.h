#pragma once
/// A vocabulary's tokens by their bytes, for walking an automaton over all of them at once: a token's bytes are read
/// after those of the tokens it begins with, so what they share is read once, and a byte that is not allowed takes away
/// everything behind it.
///
/// Tokens without bytes of their own (control tokens and unknown ones) are in no trie: a constraint never draws them.
/// Plain tokens, whole characters that may all stand as they are inside a JSON string, are most of a vocabulary and are
/// alike wherever any such character may come; they have masks of their own, by their length, and are left out of
/// rest().
///
/// Threads: immutable. Memory: about 70 bytes a token, and 33 masks of a bit a token.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace bedplate {

class Tokenizer;

/// A bit a token: word id / 64, bit id % 64.
using TokenMask = std::vector<uint64_t>;

class TokenTrie {
 public:
  /// In depth-first order; a node's subtree follows it.
  struct Nodes {
    std::vector<uint8_t> byte;
    std::vector<uint16_t> depth;   // 1: the first byte
    std::vector<uint32_t> beyond;  // the node after the subtree
    std::vector<int32_t> token;    // whose bytes end here; -1: none
  };
  static constexpr uint32_t kPlainLengths = 32;
  static constexpr uint32_t kTokenBytesMax = 1024;  // longer tokens are left out: none is ever needed

  explicit TokenTrie(const Tokenizer& tokenizer);
  /// By id; an empty text is a token that is never drawn.
  explicit TokenTrie(std::span<const std::string_view> texts);

  [[nodiscard]] const Nodes& all() const { return all_; }
  [[nodiscard]] const Nodes& rest() const { return rest_; }
  /// Plain tokens of at most that many characters, 1 to kPlainLengths; and those of any length.
  [[nodiscard]] const TokenMask& Plain(uint32_t characters_max) const { return plain_[characters_max - 1]; }
  [[nodiscard]] const TokenMask& AllPlain() const { return plain_[kPlainLengths]; }
  /// Plain tokens of more than kPlainLengths characters, as a trie.
  [[nodiscard]] const Nodes& long_plain() const { return long_plain_; }
  /// Calls visit with a token and those spelled the same.
  template <class Visit>
  void ForEachSpelledSo(int32_t token, Visit visit) const {
    for (; token >= 0; token = same_[static_cast<size_t>(token)]) visit(static_cast<uint32_t>(token));
  }
  /// Empty: never drawn.
  [[nodiscard]] std::string_view Text(TokenId token) const {
    const auto id = static_cast<size_t>(token.value);
    if (token.value < 0 || id >= same_.size()) return {};
    return std::string_view(texts_).substr(text_offsets_[id], text_offsets_[id + 1] - text_offsets_[id]);
  }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(same_.size()); }
  [[nodiscard]] size_t mask_words() const { return (same_.size() + 63) / 64; }
  [[nodiscard]] uint32_t longest() const { return longest_; }  // in bytes
  [[nodiscard]] size_t MemoryBytes() const;

 private:
  void Build(std::span<const std::string_view> texts);

  Nodes all_, rest_, long_plain_;
  std::string texts_;                   // of all tokens, end to end
  std::vector<uint32_t> text_offsets_;  // size() + 1
  std::vector<TokenMask> plain_;        // by length; the last: of any
  std::vector<int32_t> same_;           // by token: the next one of the same spelling, or -1
  uint32_t longest_ = 0;
};

}  // namespace bedplate
