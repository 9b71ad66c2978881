#include "text/constraint/token_trie.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "text/tokenizer.h"
#include "text/unicode.h"

namespace bedplate {
namespace {

/// The characters of a plain token.
std::optional<uint32_t> PlainLength(std::string_view text) {
  uint32_t characters = 0;
  for (size_t at = 0; at < text.size(); ++characters) {
    const CodePoint point = ReadUtf8(text, at);
    const bool broken = point.code == kBadByte && point.size == 1;
    if (broken || point.code < 0x20 || point.code == '"' || point.code == '\\') return std::nullopt;
    at += point.size;
  }
  return characters;
}

/// sorted: ascending by text, no text twice.
TokenTrie::Nodes MakeNodes(const std::vector<std::pair<std::string_view, int32_t>>& sorted) {
  TokenTrie::Nodes nodes;
  std::vector<uint32_t> open;  // the nodes of the text read last
  std::string_view before;
  const auto close = [&](size_t depth) {
    while (open.size() > depth) {
      nodes.beyond[open.back()] = static_cast<uint32_t>(nodes.byte.size());
      open.pop_back();
    }
  };
  for (const auto& [text, token] : sorted) {
    const auto shared = static_cast<size_t>(std::ranges::mismatch(before, text).in1 - before.begin());
    close(shared);
    for (size_t i = shared; i < text.size(); ++i) {
      open.push_back(static_cast<uint32_t>(nodes.byte.size()));
      nodes.byte.push_back(static_cast<uint8_t>(text[i]));
      nodes.depth.push_back(static_cast<uint16_t>(i + 1));
      nodes.beyond.push_back(0);
      nodes.token.push_back(-1);
    }
    nodes.token[open.back()] = token;
    before = text;
  }
  close(0);
  return nodes;
}

size_t NodeBytes(const TokenTrie::Nodes& nodes) {
  return nodes.byte.capacity() * (1 + sizeof(uint16_t) + sizeof(uint32_t) + sizeof(int32_t));
}

}  // namespace

TokenTrie::TokenTrie(const Tokenizer& tokenizer) {
  std::vector<std::string_view> texts(tokenizer.size());
  for (uint32_t id = 0; id < tokenizer.size(); ++id) {
    const TokenId token{static_cast<int32_t>(id)};
    const bool special = tokenizer.IsControl(token) || tokenizer.IsEndOfGeneration(token);
    if (!special && tokenizer.Kind(token) != TokenKind::kUnused) texts[id] = tokenizer.TokenBytes(token);
  }
  Build(texts);
}

TokenTrie::TokenTrie(std::span<const std::string_view> texts) {
  Build(texts);
}

void TokenTrie::Build(std::span<const std::string_view> texts) {
  same_.assign(texts.size(), -1);
  plain_.assign(kPlainLengths + 1, TokenMask(mask_words()));
  text_offsets_.assign(1, 0);
  std::vector<std::pair<std::string_view, int32_t>> sorted;
  for (size_t id = 0; id < texts.size(); ++id) {
    const bool kept = texts[id].size() <= kTokenBytesMax;
    if (kept) texts_ += texts[id];
    text_offsets_.push_back(static_cast<uint32_t>(texts_.size()));
    if (texts[id].empty() || !kept) continue;
    sorted.emplace_back(texts[id], static_cast<int32_t>(id));
    longest_ = std::max(longest_, static_cast<uint32_t>(texts[id].size()));
    const std::optional<uint32_t> plain = PlainLength(texts[id]);
    if (!plain.has_value()) continue;
    for (uint32_t k = std::min(*plain, kPlainLengths + 1); k <= kPlainLengths + 1; ++k) {
      plain_[k - 1][id / 64] |= uint64_t{1} << (id % 64);
    }
  }
  std::ranges::sort(sorted);
  // Spelled the same: the first stands for all.
  size_t kept = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (kept > 0 && sorted[kept - 1].first == sorted[i].first) {
      int32_t& next = same_[static_cast<size_t>(sorted[kept - 1].second)];
      same_[static_cast<size_t>(sorted[i].second)] = next;
      next = sorted[i].second;
    } else {
      sorted[kept++] = sorted[i];
    }
  }
  sorted.resize(kept);
  all_ = MakeNodes(sorted);
  std::vector<std::pair<std::string_view, int32_t>> rest, long_plain;
  for (const auto& entry : sorted) {
    const std::optional<uint32_t> plain = PlainLength(entry.first);
    if (!plain.has_value()) rest.push_back(entry);
    if (plain.value_or(0) > kPlainLengths) long_plain.push_back(entry);
  }
  rest_ = MakeNodes(rest);
  long_plain_ = MakeNodes(long_plain);
}

size_t TokenTrie::MemoryBytes() const {
  return NodeBytes(all_) + NodeBytes(rest_) + NodeBytes(long_plain_) + plain_.size() * mask_words() * 8 +
         same_.size() * sizeof(int32_t) + texts_.capacity() + text_offsets_.capacity() * sizeof(uint32_t);
}

}  // namespace bedplate
