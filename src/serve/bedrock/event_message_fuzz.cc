// Bytes as a stream of messages: what is read is what was written, byte for byte. And bytes as a message: it comes back
// whole, and never with a bit flipped.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "serve/bedrock/event_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  using namespace bedplate::bedrock;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (std::string_view rest = input;;) {
    const std::string_view before = rest;
    const auto taken = TakeMessage(rest);
    if (!taken.ok() || !taken->has_value()) break;
    std::string again;
    AppendMessage(**taken, again);
    BP_CHECK(before.substr(0, before.size() - rest.size()) == again);
  }

  EventMessage message;
  if (size > 2) message.headers.emplace_back("name", std::string(input.substr(0, size % 7)));
  message.payload = input;
  std::string bytes;
  AppendMessage(message, bytes);
  std::string_view rest = bytes;
  auto taken = TakeMessage(rest);
  BP_CHECK(taken.ok() && *taken == message && rest.empty());
  size_t hash = size;
  for (const char c : input) hash = hash * 31 + static_cast<unsigned char>(c);
  bytes[hash % bytes.size()] ^= static_cast<char>(1 << hash / bytes.size() % 8);
  rest = bytes;
  BP_CHECK(!TakeMessage(rest).ok());
  return 0;
}
