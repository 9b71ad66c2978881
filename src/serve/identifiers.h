#pragma once
/// Ids that go to clients: unguessable enough not to collide, never secret.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"

namespace bedplate {

/// Makes ids that are unique within a process and, by its 128-bit seed, between processes. Any thread.
class IdMaker {
 public:
  IdMaker(uint64_t seed_high, uint64_t seed_low) : high_(seed_high), low_(seed_low) {}

  /// 32 hexadecimal digits.
  std::string Next() {
    const uint64_t n = count_.fetch_add(1, std::memory_order_relaxed);
    std::string out;
    AppendHex(HashWords(high_, low_, n), out);
    AppendHex(HashWords(low_, n, high_), out);
    return out;
  }

 private:
  static void AppendHex(uint64_t word, std::string& out) {
    for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(word >> shift) & 15];
  }
  const uint64_t high_, low_;
  std::atomic<uint64_t> count_{0};
};

/// An x-request-id that a client sent may be given back to it and logged: 1 to 128 letters, digits, '-', '_', '.'.
inline bool IsSafeRequestId(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  for (const char c : id) {
    const bool safe =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (!safe) return false;
  }
  return true;
}

}  // namespace bedplate
