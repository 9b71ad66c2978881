#include "serve/console_sessions.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/cat.h"
#include "ledger/credentials.h"
#include "ledger/new_key.h"

namespace bedplate {
namespace {

constexpr size_t kIdLetters = 43;  // of 62 each: 256 bits
constexpr std::string_view kPlainCookie = "bedplate_session", kHostCookie = "__Host-bedplate_session";

std::optional<Sha256::Digest> HashOf(std::string_view id) {
  Sha256 hash;
  hash.Add(id.data(), id.size());
  return hash.Take();
}

/// The values that a request's cookies of that name have.
std::vector<std::string_view> CookiesNamed(const HttpRequest& head, std::string_view name) {
  std::vector<std::string_view> values;
  for (const HttpField& field : head.fields) {
    if (field.name != "cookie") continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const size_t end = rest.find(';');
      std::string_view pair = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      const size_t equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == name) values.push_back(pair.substr(equals + 1));
    }
  }
  return values;
}

std::string CookieText(std::string_view value, int64_t seconds, bool secure) {
  return Cat(SessionCookieName(secure), "=", value, "; Path=/; Max-Age=", seconds, "; HttpOnly; SameSite=Strict",
             secure ? "; Secure" : "");
}

}  // namespace

Result<std::string> ConsoleSessions::Begin(const Principal& principal, std::string credentials) {
  BP_ASSIGN_OR_RETURN(std::string id, RandomLetters(kIdLetters));
  const auto hash = HashOf(id);
  if (!hash) return Status::Internal("OpenSSL has no SHA-256");
  const Instant now = clock_.Now();
  Session session{.whose = Cat(principal.tenant, "\n", principal.project, "\n", principal.key),
                  .credentials = std::move(credentials),
                  .begun = now};
  const std::lock_guard lock(mutex_);
  std::erase_if(table_, [&](const auto& entry) { return now - entry.second.begun >= kTimeMax; });
  const auto of_key =
      std::ranges::count_if(table_, [&](const auto& entry) { return entry.second.whose == session.whose; });
  if (static_cast<size_t>(of_key) >= kOfKeyMax) EndOldest(session.whose);
  if (table_.size() >= sessions_max_) EndOldest({});
  table_.insert_or_assign(*hash, std::move(session));
  return id;
}

void ConsoleSessions::EndOldest(std::string_view whose) {
  auto oldest = table_.end();
  for (auto at = table_.begin(); at != table_.end(); ++at) {
    if (!whose.empty() && at->second.whose != whose) continue;
    if (oldest == table_.end() || at->second.begun < oldest->second.begun) oldest = at;
  }
  if (oldest != table_.end()) table_.erase(oldest);
}

std::optional<ConsoleSessions::Found> ConsoleSessions::Find(std::string_view id) const {
  const auto hash = HashOf(id);
  if (!hash) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto at = table_.find(*hash);
  if (at == table_.end()) return std::nullopt;
  const Duration age = clock_.Now() - at->second.begun;
  if (age >= kTimeMax) return std::nullopt;
  return Found{.credentials = at->second.credentials, .left = kTimeMax - age};
}

void ConsoleSessions::End(std::string_view id) {
  const auto hash = HashOf(id);
  if (!hash) return;
  const std::lock_guard lock(mutex_);
  table_.erase(*hash);
}

size_t ConsoleSessions::size() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

std::string_view SessionCookieName(bool under_tls) {
  return under_tls ? kHostCookie : kPlainCookie;
}

// Behind something that ends TLS before us, the browser has the one of TLS although we see none.
std::optional<std::string> SessionIdOf(const HttpRequest& head, bool under_tls) {
  for (const std::string_view name : {kHostCookie, kPlainCookie}) {
    if (name == kPlainCookie && under_tls) break;
    const std::vector<std::string_view> values = CookiesNamed(head, name);
    if (values.size() > 1) return std::nullopt;
    if (!values.empty()) return std::string(values[0]);
  }
  return std::nullopt;
}

std::string SessionCookie(std::string_view id, bool secure) {
  constexpr auto kSeconds = std::chrono::seconds(ConsoleSessions::kTimeMax);
  return CookieText(id, kSeconds.count(), secure);
}

std::string EndedSessionCookie(bool secure) {
  return CookieText("", 0, secure);
}

bool IsFromOwnPage(const HttpRequest& head) {
  const std::string* const site = head.Find("sec-fetch-site");
  return head.Find("origin") != nullptr || (site != nullptr && *site == "same-origin");
}

Result<std::string> SessionCredentials(const ConsoleSessions& sessions, const HttpRequest& head, bool under_tls) {
  const auto id = SessionIdOf(head, under_tls);
  if (!id) return std::string();
  auto found = sessions.Find(*id);
  if (!found) return SessionEnded();
  const bool reads = head.method == "GET" || head.method == "HEAD";
  if (!reads && !IsFromOwnPage(head)) {
    return Status(StatusCode::kPermissionDenied,
                  "with the console's cookie, only the console's own pages may change anything; send a key instead")
        .WithReason("origin_not_allowed");
  }
  return std::move(found->credentials);
}

Status SessionEnded() {
  return Unauthenticated("You are no longer signed in here. Sign in again with your key.", "session_ended");
}

}  // namespace bedplate
