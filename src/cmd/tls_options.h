#pragma once
/// A server's certificate: of two files, or one that signs itself and is kept in the data folder.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "cmd/command_line.h"
#include "serve/listen_address.h"
#include "serve/tls_context.h"

namespace bedplate {

struct TlsChoice {
  std::shared_ptr<const TlsContext> context;  // none: plain HTTP
  std::string trust_path;                     // what clients must trust; empty for a certificate of the user's
  std::string sha256;                         // of the certificate
};

struct TlsOptions {
  std::string certificate;
  std::string key;
  bool self_signed = false;

  void AddTo(CommandLine& command);
  /// Reads the files, or takes the self-signed certificate of the data folder: one that is there, names the listen
  /// address and is good for a month, or a new one. The key's file is its owner's alone.
  [[nodiscard]] Result<TlsChoice> Load(const ListenAddress& listen, const Clock& clock) const;
};

}  // namespace bedplate
