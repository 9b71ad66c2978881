#pragma once
/// Names runs: a run is kPageTokens tokens after all the tokens before them, and its keys and values are a function of
/// these, of the model and of how it computes. A key is a hash of all that, chained run after run, so equal keys mean
/// equal bits, in another process too. SHA-256, since the tokens are the clients': whoever could make two prompts of
/// one key could be answered from another's.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/ids.h"
#include "base/sha256.h"
#include "base/status.h"
#include "pages/page.h"

namespace bedplate {

struct PageKey {
  Sha256::Digest digest{};
  friend bool operator==(const PageKey&, const PageKey&) = default;
  /// Eight of its bytes: as good as a random number, and the same for equal keys.
  [[nodiscard]] uint64_t Word() const;
};

/// Threads: one at a time.
class PageKeys {
 public:
  /// identity: model content, numerics version, type and layout of keys and values. kUnavailable without SHA-256.
  static Result<std::unique_ptr<PageKeys>> Create(std::string_view identity);

  /// Of no tokens: stands for the identity.
  [[nodiscard]] const PageKey& root() const { return root_; }
  /// Of the run after the one with the key `parent`. Requests of different salts have different keys.
  [[nodiscard]] PageKey Child(const PageKey& parent, uint64_t salt, std::span<const TokenId> run);

 private:
  PageKeys() = default;
  Sha256 hash_;
  PageKey root_;
};

}  // namespace bedplate
