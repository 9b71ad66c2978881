#include "text/tokenizer_specials.h"

#include <algorithm>
#include <utility>

namespace bedplate {

TokenMatcher::TokenMatcher(std::vector<Entry> entries) : entries_(std::move(entries)) {
  for (const Entry& entry : entries_) begins_.set(static_cast<unsigned char>(entry.text[0]));
}

std::optional<TokenMatcher::Match> TokenMatcher::Find(std::string_view text, size_t at,
                                                      const std::vector<Trust>& trusted) const {
  auto region = std::upper_bound(trusted.begin(), trusted.end(), at,
                                 [](size_t place, const Trust& trust) { return place < trust.end; });
  for (; at < text.size(); ++at) {
    if (!begins_.test(static_cast<unsigned char>(text[at]))) continue;
    while (region != trusted.end() && region->end <= at) ++region;
    const bool inside = region != trusted.end() && region->start <= at;
    if (const Entry* entry = LongestAt(text, at, inside ? region->end : 0)) return Match{at, entry};
  }
  return std::nullopt;
}

/// Narrows the sorted entries to those that agree with the text's first `length` bytes; an entry of just that length
/// comes first among them, because a string sorts before its continuations.
const TokenMatcher::Entry* TokenMatcher::LongestAt(std::string_view text, size_t at, size_t trusted_end) const {
  auto first = entries_.begin();
  auto last = entries_.end();
  const Entry* longest = nullptr;
  for (size_t length = 0; at + length < text.size() && first != last;) {
    const auto byte = static_cast<unsigned char>(text[at + length]);
    const auto byte_of = [length](const Entry& entry) { return static_cast<unsigned char>(entry.text[length]); };
    first =
        std::lower_bound(first, last, byte, [&](const Entry& entry, unsigned char b) { return byte_of(entry) < b; });
    last = std::upper_bound(first, last, byte, [&](unsigned char b, const Entry& entry) { return b < byte_of(entry); });
    ++length;
    if (first == last || first->text.size() != length) continue;
    if (!first->control || at + length <= trusted_end) longest = &*first;
    ++first;  // it has no byte left to compare
  }
  return longest;
}

}  // namespace bedplate
