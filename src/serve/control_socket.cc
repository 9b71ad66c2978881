// Plan: a socket's address has room for 107 bytes of path, and a data folder may lie deeper: it is named through a
// descriptor of the folder, /proc/self/fd/N/control.sock.
#include "serve/control_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/cat.h"
#include "base/caught.h"
#include "base/log.h"

namespace bedplate {
namespace {

constexpr std::chrono::milliseconds kSilenceMax{5000};
constexpr std::chrono::milliseconds kAnswerWaitMax{60'000};  // a change waits for the disk, and for others'

Status Failed(std::string_view doing, const std::filesystem::path& path) {
  return Status::IoError(Cat("cannot ", doing, " ", path.string(), ": ", std::generic_category().message(errno)));
}

sockaddr_un AddressIn(int folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = Cat("/proc/self/fd/", folder, "/", ControlSocket::kFileName);
  std::memcpy(address.sun_path, name.data(), std::min(name.size(), sizeof address.sun_path - 1));
  return address;
}

// Until there is something to read, or room to write; false: not in time.
bool WaitFor(int fd, short what, std::chrono::milliseconds time_max) {
  pollfd wait{.fd = fd, .events = what, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, static_cast<int>(time_max.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// Up to the newline, which is not in it.
Result<std::string> ReadLine(int fd, std::chrono::milliseconds time_max) {
  std::string line;
  char buffer[4096];
  for (;;) {
    if (!WaitFor(fd, POLLIN, time_max)) return Status::IoError("nothing came in time");
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return Status::IoError("the connection ended before its line did");
    line.append(buffer, static_cast<size_t>(count));
    const size_t end = line.find('\n');
    if (end != std::string::npos) {
      if (end + 1 != line.size()) return Status::InvalidArgument("more than one line came");
      line.pop_back();
      return line;
    }
    if (line.size() > ControlSocket::kLineBytesMax) return Status::TooLarge("the line is too long");
  }
}

Status WriteLine(int fd, std::string line) {
  line += '\n';
  for (size_t sent = 0; sent < line.size();) {
    if (!WaitFor(fd, POLLOUT, kSilenceMax)) return Status::IoError("the peer takes nothing");
    const ssize_t count = ::send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return Status::IoError("the connection ended");
    sent += static_cast<size_t>(count);
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::Listen(const std::filesystem::path& folder, Answer answer) {
  const std::filesystem::path path = folder / kFileName;
  const Descriptor in(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (in.get() < 0) return Failed("open", folder);
  if (::unlinkat(in.get(), std::string(kFileName).c_str(), 0) != 0 && errno != ENOENT) return Failed("replace", path);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  std::unique_ptr<ControlSocket> made(new ControlSocket(path, listener, stop, std::move(answer)));
  const sockaddr_un address = AddressIn(in.get());
  // The mode is that of the file from its first moment on: it is the unbound socket's.
  if (listener < 0 || stop < 0 || ::fchmod(listener, 0600) != 0 ||
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 16) != 0) {
    return Failed("listen on", path);
  }
  made->thread_ = std::thread([socket = made.get()] { socket->Serve(); });
  return made;
}

ControlSocket::ControlSocket(std::filesystem::path path, int listener, int stop, Answer answer)
    : path_(std::move(path)), listener_(listener), stop_(stop), answer_(std::move(answer)) {}

ControlSocket::~ControlSocket() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  while (::write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  ::unlink(path_.c_str());
}

void ControlSocket::Serve() noexcept {
  for (;;) {
    pollfd waits[] = {{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                      {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
    if (::poll(waits, 2, -1) < 0) continue;
    if (waits[1].revents != 0) return;
    const Descriptor peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer.get() < 0) continue;
    try {
      Converse(peer.get());
    } catch (...) {
      LogError("a command could not be answered", {{"error", CaughtStatus().message()}});
    }
  }
}

void ControlSocket::Converse(int peer) const {
  ucred who{};
  socklen_t length = sizeof who;
  if (::getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return;
  const Result<std::string> line = ReadLine(peer, kSilenceMax);
  if (!line.ok()) return LogWarning("a command said nothing that could be read", {{"why", line.status().message()}});
  const Status told = WriteLine(peer, answer_(*line, who.uid));
  if (!told.ok()) LogWarning("a command went away before its answer", {{"why", told.message()}});
}

Result<std::string> AskControlSocket(const std::filesystem::path& folder, std::string_view line) {
  const std::filesystem::path path = folder / ControlSocket::kFileName;
  const auto nobody = [&] {
    return Status::Unavailable(Cat("no server listens on ", path.string())).WithReason("no_server");
  };
  const Descriptor in(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (in.get() < 0) return errno == ENOENT ? nobody() : Failed("open", folder);
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressIn(in.get());
  if (socket.get() < 0 || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno == ENOENT || errno == ECONNREFUSED ? nobody() : Failed("connect to", path);
  }
  BP_RETURN_IF_ERROR(WriteLine(socket.get(), std::string(line)));
  Result<std::string> answer = ReadLine(socket.get(), kAnswerWaitMax);
  if (answer.ok()) return answer;
  return Status(answer.status().code(), Cat("the server did not answer on ", path.string(), ": ",
                                            answer.status().message(), "; look whether it was done"));
}

}  // namespace bedplate
