#pragma once
/// A TCP client for serve/'s tests that sends exactly the bytes it is told to, and reads one HTTP answer at a time.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {

struct RawAnswer {
  int status = 0;  // 0: the connection ended before a head
  std::map<std::string, std::string> fields;
  std::string body;
  bool complete = false;  // the body's end was seen
};

class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    BP_CHECK(socket_ >= 0);
    if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BP_CHECK(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// False when the other side is gone.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void HalfClose() { ::shutdown(socket_, SHUT_WR); }
  void Close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  /// Closes with a reset instead of an end.
  void Reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    Close();
  }

  /// Reads until the text appears; what came up to there, or nullopt at the end or after the time.
  std::optional<std::string> ReadUntil(std::string_view text, int wait_ms = 10'000) {
    size_t end = std::string::npos;
    while ((end = buffer_.find(text)) == std::string::npos) {
      if (!ReadSome(wait_ms)) return std::nullopt;
    }
    std::string out = buffer_.substr(0, end + text.size());
    buffer_.erase(0, end + text.size());
    return out;
  }
  /// True once the other side has closed, whatever it still sends before.
  bool WaitForEnd(int wait_ms = 10'000) {
    while (ReadSome(wait_ms)) {
    }
    return ended_;
  }

  RawAnswer Answer(bool head_only = false) {
    RawAnswer answer;
    const auto head = ReadUntil("\r\n\r\n");
    if (!head) return answer;
    answer.status = std::stoi(head->substr(9, 3));
    for (size_t line = head->find("\r\n") + 2; line + 2 < head->size();) {
      const size_t end = head->find("\r\n", line);
      const size_t colon = head->find(": ", line);
      answer.fields[head->substr(line, colon - line)] = head->substr(colon + 2, end - colon - 2);
      line = end + 2;
    }
    if (head_only || answer.status == 304 || answer.status == 100)
      answer.complete = true;
    else if (answer.fields.contains("transfer-encoding"))
      ReadChunks(answer);
    else if (answer.fields.contains("content-length"))
      ReadLength(std::stoul(answer.fields["content-length"]), answer);
    else {
      WaitForEnd();
      answer.body = std::exchange(buffer_, {});
      answer.complete = ended_;
    }
    return answer;
  }

 private:
  bool ReadSome(int wait_ms) {
    pollfd poll{socket_, POLLIN, 0};
    if (::poll(&poll, 1, wait_ms) <= 0) return false;
    char bytes[16384];
    const ssize_t n = ::recv(socket_, bytes, sizeof bytes, 0);
    ended_ = n <= 0;
    if (n > 0) buffer_.append(bytes, static_cast<size_t>(n));
    return n > 0;
  }
  void ReadLength(size_t length, RawAnswer& answer) {
    while (buffer_.size() < length && ReadSome(10'000)) {
    }
    answer.complete = buffer_.size() >= length;
    answer.body += buffer_.substr(0, length);
    buffer_.erase(0, length);
  }
  void ReadChunks(RawAnswer& answer) {
    while (const auto line = ReadUntil("\r\n")) {
      const size_t size = std::stoul(*line, nullptr, 16);
      answer.complete = false;
      ReadLength(size, answer);
      if (!answer.complete || !ReadUntil("\r\n")) break;
      if (size == 0) return;
    }
    answer.complete = false;
  }

  int socket_;
  std::string buffer_;
  bool ended_ = false;
};

/// A POST with a JSON body.
inline std::string PostText(std::string_view path, std::string_view body, std::string_view more_fields = "") {
  return Cat("POST ", path, " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n", more_fields,
             "Content-Length: ", body.size(), "\r\n\r\n", body);
}
inline std::string GetText(std::string_view path, std::string_view more_fields = "") {
  return Cat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n", more_fields, "\r\n");
}

}  // namespace bedplate
