#include "base/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace bedplate {
namespace {

constexpr size_t kBlockBytes = 64;

// Looked up once: OpenSSL 3 otherwise looks it up by its name, under locks, each time that a sum begins.
const EVP_MD* Algorithm() {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return found;
}

}  // namespace

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  bool ok = context != nullptr && Algorithm() != nullptr && EVP_DigestInit_ex(context.get(), Algorithm(), nullptr) == 1;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::Add(const void* bytes, size_t size) {
  state_->ok = state_->ok && EVP_DigestUpdate(state_->context.get(), bytes, size) == 1;
}

std::optional<Sha256::Digest> Sha256::Take() {
  Digest digest{};
  unsigned length = 0;
  if (!state_->ok || EVP_DigestFinal_ex(state_->context.get(), digest.data(), &length) != 1) return std::nullopt;
  state_->ok = length == digest.size() && EVP_DigestInit_ex(state_->context.get(), nullptr, nullptr) == 1;
  return digest;
}

std::optional<std::string> Sha256::Hex() {
  const std::optional<Digest> digest = Take();
  if (!digest.has_value()) return std::nullopt;
  return HexOf(*digest);
}

std::string HexOf(const Sha256::Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  return hex;
}

std::optional<Sha256::Digest> DigestFromHex(std::string_view hex) {
  Sha256::Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < hex.size(); ++i) {
    const std::optional<uint8_t> digit = HexDigit(hex[i]);
    if (!digit.has_value()) return std::nullopt;
    digest[i / 2] = static_cast<unsigned char>(digest[i / 2] * 16 + *digit);
  }
  return digest;
}

std::optional<std::string> Sha256HexOf(std::string_view bytes) {
  Sha256 hash;
  hash.Add(bytes.data(), bytes.size());
  return hash.Hex();
}

// RFC 2104, by hand: OpenSSL's own looks up two algorithms and makes three contexts for each.
std::optional<Sha256::Digest> HmacSha256(std::string_view key, std::string_view message) {
  Sha256 hash;
  std::array<unsigned char, kBlockBytes> inner{}, outer{};
  if (key.size() > kBlockBytes) {
    hash.Add(key.data(), key.size());
    const std::optional<Sha256::Digest> short_key = hash.Take();
    if (!short_key) return std::nullopt;
    std::ranges::copy(*short_key, inner.begin());
  } else {
    std::ranges::copy(key, inner.begin());
  }
  for (size_t i = 0; i < kBlockBytes; ++i) {
    outer[i] = inner[i] ^ 0x5c;
    inner[i] ^= 0x36;
  }
  hash.Add(inner.data(), inner.size());
  hash.Add(message.data(), message.size());
  std::optional<Sha256::Digest> digest = hash.Take();
  if (digest) {
    hash.Add(outer.data(), outer.size());
    hash.Add(digest->data(), digest->size());
    digest = hash.Take();
  }
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
  return digest;
}

}  // namespace bedplate
