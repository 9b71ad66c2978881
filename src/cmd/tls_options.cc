#include "cmd/tls_options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/cat.h"
#include "base/file.h"
#include "base/log.h"
#include "cmd/catalogue.h"

namespace bedplate {
namespace {

constexpr size_t kPemBytesMax = size_t{1} << 20;
constexpr int64_t kRenewedBeforeSeconds = int64_t{30} * 86'400;

Status CheckKeyMode(const std::filesystem::path& path) {
  struct stat state{};
  if (::stat(path.c_str(), &state) != 0) {
    return Status::IoError(Cat("the TLS key ", path.string(), " can't be read: ", std::strerror(errno)));
  }
  if ((state.st_mode & S_IRWXO) == 0) return Status::Ok();
  return Status(StatusCode::kPermissionDenied, Cat("everyone on this machine may read the TLS key ", path.string(),
                                                   "; run: chmod 600 ", path.string()));
}

bool IsAnyAddress(const std::string& host) {
  return host == "::" || host == "0.0.0.0";
}

// This machine's name, where it is one that a certificate can hold.
std::string HostName() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  const bool fits = std::ranges::all_of(std::string_view(name), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  return fits ? name : "";
}

std::vector<std::string> NamesFor(const ListenAddress& listen) {
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  for (const std::string& name : {listen.host, HostName()}) {
    if (!name.empty() && !IsAnyAddress(name) && std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

bool StillGood(const CertificatePem& pem, const ListenAddress& listen, const Clock& clock) {
  const auto facts = FactsOf(pem.certificate);
  return facts.ok() && facts->ends_unix_seconds > clock.UnixSeconds() + kRenewedBeforeSeconds &&
         (IsAnyAddress(listen.host) || CertificateNames(pem.certificate, listen.host)) && TlsContext::Create(pem).ok();
}

Result<CertificatePem> MakeAndKeep(const std::filesystem::path& certificate, const std::filesystem::path& key,
                                   const ListenAddress& listen, const Clock& clock) {
  BP_ASSIGN_OR_RETURN(CertificatePem pem, MakeSelfSigned(NamesFor(listen), clock.UnixSeconds()));
  std::error_code error;
  std::filesystem::create_directories(certificate.parent_path(), error);
  if (error) return Status::IoError(Cat("cannot create ", certificate.parent_path().string(), ": ", error.message()));
  BP_RETURN_IF_ERROR(WriteFileAtomically(key, pem.key, 0600));
  BP_RETURN_IF_ERROR(WriteFileAtomically(certificate, pem.certificate));
  LogInfo("made a certificate, which clients that trusted an earlier one must trust anew",
          {{"path", certificate.string()}});
  return pem;
}

Result<CertificatePem> ReadPair(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  BP_RETURN_IF_ERROR(CheckKeyMode(key));
  CertificatePem pem;
  BP_ASSIGN_OR_RETURN(pem.certificate, ReadFile(certificate, kPemBytesMax));
  BP_ASSIGN_OR_RETURN(pem.key, ReadFile(key, kPemBytesMax));
  return pem;
}

}  // namespace

void TlsOptions::AddTo(CommandLine& command) {
  command.Add("--tls", &self_signed,
              "serve HTTPS with a certificate that signs itself, made at the first start and kept in the data folder",
              {.setting = "tls"});
  command.Add("--tls-cert", &certificate, "serve HTTPS with this PEM file: the certificate and its chain",
              {.setting = "tls_cert"});
  command.Add("--tls-key", &key, "PEM file of the certificate's key, not encrypted", {.setting = "tls_key"});
}

Result<TlsChoice> TlsOptions::Load(const ListenAddress& listen, const Clock& clock) const {
  if (certificate.empty() != key.empty()) return Status::InvalidArgument("--tls-cert and --tls-key go together");
  if (self_signed && !certificate.empty()) {
    return Status::InvalidArgument("--tls makes a certificate, --tls-cert brings one: give one of them");
  }
  TlsChoice choice;
  CertificatePem pem;
  if (!certificate.empty()) {
    BP_ASSIGN_OR_RETURN(pem, ReadPair(certificate, key));
  } else if (self_signed) {
    BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
    const std::filesystem::path certificate_path = data / "tls" / "cert.pem";
    const std::filesystem::path key_path = data / "tls" / "key.pem";
    auto kept = ReadPair(certificate_path, key_path);
    if (!kept.ok() || !StillGood(*kept, listen, clock)) kept = MakeAndKeep(certificate_path, key_path, listen, clock);
    BP_ASSIGN_OR_RETURN(pem, std::move(kept));
    choice.trust_path = certificate_path.string();
  } else {
    return choice;
  }
  BP_ASSIGN_OR_RETURN(choice.context, TlsContext::Create(pem));
  BP_ASSIGN_OR_RETURN(const CertificateFacts facts, FactsOf(pem.certificate));
  choice.sha256 = facts.sha256;
  if (facts.ends_unix_seconds <= clock.UnixSeconds()) LogWarning("the TLS certificate has expired");
  return choice;
}

}  // namespace bedplate
