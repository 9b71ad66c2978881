#pragma once
/// The splitters behind pretokenizer.h. Each takes a stretch of classified code points and returns how many of them,
/// from the front, make the next piece (or, for a stage that only cuts out some runs, the next match: 0 where there is
/// none). The regular expression that a function stands for is above it; alternatives are tried in that order.

#include <cstdint>
#include <span>

#include "text/unicode.h"

namespace bedplate {

struct Letter {
  uint32_t offset;  // of its first byte in the text
  uint32_t code;
  CharSet set;  // the one bit of its class
};
using Letters = std::span<const Letter>;

/// GPT-2:  's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t NextGpt2Piece(Letters text);

/// The cl100k family:
///   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?W+|\p{N}{1,D}| ?[^\sW\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// where W is \p{L}, or [\p{L}\p{M}] in qwen35.
struct Cl100kOptions {
  CharSet word;
  uint32_t digits_max;
};
size_t NextCl100kPiece(Letters text, Cl100kOptions options);

/// The o200k family, with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], V = [\p{Ll}\p{Lm}\p{Lo}\p{M}], C = (?i:'s|...|'d)? or
/// nothing:
///   [^\r\n\p{L}\p{N}]?U*V+C|[^\r\n\p{L}\p{N}]?U+V*C|\p{N}{1,D}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
struct O200kOptions {
  bool contractions;
  uint32_t digits_max;
};
size_t NextO200kPiece(Letters text, O200kOptions options);

/// Stages of the older pipelines. Each returns the length of a match at the very front, or 0.
size_t MatchNewline(Letters text);              // [\r\n]
size_t MatchDigit(Letters text);                // the digit splitter, one at a time
size_t MatchNumberRun(Letters text);            // \p{N}+
size_t MatchDigitTriple(Letters text);          // [0-9][0-9][0-9]
size_t MatchSplitterPunctuation(Letters text);  // the punctuation splitter, contiguous
size_t MatchDefaultPunctuation(Letters text);   // [\p{P}\$\+<=>\^~\|]+
size_t MatchSpacedLetters(Letters text);        // \s?\p{L}+
size_t MatchSpacedPunctuation(Letters text);    // \s?\p{P}+
size_t MatchDeepSeekLetters(Letters text);      // \s?[A-Za-zµÀ-Ö...]+: the cased alphabets
size_t MatchDeepSeekPunctuation(Letters text);  // \s?[!-/:-~！-／：-～‘-‟　-。]+
size_t MatchCjk(Letters text);                  // [一-龥ࠀ-一가-퟿]+
/// \s+$ is no match at the front: the length of the white space at the very end, found from there in linear time.
size_t TrailingSpace(Letters text);

}  // namespace bedplate
