#pragma once
/// Fetches one address into a PartialFile, going on where an earlier attempt stopped: a Range request that holds only
/// if the server still has the same bytes (If-Range with its ETag). libcurl does the transfer; proxies and CA bundles
/// are its own.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cmd/partial_file.h"

namespace bedplate {

/// "hf:owner/repo:file" (or "hf:owner/repo@revision:file") as the hub's address under $HF_ENDPOINT; https addresses as
/// they are; http only to this machine. Errors say what is allowed.
Result<std::string> AddressOf(std::string_view source);
/// The last part of the address's path, decoded: "model.gguf".
std::string FileNameOf(std::string_view source);

struct DownloadRequest {
  std::string address;       // from AddressOf
  std::string token;         // sent as a bearer token to that host only; empty: none
  uint32_t attempts = 5;     // in all; one that brought bytes starts the count again
  uint32_t pause_ms = 1000;  // before the second attempt; doubles
  std::function<void(uint64_t done, uint64_t total)> on_progress;  // total 0: not known
};

struct DownloadResult {
  uint64_t bytes = 0;
  std::string sha256;  // as the hub states it for this file; empty when it does not. Not checked here
};

/// On error what has arrived is kept for the next attempt.
Result<DownloadResult> Download(const DownloadRequest& request, PartialFile* file);

}  // namespace bedplate
