#pragma once
/// Tells an address of budgets' alerts: a POST of the event's JSON (AlertJson), signed, again until it answers 2xx.
///
///   bedplate-timestamp: 1796000000          Unix seconds, of the attempt
///   bedplate-signature: v1=5f70...          HMAC-SHA-256, in hex, of "TIMESTAMP.BODY" under the secret
///
/// Who receives one computes the same, compares in constant time, refuses timestamps that are minutes old, and knows an
/// event that comes again by its id.
///
/// Addresses: https alone, or http to this machine where that is allowed. No redirect is followed and no proxy used. An
///          address that is private, link-local (clouds' metadata), or otherwise not of the open internet is not
///          connected to unless its host is named as allowed; what is checked is the address of the connection itself,
///          so a name that resolves to another one the second time is no way around.
/// Attempts: five, with pauses that double from a second; each at most ten seconds. Then it is logged and given up.
/// Threads: any; one of its own sends. At its end what isn't delivered stays untold, for the next start to tell.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "ledger/budgets/budget_alerts.h"

namespace bedplate {

struct WebhookOptions {
  std::string address;                     // https://...
  std::string secret;                      // 16 bytes at least
  std::vector<std::string> allowed_hosts;  // that may be private, and plain http where they are this machine
  uint32_t attempts = 5;
  Duration pause = std::chrono::seconds(1);  // before the second attempt
  Duration timeout = std::chrono::seconds(10);
};

/// What settings say of it.
struct WebhookSettings {
  std::string address, secret_file;  // empty: none
  std::vector<std::string> hosts;
};

class BudgetWebhook final : public BudgetAlertSink {
 public:
  /// kInvalidArgument says what is wrong with the address or the secret.
  static Result<std::unique_ptr<BudgetWebhook>> Create(WebhookOptions options, const Clock& clock);
  /// Null where no address is set.
  static Result<std::unique_ptr<BudgetWebhook>> Open(const WebhookSettings& settings, const Clock& clock);
  ~BudgetWebhook() override;
  BudgetWebhook(const BudgetWebhook&) = delete;
  BudgetWebhook& operator=(const BudgetWebhook&) = delete;

  void Tell(const BudgetAlert& alert, std::function<void()> told) override;

 private:
  struct Message {
    std::string id, body;
    std::function<void()> told;
  };
  BudgetWebhook(WebhookOptions options, const Clock& clock);
  void Run() noexcept;
  void Deliver(const Message& message);
  [[nodiscard]] Status Send(const Message& message) const;
  bool Pause(Duration duration);

  const WebhookOptions options_;
  const Clock& clock_;
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::deque<Message> waiting_;
  bool ending_ = false;
  std::thread thread_;  // last: it uses the others
};

/// Whether an address, IPv4 or IPv6 as text, is of the open internet.
bool IsPublicAddress(const std::string& address);
/// Of "TIMESTAMP.BODY", in hex. Empty where OpenSSL has no SHA-256.
std::string WebhookSignature(std::string_view secret, int64_t unix_seconds, std::string_view body);
/// The secret that a file holds, without white space around it. kPermissionDenied where others may read it.
Result<std::string> ReadWebhookSecret(const std::string& path);

}  // namespace bedplate
