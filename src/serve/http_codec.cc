#include "serve/http_codec.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <ctime>

#include "base/ascii.h"
#include "base/cat.h"

namespace bedplate {
namespace {

namespace http = boost::beast::http;
using BeastView = boost::beast::string_view;

// RFC 9110, 5.6.2.
bool IsTokenChar(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Collects what Beast finds in one head.
class HeadParser final : public http::basic_parser<true> {
 public:
  HeadParser(HttpRequest& request, size_t fields_max) : request_(request), fields_max_(fields_max) {
    body_limit(boost::none);  // the reader's own
  }
  std::string target;
  bool too_many = false;

 private:
  using Error = boost::beast::error_code;
  void on_request_impl(http::verb, BeastView method, BeastView the_target, int version, Error&) override {
    request_.method.assign(method.data(), method.size());
    target.assign(the_target.data(), the_target.size());
    request_.http_1_1 = version == 11;
  }
  void on_field_impl(http::field, BeastView name, BeastView value, Error& error) override {
    if (request_.fields.size() == fields_max_) {
      too_many = true;
      error = http::error::header_limit;
      return;
    }
    request_.fields.push_back({AsciiLower({name.data(), name.size()}), std::string(value.data(), value.size())});
  }
  void on_response_impl(int, BeastView, int, Error&) override {}
  void on_header_impl(Error&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, Error&) override {}
  std::size_t on_body_impl(BeastView, Error&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastView, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView, Error&) override { return 0; }
  void on_finish_impl(Error&) override {}

  HttpRequest& request_;
  size_t fields_max_;
};

Status BadRequest(std::string_view what) {
  return Status::InvalidArgument(Cat("bad HTTP request: ", what));
}

Status BodyTooLarge(uint64_t asked, size_t allowed, bool at_least) {
  return Status::TooLarge(
             Cat("the request body has ", at_least ? "at least " : "", asked, " bytes; allowed: ", allowed))
      .WithReason("request_too_large");
}

// "/path?query", "http://host/path?query" or "*" into path and query.
Status SplitTarget(std::string_view target, HttpRequest& request) {
  if (!target.starts_with('/') && target != "*") {
    const std::string lower = AsciiLower(target.substr(0, std::min<size_t>(target.size(), 8)));
    const size_t scheme = lower.starts_with("http://") ? 7 : lower.starts_with("https://") ? 8 : 0;
    if (scheme == 0) return BadRequest("the target must start with '/'");
    const size_t path = target.find_first_of("/?", scheme);
    target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
  }
  const size_t question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  if (request.path.empty()) request.path = "/";
  return Status::Ok();
}

Status CheckHost(const HttpRequest& request) {
  const auto hosts = std::count_if(request.fields.begin(), request.fields.end(),
                                   [](const HttpField& field) { return field.name == "host"; });
  if (hosts > 1) return BadRequest("more than one Host field");
  if (hosts == 0 && request.http_1_1) return BadRequest("HTTP/1.1 needs a Host field");
  return Status::Ok();
}

}  // namespace

Result<size_t> HttpRequestReader::Take(std::string_view input) {
  if (done_ || input.empty()) return size_t{0};
  return head_done_ ? TakeBody(input) : TakeHead(input);
}

Result<size_t> HttpRequestReader::TakeHead(std::string_view input) {
  size_t taken = 0;
  // RFC 9112, 2.2: empty lines before a request are skipped; a few of them.
  while (head_.empty() && taken < input.size() && (input[taken] == '\r' || input[taken] == '\n')) {
    if (++skipped_line_ends_ > 8) return BadRequest("empty lines instead of a request");
    ++taken;
  }
  const std::string_view rest = input.substr(taken);
  const size_t before = head_.size();
  const size_t room = limits_.head_bytes_max - before;
  head_.append(rest.substr(0, room));
  // What is no method (a TLS hello, say) is refused at its first wrong byte, not at the time-out.
  constexpr size_t kMethodMax = 24;
  for (size_t i = before; i < std::min(head_.size(), kMethodMax + 1); ++i) {
    if (head_[i] == ' ' && i > 0) break;
    if (head_.find(' ') < i) break;
    if (i == kMethodMax || !IsTokenChar(head_[i])) return BadRequest("it does not start with a method");
  }
  const size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (rest.size() < room) return input.size();
    return Status::TooLarge(Cat("the request's header fields take more than ", limits_.head_bytes_max, " bytes"))
        .WithReason(std::string(kReasonHeadTooLarge));
  }
  head_.resize(end + 4);
  BP_RETURN_IF_ERROR(ParseHead());
  return taken + head_.size() - before;
}

Status HttpRequestReader::ParseHead() {
  HeadParser parser(request_, limits_.head_fields_max);
  parser.header_limit(static_cast<uint32_t>(limits_.head_bytes_max + 1));
  boost::beast::error_code error;
  const size_t taken = parser.put(boost::asio::const_buffer(head_.data(), head_.size()), error);
  if (parser.too_many) {
    return Status::TooLarge(Cat("the request has more than ", limits_.head_fields_max, " header fields"))
        .WithReason(std::string(kReasonHeadTooLarge));
  }
  if (error == http::error::bad_version) {
    return Status::Unimplemented("only HTTP/1.1 and HTTP/1.0 are spoken here")
        .WithReason(std::string(kReasonHttpVersion));
  }
  if (error) return BadRequest(error.message());
  if (!parser.is_header_done() || taken != head_.size()) return BadRequest("the head does not end where it should");
  BP_RETURN_IF_ERROR(SplitTarget(parser.target, request_));
  BP_RETURN_IF_ERROR(CheckHost(request_));
  request_.keep_alive = parser.keep_alive();

  if (request_.Find("transfer-encoding") != nullptr) {
    if (!request_.http_1_1) return BadRequest("HTTP/1.0 has no Transfer-Encoding");
    if (parser.content_length()) return BadRequest("both Content-Length and Transfer-Encoding are given");
    if (AsciiLower(*request_.Find("transfer-encoding")) != "chunked" || !parser.chunked()) {
      return Status::Unimplemented("Transfer-Encoding other than chunked is not supported");
    }
    chunks_.emplace();
  } else if (const auto length = parser.content_length()) {
    length_ = *length;
  }
  if (length_ > limits_.body_bytes_max) return BodyTooLarge(length_, limits_.body_bytes_max, false);
  request_.has_body = chunks_ || length_ > 0;
  if (const std::string* expect = request_.Find("expect"); expect != nullptr && request_.http_1_1) {
    if (AsciiLower(*expect) != "100-continue") {
      return Status::InvalidArgument("only 'Expect: 100-continue' is supported")
          .WithReason(std::string(kReasonExpectation));
    }
    request_.expects_continue = request_.has_body;
  }
  head_done_ = true;
  done_ = !request_.has_body;
  // A claim of a large body is not memory yet: growth follows the bytes that came.
  request_.body.reserve(static_cast<size_t>(std::min<uint64_t>(length_, uint64_t{64} << 10)));
  return Status::Ok();
}

std::string CredentialsOf(const HttpRequest& head) {
  if (const std::string* key = head.Find("x-api-key")) return Cat("Bearer ", *key);
  const std::string* credentials = head.Find("authorization");
  return credentials == nullptr ? std::string() : *credentials;
}

Status HttpRequestReader::LowerBodyMax(uint64_t body_bytes_max) {
  limits_.body_bytes_max = static_cast<size_t>(std::min<uint64_t>(limits_.body_bytes_max, body_bytes_max));
  return length_ > limits_.body_bytes_max ? BodyTooLarge(length_, limits_.body_bytes_max, false) : Status::Ok();
}

Result<size_t> HttpRequestReader::TakeBody(std::string_view input) {
  if (chunks_) {
    BP_ASSIGN_OR_RETURN(const size_t taken, chunks_->Take(input, limits_.body_bytes_max, request_.body));
    done_ = chunks_->done();
    return taken;
  }
  const auto taken = static_cast<size_t>(std::min<uint64_t>(input.size(), length_ - request_.body.size()));
  request_.body.append(input.substr(0, taken));
  done_ = request_.body.size() == length_;
  return taken;
}

Result<size_t> ChunkDecoder::Take(std::string_view input, size_t body_bytes_max, std::string& body) {
  size_t i = 0;
  while (i < input.size() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const auto n = static_cast<size_t>(std::min<uint64_t>(left_, input.size() - i));
      body.append(input.substr(i, n));
      left_ -= n;
      i += n;
      if (left_ == 0) state_ = State::kDataCr;
      continue;
    }
    BP_RETURN_IF_ERROR(Step(input[i++], body_bytes_max, body.size()));
  }
  return i;
}

Status ChunkDecoder::Step(char c, size_t body_bytes_max, size_t body_size) {
  constexpr uint32_t kSkippedMax = 4096;
  const auto skip = [&] {
    return ++skipped_ <= kSkippedMax ? Status::Ok() : BadRequest("chunk extensions or trailers are too long");
  };
  switch (state_) {
    case State::kSize: {
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit >= 0) {
        if (++digits_ > 15) return BadRequest("a chunk's size has too many digits");
        left_ = left_ * 16 + static_cast<uint64_t>(digit);
        return Status::Ok();
      }
      if (digits_ == 0) return BadRequest("a chunk does not start with its size");
      if (c == '\r')
        state_ = State::kSizeLf;
      else if (c == ';' || c == ' ' || c == '\t')
        state_ = State::kExtension;
      else
        return BadRequest("a chunk's size is not hexadecimal");
      return Status::Ok();
    }
    case State::kExtension:
      if (c == '\r')
        state_ = State::kSizeLf;
      else if (c == '\n')
        return BadRequest("a chunk's size line ends without CR");
      return skip();
    case State::kSizeLf:
      if (c != '\n') return BadRequest("a chunk's size line ends without LF");
      if (left_ > body_bytes_max - body_size) return BodyTooLarge(body_size + left_, body_bytes_max, true);
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      digits_ = 0;
      trailer_line_empty_ = true;
      return Status::Ok();
    case State::kDataCr:
      if (c != '\r') return BadRequest("a chunk is longer than its size");
      state_ = State::kDataLf;
      return Status::Ok();
    case State::kDataLf:
      if (c != '\n') return BadRequest("a chunk is longer than its size");
      state_ = State::kSize;
      return Status::Ok();
    case State::kTrailer:
      if (c == '\r') {
        state_ = State::kTrailerLf;
        return Status::Ok();
      }
      if (c == '\n') return BadRequest("a trailer ends without CR");
      trailer_line_empty_ = false;
      return skip();
    case State::kTrailerLf:
      if (c != '\n') return BadRequest("a trailer ends without LF");
      state_ = trailer_line_empty_ ? State::kDone : State::kTrailer;
      trailer_line_empty_ = true;
      return Status::Ok();
    case State::kData:
    case State::kDone:
      break;
  }
  return Status::Internal("chunk decoder in a state without bytes");
}

std::string_view HttpReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

namespace {

// IMF-fixdate (RFC 9110, 5.6.7), independent of the locale.
void AppendDate(int64_t unix_seconds, std::string& out) {
  constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<time_t>(unix_seconds);
  tm utc{};
  gmtime_r(&seconds, &utc);
  fmt::format_to(std::back_inserter(out), "{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday,
                 kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

void AppendField(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ");
  for (const char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  out += "\r\n";
}

}  // namespace

void AppendResponseHead(const HttpResponse& response, const ResponseHeadOptions& options, std::string& out) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\ndate: ", response.status,
                 HttpReasonPhrase(response.status));
  AppendDate(options.unix_seconds, out);
  out += "\r\n";
  for (const HttpField& field : response.fields) AppendField(field.name, field.value, out);
  switch (options.framing) {
    case BodyFraming::kLength:
      if (response.status != 304) AppendField("content-length", Cat(response.body.size()), out);
      break;
    case BodyFraming::kChunked:
      out += "transfer-encoding: chunked\r\n";
      break;
    case BodyFraming::kClose:
      break;
  }
  if (!options.keep_alive)
    out += "connection: close\r\n";
  else if (!options.http_1_1)
    out += "connection: keep-alive\r\n";
  out += "\r\n";
}

void AppendChunk(std::string_view data, std::string& out) {
  char size[16];
  const auto [end, error] = std::to_chars(size, size + sizeof size, data.size(), 16);
  BP_CHECK(error == std::errc() && !data.empty());
  out.append(size, end).append("\r\n").append(data).append("\r\n");
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 3 > text.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (error != std::errc() || end != text.data() + i + 3 || value == 0) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

}  // namespace bedplate
