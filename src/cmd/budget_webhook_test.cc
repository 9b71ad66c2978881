// Method: a small server on this machine that keeps what it is sent and answers what the test says.
#include "cmd/budget_webhook.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>

#include "base/cat.h"
#include "base/file.h"

namespace bedplate {
namespace {

class Receiver {
 public:
  explicit Receiver(std::deque<std::string> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Receiver() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  [[nodiscard]] int port() const { return port_; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Serve() {
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      std::string request;
      char bytes[4096];
      while (!Whole(request)) {
        const ssize_t count = ::read(client, bytes, sizeof bytes);
        if (count <= 0) break;
        request.append(bytes, static_cast<size_t>(count));
      }
      std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        if (!answers_.empty()) {
          answer = answers_.front();
          answers_.pop_front();
        }
      }
      EXPECT_EQ(::write(client, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
      ::close(client);
    }
  }
  static bool Whole(const std::string& request) {
    const size_t head = request.find("\r\n\r\n");
    const size_t length = request.find("Content-Length: ");
    return head != std::string::npos && length != std::string::npos &&
           request.size() >= head + 4 + std::stoul(request.substr(length + 16));
  }

  int listener_ = -1, port_ = 0;
  std::mutex mutex_;  // guards answers_ and requests_
  std::deque<std::string> answers_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

BudgetAlert Alert() {
  return {.id = "evt_1",
          .budget = {.tenant = "acme", .name = "b", .amount = 1'000'000'000'000},
          .period = PeriodAt(BudgetPeriod::kMonth, 1'796'000'000),
          .level = 80,
          .spent = 800'000'000'000,
          .time = 1'796'000'000};
}

WebhookOptions OptionsFor(const Receiver& receiver) {
  return {.address = Cat("http://127.0.0.1:", receiver.port(), "/hook"),
          .secret = kSecret,
          .allowed_hosts = {"127.0.0.1"},
          .attempts = 3,
          .pause = std::chrono::milliseconds(1)};
}

// Tells it, and waits until that has ended.
void TellAndWait(BudgetWebhook& webhook) {
  std::atomic<bool> told = false;
  webhook.Tell(Alert(), [&] { told = true; });
  for (int i = 0; i < 2000 && !told; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(told);
}

TEST(BudgetWebhook, SignsWhatItSendsAndTriesAgain) {
  Receiver receiver({"HTTP/1.1 500 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"});
  const SystemClock clock;
  const auto webhook = *BudgetWebhook::Create(OptionsFor(receiver), clock);
  TellAndWait(*webhook);
  const std::vector<std::string> requests = receiver.requests();
  ASSERT_EQ(requests.size(), 2u);
  const std::string& request = requests[1];
  EXPECT_TRUE(request.starts_with("POST /hook HTTP/1.1\r\n"));
  const auto field = [&](std::string_view name) {
    const size_t at = request.find(Cat(name, ": "));
    EXPECT_NE(at, std::string::npos) << name;
    return request.substr(at + name.size() + 2, request.find("\r\n", at) - at - name.size() - 2);
  };
  const std::string body = request.substr(request.find("\r\n\r\n") + 4);
  EXPECT_EQ(field("bedplate-signature"),
            "v1=" + WebhookSignature(kSecret, std::stoll(field("bedplate-timestamp")), body));
  EXPECT_EQ(field("bedplate-event"), "evt_1");
  EXPECT_NE(body.find(R"("level_percent":80)"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("spent":"0.80")"), std::string::npos) << body;
  EXPECT_EQ(body.find(kSecret), std::string::npos);
}

TEST(BudgetWebhook, FollowsNoRedirectAndGivesUp) {
  const std::string elsewhere =
      "HTTP/1.1 307 go\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  Receiver receiver({elsewhere, elsewhere, elsewhere, elsewhere});
  const SystemClock clock;
  const auto webhook = *BudgetWebhook::Create(OptionsFor(receiver), clock);
  TellAndWait(*webhook);
  EXPECT_EQ(receiver.requests().size(), 3u);
}

TEST(BudgetWebhook, ConnectsToNoPrivateAddressThatIsNotAllowed) {
  Receiver receiver({});
  const SystemClock clock;
  for (const char* host : {"127.0.0.1", "localhost", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]", "2130706433"}) {
    WebhookOptions options = OptionsFor(receiver);
    options.address = Cat("https://", host, ":", receiver.port(), "/");
    options.allowed_hosts.clear();
    options.timeout = std::chrono::seconds(2);
    const auto webhook = BudgetWebhook::Create(options, clock);
    ASSERT_TRUE(webhook.ok()) << host << webhook.status().message();
    TellAndWait(**webhook);
  }
  EXPECT_TRUE(receiver.requests().empty());
}

TEST(BudgetWebhook, WhatIsNotDeliveredAtTheEndStaysUntold) {
  const std::string no = "HTTP/1.1 503 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  Receiver receiver({no, no, no, no});
  const SystemClock clock;
  std::atomic<bool> told = false;
  {
    WebhookOptions options = OptionsFor(receiver);
    options.pause = std::chrono::hours(1);
    const auto webhook = *BudgetWebhook::Create(options, clock);
    webhook->Tell(Alert(), [&] { told = true; });
    while (receiver.requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(told);
}

TEST(BudgetWebhook, RefusesWrongSettings) {
  const SystemClock clock;
  const auto refused = [&](std::string address, std::string secret = kSecret) {
    return BudgetWebhook::Create(
               {.address = std::move(address), .secret = std::move(secret), .allowed_hosts = {"example.org"}}, clock)
        .status()
        .code();
  };
  EXPECT_EQ(refused("http://example.org/"), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("http://127.0.0.1/"), StatusCode::kInvalidArgument) << "not named";
  EXPECT_EQ(refused("ftp://example.org/"), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("file:///etc/passwd"), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("https://ada:pw@example.org/"), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("example.org"), StatusCode::kInvalidArgument);
  EXPECT_EQ(refused("https://example.org/", "short"), StatusCode::kInvalidArgument);
}

TEST(BudgetWebhook, KnowsWhichAddressesAreOfTheOpenInternet) {
  for (const char* address : {"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"}) {
    EXPECT_TRUE(IsPublicAddress(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0",         "10.1.2.3",    "100.64.0.1", "127.0.0.1",      "169.254.169.254", "172.16.0.1",
        "172.31.255.1",    "192.168.1.1", "192.0.2.1",  "198.18.0.1",     "224.0.0.1",       "240.0.0.1",
        "255.255.255.255", "::",          "::1",        "::ffff:8.8.8.8", "64:ff9b::a00:1",  "fe80::1",
        "fd00:ec2::254",   "fc00::1",     "ff02::1",    "2002:7f00:1::",  "2001:db8::1",     "2001:0:1::1",
        "nonsense"}) {
    EXPECT_FALSE(IsPublicAddress(address)) << address;
  }
}

TEST(BudgetWebhook, TheSecretsFileIsItsOwnersAlone) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / Cat("bedplate-webhook-", ::getpid());
  ASSERT_TRUE(WriteFileAtomically(file, " sixteen bytes or more\n", 0644).ok());
  EXPECT_EQ(ReadWebhookSecret(file.string()).status().code(), StatusCode::kPermissionDenied);
  ASSERT_TRUE(WriteFileAtomically(file, " sixteen bytes or more\n", 0600).ok());
  EXPECT_EQ(*ReadWebhookSecret(file.string()), "sixteen bytes or more");
  std::filesystem::remove(file);
  EXPECT_EQ(ReadWebhookSecret(file.string()).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace bedplate
