#pragma once
/// A socket in the data folder on which commands of the same user talk to a running server: one line asked, one line
/// answered, and the connection ends. Its mode is 0600; whoever can open it may do everything the server can.
///
/// Lines: up to 1 MiB, without a newline inside. A peer that says nothing for five seconds is left.
/// Threads: it has one, on which `answer` runs, one call after another.
/// Errors:  kUnavailable, reason "no_server", where nobody listens; kIoError.

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/descriptor.h"
#include "base/status.h"

namespace bedplate {

class ControlSocket {
 public:
  static constexpr std::string_view kFileName = "control.sock";
  static constexpr size_t kLineBytesMax = size_t{1} << 20;
  /// peer: the user whose process asks.
  using Answer = std::function<std::string(std::string_view line, uid_t peer)>;

  /// In place of a socket that a killed server left there: whoever listens has made sure that no other does.
  static Result<std::unique_ptr<ControlSocket>> Listen(const std::filesystem::path& folder, Answer answer);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

 private:
  ControlSocket(std::filesystem::path path, int listener, int stop, Answer answer);
  void Serve() noexcept;
  void Converse(int peer) const;

  const std::filesystem::path path_;
  const Descriptor listener_;
  const Descriptor stop_;  // an eventfd
  const Answer answer_;
  std::thread thread_;  // last: it uses the others
};

/// Asks the server that has this data folder.
Result<std::string> AskControlSocket(const std::filesystem::path& folder, std::string_view line);

}  // namespace bedplate
