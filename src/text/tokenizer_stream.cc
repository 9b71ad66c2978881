#include "text/tokenizer_stream.h"

#include <algorithm>
#include <utility>

#include "text/unicode.h"

namespace bedplate {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// The maximal subpart at text[at], which begins no well-formed character: its bytes, and whether more bytes could
/// still complete it (they are missing only because the text ends).
struct Subpart {
  size_t size;
  bool may_complete;
};
Subpart SubpartAt(std::string_view text, size_t at) {
  const auto byte = [text](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t lead = byte(at);
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  // Table 3-7 of the Unicode Standard: what may follow the lead directly is narrower for five of them.
  uint32_t low = 0x80;
  uint32_t high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  const size_t whole = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  size_t size = 1;
  while (size < whole && at + size < text.size() && byte(at + size) >= low && byte(at + size) <= high) {
    ++size;
    low = 0x80;
    high = 0xBF;
  }
  return {size, at + size == text.size()};
}

}  // namespace

std::string ToValidUtf8(std::string_view text, std::string* held) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = ReadUtf8(text, at);
    if (point.code != kBadByte || point.size > 1) {
      out.append(text, at, point.size);
      at += point.size;
      continue;
    }
    const Subpart subpart = SubpartAt(text, at);
    if (subpart.may_complete && held != nullptr) {
      held->assign(text, at);
      return out;
    }
    out += kReplacement;
    at += subpart.size;
  }
  if (held != nullptr) held->clear();
  return out;
}

std::string StreamDecoder::Push(TokenId id) {
  if (tokenizer_.IsControl(id)) {
    if (!options_.special && std::ranges::find(options_.spelled, id) == options_.spelled.end()) return {};
    return ToValidUtf8(std::exchange(held_, {}) += tokenizer_.TokenText(id), &held_);
  }
  std::string_view bytes = tokenizer_.TokenBytes(id);
  const bool at_start = options_.text_start && !std::exchange(started_, true);
  if (at_start && tokenizer_.adds_space_prefix() && bytes.starts_with(' ')) bytes.remove_prefix(1);
  return ToValidUtf8(std::exchange(held_, {}) += bytes, &held_);
}

std::string StreamDecoder::Flush() {
  started_ = false;
  return ToValidUtf8(std::exchange(held_, {}));
}

}  // namespace bedplate
