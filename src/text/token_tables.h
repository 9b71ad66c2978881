#pragma once
/// All that a tokenizer knows, as one block of bytes: made once from a spec, then used where it lies, in memory or in a
/// mapped file, without building anything.
///
///   header    magic, version, facts, and for each section its offset and length
///   sections  arrays of fixed-size elements, each from a multiple of 64 bytes on, in the order of TokenParts
///
/// Numbers are little-endian. ReadTokenTables checks a block so far that using it can't leave it, whatever its bytes
/// are (token_tables_fuzz.cc); whether they are the right bytes is for whoever kept them to check (model/kept_file.h).

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/shared_bytes.h"
#include "base/status.h"
#include "text/tokenizer_index.h"
#include "text/tokenizer_spec.h"

namespace bedplate {

struct TokenFacts {
  static constexpr int32_t kNoToken = -1;
  enum Stated : uint8_t { kNo, kYes, kNotStated };

  uint32_t tokens = 0;
  int32_t bos = kNoToken, eos = kNoToken, eot = kNoToken, eom = kNoToken, unk = kNoToken, pad = kNoToken;
  uint32_t token_bytes_max = 0;  // that one token stands for, as Tokenizer::TokensAtLeast counts
  uint32_t piece_bytes_max = 0;  // llama: of the pieces that text can become
  uint8_t sentencepiece = 0;     // 1: llama; 0: gpt2
  uint8_t add_bos = kNotStated, add_eos = kNotStated, add_space_prefix = kNotStated, ignore_merges = kNotStated;
  uint8_t remove_extra_whitespaces = 0;
  uint8_t zero[6] = {};  // no padding: equal facts are equal bytes
};

/// The tables while they are made, or as views of a block. Empty: the tokenizer has no use for them.
template <template <class> class Array>
struct TokenArrays {
  Array<char> pre;  // a name in pretokenizer.h
  Array<char> texts;
  Array<uint32_t> text_offsets;
  Array<char> bytes;
  Array<uint32_t> byte_offsets;
  Array<TokenKind> kinds;           // by id; empty: all normal
  Array<int32_t> specials;          // ids of the tokens that are recognised before all else, by the text they match
  Array<int32_t> strip_right;       // ids
  Array<TokenIndex::Slot> by_text;  // all tokens but empty ones
  Array<int32_t> byte_ids;          // 256; -1: the vocabulary has no token for the byte
  Array<PairTable::Slot> merges;    // gpt2
  Array<TokenIndex::Slot> whole;    // gpt2, where merges are ignored: normal tokens by the bytes they stand for
  Array<TokenIndex::Slot> pieces;   // llama: tokens that text can become
  Array<float> scores;              // llama, by id
  Array<uint8_t> unused;            // llama, by id: 1 for pieces of kind unused; empty: none is
  Array<uint32_t> joiners;          // llama: see sentencepiece.h
};

template <class T>
using TokenVector = std::vector<T>;
template <class T>
using TokenView = std::span<const T>;

struct TokenParts : TokenArrays<TokenVector> {
  TokenFacts facts;
};

struct TokenTables : TokenArrays<TokenView> {
  TokenFacts facts;
  SharedBytes block;

  [[nodiscard]] StringTable texts_by_id() const { return {{texts.data(), texts.size()}, text_offsets}; }
  [[nodiscard]] StringTable bytes_by_id() const { return {{bytes.data(), bytes.size()}, byte_offsets}; }
};

Result<TokenTables> WriteTokenTables(const TokenParts& parts);
/// kDataLoss says what is wrong. The block is at a multiple of 8 bytes.
Result<TokenTables> ReadTokenTables(SharedBytes block);

}  // namespace bedplate
