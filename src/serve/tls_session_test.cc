// Method: two ends of OpenSSL in memory, bytes handed over in pieces of every size: what the server's end makes of
// them.
#include "serve/tls_session.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace bedplate {
namespace {

constexpr int64_t kNow = 1'800'000'000;

CertificatePem Certificate() {
  auto pem = MakeSelfSigned({"localhost", "127.0.0.1", "::1"}, kNow);
  EXPECT_TRUE(pem.ok()) << pem.status().message();
  return *std::move(pem);
}

// A client, and what it has to say next.
class Client {
 public:
  Client() : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free), ssl_(SSL_new(context_.get()), &SSL_free) {
    BIO* const incoming = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(incoming, -1);
    SSL_set_bio(ssl_.get(), incoming, BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }
  void Take(std::string_view bytes) {
    BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  }
  std::string Bytes() {
    std::string out(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())), '\0');
    BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }
  SSL* ssl() { return ssl_.get(); }

 private:
  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> ssl_;
};

class TlsSessionTest : public testing::Test {
 protected:
  TlsSessionTest() : context_(*TlsContext::Create(Certificate())), server_(TlsSession::Create(*context_)) {}

  // What the client says reaches the server `piece` bytes at a time, and the answer the client.
  Status Exchange(size_t piece) {
    const std::string bytes = client_.Bytes();
    for (size_t i = 0; i < bytes.size(); i += piece) {
      std::string out;
      BP_RETURN_IF_ERROR(server_->Receive(std::string_view(bytes).substr(i, piece), plain_, out));
      client_.Take(out);
    }
    return Status::Ok();
  }
  void Handshake(size_t piece) {
    for (int i = 0; i < 10 && !server_->established(); ++i) {
      SSL_do_handshake(client_.ssl());
      ASSERT_TRUE(Exchange(piece).ok());
    }
    ASSERT_TRUE(server_->established());
  }

  const std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<TlsSession> server_;
  Client client_;
  std::string plain_;
};

TEST_F(TlsSessionTest, CarriesBytesHoweverTheyAreCut) {
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{100'000}}) {
    server_ = TlsSession::Create(*context_);
    client_ = Client();
    plain_.clear();
    EXPECT_FALSE(server_->begun());
    Handshake(piece);
    const std::string large(50'000, 'x');
    SSL_write(client_.ssl(), large.data(), static_cast<int>(large.size()));
    ASSERT_TRUE(Exchange(piece).ok());
    EXPECT_EQ(plain_, large);
    std::string out;
    ASSERT_TRUE(server_->Send(large, out).ok());
    EXPECT_EQ(out.find("xxxx"), std::string::npos);
    client_.Take(out);
    std::string got(large.size() + 1, '\0');
    size_t count = 0;
    for (size_t more = 0; SSL_read_ex(client_.ssl(), got.data() + count, got.size() - count, &more) == 1;)
      count += more;
    EXPECT_EQ(got.substr(0, count), large);
  }
}

TEST_F(TlsSessionTest, AnEndIsToldFromACut) {
  Handshake(100'000);
  EXPECT_FALSE(server_->peer_closed());
  SSL_shutdown(client_.ssl());
  ASSERT_TRUE(Exchange(100'000).ok());
  EXPECT_TRUE(server_->peer_closed());
  std::string out;
  ASSERT_TRUE(server_->Send("still here", out).ok());
  server_->Close(out);
  client_.Take(out);
  char buffer[64];
  EXPECT_EQ(SSL_read(client_.ssl(), buffer, sizeof buffer), 10);
  EXPECT_EQ(SSL_read(client_.ssl(), buffer, sizeof buffer), 0);
  EXPECT_EQ(SSL_get_error(client_.ssl(), 0), SSL_ERROR_ZERO_RETURN);
}

TEST_F(TlsSessionTest, WhatIsNoTlsFailsAndStaysFailed) {
  std::string out;
  const Status failed = server_->Receive(std::string(64, '\x01'), plain_, out);
  EXPECT_EQ(failed.code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(failed.message().starts_with("TLS: ")) << failed.message();
  EXPECT_FALSE(server_->Receive("more", plain_, out).ok());
  EXPECT_FALSE(server_->Send("x", out).ok());
  EXPECT_TRUE(plain_.empty());
}

TEST_F(TlsSessionTest, AChangedByteEndsIt) {
  Handshake(100'000);
  SSL_write(client_.ssl(), "hello", 5);
  std::string bytes = client_.Bytes();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::string out;
  EXPECT_FALSE(server_->Receive(bytes, plain_, out).ok());
  EXPECT_FALSE(out.empty()) << "the alert";
  EXPECT_TRUE(plain_.empty());
}

TEST(TlsContext, SaysWhatIsWrong) {
  const CertificatePem good = Certificate();
  const CertificatePem other = Certificate();
  const auto error = [](const CertificatePem& pem) { return std::string(TlsContext::Create(pem).status().message()); };
  EXPECT_TRUE(TlsContext::Create(good).ok());
  EXPECT_TRUE(TlsContext::Create({good.certificate + other.certificate, good.key}).ok()) << "a chain";
  EXPECT_NE(error({"", good.key}).find("certificate can't be used"), std::string::npos);
  EXPECT_NE(error({good.certificate, "nonsense"}).find("key can't be read"), std::string::npos);
  EXPECT_EQ(error({good.certificate, "nonsense"}).find("nonsense"), std::string::npos);
  EXPECT_NE(error({good.certificate, other.key}).find("key is not the certificate's"), std::string::npos);
  std::string broken = good.certificate + other.certificate;
  broken[good.certificate.size() + 100] = '!';
  EXPECT_NE(error({broken, good.key}).find("chain can't be read"), std::string::npos);
}

TEST(TlsContext, ASelfSignedCertificateNamesItsHosts) {
  const std::string pem = Certificate().certificate;
  for (const auto* name : {"localhost", "127.0.0.1", "::1"}) EXPECT_TRUE(CertificateNames(pem, name)) << name;
  for (const auto* name : {"example.com", "127.0.0.2"}) EXPECT_FALSE(CertificateNames(pem, name)) << name;
  const auto facts = FactsOf(pem);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->sha256.size(), 95u);
  EXPECT_EQ(facts->ends_unix_seconds, kNow + 824 * 86'400);
  EXPECT_FALSE(FactsOf("nonsense").ok());
}

}  // namespace
}  // namespace bedplate
