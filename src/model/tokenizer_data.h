#pragma once
/// The raw material of a tokenizer, in one form for GGUF metadata and tokenizer.json, with GGUF's field meanings. text/
/// builds tokenizers; this room only reads files. A folder's NFC normaliser (Qwen) is not carried over: GGUF files do
/// not state it, and text is taken as the user wrote it.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace bedplate {

class ModelFile;

struct TokenizerData {
  enum TokenType : uint8_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

  std::string model;  // "gpt2": byte-level BPE; "llama": SentencePiece, score-based merging
  std::string
      pre;  // pre-tokenizer of "gpt2" models, by GGUF's name: "llama-bpe", "qwen2", "smollm", ...; "" for "llama"
  std::vector<std::string>
      tokens;  // by id, as stored: "Ġthe" (byte-level alphabet), "▁the", "<0x0A>"; bytes, not always UTF-8
  std::vector<float> scores;        // by id; empty when the file has none
  std::vector<uint8_t> types;       // TokenType by id; never empty (kNormal when the file has none)
  std::vector<std::string> merges;  // "left right", best first; empty for "llama"

  std::optional<uint32_t> bos, eos, eot, eom, unknown, separator, padding;  // ids, each < tokens.size()
  // Every id that ends a turn by the file's own word, ascending: eos, eot, eom, and generation_config.json's list.
  std::vector<uint32_t> stops;
  std::optional<bool> add_bos;  // absent: the model's custom
  std::optional<bool> add_eos;
  std::optional<bool> add_space_prefix;
  std::optional<bool> remove_extra_whitespaces;
  std::optional<bool> ignore_merges;  // a piece that is a token as a whole is taken whole (Llama 3)

  std::string chat_template;                                         // Jinja; empty when the file has none
  std::vector<std::pair<std::string, std::string>> named_templates;  // others by name: "tool_use"
};

/// Errors: kDataLoss for arrays of differing length or ids out of range, by key; kUnimplemented for a tokenizer model
/// or pre-tokenizer pattern that is not known, never a guess.
Result<TokenizerData> ReadTokenizerData(const ModelFile& file);

/// Of a GGUF file, `chat_template` alone, without a look at the vocabulary.
Result<std::string> ReadGgufChatTemplate(const ModelFile& file);

}  // namespace bedplate
