#include "serve/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/cat.h"
#include "base/check.h"

namespace bedplate {

void TlsSession::Deleter::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

std::unique_ptr<TlsSession> TlsSession::Create(const TlsContext& context) {
  SSL* const ssl = SSL_new(context.get());
  BIO* const incoming = BIO_new(BIO_s_mem());
  BIO* const outgoing = BIO_new(BIO_s_mem());
  if (ssl == nullptr || incoming == nullptr || outgoing == nullptr) {
    SSL_free(ssl);
    BIO_free(incoming);
    BIO_free(outgoing);
    return nullptr;
  }
  BIO_set_mem_eof_return(incoming, -1);  // empty means "not yet"
  SSL_set_bio(ssl, incoming, outgoing);
  SSL_set_accept_state(ssl);
  return std::unique_ptr<TlsSession>(new TlsSession(ssl));
}

TlsSession::~TlsSession() = default;

bool TlsSession::established() const {
  return SSL_is_init_finished(ssl_.get()) == 1;
}
bool TlsSession::peer_closed() const {
  return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void TlsSession::TakeOut(std::string& out) {
  BIO* const outgoing = SSL_get_wbio(ssl_.get());
  const size_t size = BIO_ctrl_pending(outgoing);
  if (size == 0) return;
  const size_t before = out.size();
  out.resize(before + size);
  size_t taken = 0;
  BP_CHECK(BIO_read_ex(outgoing, out.data() + before, size, &taken) == 1 && taken == size);
}

Status TlsSession::Failed(std::string& out) {
  failed_ = true;
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  TakeOut(out);
  const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return Status::InvalidArgument(Cat("TLS: ", reason == nullptr ? "the peer broke the protocol" : reason));
}

Status TlsSession::Receive(std::string_view bytes, std::string& plain, std::string& out) {
  ERR_clear_error();
  if (failed_) return Failed(out);
  begun_ = begun_ || !bytes.empty();
  size_t taken = 0;
  if (!bytes.empty() &&
      (BIO_write_ex(SSL_get_rbio(ssl_.get()), bytes.data(), bytes.size(), &taken) != 1 || taken != bytes.size())) {
    return Failed(out);
  }
  char buffer[size_t{16} << 10];  // a record's most
  for (;;) {
    size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer, sizeof buffer, &count);
    if (result == 1) {
      plain.append(buffer, count);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN) return Failed(out);
    TakeOut(out);
    return Status::Ok();
  }
}

Status TlsSession::Send(std::string_view plain, std::string& out) {
  ERR_clear_error();
  if (failed_) return Failed(out);
  size_t taken = 0;
  if (!plain.empty() && (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &taken) != 1 || taken != plain.size())) {
    return Failed(out);
  }
  TakeOut(out);
  return Status::Ok();
}

void TlsSession::Close(std::string& out) {
  if (failed_ || !established()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());  // 0: the peer has not closed its side yet, which it need not
  TakeOut(out);
  ERR_clear_error();
}

}  // namespace bedplate
