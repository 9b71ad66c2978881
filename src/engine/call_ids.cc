#include "engine/call_ids.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "base/random.h"

namespace bedplate {
std::string CallId(std::string_view request_id, uint32_t choice, uint32_t call) {
  const uint64_t key = XXH3_64bits(request_id.data(), request_id.size());
  return fmt::format("call_{:016x}{:08x}", HashWords(key, choice, call),
                     static_cast<uint32_t>(HashWords(call, key, choice)));
}

std::string ShortCallId(std::string_view id) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  uint64_t hash = XXH3_64bits(id.data(), id.size());
  std::string out;
  for (int i = 0; i < 9; ++i, hash /= kAlphabet.size()) out += kAlphabet[hash % kAlphabet.size()];
  return out;
}

}  // namespace bedplate
