#pragma once
/// Sets of JSON strings: strings of some lengths, whatever their characters, and a regular language of shortest
/// spellings (json_text.h). Lengths count characters (code points).

#include <string_view>
#include <vector>

#include "base/status.h"
#include "text/constraint/byte_dfa.h"

namespace bedplate {

class StringSet {
 public:
  static constexpr uint32_t kUnbounded = UINT32_MAX;
  struct Lengths {
    uint32_t least = 0;
    uint32_t most = kUnbounded;  // included
  };

  StringSet() = default;  // none
  static StringSet All() { return OfLengths({}); }
  static StringSet OfLengths(Lengths lengths);
  /// Texts without quotes, each in its shortest spelling.
  static StringSet Only(ByteDfa spellings);

  Result<StringSet> And(const StringSet& other, DfaLimits limits) const;
  /// False: no value is in both. True: one is, or it costs too much to tell.
  [[nodiscard]] bool MayMeet(const StringSet& other, DfaLimits limits) const;
  Result<StringSet> Or(const StringSet& other, DfaLimits limits) const;
  Result<StringSet> Not(DfaLimits limits) const;
  [[nodiscard]] bool is_empty() const { return lengths_.empty() && texts_.IsEmpty(); }
  [[nodiscard]] bool is_all() const;

  /// Ascending, none touching another.
  [[nodiscard]] const std::vector<Lengths>& lengths() const { return lengths_; }
  [[nodiscard]] const ByteDfa& texts() const { return texts_; }
  /// All as one language of shortest spellings.
  Result<ByteDfa> AsTexts(DfaLimits limits) const;

 private:
  std::vector<Lengths> lengths_;
  ByteDfa texts_;
};

/// The language of a `format`, in shortest spelling. Errors: a format that is unknown, or not regular.
/// Some are annotations for numbers or people and hold nothing: they are all strings ("password", "int32", ...).
Result<StringSet> FormatSet(std::string_view format, DfaLimits limits);

}  // namespace bedplate
