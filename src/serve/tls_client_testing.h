#pragma once
/// A blocking TLS client for serve/'s tests, which trusts one certificate, and can cut a connection as clients do.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"

namespace bedplate {

class TlsClient {
 public:
  TlsClient(uint16_t port, const std::string& trusted_pem, int version_max = TLS1_3_VERSION)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)), context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BP_CHECK(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const timeval wait{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_max_proto_version(context_.get(), version_max);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_security_level(context_.get(), 0);  // or OpenSSL itself would refuse to offer TLS 1.1
    BIO* const bio = BIO_new_mem_buf(trusted_pem.data(), static_cast<int>(trusted_pem.size()));
    X509* const trusted = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    if (trusted != nullptr) X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), trusted);
    X509_free(trusted);
    ssl_.reset(SSL_new(context_.get()), &SSL_free);
    SSL_set1_host(ssl_.get(), "localhost");
    SSL_set_fd(ssl_.get(), socket_);
  }
  ~TlsClient() { Cut(); }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool Handshake() { return SSL_connect(ssl_.get()) == 1; }
  bool Send(std::string_view bytes) {
    size_t sent = 0;
    return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) == 1;
  }
  /// Reads until the text has come; false at the end.
  bool ReadUntil(std::string_view text) {
    while (seen_.find(text) == std::string::npos) {
      if (!ReadSome()) return false;
    }
    return true;
  }
  /// Everything up to the end. True when the server said that it is one, false when the connection was cut.
  bool ReadToEnd() {
    while (ReadSome()) {
    }
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  [[nodiscard]] const std::string& seen() const { return seen_; }
  /// Sends no more, but reads on.
  void HalfClose() { SSL_shutdown(ssl_.get()); }
  /// Goes without a word.
  void Cut() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

 private:
  bool ReadSome() {
    char buffer[4096];
    size_t count = 0;
    if (SSL_read_ex(ssl_.get(), buffer, sizeof buffer, &count) != 1) return false;
    seen_.append(buffer, count);
    return true;
  }

  int socket_;
  const std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> ssl_;
  std::string seen_;
};

}  // namespace bedplate
