// Bytes choose a small vocabulary and damage its tables, a few bytes here and there. What Open() accepts must encode
// and decode any text without a crash, whatever it makes of it.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/check.h"
#include "text/tokenizer.h"
#include "text/tokenizer_test_specs.h"

namespace {

using namespace bedplate;

uint32_t Number(std::string_view& input, size_t bytes) {
  uint32_t number = 0;
  for (; bytes > 0; --bytes) {
    number = number << 8 | (input.empty() ? 0 : static_cast<uint8_t>(input[0]));
    input.remove_prefix(input.empty() ? 0 : 1);
  }
  return number;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const uint32_t shape = Number(input, 1);
  TokenizerSpec spec = (shape & 1) != 0 ? SmallSentencePieceSpec(shape, 40) : SmallBpeSpec(shape, 40);
  if ((shape & 2) != 0) spec.pre = "llama-bpe";
  const auto good = Tokenizer::Create(spec);
  BP_CHECK(good.ok());
  const std::span<const std::byte> tables = (*good)->tables().bytes;
  auto damaged = std::make_shared<std::vector<std::byte>>(tables.begin(), tables.end());
  for (uint32_t damages = Number(input, 1) & 15; damages > 0; --damages) {
    const size_t at = Number(input, 3) % damaged->size();
    const uint32_t value = Number(input, 4);
    std::memcpy(damaged->data() + at, &value, std::min(sizeof value, damaged->size() - at));
  }
  if ((shape & 4) != 0) damaged->resize(Number(input, 3) % damaged->size());
  const std::span<const std::byte> bytes = *damaged;
  const auto opened = Tokenizer::Open({.owner = std::move(damaged), .bytes = bytes});
  if (!opened.ok()) {
    BP_CHECK(!opened.status().message().empty());
    return 0;
  }
  const Tokenizer& tokenizer = **opened;
  const TextSegment segment{.text = input, .trusted = true};
  const std::vector<TokenId> ids = tokenizer.EncodeSegments({&segment, 1});
  for (const TokenId id : ids) BP_CHECK(tokenizer.Contains(id));
  (void)tokenizer.Decode(ids, {.special = true});
  (void)tokenizer.TokensAtLeast({&segment, 1});
  return 0;
}
