// bedplate chat: talk to a model in this terminal, or through a pipe. The engine runs in this process.
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>

#include "base/cat.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/catalogue.h"
#include "cmd/chat_session.h"
#include "cmd/commands.h"
#include "cmd/line_editor.h"
#include "cmd/memory_budget.h"
#include "cmd/model_options.h"
#include "cmd/text_input.h"
#include "engine/engine.h"
#include "model/transformer.h"

namespace bedplate {
namespace {

// What the engine takes of a machine that nobody gave a --memory for, at most.
constexpr size_t kDefaultEngineBytesMax = size_t{2} << 30;

struct ChatOptions {
  ModelOptions model;
  std::string prompt;
  std::string memory;
  ChatSettings settings;
};

// Set by Ctrl-C while an answer is being written. At the prompt Ctrl-C is a key of the line editor.
volatile std::sig_atomic_t interrupted = 0;

/// While it lives, SIGINT does not end the process.
class Interrupts {
 public:
  Interrupts() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &previous_);
  }
  ~Interrupts() { ::sigaction(SIGINT, &previous_, nullptr); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  struct sigaction previous_{};
};

struct Answer {
  std::string text;
  Usage usage;
  FinishReason reason = FinishReason::kStop;
  bool stopped = false;  // by Ctrl-C
  double first_token_seconds = 0;
  double seconds = 0;
};

struct Wake {
  std::mutex mutex;  // guards woken
  std::condition_variable more;
  bool woken = false;
};

// Asks the engine and hands each piece to `write` as it comes.
Result<Answer> Ask(Engine& engine, Request request, const Clock& clock,
                   const std::function<void(const OutputPiece&)>& write) {
  BP_ASSIGN_OR_RETURN(PreparedRequest prepared, engine.Prepare(std::move(request)));
  // Shared with the engine thread, which may still be inside the call that wakes us when we have read the last event.
  const auto wake = std::make_shared<Wake>();
  const auto events = std::make_shared<EventStream>([wake] {
    const std::lock_guard lock(wake->mutex);
    wake->woken = true;
    wake->more.notify_one();
  });
  const Instant start = clock.Now();
  const auto since_start = [&] { return std::chrono::duration<double>(clock.Now() - start).count(); };
  BP_RETURN_IF_ERROR(engine.Submit(std::move(prepared), events));
  Answer answer;
  for (;;) {
    {
      std::unique_lock lock(wake->mutex);
      wake->more.wait_for(lock, std::chrono::milliseconds(50), [&] { return wake->woken; });
      wake->woken = false;
    }
    if (interrupted != 0 && !answer.stopped) {
      answer.stopped = true;
      events->Cancel();
    }
    for (const Event& event : events->Take()) {
      if (const auto* delta = std::get_if<OutputDelta>(&event)) {
        if (answer.first_token_seconds == 0) answer.first_token_seconds = since_start();
        for (const OutputPiece& piece : delta->pieces) {
          if (piece.kind == OutputPiece::Kind::kText) answer.text += piece.text;
          write(piece);
        }
      } else if (const auto* finished = std::get_if<ChoiceFinished>(&event)) {
        answer.reason = finished->reason;
      } else if (const auto* done = std::get_if<RequestFinished>(&event)) {
        answer.usage = done->usage;
        answer.seconds = since_start();
        return answer;
      } else if (const auto* failed = std::get_if<RequestFailed>(&event)) {
        if (!answer.stopped) return failed->status;
      }
    }
    if (answer.stopped && engine.Idle()) {
      answer.seconds = since_start();
      return answer;
    }
  }
}

void WriteAnswer(const OutputPiece& piece) {
  if (piece.kind != OutputPiece::Kind::kText) return;
  std::fwrite(piece.text.data(), 1, piece.text.size(), stdout);
  std::fflush(stdout);
}

// For a reader who waits: reasoning too, dimmed, and a blank line behind it.
class TerminalWriter {
 public:
  void operator()(const OutputPiece& piece) {
    const bool reasoning = piece.kind == OutputPiece::Kind::kReasoning;
    if (reasoning) {
      std::printf("\033[2m%s\033[0m", piece.text.c_str());
      std::fflush(stdout);
    } else if (std::exchange(reasoned_, false)) {
      std::printf("\n\n");
    }
    reasoned_ = reasoned_ || reasoning;
    WriteAnswer(piece);
  }

 private:
  bool reasoned_ = false;
};

std::string SpeedLine(const Answer& answer) {
  const double decoding = answer.seconds - answer.first_token_seconds;
  const double speed = answer.usage.output_tokens > 1 && decoding > 0 ? (answer.usage.output_tokens - 1) / decoding : 0;
  return fmt::format("{} + {} tokens ({} cached), first after {:.2f} s, {:.1f} tokens/s", answer.usage.prompt_tokens,
                     answer.usage.output_tokens, answer.usage.cached_tokens, answer.first_token_seconds, speed);
}

Status Converse(Engine& engine, ChatSession& session, const Clock& clock) {
  std::printf("%s. Ask something; /help lists commands, Ctrl-C stops an answer, Ctrl-D leaves.\n",
              engine.model().id.c_str());
  const Interrupts interrupts;  // for all of it: a Ctrl-C just before or after an answer must not end the program
  LineEditor editor(stdin, stdout, "> ");
  for (;;) {
    interrupted = 0;  // before, not after: a Ctrl-C right behind the line is for its answer
    const LineEditor::Line line = editor.Read();
    if (line.ending == LineEditor::Ending::kEnd) break;
    const std::string& input = line.text;
    if (input.find_first_not_of(" \t") == std::string::npos) continue;
    editor.Remember(input);
    if (input.front() == '/') {
      const ChatSession::CommandResult result = session.RunCommand(input);
      std::printf("%s\n", result.reply.c_str());
      if (result.leave) return Status::Ok();
      continue;
    }
    session.AddUser(input);
    const Result<Answer> answer = Ask(engine, session.NextRequest(engine.model().id), clock, TerminalWriter());
    std::printf("\n");
    if (!answer.ok()) {
      session.DropLast();
      std::printf("! %s\n", answer.status().message().c_str());
      continue;
    }
    session.AddAssistant(answer->text);
    if (session.settings().show_stats)
      std::printf("\033[2m%s%s\033[0m\n", SpeedLine(*answer).c_str(), answer->stopped ? ", stopped" : "");
  }
  std::printf("\n");
  return Status::Ok();
}

Status AnswerOnce(Engine& engine, ChatSession& session, const std::string& prompt, const Clock& clock) {
  const Interrupts interrupts;
  session.AddUser(prompt);
  BP_ASSIGN_OR_RETURN(const Answer answer, Ask(engine, session.NextRequest(engine.model().id), clock, WriteAnswer));
  if (answer.text.empty() || answer.text.back() != '\n') std::printf("\n");
  return answer.stopped ? Status::Cancelled("stopped by Ctrl-C") : Status::Ok();
}

Status RunChat(const ChatOptions& options) {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  std::string prompt = options.prompt;
  if (prompt.empty() && !terminal) {
    BP_ASSIGN_OR_RETURN(prompt, ReadInput("-"));
    while (!prompt.empty() && prompt.back() == '\n') prompt.pop_back();
    if (prompt.empty())
      return Status::InvalidArgument("nothing came through the pipe; send a question, or use --prompt");
  }
  const SystemClock clock;
  BP_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(options.model.model));
  BP_ASSIGN_OR_RETURN(const ModelLoadOptions load, options.model.LoadOptions());
  std::vector<OpenedModel> opened(1);
  BP_ASSIGN_OR_RETURN(opened[0], OpenModelForLoading(path, ModelIdOf(options.model.model), clock.UnixSeconds(), load));
  EngineOptions engine_options;
  engine_options.sequences_max = 1;
  BP_ASSIGN_OR_RETURN(const std::vector<size_t> memory,
                      PlanEngineMemory({options.memory, 0, kDefaultEngineBytesMax}, opened, engine_options));
  engine_options.memory_bytes = memory[0];
  BP_ASSIGN_OR_RETURN(LoadedModel loaded, FinishLoading(std::move(opened[0])));
  if (!loaded.chat_template) {
    return Status::InvalidArgument(
        Cat(options.model.model, " has no chat template, so it can't chat; give one with --chat-template FILE"));
  }
  BP_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, Engine::Create(engine_options, std::move(loaded), clock));
  ChatSession session(options.settings);
  return prompt.empty() ? Converse(*engine, session, clock) : AnswerOnce(*engine, session, prompt, clock);
}

}  // namespace

void AddChatCommand(Program& program) {
  auto options = std::make_shared<ChatOptions>();
  CommandLine command = program.Add("chat", "Talk to a model in this terminal, or through a pipe",
                                    [options] { return RunChat(*options); });
  SamplingParams& sampling = options->settings.sampling;
  options->model.AddTo(command);
  options->model.AddChatTemplateTo(command);
  command.Add("-p,--prompt", &options->prompt, "answer this and leave");
  command.Add("--system", &options->settings.system, "instructions that come before the conversation");
  command.Add("--temperature", &sampling.temperature, "0 takes the likeliest token", {.max = 2});
  command.Add("--top-p", &sampling.top_p, "draw from the likeliest tokens that make up this share", {.max = 1});
  command.Add("--top-k", &sampling.top_k, "draw from so many likeliest tokens; 0: all");
  command.Add("--min-p", &sampling.min_p, "draw from tokens at least this likely, next to the likeliest", {.max = 1});
  command.Add("--seed", &sampling.seed, "the same seed and conversation give the same answer");
  command.Add("--max-tokens", &options->settings.output_tokens_max, "longest answer", {.min = 1});
  command.Add("--memory", &options->memory, "budget for the whole process, such as 4GiB; never exceeded",
              {.setting = "memory"});
  command.Footer(
      "Examples:\n"
      "  bedplate chat smollm2-135m\n"
      "  git diff | bedplate chat qwen2.5-coder-1.5b --system 'Write a commit message for this diff.'");
}

}  // namespace bedplate
