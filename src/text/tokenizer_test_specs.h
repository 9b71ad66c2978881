#pragma once
/// Small vocabularies for tests and fuzzing, drawn from a seed: no download, yet every mechanism of a real one.

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/random.h"
#include "text/bpe.h"
#include "text/tokenizer.h"

namespace bedplate {

inline std::string AlphabetText(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    const uint32_t code = AlphabetOfByte(static_cast<uint8_t>(byte));
    if (code < 0x80) {
      text.push_back(static_cast<char>(code));
    } else {
      text.push_back(static_cast<char>(0xC0 | code >> 6));
      text.push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
  }
  return text;
}

/// Tokens 0 to 3 are special, then come the 256 bytes, then what random merges of " ab", "c" and bytes of "é" make.
inline TokenizerSpec SmallBpeSpec(uint64_t seed, size_t merge_count = 60) {
  Prng prng(seed);
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "gpt-2";
  spec.tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool>"};
  spec.kinds = {TokenKind::kControl, TokenKind::kControl, TokenKind::kControl, TokenKind::kUserDefined};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(AlphabetText(std::string(1, static_cast<char>(byte))));
  }
  std::vector<std::string> parts;
  for (const std::string_view part : {" ", "a", "b", "c", "\xC3", "\xA9"}) parts.push_back(AlphabetText(part));
  std::set<std::string> known(spec.tokens.begin(), spec.tokens.end());
  for (size_t i = 0; i < merge_count; ++i) {
    const std::string left = parts[prng.Next() % parts.size()];
    const std::string right = parts[prng.Next() % parts.size()];
    if (!known.insert(left + right).second) continue;
    spec.tokens.push_back(left + right);
    spec.merges.push_back(Cat(left, " ", right));
    parts.push_back(left + right);
  }
  spec.kinds.resize(spec.tokens.size(), TokenKind::kNormal);
  spec.bos = TokenId{0};
  spec.eos = TokenId{2};
  return spec;
}

/// Tokens 0 to 4 are special ("  " is user-defined), then come the 256 byte tokens, then pieces of "▁", "a", "b", "é".
inline TokenizerSpec SmallSentencePieceSpec(uint64_t seed, size_t piece_count = 80) {
  Prng prng(seed);
  TokenizerSpec spec;
  spec.model = "llama";
  spec.tokens = {"<unk>", "<s>", "</s>", "<end_of_turn>", "   "};
  spec.kinds = {TokenKind::kUnknown, TokenKind::kControl, TokenKind::kControl, TokenKind::kControl,
                TokenKind::kUserDefined};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(fmt::format("<0x{:02X}>", byte));
    spec.kinds.push_back(TokenKind::kByte);
  }
  const std::vector<std::string> letters = {"\xE2\x96\x81", "a", "b", "\xC3\xA9"};
  std::set<std::string> known;
  for (size_t i = 0; i < piece_count; ++i) {
    std::string piece = i < letters.size() ? letters[i] : "";
    for (int64_t n = i < letters.size() ? 0 : prng.Range(2, 6); n > 0; --n) piece += letters[prng.Next() % 4];
    if (!known.insert(piece).second) continue;
    spec.tokens.push_back(piece);
    spec.kinds.push_back(prng.Chance(0.1) ? TokenKind::kUnused : TokenKind::kNormal);
  }
  // Few different scores, so that ties happen.
  for (size_t i = 0; i < spec.tokens.size(); ++i) spec.scores.push_back(static_cast<float>(-prng.Range(0, 30)));
  spec.unk = TokenId{0};
  spec.bos = TokenId{1};
  spec.eos = TokenId{2};
  return spec;
}

inline std::string RandomBytes(Prng& prng, size_t size_max) {
  std::string text(static_cast<size_t>(prng.Range(0, static_cast<int64_t>(size_max))), '\0');
  const bool mostly_text = prng.Chance(0.5);
  for (char& c : text) {
    c = mostly_text && prng.Chance(0.9) ? prng.Pick({' ', 'a', 'b', '\n', '1', '\'', 's', '<', '.', '\xC3', '\xA9'})
                                        : static_cast<char>(prng.Next());
  }
  return text;
}

}  // namespace bedplate
