// The way of a text: segments are joined; special tokens cut it into stretches (tokenizer_specials.h); each stretch
// goes through the pre-tokenizer and BPE (pretokenizer.h, bpe.h), or as a whole through SentencePiece
// (sentencepiece.h).
#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/cat.h"
#include "base/check.h"
#include "text/bpe.h"
#include "text/pretokenizer.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_build.h"
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

/// Leading and trailing spaces gone, runs of them one.
std::string WithoutExtraSpaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out.push_back(c);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::optional<TokenId> TokenOf(int32_t id) {
  if (id == TokenFacts::kNoToken) return std::nullopt;
  return TokenId{id};
}

bool Says(uint8_t stated, bool otherwise) {
  return stated == TokenFacts::kNotStated ? otherwise : stated == TokenFacts::kYes;
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

Tokenizer::Tokenizer(TokenTables tables)
    : tables_(std::move(tables)),
      texts_(tables_.texts_by_id()),
      bytes_(tables_.bytes_by_id()),
      by_text_(tables_.by_text, texts_) {}
Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::Create(const TokenizerSpec& spec) {
  BP_ASSIGN_OR_RETURN(TokenTables tables, BuildTokenTables(spec));
  return OnTables(std::move(tables));
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::Open(SharedBytes block) {
  BP_ASSIGN_OR_RETURN(TokenTables tables, ReadTokenTables(std::move(block)));
  return OnTables(std::move(tables));
}

uint64_t Tokenizer::TablesFingerprint() {
  return TokenTablesFingerprint();
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::OnTables(TokenTables tables) {
  std::unique_ptr<Tokenizer> tokenizer(new Tokenizer(std::move(tables)));
  BP_RETURN_IF_ERROR(tokenizer->tables_.facts.sentencepiece != 0 ? tokenizer->UseSentencePiece() : tokenizer->UseBpe());
  BP_RETURN_IF_ERROR(tokenizer->UseSpecials());
  tokenizer->FillEndOfGeneration();
  return tokenizer;
}

Status Tokenizer::UseBpe() {
  BP_ASSIGN_OR_RETURN(pre_, PreTokenizer::ByName(pre()));
  const TokenFacts& facts = tables_.facts;
  // What a name usually means is this build's to say, and tables of an earlier one may know it otherwise.
  if (Says(facts.ignore_merges, pre_->usually_ignores_merges()) == tables_.whole.empty()) {
    return Status::DataLoss(Cat("the tokenizer's tables are of a build that knew '", pre(), "' otherwise"));
  }
  bpe_ = std::make_unique<const BpeModel>(tables_);
  FillMissingBytes();
  adds_bos_ = Says(facts.add_bos, pre_->usually_adds_bos()) && bos();
  adds_eos_ = Says(facts.add_eos, false) && eos();
  return Status::Ok();
}

Status Tokenizer::UseSentencePiece() {
  const TokenFacts& facts = tables_.facts;
  sentencepiece_ = std::make_unique<const SentencePieceModel>(tables_);
  FillMissingBytes();
  adds_bos_ = Says(facts.add_bos, true) && bos();
  adds_eos_ = Says(facts.add_eos, false) && eos();
  adds_space_prefix_ = Says(facts.add_space_prefix, true);
  return Status::Ok();
}

void Tokenizer::FillMissingBytes() {
  for (size_t byte = 0; byte < tables_.byte_ids.size(); ++byte) missing_bytes_.set(byte, tables_.byte_ids[byte] < 0);
}

Status Tokenizer::UseSpecials() {
  std::vector<TokenMatcher::Entry> entries;
  entries.reserve(tables_.specials.size());
  for (const int32_t special : tables_.specials) {
    const TokenId id{special};
    const std::string_view text = IsControl(id) ? TokenText(id) : TokenBytes(id);
    if (text.empty() || (!entries.empty() && text < entries.back().text)) {
      return Status::DataLoss("the tokenizer's tables are not whole: special tokens are not in order");
    }
    const bool strip_right = std::ranges::find(tables_.strip_right, special) != tables_.strip_right.end();
    entries.push_back({text, id, IsControl(id), strip_right});
  }
  specials_ = std::make_unique<TokenMatcher>(std::move(entries));
  return Status::Ok();
}

void Tokenizer::FillEndOfGeneration() {
  std::vector<TokenId>& ends = end_of_generation_;
  for (const std::optional<TokenId> id : {eos(), TokenOf(tables_.facts.eot), TokenOf(tables_.facts.eom)}) {
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
  if (options.add_bos && adds_bos_) ids.push_back(*bos());
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
  if (options.add_eos && adds_eos_) ids.push_back(*eos());
}

void Tokenizer::AppendStretch(std::string_view text, size_t tokens_max, std::vector<TokenId>& ids) const {
  if (text.empty()) return;
  if (sentencepiece_) {
    const bool cleans = tables_.facts.remove_extra_whitespaces != 0;
    const std::string cleaned = cleans ? WithoutExtraSpaces(text) : std::string();
    if (cleans) text = cleaned;
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
  if (tables_.facts.remove_extra_whitespaces != 0 || !tables_.strip_right.empty()) return 0;
  size_t bytes = 0;
  for (const TextSegment& segment : segments) {
    bytes += segment.text.size();
    if (missing_bytes_.none()) continue;
    bytes -= static_cast<size_t>(
        std::ranges::count_if(segment.text, [this](char c) { return missing_bytes_[static_cast<unsigned char>(c)]; }));
  }
  const size_t most = tables_.facts.token_bytes_max;
  return bytes / most + (bytes % most != 0 ? 1 : 0);
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
  return bytes_[static_cast<size_t>(id.value)];
}

std::string_view Tokenizer::TokenText(TokenId id) const {
  BP_CHECK(Contains(id));
  return texts_[static_cast<size_t>(id.value)];
}

std::optional<TokenId> Tokenizer::Find(std::string_view token_text) const {
  return TokenOf(by_text_.Find(token_text));
}

std::optional<TokenId> Tokenizer::bos() const {
  return TokenOf(tables_.facts.bos);
}
std::optional<TokenId> Tokenizer::eos() const {
  return TokenOf(tables_.facts.eos);
}
std::optional<TokenId> Tokenizer::unk() const {
  return TokenOf(tables_.facts.unk);
}
std::optional<TokenId> Tokenizer::pad() const {
  return TokenOf(tables_.facts.pad);
}

TokenKind Tokenizer::Kind(TokenId id) const {
  BP_CHECK(Contains(id));
  return tables_.kinds.empty() ? TokenKind::kNormal : tables_.kinds[static_cast<size_t>(id.value)];
}

bool Tokenizer::IsControl(TokenId id) const {
  const TokenKind kind = Kind(id);
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

bool Tokenizer::IsEndOfGeneration(TokenId id) const {
  return std::binary_search(end_of_generation_.begin(), end_of_generation_.end(), id);
}

}  // namespace bedplate
