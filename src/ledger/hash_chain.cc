#include "ledger/hash_chain.h"

#include <algorithm>
#include <charconv>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

constexpr std::string_view kHeadsTitle = "bedplate chain heads 1";
constexpr size_t kHeadsBytesMax = 1 << 16;

Result<Sha256::Digest> ChainedDigest(std::string_view first, std::string_view second) {
  Sha256 hash;
  hash.Add(first.data(), first.size());
  hash.Add(second.data(), second.size());
  const std::optional<Sha256::Digest> digest = hash.Take();
  if (!digest) return Status::Internal("OpenSSL has no SHA-256, without which there is no hash chain");
  return *digest;
}

std::string_view BytesOf(const Sha256::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

bool IsChainName(std::string_view name) {
  return !name.empty() && name.size() <= 32 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

Status NoHeads(size_t line) {
  return Status::DataLoss(Cat("line ", line, " is none of a file of chain heads"));
}

}  // namespace

// A field is its kind, its length (4 bytes, big-endian) where kinds don't fix it, and its bytes.
CanonicalRow& CanonicalRow::Int(int64_t value) {
  bytes_ += 'i';
  for (int shift = 56; shift >= 0; shift -= 8) bytes_ += static_cast<char>(static_cast<uint8_t>(value >> shift));
  return *this;
}

CanonicalRow& CanonicalRow::Amount(Int128 value) {
  bytes_ += 'a';
  bytes_ += OrderedBytes(value);
  return *this;
}

CanonicalRow& CanonicalRow::Bytes(std::string_view value) {
  bytes_ += 'b';
  const auto size = static_cast<uint32_t>(value.size());
  for (int shift = 24; shift >= 0; shift -= 8) bytes_ += static_cast<char>(static_cast<uint8_t>(size >> shift));
  bytes_ += value;
  return *this;
}

CanonicalRow& CanonicalRow::None() {
  bytes_ += 'n';
  return *this;
}

Result<ChainHead> EmptyChain(std::string_view name) {
  BP_CHECK(IsChainName(name));
  BP_ASSIGN_OR_RETURN(const Sha256::Digest hash, ChainedDigest("bedplate chain 1 ", name));
  return ChainHead{.rows = 0, .hash = hash};
}

Result<ChainHead> Extended(const ChainHead& head, std::string_view row) {
  BP_ASSIGN_OR_RETURN(const Sha256::Digest hash, ChainedDigest(BytesOf(head.hash), row));
  return ChainHead{.rows = head.rows + 1, .hash = hash};
}

ChainCheck::ChainCheck(std::string_view name, std::optional<ChainHead> kept) : name_(name), kept_(kept) {
  Result<ChainHead> empty = EmptyChain(name);
  if (empty.ok()) head_ = *empty;
  start_ = std::move(empty).status();
  if (start_.ok()) start_ = CheckKept();
}

Status ChainCheck::CheckKept() const {
  if (!kept_ || kept_->rows != head_.rows || kept_->hash == head_.hash) return Status::Ok();
  return Status::DataLoss(Cat("the chain of ", name_, " is whole up to row ", head_.rows,
                              ", but is not the one whose head was kept outside: it was written anew"));
}

Status ChainCheck::Row(std::string_view row, std::string_view stored_hash) {
  BP_RETURN_IF_ERROR(start_);
  BP_ASSIGN_OR_RETURN(head_, Extended(head_, row));
  if (stored_hash != BytesOf(head_.hash)) {
    return Status::DataLoss(
        Cat("row ", head_.rows, " of ", name_,
            " is not what was written: it or a row before it was changed, removed, added or moved"));
  }
  return CheckKept();
}

Status ChainCheck::End() const {
  BP_RETURN_IF_ERROR(start_);
  if (!kept_ || kept_->rows <= head_.rows) return Status::Ok();
  return Status::DataLoss(Cat("the chain of ", name_, " ends at row ", head_.rows,
                              ", but the head that was kept outside is of row ", kept_->rows, ": the last ",
                              kept_->rows - head_.rows, " are gone"));
}

std::string HeadsText(const ChainHeads& heads) {
  std::string text = Cat(kHeadsTitle, "\n");
  for (const auto& [name, head] : heads) text += Cat(name, " ", head.rows, " ", HexOf(head.hash), "\n");
  return text;
}

Result<ChainHeads> ParseHeads(std::string_view text) {
  ChainHeads heads;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return NoHeads(line);  // cut off
    const std::string_view words = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line == 1) {
      if (words != kHeadsTitle) return NoHeads(line);
      continue;
    }
    const size_t first = words.find(' ');
    const size_t second = words.find(' ', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos) return NoHeads(line);
    const std::string_view name = words.substr(0, first), rows = words.substr(first + 1, second - first - 1);
    ChainHead head;
    const auto [stopped, error] = std::from_chars(rows.data(), rows.data() + rows.size(), head.rows);
    const std::optional<Sha256::Digest> hash = DigestFromHex(words.substr(second + 1));
    const bool whole = IsChainName(name) && error == std::errc() && stopped == rows.data() + rows.size() &&
                       Cat(head.rows) == rows && hash.has_value();
    if (!whole) return NoHeads(line);
    head.hash = *hash;
    if (!heads.try_emplace(std::string(name), head).second) return NoHeads(line);
  }
  if (heads.empty()) return Status::DataLoss("a file of chain heads without any");
  return heads;
}

Status WriteHeads(const std::filesystem::path& path, const ChainHeads& heads) {
  return WriteFileAtomically(path, HeadsText(heads), 0600);
}

Result<ChainHeads> ReadHeads(const std::filesystem::path& path) {
  BP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kHeadsBytesMax));
  Result<ChainHeads> heads = ParseHeads(text);
  if (heads.ok()) return heads;
  return Status(heads.status().code(), Cat(path.string(), ": ", heads.status().message()));
}

}  // namespace bedplate
