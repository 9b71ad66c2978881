#include "text/sentencepiece.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "base/ascii.h"
#include "base/cat.h"
#include "text/unicode.h"

namespace bedplate {
namespace {

constexpr uint32_t kSpaceMarkCode = 0x2581;

/// The code point that ends at `end`, which must be above 0.
uint32_t CodeBefore(std::string_view text, size_t end) {
  for (size_t size = 1; size <= 4 && size <= end; ++size) {
    const CodePoint point = ReadUtf8(text, end - size);
    if (point.size == size) return point.code;
  }
  return kBadByte;
}

/// Characters that stand before a space mark inside `text`.
void CollectJoiners(std::string_view text, std::vector<uint32_t>& joiners) {
  for (size_t at = text.find(kSpaceMark, 1); at != std::string_view::npos; at = text.find(kSpaceMark, at + 1)) {
    if (const uint32_t code = CodeBefore(text, at); code != kSpaceMarkCode) joiners.push_back(code);
  }
}

}  // namespace

void AppendReplaced(std::string_view text, std::string_view what, std::string_view with, std::string& out) {
  size_t start = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, start)) {
    out.append(text, start, at - start).append(with);
    start = at + what.size();
  }
  out.append(text, start);
}

std::optional<uint8_t> ByteOfByteToken(std::string_view token_text) {
  if (token_text.size() != 6 || !token_text.starts_with("<0x") || token_text[5] != '>') return std::nullopt;
  const std::optional<uint8_t> high = HexDigit(token_text[3]);
  const std::optional<uint8_t> low = HexDigit(token_text[4]);
  if (!high || !low) return std::nullopt;
  return static_cast<uint8_t>(*high << 4 | *low);
}

Result<SentencePieceParts> MakeSentencePieceParts(const TokenizerSpec& spec, const StringTable& texts) {
  const size_t count = spec.tokens.size();
  if (spec.scores.size() != count) {
    return Status::InvalidArgument(Cat("tokenizer.ggml.scores has ", spec.scores.size(),
                                       " entries; a SentencePiece (llama) ", "vocabulary needs one for each of its ",
                                       count, " tokens"));
  }
  SentencePieceParts parts;
  parts.byte_ids.fill(-1);
  parts.pieces = TokenIndex::MakeSlots(count);
  for (size_t id = 0; id < count; ++id) {
    const std::string& text = spec.tokens[id];
    const TokenKind kind = spec.kinds.empty() ? TokenKind::kNormal : spec.kinds[id];
    if (std::isnan(spec.scores[id])) {
      return Status::InvalidArgument(Cat("tokenizer.ggml.scores[", id, "] is not a number"));
    }
    if (kind == TokenKind::kByte) {
      const std::optional<uint8_t> byte = ByteOfByteToken(text);
      if (!byte) {
        return Status::InvalidArgument(
            Cat("tokenizer.ggml.tokens[", id, "] is '", text, "' of type byte; it must be <0x00> to <0xFF>"));
      }
      int32_t& byte_id = parts.byte_ids[*byte];
      if (byte_id >= 0) {
        return Status::InvalidArgument(
            Cat("tokenizer.ggml.tokens[", id, "] is '", text, "', a byte that token ", byte_id, " stands for already"));
      }
      byte_id = static_cast<int32_t>(id);
    }
    if ((kind != TokenKind::kNormal && kind != TokenKind::kUnused) || text.empty()) continue;
    TokenIndex::Insert(parts.pieces, texts, static_cast<int32_t>(id));
    parts.piece_bytes_max = std::max(parts.piece_bytes_max, static_cast<uint32_t>(text.size()));
    CollectJoiners(text, parts.joiners);
    if (kind == TokenKind::kUnused) {
      parts.unused.resize(count);
      parts.unused[id] = 1;
    }
  }
  std::ranges::sort(parts.joiners);
  const auto repeated = std::ranges::unique(parts.joiners);
  parts.joiners.erase(repeated.begin(), repeated.end());
  const bool lacks_bytes = std::ranges::any_of(parts.byte_ids, [](int32_t id) { return id < 0; });
  if (!spec.unk && lacks_bytes) {
    return Status::InvalidArgument(
        "tokenizer.ggml.unknown_token_id is missing and tokenizer.ggml.tokens lacks byte tokens, so some text would "
        "have no tokens: either is needed");
  }
  return parts;
}

SentencePieceModel::SentencePieceModel(const TokenTables& tables)
    : pieces_(tables.pieces, tables.texts_by_id()),
      scores_(tables.scores),
      unused_(tables.unused),
      byte_ids_(tables.byte_ids),
      unknown_(tables.facts.unk),
      piece_bytes_max_(tables.facts.piece_bytes_max),
      joiners_(tables.joiners) {}

/// Merges one part at a time; holds the scratch that the parts share.
class SentencePieceModel::Merger {
 public:
  Merger(const SentencePieceModel& model, std::vector<TokenId>& ids) : model_(model), ids_(ids), first_(ids.size()) {}

  void Append(std::string_view part) {
    part_ = part;
    splits_.clear();
    symbols_.clear();
    for (size_t at = 0; at < part.size();) {
      const uint32_t size = ReadUtf8(part, at).size;
      symbols_.push_back({.start = static_cast<uint32_t>(at), .size = size});
      at += size;
    }
    if (symbols_.size() <= kShortPart) {
      MergeShort();
      for (const Symbol& symbol : symbols_) AppendSymbol(symbol);
    } else {
      MergeLong();
      for (uint32_t place = 0; place != kNone; place = symbols_[place].next) AppendSymbol(symbols_[place]);
    }
  }

 private:
  /// As in bpe.cc: below this, looking at all pairs beats a heap.
  static constexpr size_t kShortPart = 32;
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr int32_t kNoPiece = -1;
  static constexpr int32_t kNotAsked = -2;

  struct Symbol {
    uint32_t start, size;        // bytes of the part; size 0: merged into the one before
    int32_t id = kNotAsked;      // known only for what a merge made
    int32_t pair_id = kNoPiece;  // what it makes with the symbol behind it
    float pair_score = 0;
    uint32_t previous = kNone, next = kNone;  // of a long part
  };
  struct Candidate {
    float score;
    uint32_t left;
    uint32_t size;  // of both: tells whether one of them has grown since
    int32_t id;
    /// For a heap whose top is the highest score, and of equals the leftmost.
    bool operator<(const Candidate& other) const {
      return score != other.score ? score < other.score : left > other.left;
    }
  };

  std::string_view TextOf(const Symbol& symbol) const { return part_.substr(symbol.start, symbol.size); }

  /// What `left` and the adjacent `right` make.
  int32_t PieceOf(const Symbol& left, const Symbol& right) {
    const size_t size = left.size + right.size;
    if (size > model_.piece_bytes_max_) return kNoPiece;
    const std::string_view text = part_.substr(left.start, size);
    const int32_t id = model_.pieces_.Find(text);
    if (id >= 0 && IsUnused(id)) splits_[text] = left.size;
    return id;
  }
  bool IsUnused(int32_t id) const { return !model_.unused_.empty() && model_.unused_[static_cast<size_t>(id)] != 0; }
  float ScoreOf(int32_t id) const { return model_.scores_[static_cast<size_t>(id)]; }

  void Pair(size_t left) {
    Symbol& symbol = symbols_[left];
    symbol.pair_id = left + 1 < symbols_.size() ? PieceOf(symbol, symbols_[left + 1]) : kNoPiece;
    if (symbol.pair_id >= 0) symbol.pair_score = ScoreOf(symbol.pair_id);
  }

  void MergeShort() {
    for (size_t i = 0; i < symbols_.size(); ++i) Pair(i);
    while (true) {
      size_t best = symbols_.size();
      for (size_t i = 0; i < symbols_.size(); ++i) {
        if (symbols_[i].pair_id < 0) continue;
        if (best == symbols_.size() || symbols_[i].pair_score > symbols_[best].pair_score) best = i;
      }
      if (best == symbols_.size()) return;
      Symbol& symbol = symbols_[best];
      symbol.size += symbols_[best + 1].size;
      symbol.id = symbol.pair_id;
      symbols_.erase(symbols_.begin() + static_cast<std::ptrdiff_t>(best) + 1);
      if (best > 0) Pair(best - 1);
      Pair(best);
    }
  }

  void Offer(uint32_t left) {
    if (left == kNone || symbols_[left].next == kNone) return;
    const Symbol& symbol = symbols_[left];
    const Symbol& next = symbols_[symbol.next];
    const int32_t id = PieceOf(symbol, next);
    if (id < 0) return;
    heap_.push_back({ScoreOf(id), left, symbol.size + next.size, id});
    std::push_heap(heap_.begin(), heap_.end());
  }

  void MergeLong() {
    const auto count = static_cast<uint32_t>(symbols_.size());
    for (uint32_t i = 0; i < count; ++i) {
      symbols_[i].previous = i == 0 ? kNone : i - 1;
      symbols_[i].next = i + 1 == count ? kNone : i + 1;
    }
    heap_.clear();
    for (uint32_t i = 0; i < count; ++i) Offer(i);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const Candidate candidate = heap_.back();
      heap_.pop_back();
      Symbol& left = symbols_[candidate.left];
      if (left.size == 0 || left.next == kNone) continue;
      Symbol& right = symbols_[left.next];
      if (left.size + right.size != candidate.size) continue;
      left.size += right.size;
      left.id = candidate.id;
      left.next = right.next;
      right.size = 0;
      if (left.next != kNone) symbols_[left.next].previous = candidate.left;
      Offer(left.previous);
      Offer(candidate.left);
    }
  }

  void AppendSymbol(const Symbol& symbol) {
    const int32_t id = symbol.id == kNotAsked ? model_.pieces_.Find(TextOf(symbol)) : symbol.id;
    if (id >= 0 && !IsUnused(id)) {
      ids_.push_back(TokenId{id});
    } else {
      AppendApart(TextOf(symbol));
    }
  }

  /// What is no piece, or an unused one: the parts it was merged from, and theirs, down to characters.
  void AppendApart(std::string_view text) {
    apart_.assign(1, text);
    while (!apart_.empty()) {
      const std::string_view piece = apart_.back();
      apart_.pop_back();
      const int32_t id = model_.pieces_.Find(piece);
      if (id < 0) {
        AppendUnknown(piece);
        continue;
      }
      const auto split = IsUnused(id) ? splits_.find(piece) : splits_.end();
      if (split == splits_.end()) {
        ids_.push_back(TokenId{id});
        continue;
      }
      apart_.push_back(piece.substr(split->second));
      apart_.push_back(piece.substr(0, split->second));
    }
  }

  /// Byte tokens, or the unknown token, of which several in a row are one.
  void AppendUnknown(std::string_view text) {
    const auto byte_id = [this](char byte) { return model_.byte_ids_[static_cast<unsigned char>(byte)]; };
    if (std::all_of(text.begin(), text.end(), [&](char byte) { return byte_id(byte) >= 0; })) {
      for (const char byte : text) ids_.push_back(TokenId{byte_id(byte)});
      return;
    }
    const TokenId unknown{model_.unknown_};
    if (ids_.size() == first_ || ids_.back() != unknown) ids_.push_back(unknown);
  }

  const SentencePieceModel& model_;
  std::vector<TokenId>& ids_;
  const size_t first_;  // where this text's ids begin
  std::string_view part_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
  std::unordered_map<std::string_view, uint32_t> splits_;  // unused pieces: the bytes of the left one of its two parts
  std::vector<std::string_view> apart_;
};

void SentencePieceModel::Encode(std::string_view escaped, size_t tokens_max, std::vector<TokenId>& ids) const {
  Merger merger(*this, ids);
  size_t start = 0;
  for (size_t at = escaped.find(kSpaceMark, 1); at != std::string_view::npos; at = escaped.find(kSpaceMark, at + 1)) {
    const uint32_t before = CodeBefore(escaped, at);
    if (before == kSpaceMarkCode || std::binary_search(joiners_.begin(), joiners_.end(), before)) continue;
    merger.Append(escaped.substr(start, at - start));
    if (ids.size() > tokens_max) return;
    start = at;
  }
  if (start < escaped.size()) merger.Append(escaped.substr(start));
}

}  // namespace bedplate
