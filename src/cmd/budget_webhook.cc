#include "cmd/budget_webhook.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "base/cat.h"
#include "base/caught.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"

namespace bedplate {
namespace {

constexpr size_t kSecretBytesMin = 16;
constexpr size_t kWaitingMax = 10'000;

using WebhookCurl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using WebhookFields = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
using CurlAddress = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

struct WebhookAddress {
  std::string scheme, host;
};

Result<WebhookAddress> ParseWebhookAddress(const std::string& text) {
  const CurlAddress address(curl_url(), curl_url_cleanup);
  const auto part = [&](CURLUPart which) {
    char* found = nullptr;
    std::string out;
    if (curl_url_get(address.get(), which, &found, 0) == CURLUE_OK && found != nullptr) out = found;
    curl_free(found);
    return out;
  };
  if (address == nullptr || curl_url_set(address.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return Status::InvalidArgument("budget_webhook is no address such as https://example.org/budgets");
  }
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty()) {
    return Status::InvalidArgument("budget_webhook carries no user or password: what is sent is signed");
  }
  std::string host = part(CURLUPART_HOST);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return WebhookAddress{.scheme = part(CURLUPART_SCHEME), .host = std::move(host)};
}

bool IsThisMachine(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1";
}

bool IsPublicV4(uint32_t address) {
  struct Range {
    uint32_t begin;
    int bits;
  };
  // RFC 6890 and what came after it: this network, private, shared, loopback, link-local (169.254.169.254 is clouds'
  // metadata), protocols, examples, relays, benchmarks, multicast and reserved.
  constexpr Range kClosed[] = {{0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},  {0xA9FE0000, 16},
                               {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24}, {0xC0586300, 24}, {0xC0A80000, 16},
                               {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24}, {0xE0000000, 3}};
  return std::ranges::none_of(kClosed,
                              [&](const Range& range) { return (address ^ range.begin) >> (32 - range.bits) == 0; });
}

bool IsPublicV6(const std::array<uint8_t, 16>& address) {
  // Of what is given out (2000::/3) alone, and there neither tunnels to IPv4 (6to4, Teredo) nor examples. An IPv4
  // address in IPv6's clothes, of any kind, lies outside of it.
  if ((address[0] & 0xE0) != 0x20) return false;
  const auto begins = [&](std::initializer_list<uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), address.begin());
  };
  return !begins({0x20, 0x02}) && !begins({0x20, 0x01, 0x00}) && !begins({0x20, 0x01, 0x01}) &&
         !begins({0x20, 0x01, 0x0D, 0xB8}) && !begins({0x3F, 0xFF, 0x0});
}

bool IsPublicSocketAddress(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return IsPublicV4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    return IsPublicV6(std::bit_cast<std::array<uint8_t, 16>>(v6.sin6_addr));
  }
  return false;
}

curl_socket_t OpenPublicSocket(void* refused, curlsocktype, struct curl_sockaddr* address) {
  if (IsPublicSocketAddress(&address->addr)) {
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  *static_cast<bool*>(refused) = true;
  return CURL_SOCKET_BAD;
}

size_t DropBody(char*, size_t size, size_t count, void*) {
  return size * count;
}

}  // namespace

bool IsPublicAddress(const std::string& address) {
  in_addr v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return IsPublicV4(ntohl(v4.s_addr));
  in6_addr v6{};
  return ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IsPublicV6(std::bit_cast<std::array<uint8_t, 16>>(v6));
}

std::string WebhookSignature(std::string_view secret, int64_t unix_seconds, std::string_view body) {
  const auto digest = HmacSha256(secret, Cat(unix_seconds, ".", body));
  return digest ? HexOf(*digest) : std::string();
}

Result<std::string> ReadWebhookSecret(const std::string& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return Status::NotFound(Cat("there is no webhook secret at ", path));
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Status(StatusCode::kPermissionDenied,
                  Cat("the webhook secret ", path, " may be read by others; `chmod 600 ", path, "` mends that"));
  }
  BP_ASSIGN_OR_RETURN(std::string text, ReadFile(path, 65'536));
  const size_t begin = text.find_first_not_of(" \t\r\n");
  const size_t end = text.find_last_not_of(" \t\r\n");
  return begin == std::string::npos ? std::string() : text.substr(begin, end + 1 - begin);
}

Result<std::unique_ptr<BudgetWebhook>> BudgetWebhook::Create(WebhookOptions options, const Clock& clock) {
  BP_ASSIGN_OR_RETURN(const WebhookAddress address, ParseWebhookAddress(options.address));
  const bool allowed = std::ranges::find(options.allowed_hosts, address.host) != options.allowed_hosts.end();
  const bool plain_here = address.scheme == "http" && IsThisMachine(address.host) && allowed;
  if (address.scheme != "https" && !plain_here) {
    return Status::InvalidArgument(
        "budget_webhook must be https; http goes to this machine alone, where budget_webhook_hosts names it");
  }
  if (options.secret.size() < kSecretBytesMin) {
    return Status::InvalidArgument(Cat("the webhook secret must have ", kSecretBytesMin, " bytes at least"));
  }
  return std::unique_ptr<BudgetWebhook>(new BudgetWebhook(std::move(options), clock));
}

Result<std::unique_ptr<BudgetWebhook>> BudgetWebhook::Open(const WebhookSettings& settings, const Clock& clock) {
  if (settings.address.empty()) return std::unique_ptr<BudgetWebhook>();
  if (settings.secret_file.empty()) {
    return Status::InvalidArgument("budget_webhook needs budget_webhook_secret_file: what it sends is signed");
  }
  BP_ASSIGN_OR_RETURN(std::string secret, ReadWebhookSecret(settings.secret_file));
  return Create({.address = settings.address, .secret = std::move(secret), .allowed_hosts = settings.hosts}, clock);
}

BudgetWebhook::BudgetWebhook(WebhookOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), thread_([this] { Run(); }) {}

BudgetWebhook::~BudgetWebhook() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BudgetWebhook::Tell(const BudgetAlert& alert, std::function<void()> told) {
  Message message{.id = alert.id, .body = WriteJson(AlertJson(alert)), .told = std::move(told)};
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kWaitingMax) return;  // untold: the next start tells it
    waiting_.push_back(std::move(message));
  }
  changed_.notify_all();
}

void BudgetWebhook::Run() noexcept {
  try {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
      if (ending_) return;
      const Message message = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      Deliver(message);
    }
  } catch (...) {
    EndProcessForCaught("budgets' webhook");
  }
}

/// False: the end has come meanwhile.
bool BudgetWebhook::Pause(Duration duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, duration, [&] { return ending_; });
}

void BudgetWebhook::Deliver(const Message& message) {
  Duration pause = options_.pause;
  for (uint32_t attempt = 1;; ++attempt) {
    const Status sent = Send(message);
    if (sent.ok()) return message.told();
    if (attempt >= options_.attempts || sent.code() == StatusCode::kPermissionDenied) {
      LogError("a budget's alert could not be delivered",
               {{"event", message.id}, {"attempts", Cat(attempt)}, {"error", sent.message()}});
      return message.told();
    }
    if (!Pause(pause)) return;
    pause *= 2;
  }
}

Status BudgetWebhook::Send(const Message& message) const {
  BP_ASSIGN_OR_RETURN(const WebhookAddress address, ParseWebhookAddress(options_.address));
  const WebhookCurl curl(curl_easy_init(), curl_easy_cleanup);
  if (curl == nullptr) return Status::Internal("libcurl cannot start");
  const int64_t now = clock_.UnixSeconds();
  const std::string signature = WebhookSignature(options_.secret, now, message.body);
  if (signature.empty()) return Status::Internal("OpenSSL has no SHA-256");
  WebhookFields fields(nullptr, curl_slist_free_all);
  for (const std::string& field :
       {std::string("content-type: application/json"), Cat("bedplate-timestamp: ", now),
        Cat("bedplate-signature: v1=", signature), Cat("bedplate-event: ", message.id), std::string("expect:")}) {
    fields.reset(curl_slist_append(fields.release(), field.c_str()));
  }
  char error[CURL_ERROR_SIZE] = "";
  bool refused = false;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout).count();
  curl_easy_setopt(curl.get(), CURLOPT_URL, options_.address.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, address.scheme == "http" ? "http" : "https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NETRC, CURL_NETRC_IGNORED);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(milliseconds));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "bedplate");
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, fields.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, message.body.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(message.body.size()));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, DropBody);
  if (std::ranges::find(options_.allowed_hosts, address.host) == options_.allowed_hosts.end()) {
    curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETFUNCTION, OpenPublicSocket);
    curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETDATA, &refused);
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (refused && code != CURLE_OK) {
    return Status(StatusCode::kPermissionDenied,
                  Cat(address.host, " is an address that is not of the open internet; budget_webhook_hosts allows it"));
  }
  if (code != CURLE_OK) return Status::Unavailable(error[0] != '\0' ? error : curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return Status::Ok();
  return Status::Unavailable(Cat(address.host, " answers HTTP ", status));
}

}  // namespace bedplate
