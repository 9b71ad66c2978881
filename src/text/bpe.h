#pragma once
/// Byte-level BPE (Sennrich et al., ACL 2016, over bytes as in Radford et al., 2019): a piece begins as its bytes, and
/// the adjacent pair with the most urgent merge is joined, the leftmost first, until none is left.
///
/// Threads: immutable. Cost: O(n^2) with a tiny constant up to 48 bytes a piece, O(n log n) beyond.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "text/token_tables.h"
#include "text/tokenizer_index.h"
#include "text/tokenizer_spec.h"

namespace bedplate {

/// GPT-2's alphabet writes each byte as a printable character: the byte that a code point stands for, and the reverse.
std::optional<uint8_t> ByteOfAlphabet(uint32_t code);
uint32_t AlphabetOfByte(uint8_t byte);
/// Appends the bytes that a token's text spells in that alphabet; false, and nothing, where a character isn't of it.
bool AppendBytesOfAlphabet(std::string_view token_text, std::string& bytes);

/// What the model needs beside the tokens, made from a spec.
struct BpeParts {
  std::array<int32_t, 256> byte_ids{};
  std::vector<PairTable::Slot> merges;
  std::vector<TokenIndex::Slot> whole;  // empty unless merges are ignored
};
/// by_text: all tokens by their texts. token_bytes: by id, what each stands for. Errors name the merge that is wrong:
/// no pair, a part that is no token, a repetition, a result that is a control token or stands for other bytes than its
/// parts.
Result<BpeParts> MakeBpeParts(const TokenizerSpec& spec, const TokenIndex& by_text, const StringTable& token_bytes,
                              bool ignore_merges);

/// A view of tables that outlive it.
class BpeModel {
 public:
  explicit BpeModel(const TokenTables& tables);

  /// Appends the ids of one piece of the pre-tokenizer.
  void Encode(std::string_view piece, std::vector<TokenId>& ids) const;

 private:
  void EncodeShort(std::string_view piece, std::vector<TokenId>& ids) const;
  void EncodeLong(std::string_view piece, std::vector<TokenId>& ids) const;

  std::span<const int32_t> byte_ids_;  // 256; -1: the vocabulary has no token for the byte
  PairTable merges_;
  std::optional<TokenIndex> whole_;  // where merges are ignored
};

}  // namespace bedplate
