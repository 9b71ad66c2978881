#include "pages/page_key.h"

#include <array>
#include <cstring>
#include <optional>

#include "base/check.h"

namespace bedplate {

uint64_t PageKey::Word() const {
  uint64_t word = 0;
  std::memcpy(&word, digest.data(), sizeof word);
  return word;
}

Result<std::unique_ptr<PageKeys>> PageKeys::Create(std::string_view identity) {
  std::unique_ptr<PageKeys> keys(new PageKeys);
  keys->hash_.Add(identity.data(), identity.size());
  const std::optional<Sha256::Digest> root = keys->hash_.Take();
  if (!root.has_value()) {
    return Status::Unavailable("this system's OpenSSL has no SHA-256, which cached pages are named by");
  }
  keys->root_.digest = *root;
  return keys;
}

PageKey PageKeys::Child(const PageKey& parent, uint64_t salt, std::span<const TokenId> run) {
  BP_CHECK(run.size() == kPageTokens);
  hash_.Add(parent.digest.data(), parent.digest.size());
  hash_.Add(&salt, sizeof salt);
  std::array<int32_t, kPageTokens> tokens{};
  for (size_t i = 0; i < kPageTokens; ++i) tokens[i] = run[i].value;
  hash_.Add(tokens.data(), sizeof tokens);
  const std::optional<Sha256::Digest> digest = hash_.Take();
  BP_CHECK(digest.has_value());  // there was one in Create
  return {*digest};
}

}  // namespace bedplate
