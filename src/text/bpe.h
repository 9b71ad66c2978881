#pragma once
/// Byte-level BPE (Sennrich et al., ACL 2016, over bytes as in Radford et al., 2019): a piece begins as its bytes, and
/// the adjacent pair with the most urgent merge is joined, the leftmost first, until none is left.
///
/// Threads: immutable. Cost: O(n^2) with a tiny constant up to 48 bytes a piece, O(n log n) beyond.

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "text/tokenizer.h"
#include "text/tokenizer_index.h"

namespace bedplate {

/// GPT-2's alphabet writes each byte as a printable character: the byte that a code point stands for, and the reverse.
std::optional<uint8_t> ByteOfAlphabet(uint32_t code);
uint32_t AlphabetOfByte(uint8_t byte);
/// Appends the bytes that a token's text spells in that alphabet; false, and nothing, where a character isn't of it.
bool AppendBytesOfAlphabet(std::string_view token_text, std::string& bytes);

class BpeModel {
 public:
  /// `by_text` is used only here; `token_bytes` (by id) is viewed as long as the model lives where merges are ignored.
  /// Errors name the merge that is wrong: no pair, a part that is no token, a repetition, a result that is a control
  /// token or stands for other bytes than its parts.
  static Result<std::unique_ptr<const BpeModel>> Build(const TokenizerSpec& spec, const TokenIndex& by_text,
                                                       std::span<const std::string_view> token_bytes,
                                                       bool ignore_merges);

  /// Appends the ids of one piece of the pre-tokenizer.
  void Encode(std::string_view piece, std::vector<TokenId>& ids) const;
  std::bitset<256> missing_bytes() const;

 private:
  explicit BpeModel(size_t merge_count) : merges_(merge_count) {}
  Status AddMerge(const TokenizerSpec& spec, const TokenIndex& by_text, std::span<const std::string_view> token_bytes,
                  size_t rank, std::string& joined);
  void EncodeShort(std::string_view piece, std::vector<TokenId>& ids) const;
  void EncodeLong(std::string_view piece, std::vector<TokenId>& ids) const;

  std::array<int32_t, 256> byte_ids_{};  // -1: the vocabulary has no token for the byte
  PairTable merges_;
  std::optional<TokenIndex> whole_;  // where merges are ignored
};

}  // namespace bedplate
