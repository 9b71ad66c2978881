// Plan. A hash chain over pairs of tokens, as in a Lempel-Ziv compressor: latest_[hash] is the last place that ends
// such a pair, earlier_[place] the one before it. A search walks at most kCandidatesMax places, the latest first, and
// measures the run in common with each.

#include "engine/token_lookup.h"

#include <algorithm>
#include <bit>

#include "base/random.h"

namespace bedplate {
namespace {

constexpr TokenId kSeparator{-1};
constexpr uint32_t kCandidatesMax = 24;
constexpr uint32_t kCommonMax = 32;    // longer runs in common tell nothing more
constexpr uint32_t kSure = 8;          // a source with such a run in common is not doubted before it fails
constexpr uint32_t kCopy = 4;          // as long a run is a copy, and worth to return to when it breaks
constexpr uint32_t kBreakWindow = 24;  // how far behind the break a copy is expected to go on

}  // namespace

TokenLookup::TokenLookup(std::span<const TokenId> prediction, std::span<const TokenId> prompt, size_t reserve)
    : prediction_size_(static_cast<uint32_t>(prediction.size())) {
  const size_t given = prediction.size() + (prediction.empty() ? 0 : 1) + prompt.size();
  text_.reserve(given + reserve);
  earlier_.reserve(given + reserve);
  text_.assign(prediction.begin(), prediction.end());
  if (!prediction.empty()) text_.push_back(kSeparator);
  text_.insert(text_.end(), prompt.begin(), prompt.end());
  Rebuild(given + reserve);
  if (!prediction.empty()) {
    source_ = broke_at_ = 0;
  } else {
    FindLonger();
  }
}

size_t TokenLookup::ClassOf(uint32_t matched) {
  return matched < 2 ? 0 : std::min<size_t>(std::bit_width(matched) - 1, kClasses - 1);
}

size_t TokenLookup::BucketOf(uint32_t at) const {
  const auto a = static_cast<uint32_t>(text_[at - 1].value), b = static_cast<uint32_t>(text_[at].value);
  return Mix64(uint64_t{a} << 32 | b) & (latest_.size() - 1);
}

void TokenLookup::Index(uint32_t at) {
  if (at == 0) {
    earlier_.push_back(kNone);
    return;
  }
  uint32_t& latest = latest_[BucketOf(at)];
  earlier_.push_back(latest);
  latest = at;
}

void TokenLookup::Rebuild(size_t tokens) {
  latest_.assign(std::bit_ceil(std::max<size_t>(tokens, 64)), kNone);
  earlier_.clear();
  for (uint32_t at = 0; at < text_.size(); ++at) Index(at);
}

void TokenLookup::Append(TokenId token) {
  const bool hit = source_ != kNone && text_[source_] == token;
  if (source_ != kNone) acceptance_[ClassOf(matched_)].Learn(hit);
  text_.push_back(token);
  if (text_.size() > 2 * latest_.size()) {
    Rebuild(2 * latest_.size());
  } else {
    Index(static_cast<uint32_t>(text_.size() - 1));
  }
  if (hit) {
    prediction_accepted_ += source_ < prediction_size_ ? 1 : 0;
    ++source_;
    ++matched_;
    if (!Followable(source_)) source_ = kNone;
  } else {
    if (source_ != kNone && matched_ >= kCopy) broke_at_ = source_;
    source_ = kNone;
  }
  if (source_ == kNone) matched_ = 0;
  if (matched_ < kSure) FindLonger();
  if (source_ == kNone) WatchBreak();
}

void TokenLookup::Follow(std::span<const TokenId> sequence) {
  const size_t before_prompt = prediction_size_ == 0 ? 0 : prediction_size_ + 1;
  for (size_t i = text_.size() - before_prompt; i < sequence.size(); ++i) Append(sequence[i]);
}

/// How many tokens before `place` equal the last ones of the text.
uint32_t TokenLookup::Common(uint32_t place) const {
  const auto size = static_cast<uint32_t>(text_.size());
  uint32_t n = 0;
  while (n < kCommonMax && n < place && text_[place - 1 - n] == text_[size - 1 - n]) ++n;
  return n;
}

/// Follows the place with the longest run in common, if longer than the present one; among equals the latest.
void TokenLookup::FindLonger() {
  if (text_.size() < 3) return;
  uint32_t at = earlier_.back();
  for (uint32_t i = 0; i < kCandidatesMax && at != kNone; ++i, at = earlier_[at]) {
    if (!Followable(at + 1)) continue;
    const uint32_t common = Common(at + 1);
    if (common < 2 || common <= matched_) continue;
    source_ = at + 1;
    matched_ = common;
  }
}

/// The token just written may be where the copy goes on.
void TokenLookup::WatchBreak() {
  if (broke_at_ == kNone) return;
  const auto last = static_cast<uint32_t>(text_.size() - 1);
  for (uint32_t place = broke_at_; place < std::min(broke_at_ + kBreakWindow, last) && Followable(place); ++place) {
    if (text_[place] != text_[last] || !Followable(place + 1)) continue;
    source_ = place + 1;
    matched_ = 1;
    return;
  }
}

uint32_t TokenLookup::Guess(std::span<TokenId> out) const {
  if (source_ == kNone) return 0;
  // Behind the end of the text the guess goes on with itself: what repeats will go on repeating.
  const size_t known = text_.size() - source_;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = i < known ? text_[source_ + i] : out[i - known];
    if (out[i] == kSeparator) return static_cast<uint32_t>(i);
  }
  return static_cast<uint32_t>(out.size());
}

double TokenLookup::Chance(uint32_t i) const {
  return acceptance_[ClassOf(matched_ + i)].Chance();
}

}  // namespace bedplate
