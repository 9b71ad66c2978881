// The form of bearer keys: what is made is read, nothing else is, and no text that a client sends shows a secret.
#include "ledger/tenancy/key_text.h"

#include <gtest/gtest.h>

#include <set>

#include "base/cat.h"

namespace bedplate {
namespace {

constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-. \n";

std::string Made(std::string_view id) {
  auto text = NewKeyText(id);
  EXPECT_TRUE(text.ok()) << text.status().message();
  return *text;
}

TEST(KeyText, IsReadBack) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto id = NewKeyId();
    ASSERT_TRUE(id.ok());
    EXPECT_TRUE(IsKeyId(*id)) << *id;
    const std::string text = Made(*id);
    EXPECT_EQ(text.size(), 64u);
    EXPECT_EQ(KeyIdOf(text), *id);
    EXPECT_TRUE(seen.insert(text).second);
  }
}

// The check of a text that Python's zlib.crc32 gave: 0x6ec5dbe7.
TEST(KeyText, TheCheckIsTheOneThatOthersCompute) {
  EXPECT_EQ(KeyIdOf("bp_live_0123456789abcdef_0123456789ABCDEFGHIJKLMNOPQRSTUVW21luVj"), "0123456789abcdef");
}

TEST(KeyText, NoOneLetterCanBeChangedLostOrSwapped) {
  const std::string text = Made("0123456789abcdef");
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : kLetters) {
      if (c == text[i]) continue;
      std::string changed = text;
      changed[i] = c;
      EXPECT_FALSE(KeyIdOf(changed)) << changed;
    }
    EXPECT_FALSE(KeyIdOf(std::string(text).erase(i, 1)));
    EXPECT_FALSE(KeyIdOf(std::string(text).insert(i, 1, '0')));
    std::string swapped = text;
    if (i + 1 < text.size() && text[i] != text[i + 1]) {
      std::swap(swapped[i], swapped[i + 1]);
      EXPECT_FALSE(KeyIdOf(swapped)) << swapped;
    }
  }
  for (const auto* other : {"", "bp_live_", "Bearer x", "bp_0123456789012345678901234567890123456789012"}) {
    EXPECT_FALSE(KeyIdOf(other));
  }
}

TEST(KeyText, IdsAreSixteenSmallLettersAndDigits) {
  EXPECT_TRUE(IsKeyId("abcdefgh01234567"));
  for (const auto* other : {"", "abcdefgh0123456", "abcdefgh012345678", "abcdefgh0123456A", "abcdefgh0123456_"}) {
    EXPECT_FALSE(IsKeyId(other)) << other;
  }
}

TEST(KeyText, TextsAreShownWithoutSecrets) {
  const std::string text = Made("0123456789abcdef");
  const std::string secret = text.substr(kKeyPrefix.size() + kKeyIdLength + 1);
  EXPECT_EQ(WithoutKeys("/v1/models"), "/v1/models");
  EXPECT_EQ(WithoutKeys(""), "");
  EXPECT_EQ(WithoutKeys(Cat("/v1/", text, "/x?", text)),
            "/v1/bp_live_0123456789abcdef.../x?bp_live_0123456789abcdef...");
  EXPECT_EQ(WithoutKeys("bp_live_"), "bp_live_...");
  for (size_t length = kKeyPrefix.size() + kKeyIdLength; length < text.size(); ++length) {  // cut ones too
    EXPECT_EQ(WithoutKeys(text.substr(0, length)), "bp_live_0123456789abcdef...");
  }
  EXPECT_EQ(WithoutKeys(text + text).find(secret.substr(0, 8)), std::string::npos);
}

}  // namespace
}  // namespace bedplate
