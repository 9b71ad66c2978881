#pragma once
/// Who has signed in to the console. A browser holds a random id in a cookie that no script can read; what key it
/// stands for is here, in memory alone: a restart signs everybody out.
///
///   BP_ASSIGN_OR_RETURN(const std::string id, sessions.Begin(principal, "Bearer KEY"));
///   BP_ASSIGN_OR_RETURN(const std::string credentials, SessionCredentials(sessions, head, under_tls));
///
/// A session lasts kTimeMax and no longer. The table holds kSessionsMax of them, kOfKeyMax of one key: a further one
/// ends the oldest, of the key or of all.
///
/// Whether the key is still good is not known here: it is checked anew for each request.
/// Threads: any. Cost: a lookup is a hash of the id and a search; Begin looks at every session.

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/sha256.h"
#include "base/status.h"
#include "request/admission.h"
#include "serve/http_message.h"

namespace bedplate {

class ConsoleSessions {
 public:
  static constexpr std::chrono::hours kTimeMax{12};
  static constexpr size_t kSessionsMax = 10'000;
  static constexpr size_t kOfKeyMax = 20;

  explicit ConsoleSessions(const Clock& clock, size_t sessions_max = kSessionsMax)
      : clock_(clock), sessions_max_(sessions_max) {}

  /// A new id, never one that a browser brought. credentials: what an Authorization field would say; they are good, and
  /// the principal's.
  Result<std::string> Begin(const Principal& principal, std::string credentials);
  struct Found {
    std::string credentials;
    Duration left{};
  };
  [[nodiscard]] std::optional<Found> Find(std::string_view id) const;
  void End(std::string_view id);
  [[nodiscard]] size_t size() const;

 private:
  struct Session {
    std::string whose;  // the key: tenant, project and name
    std::string credentials;
    Instant begun;
  };
  // By the hash of the id: how long a search takes says nothing about the ids that are there.
  using Table = std::map<Sha256::Digest, Session>;
  void EndOldest(std::string_view whose);  // of that key; empty: of all

  const Clock& clock_;
  const size_t sessions_max_;
  mutable std::mutex mutex_;  // guards table_
  Table table_;
};

/// The cookie's name. Under TLS one that browsers take from this host alone, over TLS alone, for all paths.
std::string_view SessionCookieName(bool under_tls);
/// The session id that a request brings. A name that is there twice counts as none: one of them isn't ours.
std::optional<std::string> SessionIdOf(const HttpRequest& head, bool under_tls);
/// The Set-Cookie value that gives a browser this id, and the one that takes it away.
std::string SessionCookie(std::string_view id, bool secure);
std::string EndedSessionCookie(bool secure);

/// A page of this very server made the request, says the browser: by Origin, which AccessGuard has held to the host, or
/// by Sec-Fetch-Site. Scripts of other sites can forge neither.
bool IsFromOwnPage(const HttpRequest& head);

/// The credentials of the session whose cookie a request brings; empty where it brings none. kUnauthenticated, reason
/// "session_ended"; kPermissionDenied, reason "origin_not_allowed", where it may change something and isn't from a page
/// of ours.
Result<std::string> SessionCredentials(const ConsoleSessions& sessions, const HttpRequest& head, bool under_tls);
Status SessionEnded();

}  // namespace bedplate
