#include "ledger/tenancy/key_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/ascii.h"
#include "base/cat.h"
#include "base/check.h"
#include "ledger/new_key.h"

namespace bedplate {
namespace {

constexpr std::string_view kBase62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kCheckedLength = kKeyTextLength - kKeyCheckLength;

// Of a byte at a time: the polynomial of IEEE 802.3, bits reversed.
constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest & 1) != 0 ? 0xEDB88320u ^ (rest >> 1) : rest >> 1;
    table[byte] = rest;
  }
  return table;
}

uint32_t Crc32(std::string_view text) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = ~uint32_t{0};
  for (const char c : text) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

// 62^6 is above 2^32, so every check has its six letters.
std::array<char, kKeyCheckLength> CheckOf(std::string_view checked) {
  std::array<char, kKeyCheckLength> letters{};
  uint32_t crc = Crc32(checked);
  for (size_t i = letters.size(); i-- > 0; crc /= kBase62.size()) letters[i] = kBase62[crc % kBase62.size()];
  return letters;
}

bool IsBase62(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

bool IsKeyId(std::string_view id) {
  return id.size() == kKeyIdLength &&
         std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); });
}

std::optional<std::string_view> KeyIdOf(std::string_view text) {
  if (text.size() != kKeyTextLength || !text.starts_with(kKeyPrefix)) return std::nullopt;
  const std::string_view id = text.substr(kKeyPrefix.size(), kKeyIdLength);
  const std::string_view secret = text.substr(kKeyPrefix.size() + kKeyIdLength + 1);
  if (!IsKeyId(id) || text[kKeyPrefix.size() + kKeyIdLength] != '_' || !std::ranges::all_of(secret, IsBase62)) {
    return std::nullopt;
  }
  return std::ranges::equal(text.substr(kCheckedLength), CheckOf(text.substr(0, kCheckedLength))) ? std::optional(id)
                                                                                                  : std::nullopt;
}

// An id is no secret, so that its letters are not even between the cases doesn't matter.
Result<std::string> NewKeyId() {
  BP_ASSIGN_OR_RETURN(const std::string id, RandomLetters(kKeyIdLength));
  return AsciiLower(id);
}

Result<std::string> NewKeyText(std::string_view id) {
  BP_CHECK(IsKeyId(id));
  BP_ASSIGN_OR_RETURN(const std::string secret, RandomLetters(kKeySecretLength));
  std::string text = Cat(kKeyPrefix, id, "_", secret);
  const auto check = CheckOf(text);
  text.append(check.data(), check.size());
  return text;
}

std::string WithoutKeys(std::string_view text) {
  std::string out;
  for (size_t from = 0;;) {
    const size_t found = text.find(kKeyPrefix, from);
    out += text.substr(from, found - from);
    if (found == std::string_view::npos) return out;
    size_t end = found + kKeyPrefix.size();
    while (end < text.size() && IsBase62(text[end])) ++end;  // the id, as far as it can be one
    const std::string_view id = text.substr(found, std::min(end - found, kKeyPrefix.size() + kKeyIdLength));
    while (end < text.size() && (IsBase62(text[end]) || text[end] == '_')) ++end;
    out += Cat(id, "...");
    from = end;
  }
}

}  // namespace bedplate
