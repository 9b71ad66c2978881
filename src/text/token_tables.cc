#include "text/token_tables.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "base/buffer.h"
#include "base/cat.h"

namespace bedplate {
namespace {

constexpr uint32_t kVersion = 1;
constexpr uint32_t kSections = 16;
constexpr uint64_t kAlign = 64;

struct Section {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};
struct Header {
  char magic[8] = {'B', 'P', 'T', 'O', 'K', 'E', 'N', 'S'};
  uint32_t version = kVersion;
  uint32_t sections = kSections;
  TokenFacts facts;
  Section places[kSections] = {};
};
static_assert(sizeof(TokenFacts) == 48 && std::has_unique_object_representations_v<Header>);

uint64_t RoundUp(uint64_t n) {
  return (n + kAlign - 1) / kAlign * kAlign;
}

/// Calls visit(array) for each, in the order in which they lie in a block.
template <class Arrays, class Visit>
void ForEachArray(Arrays& a, Visit visit) {
  visit(a.pre);
  visit(a.texts);
  visit(a.text_offsets);
  visit(a.bytes);
  visit(a.byte_offsets);
  visit(a.kinds);
  visit(a.specials);
  visit(a.strip_right);
  visit(a.by_text);
  visit(a.byte_ids);
  visit(a.merges);
  visit(a.whole);
  visit(a.pieces);
  visit(a.scores);
  visit(a.unused);
  visit(a.joiners);
}

Status Broken(std::string_view what) {
  return Status::DataLoss(Cat("the tokenizer's tables are not whole: ", what));
}

/// What Tokenizer, BpeModel and SentencePieceModel rely on.
class Checker {
 public:
  explicit Checker(const TokenTables& tables) : t_(tables), count_(tables.facts.tokens) {}

  [[nodiscard]] Status Check() const {
    if (count_ == 0 || count_ > size_t{INT32_MAX}) return Broken("the number of tokens");
    if (!AreOffsets(t_.text_offsets, t_.texts.size())) return Broken("where tokens' texts begin");
    if (!AreOffsets(t_.byte_offsets, t_.bytes.size())) return Broken("where tokens' bytes begin");
    if (!IsByToken(t_.kinds) || !std::ranges::all_of(t_.kinds, [](TokenKind k) { return k <= TokenKind::kByte; })) {
      return Broken("the kinds of tokens");
    }
    const TokenFacts& f = t_.facts;
    if (!std::ranges::all_of(std::array{f.bos, f.eos, f.eot, f.eom, f.unk, f.pad},
                             [&](int32_t id) { return MayBe(id); }))
      return Broken("the ids of special tokens");
    if (f.token_bytes_max == 0 || !Flags()) return Broken("the facts");
    if (!AreIds(t_.specials) || !AreIds(t_.strip_right)) return Broken("special tokens");
    if (!IsIndex(t_.by_text)) return Broken("the index of texts");
    if (t_.byte_ids.size() != 256 || !std::ranges::all_of(t_.byte_ids, [&](int32_t id) { return MayBe(id); }))
      return Broken("the tokens of bytes");
    return f.sentencepiece != 0 ? CheckPieces() : CheckMerges();
  }

 private:
  [[nodiscard]] Status CheckMerges() const {
    const auto whole = [](const PairTable::Slot& s) { return s.key == PairTable::kFree; };
    const auto right = [&](const PairTable::Slot& s) { return IsId(s.merge.merged); };
    if (t_.merges.size() < 2 || !std::has_single_bit(t_.merges.size()) || std::ranges::none_of(t_.merges, whole) ||
        !std::ranges::all_of(t_.merges, right)) {
      return Broken("the merges");
    }
    if (!t_.whole.empty() && !IsIndex(t_.whole)) return Broken("the index of whole pieces");
    return Status::Ok();
  }

  [[nodiscard]] Status CheckPieces() const {
    if (!IsIndex(t_.pieces)) return Broken("the index of pieces");
    if (t_.scores.size() != count_ || std::ranges::any_of(t_.scores, [](float s) { return std::isnan(s); })) {
      return Broken("the scores");
    }
    if (!IsByToken(t_.unused)) return Broken("which pieces are unused");
    const bool all_bytes = std::ranges::all_of(t_.byte_ids, [&](int32_t id) { return IsId(id); });
    if (!all_bytes && !IsId(t_.facts.unk)) return Broken("there is text that no token stands for");
    return Status::Ok();
  }

  [[nodiscard]] bool IsId(int32_t id) const { return id >= 0 && static_cast<uint32_t>(id) < count_; }
  [[nodiscard]] bool MayBe(int32_t id) const { return id == TokenFacts::kNoToken || IsId(id); }
  [[nodiscard]] bool AreIds(std::span<const int32_t> ids) const {
    return std::ranges::all_of(ids, [&](int32_t id) { return IsId(id); });
  }
  template <class T>
  [[nodiscard]] bool IsByToken(std::span<const T> array) const {
    return array.empty() || array.size() == count_;
  }
  [[nodiscard]] bool AreOffsets(std::span<const uint32_t> offsets, size_t bytes) const {
    return offsets.size() == size_t{count_} + 1 && offsets.front() == 0 && offsets.back() == bytes &&
           std::ranges::is_sorted(offsets);
  }
  [[nodiscard]] bool IsIndex(std::span<const TokenIndex::Slot> slots) const {
    bool room = false, ids = true;
    for (const TokenIndex::Slot& slot : slots) {
      room |= slot.id == TokenIndex::kFree;
      ids &= MayBe(slot.id);
    }
    return room && ids && std::has_single_bit(slots.size());
  }
  [[nodiscard]] bool Flags() const {
    const TokenFacts& f = t_.facts;
    return std::ranges::all_of(std::array{f.add_bos, f.add_eos, f.add_space_prefix, f.ignore_merges},
                               [](uint8_t stated) { return stated <= TokenFacts::kNotStated; });
  }

  const TokenTables& t_;
  const uint32_t count_;
};

}  // namespace

Result<TokenTables> WriteTokenTables(const TokenParts& parts) {
  Header header;
  header.facts = parts.facts;
  uint64_t end = RoundUp(sizeof header);
  size_t n = 0;
  ForEachArray(parts, [&](const auto& array) {
    header.places[n++] = {end, array.size() * sizeof(array[0])};
    end = RoundUp(end + array.size() * sizeof(array[0]));
  });
  BP_ASSIGN_OR_RETURN(Buffer memory, Buffer::Allocate(end));
  auto owner = std::make_shared<const Buffer>(std::move(memory));
  std::memcpy(owner->data(), &header, sizeof header);
  n = 0;
  ForEachArray(parts, [&](const auto& array) {
    if (!array.empty()) std::memcpy(owner->data() + header.places[n].offset, array.data(), header.places[n].bytes);
    ++n;
  });
  const std::span<const std::byte> bytes(owner->data(), owner->size());
  return ReadTokenTables({.owner = std::move(owner), .bytes = bytes});
}

Result<TokenTables> ReadTokenTables(SharedBytes block) {
  const std::span<const std::byte> bytes = block.bytes;
  Header header;
  const Header wanted;
  if (bytes.size() < sizeof header) return Broken("the header");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, wanted.magic, sizeof wanted.magic) != 0 || header.version != kVersion ||
      header.sections != kSections) {
    return Broken("they are of another kind");
  }
  TokenTables tables;
  tables.facts = header.facts;
  uint64_t end = RoundUp(sizeof header);  // each section begins where the one before it ends, so none can overlap
  size_t n = 0;
  bool placed = true;
  ForEachArray(tables, [&](auto& array) {
    using Element = std::remove_cvref_t<decltype(array[0])>;
    const Section place = header.places[n++];
    placed = placed && place.offset == end && end <= bytes.size() && place.bytes <= bytes.size() - end &&
             place.bytes % sizeof(Element) == 0;
    if (!placed) return;
    array = {reinterpret_cast<const Element*>(bytes.data() + place.offset), place.bytes / sizeof(Element)};
    end = RoundUp(end + place.bytes);
  });
  if (!placed || end != bytes.size()) return Broken("the sections");
  BP_RETURN_IF_ERROR(Checker(tables).Check());
  tables.block = std::move(block);
  return tables;
}

}  // namespace bedplate
