#pragma once
/// HTTP/1.1 between bytes and values: incremental, bounded, and the same result however the bytes were cut into reads
/// (http_fuzz.cc holds it to that). Sources: RFC 9110, RFC 9112.
///
/// A head is buffered until its blank line (at most head_bytes_max bytes) and then parsed in one go by Boost.Beast's
/// parser. Bodies are ours: Beast's parser reads trailers as if they were header fields, and its chunk decoder asserts
/// when a last chunk is cut after four bytes.
///
/// Errors, each of which ends the connection after its answer (HttpStatusOf gives the code):
///   kInvalidArgument  malformed; both lengths stated; no Host or two
///   kTooLarge         reason "header_fields_too_large", or the body's cap with its numbers
///   kUnimplemented    a transfer coding other than chunked; reason "http_version_not_supported"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "serve/http_message.h"

namespace bedplate {

struct HttpLimits {
  size_t head_bytes_max = size_t{16} << 10;  // request line and fields, blank line included
  size_t head_fields_max = 100;
  size_t body_bytes_max = size_t{8} << 20;
};

inline constexpr std::string_view kReasonHeadTooLarge = "header_fields_too_large";
inline constexpr std::string_view kReasonHttpVersion = "http_version_not_supported";
inline constexpr std::string_view kReasonExpectation = "expectation_failed";

/// The chunked transfer coding (RFC 9112, 7.1), decoded strictly: CRLF line ends, extensions and trailers skipped and
/// bounded (4 KiB each).
class ChunkDecoder {
 public:
  /// Takes bytes from the front of input until the body ends; appends what they carry. body may grow to body_bytes_max.
  Result<size_t> Take(std::string_view input, size_t body_bytes_max, std::string& body);
  [[nodiscard]] bool done() const { return state_ == State::kDone; }

 private:
  enum class State : uint8_t { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kTrailerLf, kDone };
  Status Step(char c, size_t body_bytes_max, size_t body_size);

  State state_ = State::kSize;
  uint64_t left_ = 0;     // bytes of this chunk still to come
  uint32_t digits_ = 0;   // of the size line
  uint32_t skipped_ = 0;  // bytes of extensions and trailers so far
  bool trailer_line_empty_ = true;
};

/// Reads one request. Make a new one for the next.
class HttpRequestReader {
 public:
  explicit HttpRequestReader(HttpLimits limits) : limits_(limits) {}

  /// Takes from the front of input what belongs to this request, and stops where the head or the request is complete.
  /// Returns the number of bytes taken; all of them, unless done() or head_done() just became true.
  Result<size_t> Take(std::string_view input);
  /// Once head_done(): allows this request's body less than the limits do. kTooLarge when its head promised more.
  Status LowerBodyMax(uint64_t body_bytes_max);

  [[nodiscard]] bool started() const { return !head_.empty() || head_done_; }
  [[nodiscard]] bool head_done() const { return head_done_; }
  [[nodiscard]] bool done() const { return done_; }
  /// Whole when done(); without body when only head_done().
  [[nodiscard]] HttpRequest& request() { return request_; }
  /// For messages: what is there of the body, and what was promised (none: chunked).
  [[nodiscard]] size_t body_received() const { return request_.body.size(); }
  [[nodiscard]] std::optional<uint64_t> body_length() const { return chunks_ ? std::nullopt : std::optional(length_); }

 private:
  Result<size_t> TakeHead(std::string_view input);
  Status ParseHead();
  Result<size_t> TakeBody(std::string_view input);

  HttpLimits limits_;
  std::string head_;
  size_t skipped_line_ends_ = 0;
  bool head_done_ = false;
  bool done_ = false;
  uint64_t length_ = 0;  // of the body, if not chunked
  std::optional<ChunkDecoder> chunks_;
  HttpRequest request_;
};

/// How a response's body is delimited.
enum class BodyFraming : uint8_t {
  kLength,   // Content-Length
  kChunked,  // HTTP/1.1 streams
  kClose,    // HTTP/1.0 streams: the connection's end
};

struct ResponseHeadOptions {
  bool http_1_1 = true;
  bool keep_alive = true;
  BodyFraming framing = BodyFraming::kLength;
  int64_t unix_seconds = 0;  // Date
};

/// Appends status line and fields, blank line included; the body is the caller's. CR and LF in values become spaces.
void AppendResponseHead(const HttpResponse& response, const ResponseHeadOptions& options, std::string& out);

/// Appends data (not empty) as one chunk.
void AppendChunk(std::string_view data, std::string& out);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string_view HttpReasonPhrase(int status);

/// "%41b" -> "Ab"; nullopt for a broken escape or a NUL.
std::optional<std::string> PercentDecode(std::string_view text);

}  // namespace bedplate
