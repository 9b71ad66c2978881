#pragma once
/// Finds the tokens that are recognised in text before anything else: user-defined ones everywhere, control ones where
/// the text is trusted. At each place the longest one wins; places are tried from the left.
///
/// Cost: one table look-up a byte where no such token begins, else a binary search for each of its bytes.

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace bedplate {

class TokenMatcher {
 public:
  struct Entry {
    std::string_view text;  // not empty; what it views outlives the matcher
    TokenId id;
    bool control = false;      // only where trusted
    bool strip_right = false;  // swallows white space behind it
  };
  /// entries: by text, ascending bytes.
  explicit TokenMatcher(std::vector<Entry> entries);

  struct Match {
    size_t start = 0;
    const Entry* entry = nullptr;
  };
  /// Bytes [trusted_start, trusted_end) of the text are trusted.
  struct Trust {
    size_t start = 0, end = 0;
  };
  /// The first match that starts in [at, text.size()), or none. `trusted`: ascending, disjoint, not adjacent.
  std::optional<Match> Find(std::string_view text, size_t at, const std::vector<Trust>& trusted) const;

 private:
  const Entry* LongestAt(std::string_view text, size_t at, size_t trusted_end) const;
  std::vector<Entry> entries_;
  std::bitset<256> begins_;
};

}  // namespace bedplate
