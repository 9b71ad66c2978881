#pragma once
/// Cuts text into the pieces inside which byte-level BPE may merge. A model is trained with one such rule, and another
/// one gives other ids, so a name that isn't listed here is an error.
///
/// The rules are what the models' tokenizer.json files state as regular expressions (Oniguruma, with lookahead). Here
/// each is a small function over classified code points; no regular expression engine is linked. Where llama.cpp's rule
/// of the same name differs from the model's own file, the model's file wins.
///
/// Measured against llama-cpp-python 0.3.36 on 10,000 random strings (scripts/tokenizer_reference.py --peer):
///   qwen2: 16 differ. Its Unicode tables lack parts of version 16: Egyptian Hieroglyphs Extended-A, Garay, Myanmar
///     Extended-C. smollm: 40 differ. The vocabulary lacks 21 bytes; here and in the reference the neighbours of a lost
///     byte may merge, there it keeps them apart.
/// By the text of its rules, not measured: it doesn't take 'ſ (U+017F) for a contraction (llama-bpe, qwen2, qwen35,
/// gpt-4o); it knows case in gpt-4o and tekken only for ASCII; falcon lacks a stage; deepseek-llm takes runs of digits.
/// No rule normalises: qwen2's tokenizer.json asks for NFC, but its GGUF files and llama.cpp don't, and text has to
/// come back as it went in.
///
/// Names (tokenizer.ggml.pre; those on one line are one rule):
///   gpt-2, phi-2, mpt, olmo, jais, exaone4, trillion, granite-docling, gigachat, a.x-4.0, mellum, modern-bert
///   llama-bpe, llama3, llama-v3, falcon3, falcon-h1, pixtral, midm-2.0, lfm2; and dbrx, smaug-bpe, glm4, chatglm-bpe,
///     which split alike but take no whole pieces unmerged
///   qwen2, deepseek-r1-qwen, kormo, f2llmv2, megrez, stablelm2, hunyuan, solar-open, grok-2
///   qwen35
///   smollm, starcoder, refact, command-r, codeshell, exaone, minerva-7b, mellum2
///   deepseek-llm
///   deepseek-coder
///   falcon
///   gpt-4o, llama4, kanana2, talkie, minimax-m2
///   tekken
///   default
///
/// Threads: immutable. Cost: linear in the text; 12 bytes of scratch a code point.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace bedplate {

class PreTokenizer {
 public:
  /// kUnimplemented for a name that isn't known, and for an empty one.
  static Result<std::unique_ptr<const PreTokenizer>> ByName(std::string_view name);

  /// Appends where each piece of `text` ends, as byte offsets, ascending, the last one text.size(). Any bytes: those
  /// that aren't UTF-8 count as symbols. No piece is empty; an empty text has none. text.size() < 2^32.
  void Split(std::string_view text, std::vector<uint32_t>& ends) const;

  /// What the family usually has, for files that don't say.
  bool usually_ignores_merges() const { return ignores_merges_; }
  bool usually_adds_bos() const { return adds_bos_; }

 private:
  enum class Rule : uint8_t;
  struct Name;
  PreTokenizer(Rule rule, bool ignores_merges, bool adds_bos)
      : rule_(rule), ignores_merges_(ignores_merges), adds_bos_(adds_bos) {}
  Rule rule_;
  bool ignores_merges_;
  bool adds_bos_;
};

}  // namespace bedplate
