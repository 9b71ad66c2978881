#pragma once
/// SentencePiece's BPE as llama, phi-3 and gemma files carry it (Kudo & Richardson, EMNLP 2018; its bpe_model): a text
/// begins as its characters, and the adjacent pair that makes the piece with the highest score is joined, the leftmost
/// first, until no pair makes a piece. What then is no piece is spelled with byte tokens, or is unknown.
///
/// User-defined tokens are cut out before (tokenizer_specials.h). Pieces of kind unused take part in merging and are
/// taken apart again at the end. Control, unknown and byte tokens are never made from text, whatever it spells.
///
/// Threads: immutable. Cost: O(n log n) in the longest stretch between spaces that a vocabulary keeps apart, see
/// `joiners_`.

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "text/tokenizer.h"
#include "text/tokenizer_index.h"

namespace bedplate {

/// How SentencePiece writes a space: U+2581.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// The byte that "<0x0A>" stands for; nothing for other texts.
std::optional<uint8_t> ByteOfByteToken(std::string_view token_text);

class SentencePieceModel {
 public:
  /// The spec's tokens must outlive the model. Errors: no scores, a score that is no number, a byte token that names no
  /// byte or one named already, neither byte tokens nor an unknown token.
  static Result<std::unique_ptr<const SentencePieceModel>> Build(const TokenizerSpec& spec);

  /// Appends the ids of a stretch of text, in which spaces are written as kSpaceMark already. Any bytes. Stops soon
  /// after there are more than tokens_max ids.
  void Encode(std::string_view escaped, size_t tokens_max, std::vector<TokenId>& ids) const;
  std::bitset<256> missing_bytes() const;

 private:
  class Merger;
  explicit SentencePieceModel(const TokenizerSpec& spec);

  TokenIndex pieces_;                    // those that text can become
  std::vector<float> scores_;            // by id
  std::vector<bool> unused_;             // by id; empty: none is
  std::array<int32_t, 256> byte_ids_{};  // -1: none
  int32_t unknown_ = -1;                 // -1: none
  size_t piece_bytes_max_ = 0;
  /// No merge goes across the start of a word unless some piece holds a space mark behind another character. Gemma has
  /// one such piece, ">▁</"; llama has none. These are the characters that stand there, ascending: a text may be cut
  /// before a space mark that follows any other, and each part merged alone, with the same result.
  std::vector<uint32_t> joiners_;
};

}  // namespace bedplate
