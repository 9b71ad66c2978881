// Plan: AES-256-GCM as OpenSSL has it. A sealed secret is nonce (12 bytes), ciphertext, tag (16 bytes); what it belongs
// to is the additional data, so that a row's secret put into another row opens nothing. Nonces are random: 2^32 of them
// under one key are the limit of NIST SP 800-38D, and keys are made by hand.
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "ledger/tenancy/secret_file.h"

namespace bedplate {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kSecretBytesMax = size_t{1} << 16;  // far below OpenSSL's int

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* In(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Out(std::string& text, size_t offset) {
  return reinterpret_cast<unsigned char*>(text.data()) + offset;
}

}  // namespace

Result<std::string> SealSecret(const SecretVersion& version, std::string_view secret, std::string_view context) {
  if (secret.size() > kSecretBytesMax || context.size() > kSecretBytesMax)
    return Status::TooLarge("a secret is too long");
  std::string sealed(kNonceBytes + secret.size() + kTagBytes, '\0');
  const CipherContext cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  const bool ok =
      cipher && RAND_bytes(Out(sealed, 0), kNonceBytes) == 1 &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, version.encryption_key.data(), Out(sealed, 0)) ==
          1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &length, In(context), static_cast<int>(context.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), Out(sealed, kNonceBytes), &length, In(secret), static_cast<int>(secret.size())) ==
          1 &&
      EVP_EncryptFinal_ex(cipher.get(), Out(sealed, kNonceBytes + secret.size()), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, Out(sealed, kNonceBytes + secret.size())) == 1;
  if (!ok) return Status::Internal("OpenSSL could not encrypt a secret");
  return sealed;
}

Result<std::string> OpenSecret(const SecretVersion& version, std::string_view sealed, std::string_view context) {
  const Status broken = Status::DataLoss("a stored secret is damaged, or was sealed for something else");
  if (sealed.size() < kNonceBytes + kTagBytes || sealed.size() > kSecretBytesMax + kNonceBytes + kTagBytes)
    return broken;
  std::string secret(sealed.size() - kNonceBytes - kTagBytes, '\0');
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const CipherContext cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  if (!cipher) return Status::Internal("OpenSSL could not decrypt a secret");
  int length = 0;
  unsigned char none = 0;
  const bool ok =
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, version.encryption_key.data(), In(sealed)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &length, In(context), static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), secret.empty() ? &none : Out(secret, 0), &length, In(sealed) + kNonceBytes,
                        static_cast<int>(secret.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, Out(tag, 0)) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), &none, &length) == 1;
  if (!ok) return broken;
  return secret;
}

}  // namespace bedplate
