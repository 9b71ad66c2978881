#pragma once
/// SHA-256 of bytes as they come (FIPS 180-4; OpenSSL computes it). Threads: one at a time.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace bedplate {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(const void* bytes, size_t size);
  /// 64 hex digits of all that was added; once. None where OpenSSL has no SHA-256 (a restricted provider).
  std::optional<std::string> Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bedplate
