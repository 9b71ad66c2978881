#pragma once
/// Amazon's event stream encoding (application/vnd.amazon.eventstream): messages one after another, numbers big-endian.
///
///   u32 length of the message, u32 length of its headers, u32 CRC-32 of those 8 bytes;
///   headers, each u8 length of its name, name, u8 type, value; here always of type 7: u16 length, text;
///   payload; u32 CRC-32 of all before it.
///
/// Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html (the format is the same for all
/// services).

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace bedplate::bedrock {

inline constexpr std::string_view kEventStreamType = "application/vnd.amazon.eventstream";

struct EventMessage {
  std::vector<std::pair<std::string, std::string>> headers;  // names of 1 to 255 bytes, values of at most 65535
  std::string payload;                                       // with the headers at most kMessageBytesMax
  bool operator==(const EventMessage&) const = default;
};
inline constexpr size_t kHeaderBytesMax = size_t{128} << 10;
inline constexpr size_t kMessageBytesMax = size_t{24} << 20;

void AppendMessage(const EventMessage& message, std::string& out);

/// Takes a message from the front of bytes; nullopt: it isn't whole yet. Errors: kDataLoss for a wrong length or
/// checksum, kUnimplemented for a header that isn't text; bytes are then as they were.
Result<std::optional<EventMessage>> TakeMessage(std::string_view& bytes);

/// An event of that name whose payload is JSON.
void AppendEvent(std::string_view type, std::string payload, std::string& out);
/// An exception's shape, in camel case ("throttlingException"). Nothing may follow it.
void AppendException(std::string_view type, std::string_view text, std::string& out);

}  // namespace bedplate::bedrock
