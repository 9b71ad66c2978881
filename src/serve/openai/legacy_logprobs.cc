#include "serve/openai/legacy_logprobs.h"

#include <utf8proc.h>

#include "base/cat.h"
#include "base/json.h"
#include "serve/openai/encode.h"

namespace bedplate::openai {
namespace {

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    int32_t codepoint = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const uint8_t*>(text.data()),
                                         static_cast<utf8proc_ssize_t>(text.size()), &codepoint);
    if (length <= 0) return false;
    text.remove_prefix(static_cast<size_t>(length));
  }
  return true;
}

// Characters that begin in these bytes, so that the pieces of one split over tokens count once.
size_t CharactersBegun(std::string_view bytes) {
  size_t count = 0;
  for (const char c : bytes) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

void AppendItem(std::string_view json, std::string& list) {
  if (!list.empty()) list += ',';
  list += json;
}

std::string Quoted(std::string_view text) {
  std::string out;
  JsonWriter(out).String(text);
  return out;
}

std::string Number(float logprob) {
  std::string out;
  JsonWriter(out).Float(PrintableLogprob(logprob));
  return out;
}

}  // namespace

std::string LegacyTokenName(const std::string& bytes) {
  if (IsUtf8(bytes)) return bytes;
  std::string out = "bytes:";
  for (const char c : bytes) fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}

void LegacyLogprobs::AddToken(const std::string& bytes, std::optional<float> logprob) {
  AppendItem(Quoted(LegacyTokenName(bytes)), tokens_);
  AppendItem(logprob ? Number(*logprob) : "null", token_logprobs_);
  AppendItem(Cat(offset_), text_offset_);
  offset_ += CharactersBegun(bytes);
}

void LegacyLogprobs::Add(const TokenLogprob& logprob) {
  AddToken(logprob.chosen.bytes, logprob.chosen.logprob);
  std::string top;
  JsonWriter w(top);
  w.BeginObject();
  bool has_chosen = false;
  const auto write = [&](const TokenAlternative& token) {
    w.Key(LegacyTokenName(token.bytes));
    w.Float(PrintableLogprob(token.logprob));
  };
  for (const TokenAlternative& alternative : logprob.top) {
    has_chosen = has_chosen || alternative.token == logprob.chosen.token;
    write(alternative);
  }
  if (!has_chosen) write(logprob.chosen);
  w.EndObject();
  AppendItem(top, top_logprobs_);
}

void LegacyLogprobs::AddPrompt(const PromptRead& prompt) {
  size_t rest = 0;
  for (const auto& logprob : prompt.prompt_logprobs) rest += logprob ? logprob->chosen.bytes.size() : 0;
  const size_t first = prompt.prompt_text.size() >= rest ? prompt.prompt_text.size() - rest : 0;
  for (size_t i = 0; i < prompt.prompt_logprobs.size(); ++i) {
    if (prompt.prompt_logprobs[i]) {
      Add(*prompt.prompt_logprobs[i]);
      continue;
    }
    AddToken(i == 0 ? prompt.prompt_text.substr(0, first) : std::string(), std::nullopt);
    AppendItem("null", top_logprobs_);
  }
}

void LegacyLogprobs::AppendJson(std::string& out) {
  out.append("{\"tokens\":[").append(tokens_).append("],\"token_logprobs\":[").append(token_logprobs_);
  out.append("],\"top_logprobs\":[")
      .append(top_logprobs_)
      .append("],\"text_offset\":[")
      .append(text_offset_)
      .append("]}");
  tokens_.clear();
  token_logprobs_.clear();
  top_logprobs_.clear();
  text_offset_.clear();
}

}  // namespace bedplate::openai
