// bedplate serve: models behind the APIs, with the console, until a signal says to stop.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/cat.h"
#include "base/log.h"
#include "cmd/cache_options.h"
#include "cmd/catalogue.h"
#include "cmd/commands.h"
#include "cmd/gate.h"
#include "cmd/memory_budget.h"
#include "cmd/model_aliases.h"
#include "cmd/model_options.h"
#include "cmd/tls_options.h"
#include "model/transformer.h"
#include "objects/object_store.h"
#include "serve/console_files.h"
#include "serve/server.h"

namespace bedplate {
namespace {

constexpr std::string_view kDefaultModel = "smollm2-135m";
constexpr std::chrono::seconds kDrainTimeMax{30};
// What engines take of a machine that nobody gave a --memory for: half of what the weights leave free, and no more than
// this.
constexpr size_t kDefaultPageBytesMax = size_t{4} << 30;

struct Options {
  std::vector<std::string> models;
  std::vector<std::string> aliases;
  ModelOptions tuning;
  std::string listen = "127.0.0.1:8080";
  std::vector<std::string> allowed_hosts;
  std::string keys;
  StoreOptions store;
  WebhookSettings webhook;
  TlsOptions tls;
  std::string memory;
  EngineOptions engine;
  bool no_prefix_cache = false;
  CacheOptions cache;
  std::string speculation = "lookup";
  std::string draft_model;
  uint32_t pace_ms = std::chrono::duration_cast<std::chrono::milliseconds>(EngineOptions{}.pace).count();
  bool debug = false;
};

// Serves signals on a thread of its own: the first SIGTERM or SIGINT drains, the second stops; with keys, SIGHUP reads
// them again.
class SignalWatch {
 public:
  SignalWatch(Server& server, Gate& gate) : thread_([this, &server, &gate]() noexcept { Watch(server, gate); }) {}
  ~SignalWatch() {
    ::pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// Before any thread is made, so that all inherit it: these signals wait for Watch.
  static void BlockSignals() {
    const sigset_t set = Signals(/*has_keys=*/true);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  /// Without keys SIGHUP has nothing to read again, and ends the process as ever. Before any thread is made, too.
  static void LeaveHangup() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }
  [[nodiscard]] bool stopping() const { return stopping_.load(); }
  /// From now on a signal lets answers end. Before, there are none, and it ends the process at once.
  void ServingBegins() { serving_.store(true); }

 private:
  static sigset_t Signals(bool has_keys) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, signal);
    if (has_keys) sigaddset(&set, SIGHUP);
    return set;
  }
  void Watch(Server& server, Gate& gate) noexcept {
    const sigset_t set = Signals(gate.has_keys());
    for (int signal = 0; ::sigwait(&set, &signal) == 0 && signal != SIGUSR1;) {
      if (signal == SIGHUP) {
        gate.Reload();
        continue;
      }
      if (!serving_.load()) {
        LogInfo("stopped while loading");
        ::_exit(0);  // packing can't be cut short, and nothing is held that has to be given back
      }
      if (!stopping_.exchange(true)) {
        LogInfo("draining: running answers end first; a second signal stops at once");
        server.Drain(kDrainTimeMax);
      } else {
        server.Stop();
      }
    }
  }
  std::atomic<bool> serving_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// As many descriptors as the system lets us have; returns how many connections fit, at most `wanted`.
uint32_t RaiseDescriptorLimit(uint32_t wanted) {
  constexpr rlim_t kForFilesAndRefusals = 192;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_NOFILE, &files);
  const rlim_t fit = files.rlim_cur > 2 * kForFilesAndRefusals ? files.rlim_cur - kForFilesAndRefusals : 64;
  return static_cast<uint32_t>(std::min<rlim_t>(wanted, fit));
}

Result<OpenedModel> OpenOne(const std::string& name, const ModelLoadOptions& load, const Clock& clock) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(name));
  return OpenModelForLoading(path, ModelIdOf(name), clock.UnixSeconds(), load);
}

// All of them, before the first one's weights: a model that is missing or too large is told at once. The draft model
// goes with the one model that is served.
Result<std::vector<OpenedModel>> OpenAll(const Options& options, const ModelLoadOptions& load, const Clock& clock) {
  std::vector<OpenedModel> all;
  for (const std::string& name : options.models) {
    BP_ASSIGN_OR_RETURN(OpenedModel model, OpenOne(name, load, clock));
    all.push_back(std::move(model));
  }
  if (!options.draft_model.empty()) {
    BP_ASSIGN_OR_RETURN(OpenedModel draft, OpenOne(options.draft_model, load, clock));
    all.front().draft = std::make_unique<OpenedModel>(std::move(draft));
  }
  return all;
}

Status CheckDraftModel(const Options& options) {
  if (options.draft_model.empty()) return Status::Ok();
  if (options.models.size() > 1) {
    return Status::InvalidArgument(
        Cat("--draft-model drafts for one model, but ", options.models.size(), " are to be served"));
  }
  if (options.speculation == "off") return Status::InvalidArgument("--draft-model needs --speculation other than off");
  return std::move(ResolveModel(options.draft_model)).status();
}

Result<LoadedModel> LoadOne(OpenedModel opened, const Clock& clock) {
  const Instant start = clock.Now();
  BP_ASSIGN_OR_RETURN(LoadedModel model, FinishLoading(std::move(opened)));
  const auto& transformer = static_cast<const Transformer&>(*model.model);
  const bool weights_from_cache = transformer.weights().from_cache();
  LogInfo("model loaded",
          {{"model", model.id},
           {"seconds", fmt::format("{:.2f}", std::chrono::duration<double>(clock.Now() - start).count())},
           {"kv_type", std::string(KvTypeName(transformer.kv_type()))},
           {"weights", weights_from_cache ? "mapped from the cache" : "packed"},
           {"tokenizer", model.tokenizer_from_cache ? "mapped from the cache" : "made"}});
  return model;
}

// What clients come back for outlives the server: objects.sqlite3 in the data folder. A full disk is no reason not to
// serve: until it has room, what asks to be stored is refused. A file that isn't ours is one: it would never have.
Result<std::unique_ptr<ObjectStore>> OpenObjects() {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path data, DataFolder());
  std::error_code ignored;  // opening the file tells
  std::filesystem::create_directories(data, ignored);
  auto store = ObjectStore::OpenedWhenUsed(data / "objects.sqlite3", {});
  const Status opened = store->OpenNow();
  if (opened.code() == StatusCode::kDataLoss) return opened;
  if (!opened.ok()) LogWarning("responses can't be stored for now", {{"error", opened.message()}});
  return store;
}

void Announce(const Server& server, const std::vector<std::unique_ptr<Engine>>& engines, const TlsChoice& tls,
              bool has_keys) {
  const std::string url = Cat(tls.context ? "https://" : "http://", server.address().ToString());
  const std::string curl = tls.trust_path.empty() ? "curl" : Cat("curl --cacert ", tls.trust_path);
  const char* const key = has_keys ? " -H \"Authorization: Bearer $KEY\"" : "";
  const std::string& id = engines.front()->model().id;
  for (const auto& engine : engines) {
    std::printf("Serving %s, context %u tokens\n", engine->model().id.c_str(), engine->context_tokens_max());
  }
  std::printf("\nConsole  %s/\nAPI      %s/v1   (OpenAI)\n", url.c_str(), url.c_str());
  if (!tls.trust_path.empty()) {
    std::printf("Trust    %s   (signs itself; SHA-256 %s)\n", tls.trust_path.c_str(), tls.sha256.c_str());
  }
  std::printf("\nTry it:\n");
  if (engines.front()->model().chat_template) {
    std::printf(
        "  %s %s/v1/chat/completions%s -H 'Content-Type: application/json' \\\n"
        "    -d '{\"model\": \"%s\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'\n\n",
        curl.c_str(), url.c_str(), key, id.c_str());
  } else {
    std::printf(
        "  %s %s/v1/completions%s -H 'Content-Type: application/json' \\\n"
        "    -d '{\"model\": \"%s\", \"prompt\": \"Once upon a time\", \"max_tokens\": 64}'\n\n",
        curl.c_str(), url.c_str(), key, id.c_str());
  }
  std::fflush(stdout);
}

Status Run(Options options) {
  if (options.debug) SetLogLevel(LogLevel::kDebug);
  if (options.models.empty()) options.models.emplace_back(kDefaultModel);
  for (const std::string& name : options.models) BP_RETURN_IF_ERROR(std::move(ResolveModel(name)).status());
  BP_RETURN_IF_ERROR(CheckDraftModel(options));
  ServerOptions server_options;
  BP_ASSIGN_OR_RETURN(server_options.listen, ParseListenAddress(options.listen));
  const SystemClock clock;
  SignalWatch::BlockSignals();
  for (const std::string& name : options.models) server_options.loading_models.push_back(ModelIdOf(name));
  BP_ASSIGN_OR_RETURN(server_options.aliases, ParseModelAliases(options.aliases, server_options.loading_models));
  ModelNames names{.served = server_options.loading_models, .aliases = {}};
  for (const ModelAlias& alias : server_options.aliases) names.aliases.insert_or_assign(alias.name, alias.model);
  BP_ASSIGN_OR_RETURN(Gate gate, Gate::Open(options.keys, options.store, options.webhook, names, clock));
  if (!gate.has_keys()) SignalWatch::LeaveHangup();
  server_options.has_keys = gate.has_keys();
  server_options.office = gate.office();
  if (const ServerMetering* const metering = gate.metering()) {
    server_options.more_metrics = [metering, budgets = gate.budgets()](std::string& page) {
      metering->AppendMetrics(page);
      AppendBudgetMetrics(*budgets, page);
    };
    server_options.write_queue_bytes = 0;  // what was noted is what the sockets were given
  }
  server_options.allowed_hosts = options.allowed_hosts;
  BP_RETURN_IF_ERROR(ValidateListen(server_options.listen, server_options.has_keys));
  BP_ASSIGN_OR_RETURN(const TlsChoice tls, options.tls.Load(server_options.listen, clock));
  server_options.tls = tls.context;
  if (gate.has_keys() && !tls.context && !server_options.listen.is_loopback()) {
    LogWarning("keys and prompts cross the network unencrypted; --tls or --tls-cert and --tls-key encrypt them");
  }
  options.engine.prefix_cache = !options.no_prefix_cache;
  BP_RETURN_IF_ERROR(options.cache.ReadInto(options.engine, options.models.size()));
  BP_ASSIGN_OR_RETURN(ModelLoadOptions load, options.tuning.LoadOptions());
  load.packed_cache.finish_bytes_max = 0;  // a server that is told to stop stops

  // A batch of prompts that the queue can never hold is refused as such, not told to come back later.
  server_options.prompts_max = std::min(server_options.prompts_max, options.engine.queue_max);
  server_options.work_threads = 2;  // one very long prompt must not hold up the preparation of others
  server_options.connections_max = RaiseDescriptorLimit(server_options.connections_max);
  BP_RETURN_IF_ERROR(gate.ListenForCommands());
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<ObjectStore> objects, OpenObjects());
  server_options.objects = objects.get();
  std::vector<std::unique_ptr<Engine>> engines;  // outlives the server
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server,
                      Server::Create(server_options, {}, gate.admission(), clock));
  SignalWatch signals(*server, gate);
  server->Start();

  BP_ASSIGN_OR_RETURN(std::vector<OpenedModel> opened, OpenAll(options, load, clock));
  BP_ASSIGN_OR_RETURN(
      const std::vector<size_t> engine_memory,
      PlanEngineMemory({options.memory, kServeTrafficBytes, kDefaultPageBytesMax}, opened, options.engine));
  for (size_t i = 0; i < opened.size() && !signals.stopping(); ++i) {
    BP_ASSIGN_OR_RETURN(LoadedModel model, LoadOne(std::move(opened[i]), clock));
    EngineOptions engine_options = options.engine;
    if (options.speculation == "off") engine_options.speculation.mode = Speculation::Mode::kOff;
    engine_options.memory_bytes = engine_memory[i];
    engine_options.pace = std::chrono::milliseconds(options.pace_ms);
    options.cache.AttachFile(load.packed_cache, engine_options, model);
    BP_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, Engine::Create(engine_options, std::move(model), clock));
    engines.push_back(std::move(engine));
    ServedModel served;
    served.engine = engines.back().get();
    served.numerics = Cat("numerics ", kNumericsVersion, ", keys and values ", KvTypeName(load.kv_type));
    BP_RETURN_IF_ERROR(server->AddModel(served));
  }
  signals.ServingBegins();
  Announce(*server, engines, tls, gate.has_keys());
  server->Wait();
  return Status::Ok();
}

}  // namespace

void AddServeCommand(Program& program) {
  auto options = std::make_shared<Options>();
  CommandLine command =
      program.Add("serve", "Serve models over HTTP, with a console", [options] { return Run(*options); });
  command.Add("MODEL", &options->models, "models: names, .gguf files or Hugging Face folders; default: smollm2-135m",
              {.setting = "models"});
  command.Add(
      "--aliases", &options->aliases,
      "further names of the model, as clients send them: gpt-4o, an ARN; NAME=MODEL where there are several models",
      {.setting = "aliases"});
  command.Add("--listen", &options->listen, "address and port; beyond loopback only with keys", {.setting = "listen"});
  command.Add(
      "--keys", &options->keys,
      "file of API keys and their limits, which every route but /health, /ready and the console's page then asks "
      "for; SIGHUP reads it again; `bedplate key new` makes keys. A data folder with tenants (`bedplate tenant init`) "
      "has keys of its own",
      {.setting = "keys"});
  options->store.AddTo(command);
  command.Add("--budget-webhook", &options->webhook.address,
              "https address that is told when a budget reaches 50, 80 or 100 % of its amount",
              {.setting = "budget_webhook"});
  command.Add("--budget-webhook-secret-file", &options->webhook.secret_file,
              "file, mode 0600, of the secret that its messages are signed with",
              {.setting = "budget_webhook_secret_file"});
  command.Add("--budget-webhook-hosts", &options->webhook.hosts,
              "hosts that the webhook may reach though their addresses are private, as this machine's is",
              {.setting = "budget_webhook_hosts"});
  command.Add("--allowed-hosts", &options->allowed_hosts,
              "host names that requests may carry, beside the listen address: those of a proxy in front",
              {.setting = "allowed_hosts"});
  options->tls.AddTo(command);
  command.Add("--memory", &options->memory,
              "budget for the whole process, mapped files included, such as 8GiB; never exceeded",
              {.setting = "memory"});
  options->tuning.AddTuningTo(command);
  options->tuning.AddChatTemplateTo(command);
  command.Add("--context", &options->engine.context_tokens_max, "longest sequence in tokens; default: the model's own",
              {.setting = "context"});
  command.Add("--step-tokens", &options->engine.step_tokens_max, "tokens computed in one step over all sequences",
              {.min = 16, .max = 65536, .setting = "step_tokens"});
  command.Add("--prefill-chunk", &options->engine.prefill_chunk_max, "tokens of one prompt in a step that others share",
              {.min = 1, .max = 65536, .setting = "prefill_chunk"});
  command.Add("--pace", &options->pace_ms,
              "milliseconds between a running stream's tokens while others' prompts are read; 0: no bound",
              {.min = 0, .max = 60'000, .setting = "pace"});
  command.Add("--sequences", &options->engine.sequences_max, "sequences that run together",
              {.min = 1, .max = 4096, .setting = "sequences"});
  command.Add("--queue", &options->engine.queue_max, "requests that may wait; one more is refused with 429",
              {.min = 1, .max = 1 << 20, .setting = "queue"});
  command.Add("--no-prefix-cache", &options->no_prefix_cache, "compute every prompt anew",
              {.setting = "no_prefix_cache"});
  options->cache.AddTo(command);
  command.Add("--speculation", &options->speculation,
              "lookup: guess tokens from the prompt, the output and the request's prediction, and check the guesses "
              "several in a step, where that is faster; off: one by one. The output is the same bits",
              {.choices = {"lookup", "off"}, .setting = "speculation"});
  command.Add("--draft-model", &options->draft_model,
              "a smaller model of the same vocabulary that guesses where nothing is found by look-up",
              {.setting = "draft_model"});
  command.Add("--debug", &options->debug, "log more");
  command.Footer(
      "Examples:\n"
      "  bedplate serve\n"
      "  bedplate serve qwen2.5-coder-1.5b --listen 127.0.0.1:9000 --memory 6GiB\n"
      "  bedplate serve --keys keys.toml --tls --listen :8080\n"
      "Signals: SIGTERM or Ctrl-C lets running answers end (at most 30 s); a second one stops at once.");
}

}  // namespace bedplate
