// The way of a text: segments are joined; special tokens cut it into stretches (tokenizer_specials.h); each stretch
// goes through the pre-tokenizer and BPE (pretokenizer.h, bpe.h), or as a whole through SentencePiece
// (sentencepiece.h).
#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/cat.h"
#include "base/check.h"
#include "text/bpe.h"
#include "text/pretokenizer.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_index.h"
#include "text/tokenizer_specials.h"
#include "text/unicode.h"

namespace bedplate {
namespace {

/// Control tokens that end an answer in the models that have them, whatever their file names as eos.
constexpr std::array kEndTexts = {
    std::string_view("<|im_end|>"),
    std::string_view("<|eot_id|>"),
    std::string_view("<|eom_id|>"),
    std::string_view("<end_of_turn>"),
    std::string_view("<|endoftext|>"),
    std::string_view("<|end_of_text|>"),
    std::string_view("<|end|>"),
    std::string_view("<|return|>"),
    std::string_view("<|call|>"),
    std::string_view("<|eot|>"),
    std::string_view("<|endofturn|>"),
    std::string_view("<EOT>"),
    std::string_view("<|END_OF_TURN_TOKEN|>"),
    std::string_view("<｜end▁of▁sentence｜>"),
    std::string_view("<|end_of_turn|>"),
};

// What the unknown token may stand for.
constexpr size_t kCharacterBytesMax = 4;

void AppendReplaced(std::string_view text, std::string_view what, std::string_view with, std::string& out) {
  size_t start = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, start)) {
    out.append(text, start, at - start).append(with);
    start = at + what.size();
  }
  out.append(text, start);
}

/// Leading and trailing spaces gone, runs of them one.
std::string WithoutExtraSpaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out.push_back(c);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

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

bool ContainsId(const std::vector<TokenId>& ids, TokenId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

/// All segments as one text.
struct Tokenizer::Text {
  explicit Text(std::span<const TextSegment> segments) {
    size_t size = 0;
    for (const TextSegment& segment : segments) {
      if (segment.trusted && !segment.text.empty()) {
        if (!trusted.empty() && trusted.back().end == size) {
          trusted.back().end += segment.text.size();
        } else {
          trusted.push_back({size, size + segment.text.size()});
        }
      }
      size += segment.text.size();
    }
    if (segments.size() == 1) {
      whole = segments[0].text;
      return;
    }
    joined.reserve(size);
    for (const TextSegment& segment : segments) joined += segment.text;
    whole = joined;
  }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  std::string joined;
  std::string_view whole;
  std::vector<TokenMatcher::Trust> trusted;
};

Tokenizer::Tokenizer() = default;
Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::Create(TokenizerSpec spec) {
  BP_RETURN_IF_ERROR(CheckSpec(spec));
  std::unique_ptr<Tokenizer> tokenizer(new Tokenizer());
  BP_RETURN_IF_ERROR(tokenizer->Load(std::move(spec)));
  return tokenizer;
}

Status Tokenizer::Load(TokenizerSpec spec) {
  spec_ = std::move(spec);
  by_text_ = std::make_unique<TokenIndex>(size());
  for (size_t id = 0; id < size(); ++id) {
    if (spec_.tokens[id].empty()) continue;  // some files pad with empty tokens; they stand for nothing
    if (const auto same = by_text_->Insert(spec_.tokens[id], static_cast<int32_t>(id))) {
      return Status::InvalidArgument(
          Cat("tokenizer.ggml.tokens[", id, "] is '", spec_.tokens[id], "', which token ", *same, " is already"));
    }
  }
  FillTokenBytes();
  BP_RETURN_IF_ERROR(spec_.model == "gpt2" ? LoadBpe() : LoadSentencePiece());
  FillSpecials();
  FillEndOfGeneration();
  spec_.merges = {};
  spec_.scores = {};
  return Status::Ok();
}

Status Tokenizer::LoadBpe() {
  auto pre = PreTokenizer::ByName(spec_.pre);
  if (!pre.ok()) return std::move(pre).status();
  pre_ = std::move(pre).value();
  std::vector<std::string_view> token_bytes(size());
  for (size_t id = 0; id < size(); ++id) token_bytes[id] = TokenBytes(TokenId{static_cast<int32_t>(id)});
  auto bpe =
      BpeModel::Build(spec_, *by_text_, token_bytes, spec_.ignore_merges.value_or(pre_->usually_ignores_merges()));
  if (!bpe.ok()) return std::move(bpe).status();
  bpe_ = std::move(bpe).value();
  missing_bytes_ = bpe_->missing_bytes();
  adds_bos_ = spec_.add_bos.value_or(pre_->usually_adds_bos()) && spec_.bos;
  adds_eos_ = spec_.add_eos.value_or(false) && spec_.eos;
  return Status::Ok();
}

Status Tokenizer::LoadSentencePiece() {
  auto model = SentencePieceModel::Build(spec_);
  if (!model.ok()) return std::move(model).status();
  sentencepiece_ = std::move(model).value();
  missing_bytes_ = sentencepiece_->missing_bytes();
  adds_bos_ = spec_.add_bos.value_or(true) && spec_.bos;
  adds_eos_ = spec_.add_eos.value_or(false) && spec_.eos;
  adds_space_prefix_ = spec_.add_space_prefix.value_or(true);
  return Status::Ok();
}

void Tokenizer::FillTokenBytes() {
  size_t bytes = 0;
  for (const std::string& token : spec_.tokens) bytes += token.size();
  bytes_.reserve(bytes);
  byte_offsets_.reserve(size() + 1);
  byte_offsets_.push_back(0);
  for (size_t id = 0; id < size(); ++id) {
    const TokenId token{static_cast<int32_t>(id)};
    AppendTokenBytes(token);
    byte_offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
    const size_t size = IsControl(token) ? spec_.tokens[id].size() : TokenBytes(token).size();
    token_bytes_max_ = std::max({token_bytes_max_, size, kCharacterBytesMax});
  }
}

void Tokenizer::AppendTokenBytes(TokenId id) {
  const std::string& text = spec_.tokens[static_cast<size_t>(id.value)];
  const TokenKind kind = Kind(id);
  if (IsControl(id)) return;
  if (kind == TokenKind::kByte) {
    if (const auto byte = ByteOfByteToken(text)) {
      bytes_.push_back(static_cast<char>(*byte));
      return;
    }
  }
  if (spec_.model == "llama") {
    AppendReplaced(text, kSpaceMark, " ", bytes_);
  } else if (kind == TokenKind::kUserDefined || !AppendBytesOfAlphabet(text, bytes_)) {
    bytes_ += text;  // user-defined tokens are written as they are, not in the byte alphabet
  }
}

void Tokenizer::FillSpecials() {
  std::vector<TokenMatcher::Entry> entries;
  for (size_t i = 0; i < spec_.kinds.size(); ++i) {
    const TokenId id{static_cast<int32_t>(i)};
    if (spec_.tokens[i].empty() || (!IsControl(id) && Kind(id) != TokenKind::kUserDefined)) continue;
    // A user-defined token is matched as the text it stands for; a control token as it is spelled.
    std::string text(IsControl(id) ? TokenText(id) : TokenBytes(id));
    entries.push_back({std::move(text), id, IsControl(id), ContainsId(spec_.strip_right, id)});
  }
  specials_ = std::make_unique<TokenMatcher>(std::move(entries));
}

void Tokenizer::FillEndOfGeneration() {
  std::vector<TokenId>& ends = end_of_generation_;
  for (const std::optional<TokenId> id : {spec_.eos, spec_.eot, spec_.eom}) {
    if (id) ends.push_back(*id);
  }
  for (const std::string_view text : kEndTexts) {
    const std::optional<TokenId> id = Find(text);
    if (id && IsControl(*id)) ends.push_back(*id);
  }
  // In gpt-oss's harmony format <|end|> ends one message of several; <|return|> and <|call|> end the answer.
  const std::optional<TokenId> message_end = Find("<|end|>");
  if (message_end && Find("<|return|>") && Find("<|call|>")) std::erase(ends, *message_end);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
}

std::vector<TokenId> Tokenizer::Encode(std::string_view text, EncodeOptions options) const {
  const TextSegment segment{.text = text, .trusted = options.parse_special};
  return EncodeSegments({&segment, 1}, options);
}

std::vector<TokenId> Tokenizer::EncodeSegments(std::span<const TextSegment> segments, EncodeOptions options) const {
  std::vector<TokenId> ids;
  AppendEncoded(segments, options, ids);
  return ids;
}

void Tokenizer::AppendEncoded(std::span<const TextSegment> segments, EncodeOptions options,
                              std::vector<TokenId>& ids) const {
  const Text text(segments);
  if (options.add_bos && adds_bos_) ids.push_back(*spec_.bos);
  for (size_t at = 0; at < text.whole.size();) {
    const auto match = specials_->Find(text.whole, at, text.trusted);
    const size_t stretch_end = match ? match->start : text.whole.size();
    AppendStretch(text.whole.substr(at, stretch_end - at), options.tokens_max, ids);
    if (ids.size() > options.tokens_max) return;
    at = stretch_end;
    if (!match) break;
    ids.push_back(match->entry->id);
    at += match->entry->text.size();
    while (match->entry->strip_right && at < text.whole.size()) {
      const CodePoint point = ReadUtf8(text.whole, at);
      if (ClassOf(point.code) != CharClass::kWhite) break;
      at += point.size;
    }
  }
  if (options.add_eos && adds_eos_) ids.push_back(*spec_.eos);
}

void Tokenizer::AppendStretch(std::string_view text, size_t tokens_max, std::vector<TokenId>& ids) const {
  if (text.empty()) return;
  if (sentencepiece_) {
    const std::string kept = spec_.remove_extra_whitespaces ? WithoutExtraSpaces(text) : std::string();
    if (spec_.remove_extra_whitespaces) text = kept;
    if (text.empty()) return;
    std::string escaped(adds_space_prefix_ ? kSpaceMark : "");
    escaped.reserve(text.size() + text.size() / 2);
    AppendReplaced(text, " ", kSpaceMark, escaped);
    sentencepiece_->Encode(escaped, tokens_max, ids);
    return;
  }
  std::vector<uint32_t> ends;
  pre_->Split(text, ends);
  size_t start = 0;
  for (const uint32_t end : ends) {
    bpe_->Encode(text.substr(start, end - start), ids);
    if (ids.size() > tokens_max) return;
    start = end;
  }
}

size_t Tokenizer::TokensAtLeast(std::span<const TextSegment> segments) const {
  if (spec_.remove_extra_whitespaces || !spec_.strip_right.empty()) return 0;
  size_t bytes = 0;
  for (const TextSegment& segment : segments) {
    bytes += segment.text.size();
    if (missing_bytes_.none()) continue;
    bytes -= static_cast<size_t>(
        std::ranges::count_if(segment.text, [this](char c) { return missing_bytes_[static_cast<unsigned char>(c)]; }));
  }
  return bytes / token_bytes_max_ + (bytes % token_bytes_max_ != 0 ? 1 : 0);
}

std::string Tokenizer::Decode(std::span<const TokenId> ids, DecodeOptions options) const {
  std::string text;
  bool at_start = options.text_start && adds_space_prefix_;  // a space here is the prefixed one
  for (const TokenId id : ids) {
    if (IsControl(id)) {
      if (options.special) text += TokenText(id);
      continue;
    }
    std::string_view bytes = TokenBytes(id);
    if (at_start && bytes.starts_with(' ')) bytes.remove_prefix(1);
    at_start = false;
    text += bytes;
  }
  return text;
}

std::string_view Tokenizer::TokenBytes(TokenId id) const {
  BP_CHECK(Contains(id));
  const auto i = static_cast<size_t>(id.value);
  return std::string_view(bytes_).substr(byte_offsets_[i], byte_offsets_[i + 1] - byte_offsets_[i]);
}

std::string_view Tokenizer::TokenText(TokenId id) const {
  BP_CHECK(Contains(id));
  return spec_.tokens[static_cast<size_t>(id.value)];
}

std::optional<TokenId> Tokenizer::Find(std::string_view token_text) const {
  const int32_t id = by_text_->Find(token_text);
  if (id < 0) return std::nullopt;
  return TokenId{id};
}

TokenKind Tokenizer::Kind(TokenId id) const {
  BP_CHECK(Contains(id));
  return spec_.kinds.empty() ? TokenKind::kNormal : spec_.kinds[static_cast<size_t>(id.value)];
}

bool Tokenizer::IsControl(TokenId id) const {
  const TokenKind kind = Kind(id);
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

bool Tokenizer::IsEndOfGeneration(TokenId id) const {
  return std::binary_search(end_of_generation_.begin(), end_of_generation_.end(), id);
}

}  // namespace bedplate
