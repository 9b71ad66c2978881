#pragma once
/// Text that knows which of its bytes the template wrote. The string type of the template interpreter.
///
/// Owns its bytes. UTF-8 by convention; other bytes are carried through. Positions are byte offsets.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace bedplate::jinja {

class Text {
 public:
  /// The bytes from the previous run's end up to `end` have one origin.
  struct Run {
    uint32_t end;
    bool trusted;
  };

  Text() = default;
  Text(std::string bytes, bool trusted) : bytes_(std::move(bytes)), trusted_(trusted) {}

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  /// True if no byte came from outside the template. An empty text is trusted unless it was made untrusted.
  [[nodiscard]] bool AllTrusted() const { return runs_.empty() && trusted_; }
  [[nodiscard]] bool AllTrusted(size_t begin, size_t end) const;
  [[nodiscard]] std::vector<Run> Runs() const;
  /// Bytes held, bookkeeping included: what a budget should count.
  [[nodiscard]] size_t footprint() const { return bytes_.size() + runs_.size() * sizeof(Run); }

  void Append(std::string_view bytes, bool trusted);
  void Append(const Text& other) { AppendSlice(other, 0, other.size()); }
  void AppendSlice(const Text& other, size_t begin, size_t end);
  [[nodiscard]] Text Slice(size_t begin, size_t end) const;
  void Distrust();  // all of it becomes untrusted

 private:
  void AddRun(size_t end, bool trusted);

  std::string bytes_;
  std::vector<Run> runs_;  // empty while all bytes have one origin, else ascending, ending at size(), alternating
  bool trusted_ = true;    // the origin of all bytes while runs_ is empty
};

}  // namespace bedplate::jinja
