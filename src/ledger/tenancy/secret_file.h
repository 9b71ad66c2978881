#pragma once
/// The secret file: what keys in the store are worth nothing without. It lies outside the data folder, so that a copy
/// of that folder, a backup of it say, lets nobody in.
///
///   [[versions]]                # the last is the present one; earlier ones stay while keys still need them
///   id = "v1"
///   created_at = 1796000000     # Unix seconds
///   pepper = "5f70..."          # 64 hex digits: bearer keys are kept as their HMAC-SHA-256 with it
///   encryption_key = "9c1b..."  # 64 hex digits: secrets that sign requests are kept encrypted with it (AES-256-GCM)
///
/// Lost, every key has to be made anew. Read by others, it has to be rotated, and bearer keys with it.
///
/// Owns:    everything; a value. Any thread may read one.
/// Errors:  kPermissionDenied where others than its owner may read it, or it is somebody else's, or it lies inside the
///          data folder; kNotFound; kInvalidArgument names the line; never with a secret.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "base/status.h"

namespace bedplate {

struct SecretVersion {
  std::string id;  // "v1", "v2", ...
  int64_t created_unix_seconds = 0;
  Sha256::Digest pepper{};  // as many random bytes as a digest has
  Sha256::Digest encryption_key{};
};

class SecretFile {
 public:
  static constexpr size_t kVersionsMax = 64;

  static Result<SecretFile> Load(const std::filesystem::path& path, const std::filesystem::path& data_folder);
  /// A first version, written to a new file of mode 0600. kConflict where there is one already.
  static Result<SecretFile> Create(const std::filesystem::path& path, const std::filesystem::path& data_folder,
                                   int64_t now_unix_seconds);
  static Result<SecretFile> Parse(std::string_view text, std::string_view name);

  [[nodiscard]] const SecretVersion& present() const { return versions_.back(); }
  /// nullptr: there is none.
  [[nodiscard]] const SecretVersion* Find(std::string_view id) const;
  [[nodiscard]] const std::vector<SecretVersion>& versions() const { return versions_; }

  /// The same and a new version, which is the present one from then on.
  [[nodiscard]] Result<SecretFile> WithNewVersion(int64_t now_unix_seconds) const;
  /// The same without those that nobody needs; the present one stays.
  [[nodiscard]] SecretFile WithOnly(const std::vector<std::string>& ids) const;
  /// In place of the file that is there, whole or not at all.
  Status Save(const std::filesystem::path& path) const;

 private:
  std::vector<SecretVersion> versions_;  // at least one
};

/// What is kept of a bearer key. None where OpenSSL has no SHA-256.
std::optional<Sha256::Digest> PepperedHash(const SecretVersion& version, std::string_view key_text);

/// Encrypts with a nonce of its own. context: what the secret belongs to; another one opens nothing.
Result<std::string> SealSecret(const SecretVersion& version, std::string_view secret, std::string_view context);
/// kDataLoss where the bytes, the context or the version are not those that were sealed.
Result<std::string> OpenSecret(const SecretVersion& version, std::string_view sealed, std::string_view context);

}  // namespace bedplate
