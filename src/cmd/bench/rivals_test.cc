// A rival's conversation is held with a small program in its place: /bin/sh, which answers what was written beforehand.
#include "cmd/bench/rivals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/cat.h"
#include "cmd/child_process.h"

namespace bedplate {
namespace {

TEST(Rivals, TheirProgramsAreEmbedded) {
  for (const Rival& rival : Rivals()) {
    for (const std::string_view name : {rival.program, rival.requirements, std::string_view("rival.py")}) {
      bool found = false;
      for (const RivalFile& file : RivalFiles()) found = found || (file.name == name && !file.bytes.empty());
      EXPECT_TRUE(found) << name;
    }
  }
  EXPECT_EQ((*FindRival("llama.cpp"))->settings.size(), 4u);
  EXPECT_NE(FindRival("nobody").status().message().find("openvino"), std::string::npos);
}

TEST(ChildSession, AsksAndIsAnswered) {
  const auto log = std::filesystem::temp_directory_path() / Cat("bedplate_session_", ::getpid(), ".log");
  auto session = ChildSession::Start(
      {"/bin/sh", "-c", "while read -r line; do echo \"got $line\"; echo more; done; echo bye >&2"}, {}, log);
  ASSERT_TRUE(session.ok()) << session.status().message();
  for (const std::string_view line : {"one", "two words"}) {
    ASSERT_TRUE((*session)->Write(line).ok());
    EXPECT_EQ(*(*session)->ReadLine(), Cat("got ", line));
    EXPECT_EQ(*(*session)->ReadLine(), "more");
  }
  session->reset();
  EXPECT_EQ(std::filesystem::file_size(log), 4u);
  auto silent = ChildSession::Start({"/bin/sh", "-c", "exit 3"}, {}, log);
  ASSERT_TRUE(silent.ok());
  EXPECT_NE((*silent)->ReadLine().status().message().find(log.string()), std::string::npos);
  auto slow = ChildSession::Start({"/bin/sh", "-c", "exec sleep 60"}, {}, log);
  ASSERT_TRUE(slow.ok());
  EXPECT_EQ((*slow)->ReadLine(std::chrono::milliseconds(10)).status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ((*slow)->ReadLine().status().code(), StatusCode::kUnavailable);  // killed
  std::filesystem::remove(log);
}

}  // namespace
}  // namespace bedplate
