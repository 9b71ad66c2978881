#pragma once
/// The key file: who may use a server, and how much (docs/keys.md has the format for people).
///
///   [[keys]]
///   name = "ada"                               # unique; 1 to 64 letters, digits, '.', '_', '-'
///   tenant = "research"                        # as name; default "default"
///   project = "search"                         # as name; default "default"
///   weight = 3                                 # of its tenant's share, or of its own if it names none; 1 to 1,000;
///   default 1 sha256 = "5f70bf18..."                     # of the bearer key, 64 hex digits, and/or both of
///   access_key_id = "BPAK..."                  #   16 to 128 letters, digits, '_'
///   secret_access_key = "..."                  #   32 to 128 visible characters
///   expires = 2027-01-31T00:00:00Z             # with an offset, or a date, whose beginning in UTC it is
///   models = ["qwen2.5-coder-1.5b"]            # default: all
///   concurrent_requests = 4                    # 1 to 100,000, as the next; default: no limit
///   requests_per_minute = 60
///   tokens_per_minute = 20_000                 # 1 to 100,000,000
///   body_bytes_max = 1_048_576                 # 1 to 2^40
///   output_tokens_max = 1024                   # 1 to 10,000,000
///   request_seconds_max = 120                  # 1 to 86,400
///
/// A bearer key is stored as its SHA-256 alone: a key that `bedplate key new` makes has 256 random bits, so neither
/// search nor salt matter. Whoever verifies a signature needs the secret itself, so the file is readable by its owner
/// alone, or refused.
///
/// Owns:    everything; immutable. Any thread.
/// Errors:  kInvalidArgument names the key or the line, and never shows a value: it could be a secret.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "base/status.h"
#include "request/admission.h"

namespace bedplate {

/// 0: no limit.
struct KeyLimits {
  uint32_t concurrent_requests = 0;
  uint32_t requests_per_minute = 0;
  uint32_t tokens_per_minute = 0;
};

struct Key {
  Principal principal;
  std::optional<Sha256::Digest> bearer_sha256;
  std::string access_key_id;      // empty: none
  std::string secret_access_key;  // given when access_key_id is
  std::optional<int64_t> expires_unix_seconds;
  KeyLimits limits;
};

class KeyFile {
 public:
  static constexpr size_t kKeysMax = 10'000;

  /// Refuses a file that others than its owner may read or write, with the command that mends it.
  static Result<KeyFile> Load(const std::filesystem::path& path);
  /// name: of the file, for messages.
  static Result<KeyFile> Parse(std::string_view text, std::string_view name);

  [[nodiscard]] std::span<const Key> keys() const { return keys_; }
  /// nullptr where there is none. The key of a bearer secret is looked for in the same time wherever it differs.
  [[nodiscard]] const Key* FindBearer(std::string_view secret) const;
  [[nodiscard]] const Key* FindAccessKey(std::string_view id) const;
  [[nodiscard]] const Key* FindByName(std::string_view name) const;

 private:
  explicit KeyFile(std::vector<Key> keys) : keys_(std::move(keys)) {}
  std::vector<Key> keys_;  // by name
};

}  // namespace bedplate
