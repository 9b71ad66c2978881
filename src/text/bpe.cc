#include "text/bpe.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "base/cat.h"
#include "base/check.h"
#include "text/unicode.h"

namespace bedplate {
namespace {

/// Up to this many bytes the least rank is found by looking at all of them: they lie in a few cache lines, which is
/// faster than a heap. Words are shorter; base64, long rules and text without spaces are not.
constexpr size_t kShortPiece = 48;

constexpr bool IsPrintable(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

/// The bytes that aren't printable, in order: the n-th is written as U+0100 + n.
constexpr uint32_t kFirstStandIn = 0x100;
struct StandIns {
  std::array<uint8_t, 256> byte_of{};    // of the n-th stand-in
  std::array<uint8_t, 256> number_of{};  // of the byte
  uint32_t count = 0;
};
constexpr StandIns kStandIns = [] {
  StandIns stand_ins;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (IsPrintable(byte)) continue;
    stand_ins.number_of[byte] = static_cast<uint8_t>(stand_ins.count);
    stand_ins.byte_of[stand_ins.count++] = static_cast<uint8_t>(byte);
  }
  return stand_ins;
}();

std::string Utf8Of(uint32_t code) {  // below U+0800
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

bool MayComeFromText(const TokenizerSpec& spec, int32_t id) {
  if (spec.kinds.empty()) return true;
  const TokenKind kind = spec.kinds[static_cast<size_t>(id)];
  return kind != TokenKind::kControl && kind != TokenKind::kUnknown;
}

struct Vocabulary {
  const TokenizerSpec& spec;
  const TokenIndex& by_text;
  const StringTable& token_bytes;
};

/// `joined` is scratch, so that 150,000 merges don't allocate as many strings.
Status AddMerge(const Vocabulary& vocabulary, size_t rank, std::string& joined, std::span<PairTable::Slot> merges) {
  const auto& [spec, by_text, token_bytes] = vocabulary;
  const std::string& merge = spec.merges[rank];
  const auto wrong = [&](std::string_view why) {
    return Status::InvalidArgument(Cat("tokenizer.ggml.merges[", rank, "] is '", merge, "': ", why));
  };
  const size_t space = merge.find(' ');
  if (space == std::string::npos || space == 0 || space + 1 == merge.size() ||
      merge.find(' ', space + 1) != merge.npos) {
    return wrong("it must be two tokens with one space between them");
  }
  const std::string_view left_text = std::string_view(merge).substr(0, space);
  const std::string_view right_text = std::string_view(merge).substr(space + 1);
  const int32_t left = by_text.Find(left_text);
  const int32_t right = by_text.Find(right_text);
  if (left < 0) return wrong("the left part is not in tokenizer.ggml.tokens");
  if (right < 0) return wrong("the right part is not in tokenizer.ggml.tokens");
  const int32_t merged = by_text.Find(joined.assign(left_text).append(right_text));
  if (merged < 0) return wrong("what it makes is not in tokenizer.ggml.tokens");
  if (!MayComeFromText(spec, merged)) return wrong("it makes a control token, which text must not become");
  const auto bytes_of = [&table = token_bytes](int32_t id) { return table[static_cast<size_t>(id)]; };
  if (bytes_of(merged) != joined.assign(bytes_of(left)).append(bytes_of(right))) {
    return wrong("it makes a token that stands for other bytes than its parts, by tokenizer.ggml.token_type");
  }
  if (!PairTable::Insert(merges, left, right, {.rank = static_cast<uint32_t>(rank), .merged = merged})) {
    return wrong("the same merge is in the list before");
  }
  return Status::Ok();
}

}  // namespace

std::optional<uint8_t> ByteOfAlphabet(uint32_t code) {
  if (code < kFirstStandIn) {
    if (!IsPrintable(code)) return std::nullopt;
    return static_cast<uint8_t>(code);
  }
  if (code - kFirstStandIn < kStandIns.count) return kStandIns.byte_of[code - kFirstStandIn];
  return std::nullopt;
}

uint32_t AlphabetOfByte(uint8_t byte) {
  return IsPrintable(byte) ? byte : kFirstStandIn + kStandIns.number_of[byte];
}

bool AppendBytesOfAlphabet(std::string_view token_text, std::string& bytes) {
  const size_t before = bytes.size();
  for (size_t at = 0; at < token_text.size();) {
    const CodePoint point = ReadUtf8(token_text, at);
    const std::optional<uint8_t> byte = ByteOfAlphabet(point.code);
    if (!byte) {
      bytes.resize(before);
      return false;
    }
    bytes.push_back(static_cast<char>(*byte));
    at += point.size;
  }
  return true;
}

Result<BpeParts> MakeBpeParts(const TokenizerSpec& spec, const TokenIndex& by_text, const StringTable& token_bytes,
                              bool ignore_merges) {
  BpeParts parts;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const int32_t id = by_text.Find(Utf8Of(AlphabetOfByte(static_cast<uint8_t>(byte))));
    // A user-defined token is its text as it is, so one that looks like a stand-in doesn't stand for that byte.
    const char bytes[] = {static_cast<char>(byte)};
    const bool stands_for_it = id >= 0 && token_bytes[static_cast<size_t>(id)] == std::string_view(bytes, 1);
    parts.byte_ids[byte] = stands_for_it ? id : -1;
  }
  parts.merges = PairTable::MakeSlots(spec.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    BP_RETURN_IF_ERROR(AddMerge({spec, by_text, token_bytes}, rank, joined, parts.merges));
  }
  if (ignore_merges) {
    parts.whole = TokenIndex::MakeSlots(token_bytes.size());
    for (size_t id = 0; id < token_bytes.size(); ++id) {
      const bool normal = spec.kinds.empty() || spec.kinds[id] == TokenKind::kNormal;
      if (normal && !token_bytes[id].empty()) {
        TokenIndex::Insert(parts.whole, token_bytes, static_cast<int32_t>(id));
      }
    }
  }
  return parts;
}

BpeModel::BpeModel(const TokenTables& tables) : byte_ids_(tables.byte_ids), merges_(tables.merges) {
  if (!tables.whole.empty()) whole_.emplace(tables.whole, tables.bytes_by_id());
}

void BpeModel::Encode(std::string_view piece, std::vector<TokenId>& ids) const {
  if (whole_) {
    if (const int32_t id = whole_->Find(piece); id >= 0) {
      ids.push_back(TokenId{id});
      return;
    }
  }
  if (piece.size() <= kShortPiece) {
    EncodeShort(piece, ids);
  } else {
    EncodeLong(piece, ids);
  }
}

void BpeModel::EncodeShort(std::string_view piece, std::vector<TokenId>& ids) const {
  std::array<int32_t, kShortPiece> symbols;
  std::array<PairTable::Merge, kShortPiece> merges;  // of each symbol with the one behind it
  size_t count = 0;
  for (const char byte : piece) {
    // A byte without a token is left out before merging, as the reference does: its neighbours may merge.
    if (const int32_t id = byte_ids_[static_cast<unsigned char>(byte)]; id >= 0) symbols[count++] = id;
  }
  if (count == 0) return;
  for (size_t i = 0; i + 1 < count; ++i) merges[i] = merges_.Find(symbols[i], symbols[i + 1]);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == PairTable::kNoRank) break;
    symbols[best] = merges[best].merged;
    --count;
    for (size_t i = best + 1; i < count; ++i) symbols[i] = symbols[i + 1];
    for (size_t i = best + 1; i + 1 < count; ++i) merges[i] = merges[i + 1];
    if (best + 1 < count) merges[best] = merges_.Find(symbols[best], symbols[best + 1]);
    if (best > 0) merges[best - 1] = merges_.Find(symbols[best - 1], symbols[best]);
  }
  for (size_t i = 0; i < count; ++i) ids.push_back(TokenId{symbols[i]});
}

/// The same result through a heap. Entries are never taken out when a neighbour changes: an entry counts only if the
/// pair that stands at its place now still has its rank, and ranks are unique to pairs.
void BpeModel::EncodeLong(std::string_view piece, std::vector<TokenId>& ids) const {
  constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  struct Symbol {
    int32_t id;
    uint32_t previous, next;
  };
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  for (const char byte : piece) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(byte)];
    if (id < 0) continue;
    const auto place = static_cast<uint32_t>(symbols.size());
    symbols.push_back({id, place == 0 ? kNone : place - 1, place + 1});
  }
  if (symbols.empty()) return;
  symbols.back().next = kNone;

  std::vector<uint64_t> heap;  // rank << 32 | place: the least rank first, and of equals the leftmost
  const auto note_pair = [&](uint32_t place, bool building) {
    const uint32_t next = symbols[place].next;
    if (next == kNone) return;
    const uint32_t rank = merges_.Find(symbols[place].id, symbols[next].id).rank;
    if (rank == PairTable::kNoRank) return;
    heap.push_back(static_cast<uint64_t>(rank) << 32 | place);
    if (!building) std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  for (uint32_t place = 0; place < symbols.size(); ++place) note_pair(place, /*building=*/true);
  std::make_heap(heap.begin(), heap.end(), std::greater<>());

  constexpr int32_t kGone = -1;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const uint64_t entry = heap.back();
    heap.pop_back();
    const auto place = static_cast<uint32_t>(entry);
    Symbol& symbol = symbols[place];
    if (symbol.id == kGone || symbol.next == kNone) continue;
    Symbol& next = symbols[symbol.next];
    const PairTable::Merge merge = merges_.Find(symbol.id, next.id);
    if (merge.rank != entry >> 32) continue;
    symbol.id = merge.merged;
    symbol.next = next.next;
    next.id = kGone;
    if (symbol.next != kNone) symbols[symbol.next].previous = place;
    note_pair(place, /*building=*/false);
    if (symbol.previous != kNone) note_pair(symbol.previous, /*building=*/false);
  }
  for (uint32_t place = 0; place != kNone; place = symbols[place].next) ids.push_back(TokenId{symbols[place].id});
}

}  // namespace bedplate
