#pragma once
/// Text to token ids and back, from a model's own metadata: byte-level BPE behind a named pre-tokenizer (GPT-2 and its
/// descendants: Sennrich et al., ACL 2016; Radford et al., 2019) and SentencePiece's score-based merging with byte
/// fallback (Kudo & Richardson, EMNLP 2018).
///
/// Text:     any bytes. Encode() never fails. No normalisation happens: GGUF names no normaliser, so NFD text stays
/// NFD. Lossless: Decode(Encode(text)) == text, with two exceptions that lie in the files. A vocabulary may lack a
/// token for
///           some bytes (missing_bytes()): those are dropped, as the reference does. And SentencePiece writes a space
///           as U+2581, so that character itself comes back as a space.
/// Special:  control tokens are recognised only in text the caller trusts, so a user who spells "<|im_end|>" sends
///           ordinary text. User-defined tokens (GGUF type 4: Gemma's runs of spaces, "<tool_call>") are vocabulary
///           like any other and are recognised everywhere, longest first, before pre-tokenization.
/// Threads:  immutable after Create() or Open(); any thread.
/// Cost:     O(n log n) in the longest piece, whatever the text. 152k tokens take about 80 ms to Create, a few to Open.
/// Source:   categories are those of unicode.h; the pre-tokenizers are described in pretokenizer.h.

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/shared_bytes.h"
#include "base/status.h"
#include "text/token_tables.h"
#include "text/tokenizer_index.h"
#include "text/tokenizer_spec.h"

namespace bedplate {

class BpeModel;
class PreTokenizer;
class SentencePieceModel;
class TokenMatcher;

/// A stretch of a prompt. Template text is trusted, what users and tools wrote is not.
struct TextSegment {
  std::string_view text;
  bool trusted = false;
};

class Tokenizer {
 public:
  struct EncodeOptions {
    bool add_bos = true;         // put the beginning-of-text token in front, if the spec asks for one
    bool add_eos = false;        // put the end-of-text token behind, if the spec asks for one
    bool parse_special = false;  // Encode() only: the text is trusted
    /// Soon after there are more ids than this, encoding stops: they begin what the whole text would have become.
    size_t tokens_max = SIZE_MAX;
  };
  struct DecodeOptions {
    bool special = false;    // write control tokens as their text ("<|im_end|>"), rather than leave them out
    bool text_start = true;  // the ids begin a text: take away the space that add_space_prefix had put there
  };

  /// Checks the whole spec. kInvalidArgument names the field that is wrong (and the entry); kUnimplemented names a
  /// model or pre-tokenizer that this build does not know: guessing one would give wrong ids without a sign of it.
  static Result<std::unique_ptr<Tokenizer>> Create(const TokenizerSpec& spec);
  /// The tokenizer whose tables() these are. kDataLoss where they are not whole, or are another build's: Create anew.
  static Result<std::unique_ptr<Tokenizer>> Open(SharedBytes tables);
  /// Tables of builds with the same one mean the same.
  static uint64_t TablesFingerprint();
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  std::vector<TokenId> Encode(std::string_view text, EncodeOptions options) const;
  std::vector<TokenId> Encode(std::string_view text) const { return Encode(text, EncodeOptions()); }
  /// As if the segments were one text, in which control tokens can lie only where every byte of them is trusted. Words
  /// and merges go across the segments' edges, so where a prompt is cut does not change its ids.
  std::vector<TokenId> EncodeSegments(std::span<const TextSegment> segments, EncodeOptions options) const;
  std::vector<TokenId> EncodeSegments(std::span<const TextSegment> segments) const {
    return EncodeSegments(segments, EncodeOptions());
  }
  /// The same, appended to `ids`; adds nothing that the segments and options don't ask for.
  void AppendEncoded(std::span<const TextSegment> segments, EncodeOptions options, std::vector<TokenId>& ids) const;

  /// How many ids the segments become at least, without encoding them: no token stands for more bytes than the longest
  /// of the vocabulary does. 0 where this says nothing, as for models whose text may vanish.
  size_t TokensAtLeast(std::span<const TextSegment> segments) const;

  std::string Decode(std::span<const TokenId> ids, DecodeOptions options) const;
  std::string Decode(std::span<const TokenId> ids) const { return Decode(ids, DecodeOptions()); }
  /// The bytes a token stands for in text: a part of a character perhaps, and nothing for a control token. Valid as
  /// long as the tokenizer. The id must be one of ours: see Contains().
  std::string_view TokenBytes(TokenId id) const;
  /// The token as the file spells it.
  std::string_view TokenText(TokenId id) const;
  std::optional<TokenId> Find(std::string_view token_text) const;

  bool Contains(TokenId id) const { return id.value >= 0 && static_cast<uint32_t>(id.value) < size(); }
  TokenKind Kind(TokenId id) const;
  bool IsControl(TokenId id) const;  // control and unknown tokens: no text of their own
  /// eos, eot, eom, and control tokens that are known to end an answer ("<|im_end|>", "<end_of_turn>", "<|eot_id|>",
  /// ...).
  bool IsEndOfGeneration(TokenId id) const;
  std::span<const TokenId> end_of_generation() const { return end_of_generation_; }

  uint32_t size() const { return tables_.facts.tokens; }
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  std::optional<TokenId> unk() const;
  std::optional<TokenId> pad() const;
  bool adds_bos() const { return adds_bos_; }  // the model expects its beginning-of-text token in front
  bool adds_eos() const { return adds_eos_; }
  bool adds_space_prefix() const { return adds_space_prefix_; }
  std::string_view model() const { return tables_.facts.sentencepiece != 0 ? "llama" : "gpt2"; }
  std::string_view pre() const { return {tables_.pre.data(), tables_.pre.size()}; }
  /// Bytes without a token of their own; none for most models. gpt2: text loses them. llama: a character that is no
  /// piece and needs one of them becomes the unknown token.
  const std::bitset<256>& missing_bytes() const { return missing_bytes_; }
  /// All of the tokenizer as bytes, for Open().
  const SharedBytes& tables() const { return tables_.block; }

 private:
  struct Text;
  explicit Tokenizer(TokenTables tables);
  static Result<std::unique_ptr<Tokenizer>> OnTables(TokenTables tables);
  Status UseBpe();
  Status UseSentencePiece();
  Status UseSpecials();
  void FillMissingBytes();
  void FillEndOfGeneration();
  void AppendStretch(std::string_view text, size_t tokens_max, std::vector<TokenId>& ids) const;

  const TokenTables tables_;
  const StringTable texts_, bytes_;  // by id
  const TokenIndex by_text_;
  bool adds_bos_ = false;
  bool adds_eos_ = false;
  bool adds_space_prefix_ = false;
  std::bitset<256> missing_bytes_;
  std::vector<TokenId> end_of_generation_;  // ascending
  std::unique_ptr<const TokenMatcher> specials_;
  std::unique_ptr<const PreTokenizer> pre_;                  // gpt2
  std::unique_ptr<const BpeModel> bpe_;                      // gpt2
  std::unique_ptr<const SentencePieceModel> sentencepiece_;  // llama
};

}  // namespace bedplate
