#include "serve/bedrock/event_message.h"

#include <boost/crc.hpp>

#include "base/cat.h"
#include "base/check.h"
#include "base/json.h"

namespace bedplate::bedrock {
namespace {

constexpr size_t kPreludeBytes = 12;
constexpr size_t kChecksumBytes = 4;
constexpr char kTextType = 7;

uint32_t Crc32(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

void AppendNumber(uint64_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 255);
}

uint32_t NumberAt(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

Status Broken(std::string_view what) {
  return Status::DataLoss(Cat("event stream: ", what));
}

Result<std::vector<std::pair<std::string, std::string>>> ReadHeaders(std::string_view bytes) {
  std::vector<std::pair<std::string, std::string>> headers;
  while (!bytes.empty()) {
    const size_t name = NumberAt(bytes, 0, 1);
    if (name == 0 || bytes.size() < 1 + name + 1) return Broken("a header's name is empty or cut off");
    const char type = bytes[1 + name];
    if (type != kTextType)
      return Status::Unimplemented(Cat("event stream: a header of type ", int{type}, "; only text"));
    const size_t value = 1 + name + 1 + 2;
    if (bytes.size() < value) return Broken("a header is cut off");
    const size_t length = NumberAt(bytes, value - 2, 2);
    if (bytes.size() < value + length) return Broken("a header's value is cut off");
    headers.emplace_back(bytes.substr(1, name), bytes.substr(value, length));
    bytes.remove_prefix(value + length);
  }
  return headers;
}

}  // namespace

void AppendMessage(const EventMessage& message, std::string& out) {
  std::string headers;
  for (const auto& [name, value] : message.headers) {
    BP_CHECK(!name.empty() && name.size() <= 255 && value.size() <= 65535);
    AppendNumber(name.size(), 1, headers);
    headers.append(name) += kTextType;
    AppendNumber(value.size(), 2, headers);
    headers += value;
  }
  const size_t length = kPreludeBytes + headers.size() + message.payload.size() + kChecksumBytes;
  BP_CHECK(headers.size() <= kHeaderBytesMax && length <= kMessageBytesMax);
  const size_t begin = out.size();
  AppendNumber(length, 4, out);
  AppendNumber(headers.size(), 4, out);
  AppendNumber(Crc32(std::string_view(out).substr(begin)), 4, out);
  out.append(headers).append(message.payload);
  AppendNumber(Crc32(std::string_view(out).substr(begin)), 4, out);
}

Result<std::optional<EventMessage>> TakeMessage(std::string_view& bytes) {
  if (bytes.size() < kPreludeBytes) return std::optional<EventMessage>();
  const size_t length = NumberAt(bytes, 0, 4), headers = NumberAt(bytes, 4, 4);
  if (Crc32(bytes.substr(0, 8)) != NumberAt(bytes, 8, 4))
    return Broken("a message's lengths don't have their checksum");
  if (headers > kHeaderBytesMax || length > kMessageBytesMax || length < kPreludeBytes + headers + kChecksumBytes) {
    return Broken(Cat("a message of ", length, " bytes with ", headers, " of headers"));
  }
  if (bytes.size() < length) return std::optional<EventMessage>();
  const size_t end = length - kChecksumBytes;
  if (Crc32(bytes.substr(0, end)) != NumberAt(bytes, end, 4)) return Broken("a message doesn't have its checksum");
  EventMessage message;
  BP_ASSIGN_OR_RETURN(message.headers, ReadHeaders(bytes.substr(kPreludeBytes, headers)));
  message.payload = bytes.substr(kPreludeBytes + headers, end - kPreludeBytes - headers);
  bytes.remove_prefix(length);
  return std::optional(std::move(message));
}

void AppendEvent(std::string_view type, std::string payload, std::string& out) {
  AppendMessage({.headers = {{":event-type", std::string(type)},
                             {":content-type", "application/json"},
                             {":message-type", "event"}},
                 .payload = std::move(payload)},
                out);
}

void AppendException(std::string_view type, std::string_view text, std::string& out) {
  AppendMessage({.headers = {{":exception-type", std::string(type)},
                             {":content-type", "application/json"},
                             {":message-type", "exception"}},
                 .payload = WriteJson(Json::Object{{"message", std::string(text)}})},
                out);
}

}  // namespace bedplate::bedrock
