#pragma once
/// What a tokenizer is made of. Plain data, filled from GGUF metadata or from a Hugging Face folder. Fields carry the
/// names of GGUF's keys. An absent optional takes what the family (model and pre) usually has, as files written before
/// the key existed expect.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"

namespace bedplate {

/// GGUF's tokenizer.ggml.token_type, whose values are these plus one.
enum class TokenKind : uint8_t { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct TokenizerSpec {
  std::string model;                // "gpt2": byte-level BPE. "llama": SentencePiece
  std::string pre;                  // gpt2 only: a name in pretokenizer.h
  std::vector<std::string> tokens;  // by id; text as in the file ("Ġthe", "▁the", "<0x0A>")
  std::vector<float> scores;        // llama: one a token. gpt2: unused
  std::vector<TokenKind> kinds;     // one a token; empty: all normal
  std::vector<std::string> merges;  // gpt2: "left right", most urgent first. llama: unused
  std::optional<TokenId> bos, eos, eot, eom, unk, pad, sep;
  std::optional<bool> add_bos, add_eos;
  std::optional<bool> add_space_prefix;   // llama: a space before the text and after each special token. gpt2: ignored
  bool remove_extra_whitespaces = false;  // llama: drop leading and trailing spaces, join runs of them (not lossless)
  std::optional<bool> ignore_merges;      // gpt2: a whole piece that is a token is taken unmerged
  std::vector<TokenId> strip_right;       // special tokens that swallow the white space after them (phi-3's "<|user|>")
};

}  // namespace bedplate
