#pragma once
/// A chain of SHA-256 over the rows of a table that only grows: transfers, usage events, prices, the audit log. Each
/// row is stored with the chain's hash after it, so that a row that was changed, removed, put in or moved shows as a
/// hash that its bytes don't give. What cut off the end of a table leaves a chain that is whole: only the head that is
/// kept elsewhere (ChainHeads, in a file outside the data folder) tells.
///
///   hash(0) = SHA-256("bedplate chain 1 " + name);   hash(n) = SHA-256(hash(n-1) + row n's bytes)
///
///   CanonicalRow row;                                    // to write
///   row.Int(number).Bytes(id).Amount(amount);
///   BP_ASSIGN_OR_RETURN(head, Extended(head, row.bytes()));    // head.hash goes into the row
///
///   ChainCheck check("transfers", kept_head);            // to verify: the same bytes again, in order
///   BP_RETURN_IF_ERROR(check.Row(row.bytes(), stored_hash));
///   BP_RETURN_IF_ERROR(check.End());
///
/// Threads: one at a time. Cost: under a microsecond a row.
/// Errors:  kDataLoss names the chain and the first row that is wrong; kInternal where OpenSSL has no SHA-256.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "base/status.h"
#include "ledger/int128.h"

namespace bedplate {

struct ChainHead {
  uint64_t rows = 0;
  Sha256::Digest hash{};  // after that many rows
  bool operator==(const ChainHead&) const = default;
};

/// The bytes of a row that its hash is over. Each field carries its length, so that no two rows have the same bytes.
class CanonicalRow {
 public:
  CanonicalRow& Int(int64_t value);
  CanonicalRow& Amount(Int128 value);
  CanonicalRow& Bytes(std::string_view value);  // text, ids, hashes
  CanonicalRow& None();                         // a field that has no value, which isn't an empty one
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// name: of the chain, 1 to 32 lower-case letters.
Result<ChainHead> EmptyChain(std::string_view name);
Result<ChainHead> Extended(const ChainHead& head, std::string_view row);

class ChainCheck {
 public:
  /// kept: the head that was kept outside, where there is one; the table may have grown since.
  explicit ChainCheck(std::string_view name, std::optional<ChainHead> kept = std::nullopt);
  /// The next row and the hash that is stored with it.
  Status Row(std::string_view row, std::string_view stored_hash);
  /// After the last one.
  Status End() const;
  [[nodiscard]] const ChainHead& head() const { return head_; }

 private:
  [[nodiscard]] Status CheckKept() const;
  std::string name_;
  std::optional<ChainHead> kept_;
  Status start_;
  ChainHead head_;
};

/// Heads by the chains' names, as a file holds them:
///   bedplate chain heads 1
///   transfers 1234 5f70bf18...(64 hex digits)
using ChainHeads = std::map<std::string, ChainHead, std::less<>>;
std::string HeadsText(const ChainHeads& heads);
/// kDataLoss: it is no such text.
Result<ChainHeads> ParseHeads(std::string_view text);
/// Appears whole or not at all, and synced (base/file.h).
Status WriteHeads(const std::filesystem::path& path, const ChainHeads& heads);
/// kNotFound: there is none yet.
Result<ChainHeads> ReadHeads(const std::filesystem::path& path);

}  // namespace bedplate
