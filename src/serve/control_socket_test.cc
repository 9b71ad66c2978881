// Method: a socket in a folder of the test's, asked as commands do and by peers that misbehave.
#include "serve/control_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/cat.h"

namespace bedplate {
namespace {

class ControlSocketTest : public testing::Test {
 protected:
  // Deeper than a socket's address has room for.
  ControlSocketTest()
      : folder_(std::filesystem::temp_directory_path() / Cat("bedplate-", ::getpid()) / std::string(150, 'x')) {
    std::filesystem::create_directories(folder_);
  }
  ~ControlSocketTest() override { std::filesystem::remove_all(folder_.parent_path()); }
  std::unique_ptr<ControlSocket> Listening() {
    auto socket = ControlSocket::Listen(folder_, [](std::string_view line, uid_t peer) {
      return Cat(peer == ::getuid() ? "me" : "other", ": ", line);
    });
    EXPECT_TRUE(socket.ok()) << socket.status().message();
    return *std::move(socket);
  }
  const std::filesystem::path folder_;
};

TEST_F(ControlSocketTest, AnswersALine) {
  EXPECT_EQ(AskControlSocket(folder_, "hello").status().reason(), "no_server");
  EXPECT_EQ(AskControlSocket(folder_ / "none", "hello").status().reason(), "no_server");
  {
    const auto socket = Listening();
    struct stat about = {};
    ASSERT_EQ(::stat((folder_ / ControlSocket::kFileName).c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
    const std::string large(100'000, 'a');
    for (const std::string& line : {std::string("hello"), std::string(), large}) {
      const auto answer = AskControlSocket(folder_, line);
      ASSERT_TRUE(answer.ok()) << answer.status().message();
      EXPECT_EQ(*answer, "me: " + line);
    }
  }
  EXPECT_EQ(AskControlSocket(folder_, "hello").status().reason(), "no_server");
  EXPECT_FALSE(std::filesystem::exists(folder_ / ControlSocket::kFileName));
}

TEST_F(ControlSocketTest, TakesThePlaceOfOneThatWasLeftBehind) {
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, ControlSocket::kFileName.data(), ControlSocket::kFileName.size());
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  ASSERT_EQ(::bind(left, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  std::filesystem::current_path(before);
  ::close(left);  // as a kill leaves it: the file is there, and nobody listens
  EXPECT_EQ(AskControlSocket(folder_, "hello").status().reason(), "no_server");
  const auto socket = Listening();
  EXPECT_TRUE(AskControlSocket(folder_, "hello").ok());
}

TEST_F(ControlSocketTest, PeersThatMisbehaveHoldNobodyUp) {
  const auto socket = Listening();
  EXPECT_FALSE(AskControlSocket(folder_, "two\nlines").ok());
  EXPECT_FALSE(AskControlSocket(folder_, std::string(ControlSocket::kLineBytesMax + 10'000, 'a')).ok());
  const auto answer = AskControlSocket(folder_, "hello");
  ASSERT_TRUE(answer.ok()) << answer.status().message();
}

TEST_F(ControlSocketTest, AFolderThatIsNoneIsTold) {
  EXPECT_FALSE(ControlSocket::Listen(folder_ / "none", nullptr).ok());
}

}  // namespace
}  // namespace bedplate
