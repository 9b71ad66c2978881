#include "cmd/download.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>

#include "base/ascii.h"
#include "base/cat.h"

namespace bedplate {
namespace {

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using CurlHeaders = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

bool IsLoopback(std::string_view address) {
  for (const std::string_view host : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
    if (!address.starts_with(host)) continue;
    const std::string_view rest = address.substr(host.size());
    if (rest.empty() || rest[0] == ':' || rest[0] == '/') return true;
  }
  return false;
}

std::string PathEscaped(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

/// One transfer: what the server said so far, and where its bytes go.
struct HttpTransfer {
  const DownloadRequest& request;
  PartialFile* file;
  uint64_t asked_from = 0;
  long status_code = 0;
  std::string etag = "";
  std::string linked_etag = "";  // the hub's own, given before it redirects to its storage
  std::optional<uint64_t> content_length = std::nullopt;
  std::optional<uint64_t> range_begin = std::nullopt;
  bool began = false;
  uint64_t total = 0;
  Status failure = Status::Ok();

  /// The first body bytes of a final answer: decides whether they go on or begin anew.
  Status Begin() {
    began = true;
    if (status_code == 206 && range_begin == asked_from && (file->validator().empty() || etag == file->validator())) {
      total = content_length.has_value() ? asked_from + *content_length : 0;
    } else if (status_code == 206 && asked_from != 0) {
      return Status::Unavailable("the server's file has changed since the last attempt");
    } else {
      BP_RETURN_IF_ERROR(file->Restart(0, request.address, etag));
      total = content_length.value_or(0);
    }
    return total > file->size() ? file->CheckRoom(total - file->size()) : Status::Ok();
  }
};

void TakeHeaderLine(std::string_view line, HttpTransfer* t) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // the next answer of a chain of redirects
    const size_t space = line.find(' ');
    t->status_code = space == std::string_view::npos ? 0 : std::atol(std::string(line.substr(space + 1)).c_str());
    t->etag.clear();
    t->content_length.reset();
    t->range_begin.reset();
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = AsciiLower(line.substr(0, colon));
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (name == "etag" && !value.starts_with("W/")) t->etag = value;  // a weak one can't vouch for a range
  if (name == "x-linked-etag") t->linked_etag = value;
  if (name == "content-length") t->content_length = std::strtoull(std::string(value).c_str(), nullptr, 10);
  if (name == "content-range" && value.starts_with("bytes ")) {
    t->range_begin = std::strtoull(std::string(value.substr(6)).c_str(), nullptr, 10);
  }
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  TakeHeaderLine({data, size * count}, static_cast<HttpTransfer*>(user));
  return size * count;
}

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* t = static_cast<HttpTransfer*>(user);
  if (t->status_code != 200 && t->status_code != 206) return size * count;  // an error's page
  if (!t->began) t->failure = t->Begin();
  if (t->failure.ok()) t->failure = t->file->Append({data, size * count});
  if (!t->failure.ok()) return 0;  // curl ends the transfer
  if (t->request.on_progress) t->request.on_progress(t->file->size(), t->total);
  return size * count;
}

Status HttpError(const HttpTransfer& t) {
  const std::string& address = t.request.address;
  if (t.status_code == 401 || t.status_code == 403) {
    return Status(StatusCode::kPermissionDenied,
                  Cat("the server refuses ", address, " (HTTP ", t.status_code, ")",
                      t.request.token.empty() ? "; if it needs an account, set HF_TOKEN"
                                              : "; does the token in HF_TOKEN allow it?"));
  }
  if (t.status_code == 404 || t.status_code == 410)
    return Status::NotFound(Cat("there is no file at ", address, " (HTTP ", t.status_code, ")"));
  if (t.status_code == 429 || t.status_code >= 500)
    return Status::Unavailable(Cat("the server of ", address, " answers HTTP ", t.status_code));
  return Status::InvalidArgument(Cat("the server of ", address, " answers HTTP ", t.status_code));
}

/// Whether another attempt may help: the network's faults, not ours, the disk's or the address's.
bool IsTransient(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

struct Attempt {
  Status status;
  bool again = false;
  bool whole = false;
  DownloadResult result;
};

std::string HubHash(std::string_view linked_etag) {
  std::string hex(linked_etag);
  std::erase(hex, '"');
  const bool is_hash = hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_hash ? hex : "";  // files outside the hub's large-file storage have another kind of tag
}

Attempt Try(const DownloadRequest& request, PartialFile* file) {
  Attempt attempt;
  const Curl curl(curl_easy_init(), curl_easy_cleanup);
  if (curl == nullptr) return {Status::Internal("libcurl cannot start"), false, false, {}};
  HttpTransfer t{.request = request, .file = file};
  // Bytes without a validator, or of another address, can't be trusted to belong to the same file.
  const bool resumes = file->size() > 0 && file->source() == request.address && !file->validator().empty();
  char error[CURL_ERROR_SIZE] = "";
  CurlHeaders headers(nullptr, curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_URL, request.address.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, IsLoopback(request.address) ? "http,https" : "https");
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, IsLoopback(request.address) ? "http,https" : "https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "bedplate");
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &t);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &t);
  if (!request.token.empty()) {  // not repeated to the hosts that it redirects to
    curl_easy_setopt(curl.get(), CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl.get(), CURLOPT_XOAUTH2_BEARER, request.token.c_str());
  }
  if (resumes) {
    t.asked_from = file->size();
    curl_easy_setopt(curl.get(), CURLOPT_RANGE, Cat(t.asked_from, "-").c_str());
    headers.reset(curl_slist_append(nullptr, Cat("If-Range: ", file->validator()).c_str()));
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  }

  const CURLcode code = curl_easy_perform(curl.get());
  attempt.result.sha256 = HubHash(t.linked_etag);
  if (!t.failure.ok()) {
    const bool changed = t.failure.code() == StatusCode::kUnavailable;
    if (changed) (void)file->Restart(0, "", "").ok();  // the next attempt begins anew; a failure to shorten shows there
    attempt.status = t.failure;
    attempt.again = changed;
    return attempt;
  }
  if (code != CURLE_OK) {
    attempt.status = Status::Unavailable(
        Cat("the transfer from ", request.address, " failed: ", error[0] != '\0' ? error : curl_easy_strerror(code)));
    attempt.again = IsTransient(code);
    return attempt;
  }
  if (t.status_code == 416 &&
      resumes) {  // nothing beyond what we have: the attempt before ended just before its rename
    attempt.whole = true;
  } else if (t.status_code != 200 && t.status_code != 206) {
    attempt.status = HttpError(t);
    attempt.again = t.status_code == 429 || t.status_code >= 500;
    return attempt;
  } else if (!t.began) {
    attempt.status = t.Begin();  // an empty file
  }
  attempt.whole = attempt.status.ok();
  attempt.result.bytes = file->size();
  return attempt;
}

}  // namespace

Result<std::string> AddressOf(std::string_view source) {
  if (source.starts_with("hf:")) {
    const std::string_view rest = source.substr(3);
    const size_t colon = rest.find(':');
    std::string_view repository = rest.substr(0, colon);
    std::string_view revision = "main";
    if (const size_t at = repository.find('@'); at != std::string_view::npos) {
      revision = repository.substr(at + 1);
      repository = repository.substr(0, at);
    }
    const size_t slash = repository.find('/');
    if (colon == std::string_view::npos || colon + 1 == rest.size() || slash == std::string_view::npos || slash == 0 ||
        slash + 1 == repository.size() || repository.find('/', slash + 1) != std::string_view::npos ||
        revision.empty() || rest.find("..") != std::string_view::npos) {
      return Status::InvalidArgument(Cat("\"", source, "\" is not of the form hf:OWNER/REPO:FILE.gguf"));
    }
    const char* endpoint = std::getenv("HF_ENDPOINT");
    std::string base = endpoint == nullptr || *endpoint == '\0' ? "https://huggingface.co" : endpoint;
    while (base.ends_with('/')) base.pop_back();
    return AddressOf(Cat(base, "/", PathEscaped(repository), "/resolve/", PathEscaped(revision), "/",
                         PathEscaped(rest.substr(colon + 1))));
  }
  if (source.starts_with("https://")) return std::string(source);
  if (source.starts_with("http://")) {
    if (IsLoopback(source)) return std::string(source);
    return Status::InvalidArgument(Cat(source, " is not encrypted; use https (http is for this machine only)"));
  }
  return Status::InvalidArgument(Cat("\"", source, "\" is neither hf:OWNER/REPO:FILE.gguf nor an https address"));
}

std::string FileNameOf(std::string_view source) {
  if (source.starts_with("hf:")) {
    const size_t colon = source.rfind(':');
    const std::string_view path = source.substr(colon + 1);
    return std::string(path.substr(path.rfind('/') + 1));
  }
  std::string_view path = source.substr(0, source.find_first_of("?#"));
  path = path.substr(path.rfind('/') + 1);
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size()) {
      out += static_cast<char>(std::strtol(std::string(path.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      out += path[i];
    }
  }
  return out;
}

Result<DownloadResult> Download(const DownloadRequest& request, PartialFile* file) {
  uint32_t left = request.attempts;
  uint32_t pause_ms = request.pause_ms;
  for (;;) {
    const uint64_t before = file->size();
    Attempt attempt = Try(request, file);
    if (attempt.whole) return attempt.result;
    if (file->size() > before) {  // it got somewhere
      left = request.attempts;
      pause_ms = request.pause_ms;
    }
    if (!attempt.again || --left == 0) {
      const bool kept = file->size() > 0;
      return Status(attempt.status.code(),
                    Cat(attempt.status.message(),
                        kept ? Cat(" (", file->size(), " bytes are kept; run the same command again to resume)") : ""));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    pause_ms = std::min(pause_ms * 2, 30'000u);
  }
}

}  // namespace bedplate
