#include "serve/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <random>
#include <thread>
#include <vector>

#include "base/cat.h"
#include "base/caught.h"
#include "base/log.h"
#include "serve/anthropic/decode.h"
#include "serve/attempt_meter.h"
#include "serve/connection.h"
#include "serve/console_sessions.h"
#include "serve/generation.h"
#include "serve/openai/decode.h"
#include "serve/openai/response_run.h"
#include "serve/routes.h"

namespace bedplate {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// Connections beyond the limit that are being told so; more are closed without a word.
constexpr uint32_t kRefusedAtOnceMax = 64;
constexpr uint64_t kStoredInMemoryMax = uint64_t{16} << 20;

IdMaker SeededIds() {
  std::random_device random;
  const auto word = [&] { return (uint64_t{random()} << 32) | random(); };
  const uint64_t high = word();
  return {high, word()};
}

Status CheckOptions(const ServerOptions& options) {
  BP_RETURN_IF_ERROR(ValidateListen(options.listen, options.has_keys));
  const auto at_least_1 = [](std::string_view name, uint64_t value) {
    return value >= 1 ? Status::Ok() : Status::InvalidArgument(Cat(name, " is 0; it must be at least 1"));
  };
  BP_RETURN_IF_ERROR(at_least_1("io_threads", options.io_threads));
  BP_RETURN_IF_ERROR(at_least_1("work_threads", options.work_threads));
  BP_RETURN_IF_ERROR(at_least_1("connections_max", options.connections_max));
  BP_RETURN_IF_ERROR(at_least_1("prompts_max", options.prompts_max));
  return Status::Ok();
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions the_options, std::unique_ptr<ObjectStore> the_store, Admission& admission, const Clock& the_clock)
      : options(std::move(the_options)),
        own_store(std::move(the_store)),
        clock(the_clock),
        ids(SeededIds()),
        sessions(the_clock),
        attempts(the_clock),
        guard(options.listen, options.allowed_hosts),
        chat(openai::ChatDialect()),
        completions(openai::CompletionsDialect({.prompts_max = options.prompts_max})),
        messages(anthropic::MessagesDialect()),
        count_tokens(anthropic::CountTokensDialect()),
        bedrock(bedrock::MakeDialects()),
        context(std::make_shared<asio::io_context>(static_cast<int>(options.io_threads))),
        acceptor(asio::make_strand(*context)),
        accept_timer(acceptor.get_executor()),
        drain_timer(acceptor.get_executor()),
        work(asio::make_work_guard(*context)),
        workers(options.work_threads),
        generation{.models = models,
                   .admission = admission,
                   .clock = clock,
                   .ids = ids,
                   .run_on_worker = [this](std::function<void()> job) { RunOnWorker(std::move(job)); },
                   .draining = [this] { return draining.load(std::memory_order_relaxed); }},
        responses{
            .generation = generation, .objects = own_store ? *own_store : *options.objects, .live = live_responses},
        connections{.options = options,
                    .router = router,
                    .guard = guard,
                    .admission = admission,
                    .sessions = sessions,
                    .metrics = metrics,
                    .ids = ids,
                    .clock = clock,
                    .error_writer = &ErrorWriterFor,
                    .draining = generation.draining} {
    AddRoutes({.generation = generation,
               .metrics = metrics,
               .more_metrics = options.more_metrics,
               .chat = chat,
               .completions = completions,
               .messages = messages,
               .count_tokens = count_tokens,
               .bedrock = bedrock,
               .responses = responses,
               .session = {.admission = admission,
                           .clock = clock,
                           .sessions = sessions,
                           .attempts = attempts,
                           .office = options.office,
                           .has_keys = options.has_keys,
                           .under_tls = options.tls != nullptr},
               .office = options.office,
               .has_keys = options.has_keys},
              router);
  }

  Status Listen();
  void RunOnWorker(std::function<void()> job);
  void RunNetwork() noexcept;  // until the server has stopped
  void Accept();
  void OnAccepted(Socket socket);
  void StopAccepting();
  void ForEachConnection(const std::function<void(Connection&)>& visit);
  void StopWhenEmpty();
  void FinishIfStopping();  // lets the threads' run() return once the last connection has ended

  const ServerOptions options;
  const std::unique_ptr<ObjectStore> own_store;  // where the options bring none
  const Clock& clock;
  IdMaker ids;
  ModelRegistry models;
  ServerMetrics metrics;
  ConsoleSessions sessions;
  AttemptMeter attempts;
  AccessGuard guard;
  Router router;
  const Dialect chat;
  const Dialect completions;
  const Dialect messages;
  const Dialect count_tokens;
  const bedrock::Dialects bedrock;
  std::shared_ptr<asio::io_context> context;  // shared with the posters that engines hold
  asio::basic_socket_acceptor<asio::ip::tcp, Strand> acceptor;
  StrandTimer accept_timer;  // after an error such as too many open files
  StrandTimer drain_timer;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  asio::thread_pool workers;
  const GenerationServices generation;
  openai::LiveResponses live_responses;
  const openai::ResponseServices responses;
  const ConnectionServices connections;
  ListenAddress bound;

  std::atomic<bool> draining{false};
  std::atomic<bool> stopping{false};
  std::mutex connections_mutex;  // guards open
  std::vector<std::weak_ptr<Connection>> open;
  std::mutex threads_mutex;  // guards threads and started
  std::vector<std::thread> threads;
  bool started = false;
};

Status Server::Impl::Listen() {
  error_code error;
  const std::string host = options.listen.host == "localhost" ? "127.0.0.1" : options.listen.host;
  const auto address = asio::ip::make_address(host, error);
  if (error) return Status::InvalidArgument(Cat("listen address '", host, "': ", error.message()));
  const asio::ip::tcp::endpoint endpoint(address, options.listen.port);
  (void)acceptor.open(endpoint.protocol(), error);
  if (!error) (void)acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && address.is_v6() && address.is_unspecified()) {
    (void)acceptor.set_option(asio::ip::v6_only(false), error);  // ":8080" is every address of both families
  }
  if (!error) (void)acceptor.bind(endpoint, error);
  if (!error) (void)acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Status::IoError(Cat("cannot listen on ", options.listen.ToString(), ": ", error.message()));
  bound = {options.listen.host, acceptor.local_endpoint(error).port()};
  return Status::Ok();
}

// A job answers for what it throws (generation.cc). If even that fails, a client would wait for ever.
void Server::Impl::RunOnWorker(std::function<void()> job) {
  asio::post(workers, [job = std::move(job)]() noexcept {
    try {
      job();
    } catch (...) {
      EndProcessForCaught("work thread");
    }
  });
}

// Connections answer for what happens on them; this is about the listener, and posts that found no memory.
void Server::Impl::RunNetwork() noexcept {
  try {
    context->run();
  } catch (...) {
    EndProcessForCaught("network thread");
  }
}

void Server::Impl::Accept() {
  acceptor.async_accept(asio::make_strand(*context), [this](error_code error, Socket socket) {
    if (!acceptor.is_open()) return;
    if (!error) {
      try {
        OnAccepted(std::move(socket));
      } catch (...) {  // this connection is closed, the next may come
        LogError("a connection could not be taken", {{"error", CaughtStatus().message()}});
      }
      return Accept();
    }
    LogWarning("accept failed", {{"error", error.message()}});
    accept_timer.expires_after(std::chrono::milliseconds(100));
    accept_timer.async_wait([this](error_code aborted) {
      if (!aborted && acceptor.is_open()) Accept();
    });
  });
}

void Server::Impl::OnAccepted(Socket socket) {
  const uint32_t now_open = metrics.connections_open();
  const bool refused = now_open >= options.connections_max;
  if (now_open >= options.connections_max + kRefusedAtOnceMax) return metrics.CountRefused();
  auto connection = std::make_shared<Connection>(std::move(socket), connections, context);
  {
    const std::lock_guard lock(connections_mutex);
    std::erase_if(open, [](const std::weak_ptr<Connection>& gone) { return gone.expired(); });
    open.push_back(connection);
  }
  connection->poster()([connection, refused] { refused ? connection->StartRefusing() : connection->Start(); });
  if (stopping) connection->CloseSoon(true);
}

void Server::Impl::StopAccepting() {
  error_code ignored;
  (void)acceptor.close(ignored);
  accept_timer.cancel();
}

void Server::Impl::ForEachConnection(const std::function<void(Connection&)>& visit) {
  std::vector<std::weak_ptr<Connection>> all;
  {
    const std::lock_guard lock(connections_mutex);
    all = open;
  }
  for (const auto& weak : all) {
    if (const auto connection = weak.lock()) visit(*connection);
  }
}

// Polls, since a connection's end is seldom and its destructor may run anywhere.
void Server::Impl::StopWhenEmpty() {
  if (stopping) return;
  if (metrics.connections_open() == 0 && live_responses.size() == 0) {
    stopping = true;
    return FinishIfStopping();
  }
  drain_timer.expires_after(std::chrono::milliseconds(20));
  drain_timer.async_wait([this](error_code aborted) {
    if (!aborted) StopWhenEmpty();
  });
}

void Server::Impl::FinishIfStopping() {
  if (!stopping) return;
  accept_timer.cancel();
  drain_timer.cancel();
  work.reset();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::Create(ServerOptions options, std::vector<ServedModel> models,
                                               Admission& admission, const Clock& clock) {
  BP_RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<ObjectStore> store;
  if (options.objects == nullptr) {
    BP_ASSIGN_OR_RETURN(store, ObjectStore::InMemory({.bytes_max = kStoredInMemoryMax}));
  }
  auto impl = std::make_unique<Impl>(std::move(options), std::move(store), admission, clock);
  for (const ModelAlias& alias : impl->options.aliases) impl->models.AddAlias(alias);
  for (const std::string& id : impl->options.loading_models) impl->models.AnnounceLoading(id);
  for (ServedModel& model : models) BP_RETURN_IF_ERROR(impl->models.Add(std::move(model)));
  BP_RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() {
  Stop();
  Wait();
  impl_->workers.join();
  // What workers and engines posted last still refers to the services: run it here.
  impl_->context->restart();
  impl_->context->poll();
}

uint16_t Server::port() const {
  return impl_->bound.port;
}
ListenAddress Server::address() const {
  return impl_->bound;
}
std::vector<std::string> Server::Routes() const {
  std::vector<std::string> out;
  for (const Route& route : impl_->router.routes()) out.push_back(Cat(route.method, " ", route.pattern));
  return out;
}
Status Server::AddModel(ServedModel model) {
  return impl_->models.Add(std::move(model));
}
void Server::ReportLoadFailure(const std::string& id, const Status& why) {
  impl_->models.ReportFailure(id, why);
}

void Server::Start() {
  const std::lock_guard lock(impl_->threads_mutex);
  BP_CHECK(!impl_->started);
  impl_->started = true;
  asio::post(impl_->acceptor.get_executor(), [impl = impl_.get()] {
    if (!impl->stopping && !impl->draining) impl->Accept();
  });
  for (uint32_t i = 0; i < impl_->options.io_threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->RunNetwork(); });
  }
}

void Server::Wait() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(impl_->threads_mutex);
    threads.swap(impl_->threads);
  }
  for (std::thread& thread : threads) thread.join();
}

void Server::Drain(std::chrono::milliseconds deadline) {
  if (impl_->draining.exchange(true)) return;
  asio::post(impl_->acceptor.get_executor(), [this, impl = impl_.get(), deadline] {
    impl->StopAccepting();
    impl->ForEachConnection([](Connection& connection) { connection.CloseSoon(/*now=*/false); });
    impl->accept_timer.expires_after(deadline);
    impl->accept_timer.async_wait([this](error_code aborted) {
      if (!aborted) Stop();
    });
    impl->StopWhenEmpty();
  });
}

void Server::Stop() {
  if (impl_->stopping.exchange(true)) return;
  impl_->draining = true;
  asio::post(impl_->acceptor.get_executor(), [impl = impl_.get()] {
    impl->StopAccepting();
    impl->ForEachConnection([](Connection& connection) { connection.CloseSoon(/*now=*/true); });
    impl->FinishIfStopping();
  });
}

}  // namespace bedplate
