// Method: the examples of FIPS 180-2, whole and in pieces; of RFC 4231 for HMAC, and OpenSSL's own.
#include "base/sha256.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace bedplate {
namespace {

std::string InPieces(std::string_view text, size_t piece) {
  Sha256 sum;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    sum.Add(text.data(), std::min(piece, text.size()));
  }
  return sum.Hex().value_or("none");
}

TEST(Sha256, IsTheStandards) {
  EXPECT_EQ(InPieces("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (const size_t piece : {1u, 2u, 100u}) {
    EXPECT_EQ(InPieces("abc", piece), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(InPieces("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", piece),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  }
}

TEST(Sha256, BeginsAnewAfterEachSum) {
  Sha256 sum;
  for (int round = 0; round < 3; ++round) {
    sum.Add("abc", 3);
    EXPECT_EQ(sum.Hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  }
}

TEST(Sha256, HexComesBack) {
  Sha256 hash;
  hash.Add("abc", 3);
  const Sha256::Digest digest = *hash.Take();
  const std::string hex = HexOf(digest);
  EXPECT_EQ(DigestFromHex(hex), digest);
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
  EXPECT_EQ(DigestFromHex(upper), digest);
  for (const char wrong : {'g', 'G', '/', ':', '@', '`', ' '}) {
    std::string text = hex;
    text[63] = wrong;
    EXPECT_FALSE(DigestFromHex(text).has_value()) << wrong;
  }
  EXPECT_FALSE(DigestFromHex(hex.substr(1)).has_value());
  EXPECT_FALSE(DigestFromHex("").has_value());
}

TEST(HmacSha256, IsTheRfcs) {
  const auto first_byte = [](std::string_view key, std::string_view message) {
    return HmacSha256(key, message).value_or(Sha256::Digest{})[0];
  };
  EXPECT_EQ(first_byte(std::string(20, '\x0b'), "Hi There"), 0xb0);
  EXPECT_EQ(first_byte("Jefe", "what do ya want for nothing?"), 0x5b);
  EXPECT_EQ(first_byte(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"), 0x60);
}

TEST(HmacSha256, EqualsOpenSslsAroundTheBlock) {
  for (const size_t key_size : {0u, 1u, 32u, 63u, 64u, 65u, 200u}) {
    for (const size_t size : {0u, 1u, 63u, 64u, 65u, 1000u}) {
      std::string key, message;
      for (size_t i = 0; i < key_size; ++i) key += static_cast<char>(i * 37 + 11);
      for (size_t i = 0; i < size; ++i) message += static_cast<char>(i * 91 + 5);
      Sha256::Digest expected{};
      const auto* const bytes = reinterpret_cast<const unsigned char*>(message.data());
      ASSERT_NE(HMAC(EVP_sha256(), key.data(), static_cast<int>(key_size), bytes, size, expected.data(), nullptr),
                nullptr);
      EXPECT_EQ(HmacSha256(key, message), expected) << key_size << " " << size;
    }
  }
}

}  // namespace
}  // namespace bedplate
