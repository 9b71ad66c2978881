// Bytes make a small vocabulary, perhaps a damaged one, and a text. What Create() accepts must encode any text without
// a crash, give back its bytes, and not depend on where the text is cut.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/tokenizer.h"
#include "text/tokenizer_stream.h"
#include "text/tokenizer_test_specs.h"

namespace {

using namespace bedplate;

constexpr const char* kPres[] = {"gpt-2",          "llama-bpe", "qwen2",  "qwen35", "smollm", "deepseek-llm",
                                 "deepseek-coder", "falcon",    "gpt-4o", "tekken", "default"};

/// Takes the fuzzer's bytes one by one; zeros when they are used up.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view Take(size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

/// A vocabulary from a seed, with up to 7 of its parts overwritten by the input.
TokenizerSpec MakeSpec(Input& input) {
  const uint8_t shape = input.Byte();
  TokenizerSpec spec = (shape & 1) != 0 ? SmallSentencePieceSpec(input.Byte(), 40) : SmallBpeSpec(input.Byte(), 40);
  spec.pre = kPres[input.Byte() % std::size(kPres)];
  spec.ignore_merges = (shape & 2) != 0;
  spec.add_space_prefix = (shape & 4) != 0;
  spec.remove_extra_whitespaces = (shape & 8) != 0;
  for (int damages = input.Byte() & 7; damages > 0; --damages) {
    const size_t at = static_cast<size_t>(input.Byte() << 8 | input.Byte());
    const std::string value(input.Take(input.Byte() & 15));
    switch (input.Byte() % 5) {
      case 0:
        spec.tokens[at % spec.tokens.size()] = value;
        break;
      case 1:
        spec.kinds[at % spec.kinds.size()] = static_cast<TokenKind>(value.size() % 7);
        break;
      case 2:
        if (!spec.merges.empty()) spec.merges[at % spec.merges.size()] = value;
        break;
      case 3:
        spec.tokens.push_back(value);
        spec.kinds.push_back(TokenKind::kUserDefined);
        if (!spec.scores.empty()) spec.scores.push_back(static_cast<float>(at));
        break;
      case 4:
        spec.bos = TokenId{static_cast<int32_t>(at)};
        break;
    }
  }
  return spec;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(std::string_view(reinterpret_cast<const char*>(data), size));
  TokenizerSpec spec = MakeSpec(input);
  const bool plain = !spec.add_space_prefix.value_or(true) && !spec.remove_extra_whitespaces;
  const Result<std::unique_ptr<Tokenizer>> created = Tokenizer::Create(spec);
  if (!created.ok()) {
    BP_CHECK(!created.status().message().empty());
    return 0;
  }
  const Tokenizer& tokenizer = **created;
  const size_t cut = input.Byte();
  const std::string_view text = input.rest();
  const std::vector<TokenId> ids = tokenizer.Encode(text, {.add_bos = false});
  for (const TokenId id : ids) BP_CHECK(tokenizer.Contains(id));

  const TextSegment halves[] = {{text.substr(0, cut), true}, {text.substr(std::min(cut, text.size())), false}};
  const TextSegment untrusted[] = {{halves[0].text, false}, {halves[1].text, false}};
  BP_CHECK(tokenizer.EncodeSegments(untrusted, {.add_bos = false}) == ids);
  (void)tokenizer.EncodeSegments(halves);

  StreamDecoder decoder(tokenizer, {.text_start = true});
  std::string streamed;
  for (const TokenId id : ids) streamed += decoder.Push(id);
  streamed += decoder.Flush();
  BP_CHECK(streamed == ToValidUtf8(tokenizer.Decode(ids)));

  const bool has_mark = text.find("\xE2\x96\x81") != std::string_view::npos;
  const bool lossless = tokenizer.missing_bytes().none() && (tokenizer.model() == "gpt2" || (plain && !has_mark));
  if (lossless) BP_CHECK(tokenizer.Decode(ids) == text);
  return 0;
}
