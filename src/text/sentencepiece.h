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
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "text/token_tables.h"
#include "text/tokenizer_index.h"
#include "text/tokenizer_spec.h"

namespace bedplate {

/// How SentencePiece writes a space: U+2581.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// Appends `text` with every `what` written as `with`.
void AppendReplaced(std::string_view text, std::string_view what, std::string_view with, std::string& out);

/// The byte that "<0x0A>" stands for; nothing for other texts.
std::optional<uint8_t> ByteOfByteToken(std::string_view token_text);

/// What the model needs beside the tokens and their scores, made from a spec.
struct SentencePieceParts {
  std::array<int32_t, 256> byte_ids{};
  std::vector<TokenIndex::Slot> pieces;  // tokens that text can become
  std::vector<uint8_t> unused;           // by id: 1 for those of kind unused; empty: none is
  std::vector<uint32_t> joiners;
  uint32_t piece_bytes_max = 0;
};
/// texts: of the spec's tokens, by id. Errors: no scores, a score that is no number, a byte token that names no byte or
/// one named already, neither byte tokens nor an unknown token.
Result<SentencePieceParts> MakeSentencePieceParts(const TokenizerSpec& spec, const StringTable& texts);

/// A view of tables that outlive it.
class SentencePieceModel {
 public:
  explicit SentencePieceModel(const TokenTables& tables);

  /// Appends the ids of a stretch of text, in which spaces are written as kSpaceMark already. Any bytes. Stops soon
  /// after there are more than tokens_max ids.
  void Encode(std::string_view escaped, size_t tokens_max, std::vector<TokenId>& ids) const;

 private:
  class Merger;

  TokenIndex pieces_;                  // those that text can become
  std::span<const float> scores_;      // by id
  std::span<const uint8_t> unused_;    // by id; empty: none is
  std::span<const int32_t> byte_ids_;  // 256; -1: none
  int32_t unknown_;                    // -1: none
  size_t piece_bytes_max_;
  /// No merge goes across the start of a word unless some piece holds a space mark behind another character. Gemma has
  /// one such piece, ">▁</"; llama has none. These are the characters that stand there, ascending: a text may be cut
  /// before a space mark that follows any other, and each part merged alone, with the same result.
  std::span<const uint32_t> joiners_;
};

}  // namespace bedplate
