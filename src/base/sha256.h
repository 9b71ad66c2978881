#pragma once
/// SHA-256 of bytes as they come (FIPS 180-4; OpenSSL computes it). Threads: one at a time. And HMAC with it (RFC
/// 2104).

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace bedplate {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(const void* bytes, size_t size);
  /// Of all that was added since the last one; then ready for more. None where OpenSSL has no SHA-256 (a restricted
  /// provider): then it never has, so whoever got one will get the others.
  using Digest = std::array<unsigned char, 32>;
  std::optional<Digest> Take();
  /// The same as 64 hex digits.
  std::optional<std::string> Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string HexOf(const Sha256::Digest& digest);
/// 64 hex digits, of either case.
std::optional<Sha256::Digest> DigestFromHex(std::string_view hex);
/// Of these bytes alone, as 64 hex digits. None where OpenSSL has no SHA-256, as below.
std::optional<std::string> Sha256HexOf(std::string_view bytes);
std::optional<Sha256::Digest> HmacSha256(std::string_view key, std::string_view message);

}  // namespace bedplate
