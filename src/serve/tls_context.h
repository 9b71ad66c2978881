#pragma once
/// What a server's TLS connections share: its certificate and its rules. TLS 1.2 and 1.3, no renegotiation, ALPN
/// "http/1.1" where a client asks.
///
/// Owns:    OpenSSL's SSL_CTX. Immutable: any thread.
/// Errors:  kInvalidArgument says which of the two texts is wrong and why in OpenSSL's words; never the key.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace bedplate {

struct CertificatePem {
  std::string certificate;  // the server's own first, then those that lead to an authority
  std::string key;          // not encrypted
};

class TlsContext {
 public:
  static Result<std::shared_ptr<const TlsContext>> Create(const CertificatePem& pem);
  [[nodiscard]] ssl_ctx_st* get() const { return context_.get(); }

 private:
  explicit TlsContext(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
  const std::shared_ptr<ssl_ctx_st> context_;  // shared only for its deleter
};

/// A new P-256 key, and a certificate that it signs itself: for these host names and IP addresses, not an authority,
/// for 825 days (the most that Apple's clients take).
Result<CertificatePem> MakeSelfSigned(const std::vector<std::string>& names, int64_t unix_seconds);

struct CertificateFacts {
  std::string sha256;  // of the first certificate: "AB:CD:..."
  int64_t ends_unix_seconds = 0;
};
Result<CertificateFacts> FactsOf(std::string_view certificate_pem);

/// The certificate is for that host name or IP address.
bool CertificateNames(std::string_view certificate_pem, const std::string& name);

}  // namespace bedplate
