#include "cmd/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/cat.h"

extern char** environ;  // NOLINT: POSIX says to declare it so

namespace bedplate {
namespace {

class Pipe {
 public:
  Pipe() { open_ = ::pipe2(ends_, O_CLOEXEC) == 0; }
  ~Pipe() {
    CloseWriter();
    if (open_ && ends_[0] >= 0) ::close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] int reader() const { return ends_[0]; }
  [[nodiscard]] int writer() const { return ends_[1]; }
  /// Hands an end over; it is not closed here any more.
  int ReleaseReader() { return std::exchange(ends_[0], -1); }
  int ReleaseWriter() { return std::exchange(ends_[1], -1); }
  void CloseWriter() {
    if (open_ && ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
  bool open_ = false;
};

std::vector<std::string> MergedEnvironment(const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    bool replaced = false;
    for (const auto& [name, value] : added) replaced = replaced || text.starts_with(name + "=");
    if (!replaced) out.emplace_back(text);
  }
  for (const auto& [name, value] : added) out.push_back(Cat(name, "=", value));
  return out;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

/// Reads what is there; false at the end.
bool Drain(int fd, const std::function<void(std::string_view)>& take) {
  char buffer[1 << 16];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n > 0) take({buffer, static_cast<size_t>(n)});
  return n > 0;
}

}  // namespace

Result<ChildResult> RunChild(const ChildProcess& child) {
  Pipe out;
  Pipe err;
  if (!out.open() || !err.open()) return Status::IoError(Cat("cannot make a pipe: ", std::strerror(errno)));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.writer(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err.writer(), STDERR_FILENO);
  std::vector<std::string> arguments = child.arguments;
  std::vector<std::string> environment = MergedEnvironment(child.environment);
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, arguments[0].c_str(), &actions, nullptr, Pointers(arguments).data(),
                                    Pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    const std::string message = Cat("cannot start ", child.arguments[0], ": ", std::strerror(failed));
    return failed == ENOENT ? Status::NotFound(message) : Status::IoError(message);
  }
  out.CloseWriter();
  err.CloseWriter();

  ChildResult result;
  Status status;
  bool out_open = true;
  bool err_open = true;
  while (status.ok() && (out_open || err_open)) {
    pollfd fds[2] = {{out_open ? out.reader() : -1, POLLIN, 0}, {err_open ? err.reader() : -1, POLLIN, 0}};
    constexpr int kTickMs = 200;
    if (::poll(fds, 2, kTickMs) < 0 && errno != EINTR) status = Status::IoError(Cat("poll: ", std::strerror(errno)));
    if (fds[0].revents != 0) {
      out_open = Drain(out.reader(), [&](std::string_view text) {
        if (child.on_output && status.ok()) status = child.on_output(text);
      });
    }
    if (fds[1].revents != 0) {
      err_open = Drain(err.reader(), [&](std::string_view text) {
        result.messages += text;
        if (result.messages.size() > 4096) result.messages.erase(0, result.messages.size() - 4096);
      });
    }
    if (status.ok() && child.on_tick) status = child.on_tick();
  }
  if (!status.ok()) ::kill(pid, SIGTERM);
  int state = 0;
  while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  if (!status.ok()) return status;
  result.exit_status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return result;
}

Result<std::unique_ptr<ChildSession>> ChildSession::Start(
    const std::vector<std::string>& arguments, const std::vector<std::pair<std::string, std::string>>& environment,
    const std::filesystem::path& log) {
  Pipe in;
  Pipe out;
  if (!in.open() || !out.open()) return Status::IoError(Cat("cannot make a pipe: ", std::strerror(errno)));
  std::signal(SIGPIPE, SIG_IGN);  // a program that has ended is an error of Write, not our end
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.reader(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.writer(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  std::vector<std::string> words = arguments;
  std::vector<std::string> variables = MergedEnvironment(environment);
  pid_t pid = 0;
  const int failed =
      ::posix_spawnp(&pid, words[0].c_str(), &actions, nullptr, Pointers(words).data(), Pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return Status::NotFound(Cat("cannot start ", arguments[0], ": ", std::strerror(failed)));
  return std::unique_ptr<ChildSession>(new ChildSession(pid, in.ReleaseWriter(), out.ReleaseReader(), log));
}

ChildSession::~ChildSession() {
  ::close(input_);
  ::close(output_);
  // It ends when its input does; one that hangs is told twice.
  for (const int signal : {0, SIGTERM, SIGKILL}) {
    if (signal != 0) ::kill(pid_, signal);
    for (int tenths = 0; tenths < 50; ++tenths) {
      const pid_t ended = ::waitpid(pid_, nullptr, WNOHANG);
      if (ended == pid_ || (ended < 0 && errno != EINTR)) return;
      ::usleep(100'000);
    }
  }
}

Status ChildSession::Ended() const {
  return Status::Unavailable(Cat("the program has ended; its last words are in ", log_.string()));
}

Status ChildSession::Write(std::string_view line) {
  std::string bytes = Cat(line, "\n");
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t n = ::write(input_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Ended();
    rest.remove_prefix(static_cast<size_t>(n));
  }
  return Status::Ok();
}

Result<std::string> ChildSession::ReadLine(std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd readable{output_, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&readable, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ::kill(pid_, SIGKILL);
      return Status(StatusCode::kDeadlineExceeded,
                    Cat("no answer in ", patience / std::chrono::seconds(1), " s; it was stopped"));
    }
    if (!Drain(output_, [&](std::string_view text) { pending_ += text; })) return Ended();
  }
}

}  // namespace bedplate
