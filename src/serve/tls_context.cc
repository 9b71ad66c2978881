#include "serve/tls_context.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstring>

#include "base/cat.h"

namespace bedplate {
namespace {

constexpr int64_t kSelfSignedDays = 825;

struct Freed {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
template <class T>
using Held = std::unique_ptr<T, Freed>;

// OpenSSL's first reason, and an empty queue for whoever calls next.
std::string Reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* const text = error == 0 ? nullptr : ERR_reason_error_string(error);
  return text == nullptr ? "OpenSSL gives no reason" : text;
}

Status Wrong(std::string_view what) {
  return Status::InvalidArgument(Cat(what, ": ", Reason()));
}

Held<BIO> Reading(std::string_view text) {
  return Held<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string PemOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size <= 0 ? std::string() : std::string(data, static_cast<size_t>(size));
}

// A key that is encrypted would otherwise make OpenSSL ask the terminal.
int NoPassphrase(char*, int, int, void*) {
  return 0;
}

Held<X509> FirstCertificate(std::string_view pem) {
  const Held<BIO> bio = Reading(pem);
  return Held<X509>(bio ? PEM_read_bio_X509(bio.get(), nullptr, &NoPassphrase, nullptr) : nullptr);
}

Status UseChain(SSL_CTX* context, std::string_view pem) {
  const Held<BIO> bio = Reading(pem);
  const Held<X509> own(bio ? PEM_read_bio_X509(bio.get(), nullptr, &NoPassphrase, nullptr) : nullptr);
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return Wrong("the TLS certificate can't be used");
  for (;;) {
    Held<X509> next(PEM_read_bio_X509(bio.get(), nullptr, &NoPassphrase, nullptr));
    if (!next) break;
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) return Wrong("the TLS certificate's chain can't be used");
    (void)next.release();  // the context's now
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) return Wrong("the TLS certificate's chain can't be read");
  ERR_clear_error();
  return Status::Ok();
}

Status UseKey(SSL_CTX* context, std::string_view pem) {
  const Held<BIO> bio = Reading(pem);
  const Held<EVP_PKEY> key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassphrase, nullptr) : nullptr);
  if (!key) return Wrong("the TLS key can't be read (it must be PEM, and not encrypted)");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return Wrong("the TLS key is not the certificate's");
  }
  return Status::Ok();
}

int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                   unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, size, kHttp11, sizeof kHttp11 - 1, offered, offered_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool IsIpAddress(const std::string& name) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

bool AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Held<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool FillSelfSigned(X509* certificate, EVP_PKEY* key, const std::string& alternative_names, int64_t unix_seconds) {
  unsigned char serial[8];
  if (RAND_bytes(serial, sizeof serial) != 1) return false;
  uint64_t number = 0;
  std::memcpy(&number, serial, sizeof number);
  X509_NAME* const name = X509_get_subject_name(certificate);
  // A time in the past, for clients whose clock is behind.
  return X509_set_version(certificate, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), number >> 1) == 1 &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), unix_seconds - 86'400) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), unix_seconds + (kSelfSignedDays - 1) * 86'400) != nullptr &&
         X509_set_pubkey(certificate, key) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("bedplate"), -1,
                                    -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 &&
         AddExtension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         AddExtension(certificate, NID_key_usage, "critical,digitalSignature") &&
         AddExtension(certificate, NID_ext_key_usage, "serverAuth") &&
         AddExtension(certificate, NID_subject_key_identifier, "hash") &&
         AddExtension(certificate, NID_authority_key_identifier, "keyid:always") &&
         AddExtension(certificate, NID_subject_alt_name, alternative_names) &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::Create(const CertificatePem& pem) {
  ERR_clear_error();
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!context) return Wrong("TLS is not to be had");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), &ChooseProtocol, nullptr);
  BP_RETURN_IF_ERROR(UseChain(context.get(), pem.certificate));
  BP_RETURN_IF_ERROR(UseKey(context.get(), pem.key));
  return std::shared_ptr<const TlsContext>(new TlsContext(context));
}

Result<CertificatePem> MakeSelfSigned(const std::vector<std::string>& names, int64_t unix_seconds) {
  ERR_clear_error();
  std::string alternative_names;
  for (const std::string& name : names) {
    alternative_names += Cat(alternative_names.empty() ? "" : ",", IsIpAddress(name) ? "IP:" : "DNS:", name);
  }
  const Held<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Held<X509> certificate(X509_new());
  if (!key || !certificate || !FillSelfSigned(certificate.get(), key.get(), alternative_names, unix_seconds)) {
    return Wrong(Cat("a certificate for ", alternative_names, " can't be made"));
  }
  const Held<BIO> certificate_text(BIO_new(BIO_s_mem()));
  const Held<BIO> key_text(BIO_new(BIO_s_mem()));
  if (!certificate_text || !key_text || PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Wrong("a certificate can't be written");
  }
  return CertificatePem{.certificate = PemOf(certificate_text.get()), .key = PemOf(key_text.get())};
}

Result<CertificateFacts> FactsOf(std::string_view certificate_pem) {
  ERR_clear_error();
  const Held<X509> certificate = FirstCertificate(certificate_pem);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  tm end{};
  if (!certificate || X509_digest(certificate.get(), EVP_sha256(), digest, &size) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return Wrong("the TLS certificate can't be read");
  }
  CertificateFacts facts{.sha256 = {}, .ends_unix_seconds = ::timegm(&end)};
  for (unsigned int i = 0; i < size; ++i) facts.sha256 += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  return facts;
}

bool CertificateNames(std::string_view certificate_pem, const std::string& name) {
  const Held<X509> certificate = FirstCertificate(certificate_pem);
  ERR_clear_error();
  if (!certificate) return false;
  return IsIpAddress(name) ? X509_check_ip_asc(certificate.get(), name.c_str(), 0) == 1
                           : X509_check_host(certificate.get(), name.data(), name.size(), 0, nullptr) == 1;
}

}  // namespace bedplate
