// The order matters only where a step needs what one before it made: texts, then what tokens stand for, then the tables
// of the algorithm, which look texts up and hold merges to the bytes of their parts.
#include "text/tokenizer_build.h"

#include <algorithm>
#include <limits>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/cat.h"
#include "base/check.h"
#include "base/random.h"
#include "text/bpe.h"
#include "text/pretokenizer.h"
#include "text/sentencepiece.h"

namespace bedplate {
namespace {

// What the unknown token may stand for.
constexpr size_t kCharacterBytesMax = 4;

Status CheckId(std::string_view field, std::optional<TokenId> id, size_t count) {
  if (!id || (id->value >= 0 && static_cast<size_t>(id->value) < count)) return Status::Ok();
  return Status::InvalidArgument(
      Cat(field, " is ", id->value, "; allowed: 0 to ", count - 1, " (tokenizer.ggml.tokens)"));
}

Status CheckSpec(const TokenizerSpec& spec) {
  constexpr size_t kTokensMax = size_t{1} << 24;  // 50 times the largest known; keeps every table's index in 32 bits
  const size_t count = spec.tokens.size();
  if (spec.model != "gpt2" && spec.model != "llama") {
    return Status::Unimplemented(
        Cat("tokenizer.ggml.model is '", spec.model, "'; known are gpt2 (byte-level BPE) and llama (SentencePiece)"));
  }
  if (count == 0 || count > kTokensMax) {
    return Status::InvalidArgument(Cat("tokenizer.ggml.tokens has ", count, " entries; allowed: 1 to ", kTokensMax));
  }
  if (!spec.kinds.empty() && spec.kinds.size() != count) {
    return Status::InvalidArgument(Cat("tokenizer.ggml.token_type has ", spec.kinds.size(),
                                       " entries; it needs one for ", "each of the ", count,
                                       " tokens, or none at all"));
  }
  const auto odd =
      std::find_if(spec.kinds.begin(), spec.kinds.end(), [](TokenKind kind) { return kind > TokenKind::kByte; });
  if (odd != spec.kinds.end()) {
    return Status::InvalidArgument(Cat("tokenizer.ggml.token_type[", odd - spec.kinds.begin(), "] is ",
                                       static_cast<int>(*odd) + 1, "; allowed: 1 to 6"));
  }
  size_t bytes = 0;
  for (const std::string& token : spec.tokens) bytes += token.size();
  if (bytes > std::numeric_limits<uint32_t>::max()) {
    return Status::InvalidArgument(Cat("tokenizer.ggml.tokens holds ", bytes, " bytes of text; allowed: below 4 GiB"));
  }
  BP_RETURN_IF_ERROR(CheckId("tokenizer.ggml.bos_token_id", spec.bos, count));
  BP_RETURN_IF_ERROR(CheckId("tokenizer.ggml.eos_token_id", spec.eos, count));
  BP_RETURN_IF_ERROR(CheckId("tokenizer.ggml.eot_token_id", spec.eot, count));
  BP_RETURN_IF_ERROR(CheckId("tokenizer.ggml.eom_token_id", spec.eom, count));
  BP_RETURN_IF_ERROR(CheckId("tokenizer.ggml.unknown_token_id", spec.unk, count));
  BP_RETURN_IF_ERROR(CheckId("tokenizer.ggml.padding_token_id", spec.pad, count));
  BP_RETURN_IF_ERROR(CheckId("tokenizer.ggml.seperator_token_id", spec.sep, count));  // GGUF's own spelling
  for (const TokenId id : spec.strip_right) BP_RETURN_IF_ERROR(CheckId("strip_right", id, count));
  return Status::Ok();
}

bool IsControlKind(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

TokenKind KindOf(const TokenizerSpec& spec, size_t id) {
  return spec.kinds.empty() ? TokenKind::kNormal : spec.kinds[id];
}

StringTable TableOf(const std::vector<char>& bytes, const std::vector<uint32_t>& offsets) {
  return {{bytes.data(), bytes.size()}, offsets};
}

/// The bytes that a token stands for in text; none for a control token.
void AppendTokenBytes(const TokenizerSpec& spec, size_t id, std::string& bytes) {
  const std::string& text = spec.tokens[id];
  const TokenKind kind = KindOf(spec, id);
  if (IsControlKind(kind)) return;
  if (kind == TokenKind::kByte) {
    if (const auto byte = ByteOfByteToken(text)) {
      bytes.push_back(static_cast<char>(*byte));
      return;
    }
  }
  if (spec.model == "llama") {
    AppendReplaced(text, kSpaceMark, " ", bytes);
  } else if (kind == TokenKind::kUserDefined || !AppendBytesOfAlphabet(text, bytes)) {
    bytes += text;  // user-defined tokens are written as they are, not in the byte alphabet
  }
}

class TokenizerBuilder {
 public:
  explicit TokenizerBuilder(const TokenizerSpec& spec) : spec_(spec) {}

  Result<TokenParts> Build() {
    FillFacts();
    BP_RETURN_IF_ERROR(FillTexts());
    FillBytes();
    BP_RETURN_IF_ERROR(spec_.model == "gpt2" ? FillBpe() : FillSentencePiece());
    FillSpecials();
    return std::move(parts_);
  }

 private:
  void FillFacts() {
    TokenFacts& f = parts_.facts;
    const auto id = [](std::optional<TokenId> token) { return token ? token->value : TokenFacts::kNoToken; };
    const auto stated = [](std::optional<bool> flag) {
      return static_cast<uint8_t>(!flag ? TokenFacts::kNotStated : *flag ? TokenFacts::kYes : TokenFacts::kNo);
    };
    f.tokens = static_cast<uint32_t>(spec_.tokens.size());
    f.bos = id(spec_.bos), f.eos = id(spec_.eos), f.eot = id(spec_.eot), f.eom = id(spec_.eom);
    f.unk = id(spec_.unk), f.pad = id(spec_.pad);
    f.sentencepiece = spec_.model == "llama" ? 1 : 0;
    f.add_bos = stated(spec_.add_bos), f.add_eos = stated(spec_.add_eos);
    f.add_space_prefix = stated(spec_.add_space_prefix), f.ignore_merges = stated(spec_.ignore_merges);
    f.remove_extra_whitespaces = spec_.remove_extra_whitespaces ? 1 : 0;
    parts_.pre.assign(spec_.pre.begin(), spec_.pre.end());
    parts_.kinds = spec_.kinds;
    for (const TokenId token : spec_.strip_right) parts_.strip_right.push_back(token.value);
  }

  Status FillTexts() {
    size_t bytes = 0;
    for (const std::string& token : spec_.tokens) bytes += token.size();
    parts_.texts.reserve(bytes);
    parts_.text_offsets.reserve(spec_.tokens.size() + 1);
    parts_.text_offsets.push_back(0);
    for (const std::string& token : spec_.tokens) {
      parts_.texts.insert(parts_.texts.end(), token.begin(), token.end());
      parts_.text_offsets.push_back(static_cast<uint32_t>(parts_.texts.size()));
    }
    parts_.by_text = TokenIndex::MakeSlots(spec_.tokens.size());
    const StringTable texts = TableOf(parts_.texts, parts_.text_offsets);
    for (size_t id = 0; id < spec_.tokens.size(); ++id) {
      if (spec_.tokens[id].empty()) continue;  // some files pad with empty tokens; they stand for nothing
      if (const auto same = TokenIndex::Insert(parts_.by_text, texts, static_cast<int32_t>(id))) {
        return Status::InvalidArgument(
            Cat("tokenizer.ggml.tokens[", id, "] is '", spec_.tokens[id], "', which token ", *same, " is already"));
      }
    }
    return Status::Ok();
  }

  void FillBytes() {
    std::string bytes;
    bytes.reserve(parts_.texts.size());
    parts_.byte_offsets.reserve(spec_.tokens.size() + 1);
    parts_.byte_offsets.push_back(0);
    size_t most = kCharacterBytesMax;
    for (size_t id = 0; id < spec_.tokens.size(); ++id) {
      const size_t before = bytes.size();
      AppendTokenBytes(spec_, id, bytes);
      parts_.byte_offsets.push_back(static_cast<uint32_t>(bytes.size()));
      most = std::max(most, IsControlKind(KindOf(spec_, id)) ? spec_.tokens[id].size() : bytes.size() - before);
    }
    parts_.bytes.assign(bytes.begin(), bytes.end());
    parts_.facts.token_bytes_max = static_cast<uint32_t>(most);
  }

  Status FillBpe() {
    BP_ASSIGN_OR_RETURN(const auto pre, PreTokenizer::ByName(spec_.pre));
    const TokenIndex by_text(parts_.by_text, TableOf(parts_.texts, parts_.text_offsets));
    BP_ASSIGN_OR_RETURN(BpeParts bpe, MakeBpeParts(spec_, by_text, TableOf(parts_.bytes, parts_.byte_offsets),
                                                   spec_.ignore_merges.value_or(pre->usually_ignores_merges())));
    parts_.byte_ids.assign(bpe.byte_ids.begin(), bpe.byte_ids.end());
    parts_.merges = std::move(bpe.merges);
    parts_.whole = std::move(bpe.whole);
    return Status::Ok();
  }

  Status FillSentencePiece() {
    BP_ASSIGN_OR_RETURN(SentencePieceParts made,
                        MakeSentencePieceParts(spec_, TableOf(parts_.texts, parts_.text_offsets)));
    parts_.byte_ids.assign(made.byte_ids.begin(), made.byte_ids.end());
    parts_.pieces = std::move(made.pieces);
    parts_.scores = spec_.scores;
    parts_.unused = std::move(made.unused);
    parts_.joiners = std::move(made.joiners);
    parts_.facts.piece_bytes_max = made.piece_bytes_max;
    return Status::Ok();
  }

  /// A user-defined token is matched as the text it stands for; a control token as it is spelled.
  void FillSpecials() {
    const StringTable texts = TableOf(parts_.texts, parts_.text_offsets);
    const StringTable bytes = TableOf(parts_.bytes, parts_.byte_offsets);
    const auto matched = [&](int32_t id) {
      const auto i = static_cast<size_t>(id);
      return IsControlKind(spec_.kinds[i]) ? texts[i] : bytes[i];
    };
    for (size_t id = 0; id < spec_.kinds.size(); ++id) {
      const bool special = IsControlKind(spec_.kinds[id]) || spec_.kinds[id] == TokenKind::kUserDefined;
      if (special && !spec_.tokens[id].empty()) parts_.specials.push_back(static_cast<int32_t>(id));
    }
    std::ranges::sort(parts_.specials, [&](int32_t a, int32_t b) { return matched(a) < matched(b); });
  }

  const TokenizerSpec& spec_;
  TokenParts parts_;
};

}  // namespace

Result<TokenTables> BuildTokenTables(const TokenizerSpec& spec) {
  BP_RETURN_IF_ERROR(CheckSpec(spec));
  BP_ASSIGN_OR_RETURN(const TokenParts parts, TokenizerBuilder(spec).Build());
  return WriteTokenTables(parts);
}

uint64_t TokenTablesFingerprint() {
  // Every mechanism once: tokens that stand for bytes, for themselves, for nothing; merges, taken and ignored; pieces
  // that are used, unused, and go across a space.
  TokenizerSpec bpe;
  bpe.model = "gpt2";
  bpe.pre = "gpt-2";
  bpe.tokens = {"<s>",
                "<tool>",
                "a",
                "b",
                "\xC4\xA0",
                "ab",
                "\xC4\xA0"
                "ab",
                "\xE2\x82\xAC",
                ""};
  bpe.kinds = {TokenKind::kControl, TokenKind::kUserDefined, TokenKind::kNormal, TokenKind::kNormal, TokenKind::kNormal,
               TokenKind::kNormal,  TokenKind::kNormal,      TokenKind::kNormal, TokenKind::kUnused};
  bpe.merges = {"a b", "\xC4\xA0 ab"};
  bpe.ignore_merges = true;
  bpe.bos = TokenId{0};
  bpe.strip_right = {TokenId{0}};
  TokenizerSpec pieces;
  pieces.model = "llama";
  pieces.tokens = {"<unk>",
                   "<0x0A>",
                   "a",
                   "\xE2\x96\x81"
                   "a",
                   "a\xE2\x96\x81",
                   "   "};
  pieces.kinds = {TokenKind::kUnknown, TokenKind::kByte,   TokenKind::kNormal,
                  TokenKind::kNormal,  TokenKind::kUnused, TokenKind::kUserDefined};
  pieces.scores = {0, 0, -1, -2, -3, 0};
  pieces.unk = TokenId{0};
  uint64_t hash = 0;
  for (const TokenizerSpec& spec : {bpe, pieces}) {
    const auto tables = BuildTokenTables(spec);
    BP_CHECK(tables.ok());
    hash = HashWords(hash, XXH3_64bits(tables->block.bytes.data(), tables->block.bytes.size()), 0);
  }
  return hash;
}

}  // namespace bedplate
