// Method: tables of requests, each read whole and cut at every byte; then how answers are written.
#include "serve/http_codec.h"

#include <gtest/gtest.h>

#include "base/cat.h"
#include "serve/http_status.h"

namespace bedplate {
namespace {

struct ReadResult {
  Status status;
  HttpRequest request;
  bool done = false;
  size_t taken = 0;
};

// Feeds pieces of at most piece bytes.
ReadResult ReadInPieces(std::string_view bytes, size_t piece, HttpLimits limits = {}) {
  HttpRequestReader reader(limits);
  ReadResult out;
  while (!bytes.empty() && !reader.done()) {
    std::string_view now = bytes.substr(0, piece);
    while (!now.empty() && !reader.done()) {
      const Result<size_t> taken = reader.Take(now);
      if (!taken.ok()) {
        out.status = taken.status();
        return out;
      }
      now.remove_prefix(*taken);
      bytes.remove_prefix(*taken);
      out.taken += *taken;
    }
  }
  out.done = reader.done();
  out.request = reader.request();
  return out;
}

TEST(HttpRequestReader, ReadsAlikeHoweverTheBytesAreCut) {
  const std::string chunks = "3\r\nhel\r\n002;a=\"b\"\r\nlo\r\n0\r\nT: x\r\n\r\n";
  const std::string requests[] = {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\n\r\nGET /x?y=1&z HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Fold: a\r\n b\r\n\r\n",
      "POST /v1 HTTP/1.1\r\nhOsT: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST /v1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n" + chunks,
      "GET http://a:1/p?q HTTP/1.0\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  };
  for (const std::string& bytes : requests) {
    const ReadResult whole = ReadInPieces(bytes + "GET / next", bytes.size() + 10);
    ASSERT_TRUE(whole.status.ok()) << whole.status.message() << bytes;
    EXPECT_TRUE(whole.done);
    EXPECT_EQ(whole.taken, bytes.size()) << bytes;
    for (size_t piece = 1; piece < bytes.size(); ++piece) {
      const ReadResult cut = ReadInPieces(bytes, piece);
      EXPECT_EQ(cut.request, whole.request) << piece << bytes;
      EXPECT_TRUE(cut.done);
    }
  }
}

TEST(HttpRequestReader, GivesTheParts) {
  const HttpRequest chunked =
      ReadInPieces(
          "POST /a%20b?c=d HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\nTransfer-Encoding: chunked\r\n\r\n"
          "A\r\n0123456789\r\n0\r\nHost: evil\r\n\r\n",
          1000)
          .request;
  EXPECT_EQ(chunked.method, "POST");
  EXPECT_EQ(chunked.path, "/a%20b");
  EXPECT_EQ(chunked.query, "c=d");
  EXPECT_EQ(chunked.body, "0123456789");
  EXPECT_EQ(*chunked.Find("x-a"), "1");
  EXPECT_EQ(*chunked.Find("host"), "h");
  EXPECT_EQ(chunked.fields.size(), 3u) << "a trailer became a field";
  EXPECT_TRUE(chunked.keep_alive);
  EXPECT_FALSE(ReadInPieces("GET / HTTP/1.0\r\n\r\n", 99).request.keep_alive);
  EXPECT_TRUE(ReadInPieces("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 99).request.keep_alive);
  EXPECT_EQ(ReadInPieces("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", 99).request.path, "/");
}

TEST(HttpRequestReader, RefusesWhatIsWrong) {
  struct Case {
    std::string bytes;
    int status;
  };
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET noslash HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"\x80", 400},
      {" GET", 400},
      {std::string(30, 'A'), 400},
      {std::string(20, '\n'), 400},
      {post + "Content-Length: x\r\n\r\n", 400},
      {post + "Content-Length: -1\r\n\r\n", 400},
      {post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
      {post + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {post + "Expect: 200-maybe\r\n\r\n", 417},
      {post + "Content-Length: 99999999\r\n\r\n", 413},
      {post + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n1\nx", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n0000000000000001\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", 413},
      {post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(5000, 'e'), 400},
      {"GET /" + std::string(20000, 'a'), 431},
      {"GET / HTTP/1.1\r\nHost: a\r\n" + std::string(16384, 'b') + ": c\r\n\r\n", 431},
  };
  for (const Case& c : cases) {
    for (const size_t piece : {c.bytes.size(), size_t{1}, size_t{7}}) {
      const ReadResult result = ReadInPieces(c.bytes, piece);
      EXPECT_FALSE(result.status.ok()) << c.bytes.substr(0, 100);
      EXPECT_EQ(HttpStatusOf(result.status), c.status) << c.bytes.substr(0, 100) << " -> " << result.status.message();
    }
  }
}

TEST(HttpRequestReader, LimitsAreExact) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  HttpLimits limits;
  limits.head_bytes_max = head.size();
  EXPECT_TRUE(ReadInPieces(head, 3, limits).done);
  limits.head_bytes_max = head.size() - 1;
  EXPECT_EQ(HttpStatusOf(ReadInPieces(head, 3, limits).status), 431);
  limits = {};
  limits.head_fields_max = 1;
  EXPECT_TRUE(ReadInPieces(head, 3, limits).done);
  EXPECT_EQ(HttpStatusOf(ReadInPieces("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", 99, limits).status), 431);
  limits = {};
  limits.body_bytes_max = 4;
  EXPECT_TRUE(ReadInPieces("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd", 9, limits).done);
  const ReadResult chunked = ReadInPieces(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n", 9, limits);
  EXPECT_EQ(HttpStatusOf(chunked.status), 413);
  EXPECT_EQ(chunked.status.message(), "the request body has at least 5 bytes; allowed: 4");
}

TEST(HttpResponse, HeadIsWrittenAsHttp11) {
  std::string out;
  AppendResponseHead(
      {.status = 429, .fields = {{"x-a", "1\r\nSet-Cookie: evil"}}, .body = "12345"},
      {.http_1_1 = true, .keep_alive = false, .framing = BodyFraming::kLength, .unix_seconds = 784111777}, out);
  EXPECT_EQ(out,
            "HTTP/1.1 429 Too Many Requests\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\nx-a: 1  Set-Cookie: evil\r\n"
            "content-length: 5\r\nconnection: close\r\n\r\n");
  out.clear();
  AppendChunk(std::string(26, 'z'), out);
  EXPECT_EQ(out, "1a\r\n" + std::string(26, 'z') + "\r\n");
}

TEST(PercentDecode, DecodesOrRefuses) {
  EXPECT_EQ(PercentDecode("a%2Fb%3ac"), "a/b:c");
  EXPECT_EQ(PercentDecode("%"), std::nullopt);
  EXPECT_EQ(PercentDecode("%4"), std::nullopt);
  EXPECT_EQ(PercentDecode("%zz"), std::nullopt);
  EXPECT_EQ(PercentDecode("%00"), std::nullopt);
}

}  // namespace
}  // namespace bedplate
