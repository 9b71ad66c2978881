// The plan: classify every code point once, then cut. Most rules are one function that yields the next piece. The older
// pipelines are stages: each looks for its matches inside every piece that the stages before it left, and a match and
// what lies between two matches become pieces. A stage therefore never sees across an earlier cut, not even its
// lookahead.
#include "text/pretokenizer.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "base/cat.h"
#include "base/check.h"
#include "text/pretokenizer_rules.h"

namespace bedplate {

enum class PreTokenizer::Rule : uint8_t {
  kGpt2,
  kLlama3,
  kQwen2,
  kQwen35,
  kDigitsThenGpt2,
  kDeepSeekLlm,
  kDeepSeekCoder,
  kFalcon,
  kGpt4o,
  kTekken,
  kDefault,
};

struct PreTokenizer::Name {
  std::string_view name;
  Rule rule;
  bool ignores_merges;
  bool adds_bos;
};

namespace {

/// Pieces as the indices of the letters where they end.
using Cuts = std::vector<uint32_t>;

std::vector<Letter> Classify(std::string_view text) {
  std::vector<Letter> letters;
  letters.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = ReadUtf8(text, at);
    letters.push_back({static_cast<uint32_t>(at), point.code, SetOf(ClassOf(point.code))});
    at += point.size;
  }
  return letters;
}

Cuts Whole(Letters text) {
  return {static_cast<uint32_t>(text.size())};
}

/// `Cut(piece, cuts, base)` for every piece of `before`; it appends base + where each new piece ends.
template <class Cut>
Cuts CutEach(Letters text, const Cuts& before, Cut cut) {
  Cuts after;
  after.reserve(before.size() + text.size() / 4);
  size_t start = 0;
  for (const uint32_t end : before) {
    cut(text.subspan(start, end - start), after, start);
    start = end;
  }
  return after;
}

/// The rule yields one piece after the other.
template <class Next>
Cuts CutByPieces(Letters text, const Cuts& before, Next next) {
  return CutEach(text, before, [next](Letters piece, Cuts& cuts, size_t base) {
    for (size_t at = 0; at < piece.size();) {
      at += next(piece.subspan(at));
      cuts.push_back(static_cast<uint32_t>(base + at));
    }
  });
}

/// The rule only cuts out its matches.
template <class Match>
Cuts CutOut(Letters text, const Cuts& before, Match match) {
  return CutEach(text, before, [match](Letters piece, Cuts& cuts, size_t base) {
    size_t done = 0;
    for (size_t at = 0; at < piece.size();) {
      const size_t length = match(piece.subspan(at));
      if (length == 0) {
        ++at;
        continue;
      }
      if (at > done) cuts.push_back(static_cast<uint32_t>(base + at));
      at += length;
      done = at;
      cuts.push_back(static_cast<uint32_t>(base + at));
    }
    if (done < piece.size()) cuts.push_back(static_cast<uint32_t>(base + piece.size()));
  });
}

Cuts CutTrailingSpace(Letters text, const Cuts& before) {
  return CutEach(text, before, [](Letters piece, Cuts& cuts, size_t base) {
    const size_t kept = piece.size() - TrailingSpace(piece);
    if (kept > 0) cuts.push_back(static_cast<uint32_t>(base + kept));
    if (kept < piece.size()) cuts.push_back(static_cast<uint32_t>(base + piece.size()));
  });
}

Cuts CutDeepSeekLlm(Letters text) {
  Cuts cuts = CutOut(text, Whole(text), MatchNewline);
  cuts = CutOut(text, cuts, MatchDeepSeekLetters);
  cuts = CutOut(text, cuts, MatchDeepSeekPunctuation);
  cuts = CutTrailingSpace(text, cuts);
  cuts = CutOut(text, cuts, MatchCjk);
  return CutOut(text, cuts, MatchDigit);
}

Cuts CutDeepSeekCoder(Letters text) {
  Cuts cuts = CutOut(text, Whole(text), MatchNewline);
  cuts = CutOut(text, cuts, MatchSpacedLetters);
  cuts = CutOut(text, cuts, MatchSpacedPunctuation);
  cuts = CutOut(text, cuts, MatchCjk);
  return CutOut(text, cuts, MatchDigit);
}

Cuts CutDefault(Letters text) {
  Cuts cuts = CutOut(text, Whole(text), MatchDefaultPunctuation);
  cuts = CutByPieces(text, cuts, NextGpt2Piece);
  cuts = CutOut(text, cuts, MatchNumberRun);
  return CutOut(text, cuts, MatchDigitTriple);
}

/// Falcon's last two stages run after the bytes have been written as characters, so they see each byte of a character
/// alone: the bytes that stand for ² ³ ¹ ¼ ½ ¾ count as digits there. Runs of digits and of others become pieces, and
/// every three ASCII digits another.
bool IsByteDigit(unsigned char byte) {
  return (byte >= '0' && byte <= '9') || byte == 0xB2 || byte == 0xB3 || byte == 0xB9 || (byte >= 0xBC && byte <= 0xBE);
}
void CutFalconBytes(std::string_view text, std::vector<uint32_t>& ends, size_t first) {
  const std::vector<uint32_t> before(ends.begin() + static_cast<std::ptrdiff_t>(first), ends.end());
  ends.resize(first);
  size_t start = 0;
  const auto is_digit = [text](size_t i) { return IsByteDigit(static_cast<unsigned char>(text[i])); };
  const auto is_ascii_digit = [text](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  for (const uint32_t end : before) {
    size_t ascii = 0;  // ASCII digits at the end of the open piece, up to 2
    for (size_t at = start; at < end; ++at) {
      const bool opens = at > start && is_digit(at) != is_digit(at - 1);
      if (opens && (ends.size() == first || ends.back() != at)) ends.push_back(static_cast<uint32_t>(at));
      ascii = is_ascii_digit(at) ? (opens ? 1 : ascii + 1) : 0;
      if (ascii < 3) continue;
      const auto triple = static_cast<uint32_t>(at - 2);
      if (triple > start && (ends.size() == first || ends.back() != triple)) ends.push_back(triple);
      ends.push_back(static_cast<uint32_t>(at + 1));
      ascii = 0;
    }
    if (end > start && (ends.size() == first || ends.back() != end)) ends.push_back(end);
    start = end;
  }
}

}  // namespace

Result<std::unique_ptr<const PreTokenizer>> PreTokenizer::ByName(std::string_view name) {
  static constexpr Name kNames[] = {
      {"gpt-2", Rule::kGpt2, false, false},
      {"phi-2", Rule::kGpt2, false, false},
      {"mpt", Rule::kGpt2, false, false},
      {"olmo", Rule::kGpt2, false, false},
      {"jais", Rule::kGpt2, false, false},
      {"exaone4", Rule::kGpt2, false, false},
      {"trillion", Rule::kGpt2, false, false},
      {"granite-docling", Rule::kGpt2, false, false},
      {"gigachat", Rule::kGpt2, false, false},
      {"a.x-4.0", Rule::kGpt2, false, false},
      {"mellum", Rule::kGpt2, false, false},
      {"modern-bert", Rule::kGpt2, false, false},
      {"llama-bpe", Rule::kLlama3, true, true},
      {"llama3", Rule::kLlama3, true, true},
      {"llama-v3", Rule::kLlama3, true, true},
      {"falcon3", Rule::kLlama3, true, true},
      {"falcon-h1", Rule::kLlama3, true, true},
      {"pixtral", Rule::kLlama3, true, true},
      {"midm-2.0", Rule::kLlama3, true, true},
      {"lfm2", Rule::kLlama3, true, true},
      {"dbrx", Rule::kLlama3, false, false},
      {"smaug-bpe", Rule::kLlama3, false, false},
      {"glm4", Rule::kLlama3, false, false},
      {"chatglm-bpe", Rule::kLlama3, false, false},
      {"qwen2", Rule::kQwen2, false, false},
      {"deepseek-r1-qwen", Rule::kQwen2, false, false},
      {"kormo", Rule::kQwen2, false, false},
      {"f2llmv2", Rule::kQwen2, false, false},
      {"megrez", Rule::kQwen2, false, false},
      {"stablelm2", Rule::kQwen2, false, false},
      {"hunyuan", Rule::kQwen2, false, false},
      {"solar-open", Rule::kQwen2, false, false},
      {"grok-2", Rule::kQwen2, false, false},
      {"qwen35", Rule::kQwen35, false, false},
      {"smollm", Rule::kDigitsThenGpt2, false, false},
      {"starcoder", Rule::kDigitsThenGpt2, false, false},
      {"refact", Rule::kDigitsThenGpt2, false, false},
      {"command-r", Rule::kDigitsThenGpt2, false, false},
      {"codeshell", Rule::kDigitsThenGpt2, false, false},
      {"exaone", Rule::kDigitsThenGpt2, false, false},
      {"minerva-7b", Rule::kDigitsThenGpt2, false, false},
      {"mellum2", Rule::kDigitsThenGpt2, false, false},
      {"deepseek-llm", Rule::kDeepSeekLlm, false, false},
      {"deepseek-coder", Rule::kDeepSeekCoder, false, false},
      {"falcon", Rule::kFalcon, false, false},
      {"gpt-4o", Rule::kGpt4o, false, false},
      {"llama4", Rule::kGpt4o, false, false},
      {"kanana2", Rule::kGpt4o, false, false},
      {"talkie", Rule::kGpt4o, false, false},
      {"minimax-m2", Rule::kGpt4o, false, false},
      {"tekken", Rule::kTekken, true, true},
      {"default", Rule::kDefault, false, false},
  };
  for (const Name& known : kNames) {
    if (known.name != name) continue;
    return std::unique_ptr<const PreTokenizer>(new PreTokenizer(known.rule, known.ignores_merges, known.adds_bos));
  }
  if (name.empty()) {
    return Status::Unimplemented(
        "tokenizer.ggml.pre is missing; a byte-level vocabulary can't be used without the name of its pre-tokenizer: "
        "convert the model again with a current converter");
  }
  std::string known;
  for (const Name& entry : kNames) known += (known.empty() ? "" : ", ") + std::string(entry.name);
  return Status::Unimplemented(
      Cat("tokenizer.ggml.pre is '", name, "', a pre-tokenizer that isn't known; known are: ", known));
}

void PreTokenizer::Split(std::string_view text, std::vector<uint32_t>& ends) const {
  if (text.empty()) return;
  BP_CHECK(text.size() < std::numeric_limits<uint32_t>::max());
  const std::vector<Letter> classified = Classify(text);
  const Letters letters(classified);
  const auto by_pieces = [letters](auto next) { return CutByPieces(letters, Whole(letters), next); };
  const auto cl100k = [by_pieces](Cl100kOptions options) {
    return by_pieces([options](Letters rest) { return NextCl100kPiece(rest, options); });
  };
  const auto o200k = [by_pieces](O200kOptions options) {
    return by_pieces([options](Letters rest) { return NextO200kPiece(rest, options); });
  };
  const auto cut = [&]() -> Cuts {
    switch (rule_) {
      case Rule::kGpt2:
        return by_pieces(NextGpt2Piece);
      case Rule::kLlama3:
        return cl100k({.word = kLetterSet, .digits_max = 3});
      case Rule::kQwen2:
        return cl100k({.word = kLetterSet, .digits_max = 1});
      case Rule::kQwen35:
        return cl100k({.word = kLetterSet | kMarkSet, .digits_max = 1});
      case Rule::kDigitsThenGpt2:
        return CutByPieces(letters, CutOut(letters, Whole(letters), MatchDigit), NextGpt2Piece);
      case Rule::kDeepSeekLlm:
        return CutDeepSeekLlm(letters);
      case Rule::kDeepSeekCoder:
        return CutDeepSeekCoder(letters);
      case Rule::kFalcon:
        return CutByPieces(letters, CutOut(letters, Whole(letters), MatchSplitterPunctuation), NextGpt2Piece);
      case Rule::kGpt4o:
        return o200k({.contractions = true, .digits_max = 3});
      case Rule::kTekken:
        return o200k({.contractions = false, .digits_max = 1});
      case Rule::kDefault:
        return CutDefault(letters);
    }
    BP_CHECK(false);
  };
  const size_t first = ends.size();
  for (const uint32_t end : cut()) {
    ends.push_back(end == letters.size() ? static_cast<uint32_t>(text.size()) : letters[end].offset);
  }
  if (rule_ == Rule::kFalcon) CutFalconBytes(text, ends, first);
}

}  // namespace bedplate
