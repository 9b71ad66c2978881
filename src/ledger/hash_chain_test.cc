// Method: a chain over random rows, then each way of tampering with it, each found at its row; known hashes, so that
// what was written once can be checked for ever; the file of heads, whole or refused.

#include "ledger/hash_chain.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/cat.h"
#include "base/random.h"

namespace bedplate {
namespace {

struct Written {
  std::string bytes;
  std::string hash;
};

std::string HashText(const Sha256::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::vector<Written> WriteChain(std::string_view name, int rows, Prng& rng, ChainHead* head) {
  std::vector<Written> written;
  *head = *EmptyChain(name);
  for (int i = 0; i < rows; ++i) {
    CanonicalRow row;
    row.Int(i).Amount(rng.Range(-5, 5)).Bytes(std::string(static_cast<size_t>(rng.Range(0, 20)), 'x'));
    *head = *Extended(*head, row.bytes());
    written.push_back({std::string(row.bytes()), HashText(head->hash)});
  }
  return written;
}

Status Verify(const std::vector<Written>& rows, std::optional<ChainHead> kept = std::nullopt) {
  ChainCheck check("transfers", kept);
  for (const Written& row : rows) BP_RETURN_IF_ERROR(check.Row(row.bytes, row.hash));
  return check.End();
}

TEST(HashChain, KnownHashes) {
  const ChainHead empty = *EmptyChain("transfers");
  EXPECT_EQ(HexOf(empty.hash), *Sha256HexOf("bedplate chain 1 transfers"));
  CanonicalRow row;
  row.Int(-2).Amount(1).Bytes("ab").None();
  const std::string bytes(
      "i\xff\xff\xff\xff\xff\xff\xff\xfe"
      "a\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
      "b\0\0\0\x02"
      "abn",
      34);
  EXPECT_EQ(row.bytes(), bytes);
  const ChainHead one = *Extended(empty, row.bytes());
  EXPECT_EQ(one.rows, 1u);
  EXPECT_EQ(HexOf(one.hash), *Sha256HexOf(HashText(empty.hash) + bytes));
}

TEST(HashChain, FieldsDoNotRunTogether) {
  const auto row = [](auto... parts) {
    CanonicalRow out;
    (out.Bytes(parts), ...);
    return std::string(out.bytes());
  };
  EXPECT_NE(row("ab", "c"), row("a", "bc"));
  EXPECT_NE(row("", "a"), row("a", ""));
  CanonicalRow none;
  EXPECT_NE(none.None().bytes(), row(""));
}

TEST(HashChain, EveryTamperingIsFound) {
  Prng rng(TestSeed());
  ChainHead head;
  const std::vector<Written> rows = WriteChain("transfers", 50, rng, &head);
  ASSERT_TRUE(Verify(rows).ok());
  ASSERT_TRUE(Verify(rows, head).ok());
  const auto found = [](const std::vector<Written>& tampered, size_t row,
                        std::optional<ChainHead> kept = std::nullopt) {
    const Status status = Verify(tampered, kept);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find(Cat("row ", row)), std::string::npos) << status.message();
  };
  for (size_t at = 0; at < rows.size(); ++at) {
    for (size_t byte = 0; byte < rows[at].bytes.size(); byte += 7) {
      auto changed = rows;
      changed[at].bytes[byte] = static_cast<char>(changed[at].bytes[byte] ^ (1 << rng.Range(0, 7)));
      found(changed, at + 1);
    }
    auto hash = rows;
    hash[at].hash[static_cast<size_t>(rng.Range(0, 31))] ^= 1;
    found(hash, at + 1);
    auto removed = rows;
    removed.erase(removed.begin() + static_cast<ptrdiff_t>(at));
    if (at + 1 < rows.size()) {
      found(removed, at + 1);
    } else {
      EXPECT_TRUE(Verify(removed).ok()) << "a chain without its end is whole";
    }
    EXPECT_FALSE(Verify(removed, head).ok());
    auto added = rows;
    added.insert(added.begin() + static_cast<ptrdiff_t>(at), rows[(at + 1) % rows.size()]);
    found(added, at + 1);
    if (at + 1 < rows.size()) {
      auto moved = rows;
      std::swap(moved[at], moved[at + 1]);
      found(moved, at + 1);
    }
    auto cut = rows;
    cut.resize(at);
    EXPECT_TRUE(Verify(cut).ok());
    found(cut, at, head);
  }
  // Written anew from some row on, each hash right: only the head outside tells.
  ChainHead other_head;
  const auto anew = WriteChain("transfers", 60, rng, &other_head);
  EXPECT_TRUE(Verify(anew).ok());
  found(anew, 50, head);
}

TEST(HashChain, AnEarlierHeadIsAPrefixOfAGrownChain) {
  Prng rng(TestSeed());
  ChainHead head;
  auto rows = WriteChain("transfers", 10, rng, &head);
  ChainHead grown = head;
  for (int i = 0; i < 5; ++i) {
    grown = *Extended(grown, "more");
    rows.push_back({"more", HashText(grown.hash)});
  }
  EXPECT_TRUE(Verify(rows, head).ok());
  EXPECT_TRUE(Verify(rows, *EmptyChain("transfers")).ok());
  EXPECT_FALSE(Verify(rows, *EmptyChain("usage")).ok()) << "the head of another chain";
}

TEST(ChainHeads, FileIsWholeOrRefused) {
  const auto path = std::filesystem::temp_directory_path() / Cat("bedplate-heads-", ::getpid());
  EXPECT_EQ(ReadHeads(path).status().code(), StatusCode::kNotFound);
  ChainHeads heads{{"transfers", *Extended(*EmptyChain("transfers"), "row")}, {"usage", *EmptyChain("usage")}};
  ASSERT_TRUE(WriteHeads(path, heads).ok());
  EXPECT_EQ(*ReadHeads(path), heads);
  const std::string text = HeadsText(heads);
  for (size_t size = 0; size < text.size(); ++size) {
    const auto cut = ParseHeads(text.substr(0, size));
    EXPECT_TRUE(!cut.ok() || cut->size() < heads.size()) << size;
  }
  for (const char* wrong : {"", "x", "bedplate chain heads 1\n", "bedplate chain heads 2\na 1 00\n",
                            "bedplate chain heads 1\na 1\n", "bedplate chain heads 1\n\n"}) {
    EXPECT_EQ(ParseHeads(wrong).status().code(), StatusCode::kDataLoss) << wrong;
  }
  std::ofstream(path) << "something else\n";
  const auto wrong = ReadHeads(path);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().message().find(path.string()), std::string::npos);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace bedplate
