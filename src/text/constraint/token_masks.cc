#include "text/constraint/token_masks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "base/check.h"

namespace bedplate {
namespace {

constexpr PositionNumber kMixed = UINT32_MAX - 3;  // plain characters lead to different positions

/// Table 3-7 of the Unicode Standard, beyond ASCII.
struct Sequence {
  std::array<ByteRange, 4> bytes;
  size_t size;
};
constexpr ByteRange kTail{0x80, 0xBF};
constexpr std::array<Sequence, 8> kSequences{{{{{{0xC2, 0xDF}, kTail}}, 2},
                                              {{{{0xE0, 0xE0}, {0xA0, 0xBF}, kTail}}, 3},
                                              {{{{0xE1, 0xEC}, kTail, kTail}}, 3},
                                              {{{{0xED, 0xED}, {0x80, 0x9F}, kTail}}, 3},
                                              {{{{0xEE, 0xEF}, kTail, kTail}}, 3},
                                              {{{{0xF0, 0xF0}, {0x90, 0xBF}, kTail, kTail}}, 4},
                                              {{{{0xF1, 0xF3}, kTail, kTail, kTail}}, 4},
                                              {{{{0xF4, 0xF4}, {0x80, 0x8F}, kTail, kTail}}, 4}}};

void Merge(const TokenMask& from, TokenMask& to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] |= from[i];
}

}  // namespace

Status TooAmbiguous() {
  return Status::InvalidArgument(
      "the constraint is too ambiguous: what may come next can't be found in the time that a token may take");
}

TokenMasks::TokenMasks(Grammar grammar, std::shared_ptr<const TokenTrie> trie, size_t memory_max)
    : grammar_(std::move(grammar)),
      trie_(std::move(trie)),
      memory_max_(memory_max),
      automaton_(grammar_, trie_->longest()),
      mask_(trie_->mask_words()),
      path_(trie_->longest() + 1) {}

Result<std::span<const uint64_t>> TokenMasks::MaskOf(PositionNumber at) {
  const auto known = kept_.find(at);
  if (known == kept_.end()) {
    std::ranges::fill(mask_, 0);
    if (!Compute(at)) return TooAmbiguous();
    Keep(at);
    KeepWithinMemory();
    return std::span<const uint64_t>(mask_);
  }
  if (!known->second.many.empty()) return std::span<const uint64_t>(known->second.many);
  std::ranges::fill(mask_, 0);
  for (const uint32_t id : known->second.few) mask_[id / 64] |= uint64_t{1} << (id % 64);
  return std::span<const uint64_t>(mask_);
}

/// Before each use. What an exception left half made in the last is thrown away whole.
void TokenMasks::Begin() {
  if (!std::exchange(torn_, true)) return;
  for (Cursor* cursor : cursors_) cursor->lost_ = true;
  kept_.clear();
  any_plain_.clear();
  mask_bytes_ = 0;
  automaton_.Restart();
  for (Cursor* cursor : cursors_) cursor->at_ = automaton_.start();
}

/// False: it would cost too much.
bool TokenMasks::Compute(PositionNumber at) {
  automaton_.ForgetWork();
  switch (TakePlain(at)) {
    case PlainAnswer::kUnknown:
      return WalkTrie(trie_->all(), at);
    case PlainAnswer::kAnswered:
      return WalkTrie(trie_->rest(), at);
    case PlainAnswer::kAllButLong:
      return WalkTrie(trie_->rest(), at) && WalkTrie(trie_->long_plain(), at);
  }
  return false;
}

bool TokenMasks::WalkTrie(const TokenTrie::Nodes& nodes, PositionNumber at) {
  path_[0] = at;
  const auto count = static_cast<uint32_t>(nodes.byte.size());
  for (uint32_t node = 0; node < count;) {
    const uint16_t depth = nodes.depth[node];
    const PositionNumber next = automaton_.Next(path_[depth - 1u], nodes.byte[node]);
    if (costs_too_much()) return false;
    if (next == ByteAutomaton::kDead) {
      node = nodes.beyond[node];
      continue;
    }
    if (next == ByteAutomaton::kTooAmbiguous) return false;
    path_[depth] = next;
    trie_->ForEachSpelledSo(nodes.token[node], [&](uint32_t id) { mask_[id / 64] |= uint64_t{1} << (id % 64); });
    ++node;
  }
  return true;
}

/// Follows "any plain character" as long as all lead to one position.
TokenMasks::PlainAnswer TokenMasks::TakePlain(PositionNumber at) {
  uint32_t length = 0;
  for (; length < TokenTrie::kPlainLengths; ++length) {
    const PositionNumber next = AnyPlain(at);
    if (next == kMixed || next == ByteAutomaton::kTooAmbiguous) return PlainAnswer::kUnknown;
    if (next == at) {
      Merge(trie_->AllPlain(), mask_);
      return PlainAnswer::kAnswered;
    }
    if (next == ByteAutomaton::kDead) {
      if (length > 0) Merge(trie_->Plain(length), mask_);
      return PlainAnswer::kAnswered;
    }
    at = next;
  }
  Merge(trie_->Plain(length), mask_);
  return PlainAnswer::kAllButLong;
}

PositionNumber TokenMasks::AnyPlain(PositionNumber at) {
  const auto known = any_plain_.find(at);
  if (known != any_plain_.end()) return known->second;
  const PositionNumber next = ComputeAnyPlain(at);
  constexpr size_t kEntry = 2 * sizeof(PositionNumber) + 32;
  any_plain_.emplace(at, next);
  mask_bytes_ += kEntry;
  return next;
}

/// Bytes of one class are tried once. kMixed, if that costs too much: the walk that follows then says so.
PositionNumber TokenMasks::ComputeAnyPlain(PositionNumber at) {
  const auto& class_of = grammar_.byte_class();
  constexpr size_t kBetweenMax = 64;  // inside a character; where any may come, there are a handful
  const PositionNumber target = automaton_.Next(at, ' ');
  if (target == ByteAutomaton::kTooAmbiguous) return kMixed;
  std::array<bool, 256> tried{};
  for (uint32_t b = 0x20; b < 0x80; ++b) {
    if (b == '"' || b == '\\' || std::exchange(tried[class_of[b]], true)) continue;
    if (automaton_.Next(at, static_cast<uint8_t>(b)) != target || costs_too_much()) return kMixed;
  }
  std::vector<PositionNumber> from, to;
  for (const Sequence& sequence : kSequences) {
    from.assign(1, at);
    for (size_t i = 0; i < sequence.size; ++i) {
      to.clear();
      for (const PositionNumber position : from) {
        tried.fill(false);
        for (uint32_t b = sequence.bytes[i].low; b <= sequence.bytes[i].high; ++b) {
          if (std::exchange(tried[class_of[b]], true)) continue;
          const PositionNumber next = position == ByteAutomaton::kDead
                                          ? ByteAutomaton::kDead
                                          : automaton_.Next(position, static_cast<uint8_t>(b));
          if (next == ByteAutomaton::kTooAmbiguous || costs_too_much() || to.size() > kBetweenMax) return kMixed;
          if (std::ranges::find(to, next) == to.end()) to.push_back(next);
        }
      }
      from.swap(to);
    }
    if (from.size() != 1 || from.front() != target) return kMixed;
  }
  return target;
}

void TokenMasks::Keep(PositionNumber at) {
  size_t tokens = 0;
  for (const uint64_t word : mask_) tokens += static_cast<size_t>(std::popcount(word));
  Kept kept;
  if (tokens * sizeof(uint32_t) < mask_.size()) {  // an eighth of a mask's bytes
    kept.few.reserve(tokens);
    for (size_t i = 0; i < mask_.size(); ++i) {
      for (uint64_t word = mask_[i]; word != 0; word &= word - 1) {
        kept.few.push_back(static_cast<uint32_t>(i * 64) + static_cast<uint32_t>(std::countr_zero(word)));
      }
    }
  } else {
    kept.many = mask_;
  }
  constexpr size_t kEntry = sizeof(Kept) + 32;
  mask_bytes_ += kEntry + kept.few.size() * sizeof(uint32_t) + kept.many.size() * sizeof(uint64_t);
  kept_.emplace(at, std::move(kept));
}

void TokenMasks::KeepWithinMemory() {
  if (MemoryBytes() <= memory_max_) return;
  std::vector<PositionNumber*> held;
  for (Cursor* cursor : cursors_) held.push_back(&cursor->at_);
  kept_.clear();
  any_plain_.clear();
  mask_bytes_ = 0;
  automaton_.Compact(held);
}

TokenMasks::Cursor::Cursor(TokenMasks& masks) : masks_(masks), at_(ByteAutomaton::kDead) {
  masks.Begin();
  at_ = masks.automaton_.start();
  masks.cursors_.push_back(this);
  masks.End();
}

TokenMasks::Cursor::~Cursor() {
  std::erase(masks_.cursors_, this);
}

Result<std::span<const uint64_t>> TokenMasks::Cursor::Allowed() {
  masks_.Begin();
  if (!lost_) masks_.KeepWithinMemory();
  Result<std::span<const uint64_t>> mask = lost_
                                               ? Status::Internal("the constraint's state was lost when memory ran out")
                                               : masks_.MaskOf(masks_.automaton_.Clamped(at_));
  masks_.End();
  return mask;
}

PositionNumber TokenMasks::Cursor::Walk(PositionNumber from, std::string_view bytes) {
  for (const char c : bytes) {
    from = masks_.automaton_.Next(from, static_cast<uint8_t>(c));
    if (from == ByteAutomaton::kDead || from == ByteAutomaton::kTooAmbiguous) return ByteAutomaton::kDead;
    if (masks_.costs_too_much()) return ByteAutomaton::kDead;
  }
  return from;
}

bool TokenMasks::Cursor::Accept(std::string_view bytes) {
  masks_.Begin();
  PositionNumber next = lost_ ? ByteAutomaton::kDead : at_;
  for (size_t i = 0; i < bytes.size() && next != ByteAutomaton::kDead; ++i) {
    masks_.automaton_.ForgetWork();
    next = Walk(next, bytes.substr(i, 1));
  }
  MoveTo(next);
  masks_.End();
  return next != ByteAutomaton::kDead;
}

bool TokenMasks::Cursor::Accept(TokenId token) {
  const std::string_view bytes = masks_.trie_->Text(token);
  masks_.Begin();
  masks_.automaton_.ForgetWork();
  const PositionNumber next = lost_ || bytes.empty() ? ByteAutomaton::kDead : Walk(at_, bytes);
  MoveTo(next);
  masks_.End();
  return next != ByteAutomaton::kDead;
}

void TokenMasks::Cursor::MoveTo(PositionNumber next) {
  if (next != ByteAutomaton::kDead) at_ = next;
  masks_.KeepWithinMemory();
}

size_t TokenMasks::Cursor::Fits(std::span<const TokenId> tokens) {
  masks_.Begin();
  masks_.automaton_.ForgetWork();
  PositionNumber at = lost_ ? ByteAutomaton::kDead : at_;
  size_t fitting = 0;
  for (; fitting < tokens.size() && at != ByteAutomaton::kDead; ++fitting) {
    const std::string_view bytes = masks_.trie_->Text(tokens[fitting]);
    at = bytes.empty() ? ByteAutomaton::kDead : Walk(at, bytes);
    if (at == ByteAutomaton::kDead) break;
  }
  masks_.KeepWithinMemory();
  masks_.End();
  return fitting;
}

}  // namespace bedplate
