#include "ledger/new_key.h"

#include <openssl/rand.h>

#include "base/cat.h"
#include "base/sha256.h"
#include "ledger/key_file.h"

namespace bedplate {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr size_t kSecretLetters = 43;  // 43 of 62 letters are 256 bits

}  // namespace

Result<std::string> RandomLetters(size_t count) {
  constexpr unsigned kEven = 256 - 256 % kLetters.size();  // bytes from here on would favour the first letters
  std::string out;
  while (out.size() < count) {
    unsigned char byte = 0;
    if (RAND_bytes(&byte, 1) != 1) return Status::Internal("OpenSSL gives no random bytes");
    if (byte < kEven) out += kLetters[byte % kLetters.size()];
  }
  return out;
}

Result<NewKey> MakeKey(const NewKeyOptions& options) {
  NewKey key;
  key.entry = Cat("[[keys]]\nname = \"", options.name, "\"\n");
  if (!options.tenant.empty()) key.entry += Cat("tenant = \"", options.tenant, "\"\n");
  if (!options.project.empty()) key.entry += Cat("project = \"", options.project, "\"\n");
  BP_ASSIGN_OR_RETURN(std::string secret, RandomLetters(kSecretLetters));
  if (options.access_key) {
    BP_ASSIGN_OR_RETURN(std::string id, RandomLetters(16));
    for (char& c : id) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    key.access_key_id = "BPAK" + id;
    key.secret_access_key = std::move(secret);
    key.entry +=
        Cat("access_key_id = \"", key.access_key_id, "\"\nsecret_access_key = \"", key.secret_access_key, "\"\n");
  } else {
    key.secret = "bp_" + secret;
    const auto hex = Sha256HexOf(key.secret);
    if (!hex) return Status::Internal("OpenSSL has no SHA-256");
    key.entry += Cat("sha256 = \"", *hex, "\"\n");
  }
  BP_RETURN_IF_ERROR(KeyFile::Parse(key.entry, "the new key").status());
  return key;
}

}  // namespace bedplate
