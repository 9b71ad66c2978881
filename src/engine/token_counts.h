#pragma once
/// Which tokens a sequence has seen and how often it wrote them: what the penalties look at.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "request/request.h"

namespace bedplate {

/// Whether a draw with these parameters needs counts at all.
inline bool Penalises(const SamplingParams& p) {
  return p.repetition_penalty != 1.0f || p.frequency_penalty != 0.0f || p.presence_penalty != 0.0f;
}

class TokenCounts {
 public:
  struct Entry {
    TokenId token;
    uint32_t written = 0;  // times in the output; 0: only in the prompt
  };

  /// reserve: entries to make room for, so that steps don't allocate.
  void AddPrompt(std::span<const TokenId> tokens, size_t reserve) {
    entries_.reserve(reserve);
    for (const TokenId token : tokens) entries_.push_back({.token = token});
    std::ranges::sort(entries_, {}, &Entry::token);
    const auto repeated = std::ranges::unique(entries_, {}, &Entry::token);
    entries_.erase(repeated.begin(), repeated.end());
  }
  void AddOutput(TokenId token) {
    auto at = std::ranges::lower_bound(entries_, token, {}, &Entry::token);
    if (at == entries_.end() || at->token != token) at = entries_.insert(at, {.token = token});
    ++at->written;
  }
  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }  // ascending by token, each once

 private:
  std::vector<Entry> entries_;
};

}  // namespace bedplate
