#pragma once
/// TLS of one connection, without a socket: bytes that came go in, bytes to send come out. So a connection has one way
/// to read and to write, encrypted or not, and a handshake is only bytes that nobody else sees. OpenSSL works on two
/// memory BIOs.
///
/// Owns:    its SSL. Threads: one at a time.
/// Errors:  what a peer sends wrongly is kInvalidArgument in OpenSSL's words; the alert that tells it is in `out`, and
///          nothing more can be sent or received.

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "serve/tls_context.h"

struct ssl_st;  // OpenSSL's SSL

namespace bedplate {

class TlsSession {
 public:
  /// nullptr: no memory.
  static std::unique_ptr<TlsSession> Create(const TlsContext& context);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Takes all of `bytes`. Appends what they carried to `plain`, and what has to be sent in answer to `out`.
  Status Receive(std::string_view bytes, std::string& plain, std::string& out);
  /// Appends `plain`, encrypted, to `out`; only after established().
  Status Send(std::string_view plain, std::string& out);
  /// Nothing more will be sent: appends the notice (close_notify) that tells this end from a cut.
  void Close(std::string& out);

  /// Something has come.
  [[nodiscard]] bool begun() const { return begun_; }
  /// The handshake is over.
  [[nodiscard]] bool established() const;
  /// The peer has given that notice; it may still read.
  [[nodiscard]] bool peer_closed() const;

 private:
  explicit TlsSession(ssl_st* ssl) : ssl_(ssl) {}
  Status Failed(std::string& out);
  void TakeOut(std::string& out);
  struct Deleter {
    void operator()(ssl_st* ssl) const;
  };
  const std::unique_ptr<ssl_st, Deleter> ssl_;  // owns its BIOs
  bool begun_ = false;
  bool failed_ = false;
};

}  // namespace bedplate
