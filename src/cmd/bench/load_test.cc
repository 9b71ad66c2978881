// Plans are what was asked for; made-up records give known quantiles; a small server on this machine is driven for
// real.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/bench/load_client.h"
#include "cmd/bench/load_plan.h"
#include "cmd/bench/load_report.h"

namespace bedplate {
namespace {

TEST(LoadPlan, StreamsRateAndTrace) {
  const LoadShape shape{.streams = 3, .requests = 200, .prompt_tokens = 5, .output_tokens = 7, .seed = 4};
  const LoadPlan streams = PlanStreams(shape);
  ASSERT_EQ(streams.requests.size(), 200u);
  EXPECT_EQ(streams.streams_max, 3u);
  EXPECT_EQ(std::count(streams.requests[0].prompt.begin(), streams.requests[0].prompt.end(), ' '), 4);
  EXPECT_NE(streams.requests[0].prompt, streams.requests[1].prompt);
  const LoadPlan rate = PlanRate(shape, 10);
  EXPECT_TRUE(std::is_sorted(rate.requests.begin(), rate.requests.end(),
                             [](const auto& a, const auto& b) { return a.at < b.at; }));
  EXPECT_NEAR(rate.requests.back().at, 20, 5);  // 200 arrivals at 10/s: 20 s, with a deviation of 1.4
  const Result<LoadPlan> trace =
      PlanTrace("{\"at\":1.5,\"prompt\":\"later\"}\n\n{\"at\":0,\"prompt_tokens\":2,\"output_tokens\":9}\n", shape);
  ASSERT_TRUE(trace.ok()) << trace.status().message();
  ASSERT_EQ(trace->requests.size(), 2u);
  EXPECT_EQ(trace->requests[0].output_tokens, 9u);
  EXPECT_EQ(trace->requests[1].prompt, "later");
  for (const std::string_view bad : {"", "{}", "{\"at\":-1}", "{\"at\":0,\"output_tokens\":0}", "nonsense"}) {
    EXPECT_FALSE(PlanTrace(bad, shape).ok()) << bad;
  }
}

TEST(LoadReport, CountsWhatWasPromised) {
  std::vector<RequestRecord> records(3);
  records[0] = {.planned = 0,
                .sent = 0,
                .chunks = {0.1, 0.2, 0.3},
                .ended = 0.3,
                .prompt_tokens = 5,
                .output_tokens = 3,
                .http_status = 200,
                .error = ""};
  records[1] = {.planned = 1,
                .sent = 1,
                .chunks = {4, 4.1},
                .ended = 5,
                .prompt_tokens = 5,
                .output_tokens = 2,
                .http_status = 200,
                .error = ""};
  records[2] = {.planned = 1,
                .sent = 1,
                .chunks = {},
                .ended = 1.1,
                .prompt_tokens = 0,
                .output_tokens = 0,
                .http_status = 429,
                .error = "full"};
  const LoadTargets targets{.first_token_seconds = 1, .between_tokens_seconds = 0.2};
  const LoadReport report = Summarise(records, targets);
  EXPECT_EQ(report.failed, 1u);
  EXPECT_EQ(report.refused, 1u);
  EXPECT_EQ(report.output_tokens, 5u);
  EXPECT_DOUBLE_EQ(report.seconds, 5);
  EXPECT_DOUBLE_EQ(report.output_tokens_per_second, 1);
  EXPECT_DOUBLE_EQ(report.first_token.p50, 0.1);
  EXPECT_DOUBLE_EQ(report.first_token.p99, 3);
  EXPECT_NEAR(report.between_tokens.max, 0.1, 1e-9);
  EXPECT_NEAR(report.good_share, 1.0 / 3, 1e-9);  // the second came too late, the third not at all
  EXPECT_NE(LoadTable(report, "t", targets).find("full"), std::string::npos);
  EXPECT_TRUE(ParseJson(LoadJson(report, records, targets)).ok());
  EXPECT_EQ(LoadSvg(records, "t").rfind("<svg ", 0), 0u);
}

TEST(EventReader, JoinsWhatTheNetworkCut) {
  EventReader reader;
  std::string taken;
  for (const std::string_view piece : {"da", "ta: one\r\n\r", "\n: comment\ndata:two\n", "\ndata: thr", "ee\n\n"}) {
    reader.Feed(piece, [&](std::string_view data) { taken += Cat("[", data, "]"); });
  }
  EXPECT_EQ(taken, "[one][two][three]");
}

// Answers `connections` connections, one request each: the first `refusals` with 429.
class SmallServer {
 public:
  SmallServer(int connections, int refusals) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 64), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    url = Cat("http://127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this, connections, refusals] {
      for (int i = 0; i < connections; ++i) Answer(i < refusals);
    });
  }
  ~SmallServer() {
    thread_.join();
    ::close(socket_);
  }
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;
  std::string url;
  std::string last_request;  // complete before the client sees the last answer

 private:
  void Answer(bool refuse) {
    const int client = ::accept(socket_, nullptr, nullptr);
    std::string request;
    char buffer[4096];
    while (request.find("\"ignore_eos\":true}") == std::string::npos) {
      const ssize_t n = ::read(client, buffer, sizeof buffer);
      if (n <= 0) break;
      request.append(buffer, static_cast<size_t>(n));
    }
    last_request = request;
    std::string answer =
        "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\r\n{\"error\":{\"message\":\"full\"}}";
    if (!refuse) {
      answer =
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
          "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n"
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":2}}\n\n"
          "data: [DONE]\n\n";
    }
    EXPECT_EQ(::write(client, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
    ::shutdown(client, SHUT_WR);
    while (::read(client, buffer, sizeof buffer) > 0) {
    }
    ::close(client);
  }
  int socket_ = -1;
  std::thread thread_;
};

TEST(LoadClient, DrivesAServer) {
  SmallServer server(4, 1);
  const LoadTarget target{.url = server.url, .model = "m", .key = "secret", .completions = false};
  const LoadPlan plan = PlanStreams({.streams = 1, .requests = 4, .prompt_tokens = 3, .output_tokens = 2});
  size_t ended = 0;
  const Result<std::vector<RequestRecord>> records = RunLoad(target, plan, [&](size_t n) { ended = n; });
  ASSERT_TRUE(records.ok()) << records.status().message();
  EXPECT_EQ(ended, 4u);
  EXPECT_EQ((*records)[0].http_status, 429);
  EXPECT_EQ((*records)[0].error, "full");
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ((*records)[i].error, "");
    EXPECT_EQ((*records)[i].chunks.size(), 2u);
    EXPECT_EQ((*records)[i].prompt_tokens, 11u);
    EXPECT_EQ((*records)[i].output_tokens, 2u);
    EXPECT_GE((*records)[i].ended, (*records)[i].chunks.back());
  }
  EXPECT_NE(server.last_request.find("POST /v1/chat/completions"), std::string::npos);
  EXPECT_NE(server.last_request.find("Bearer secret"), std::string::npos);
  EXPECT_NE(server.last_request.find("\"max_tokens\":2"), std::string::npos);
}

TEST(LoadClient, AServerThatIsNotThereIsAnError) {
  const LoadTarget target{.url = "http://127.0.0.1:1", .model = "m", .key = "", .completions = true};
  const auto records = RunLoad(target, PlanStreams({.streams = 1, .requests = 1}), [](size_t) {});
  ASSERT_TRUE(records.ok());
  EXPECT_NE((*records)[0].error, "");
  EXPECT_FALSE(FirstModelOf(target).ok());
}

}  // namespace
}  // namespace bedplate
