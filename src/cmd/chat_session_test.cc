// A conversation's commands change what is asked next; what is wrong with one comes back as words.
#include "cmd/chat_session.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/cat.h"

namespace bedplate {
namespace {

TEST(ChatSession, RequestsCarrySystemHistoryAndSettings) {
  ChatSettings settings;
  settings.system = "Be brief.";
  ChatSession session(settings);
  session.AddUser("a");
  session.AddAssistant("b");
  session.AddUser("c");
  EXPECT_EQ(session.RunCommand("/set temperature 0.25").reply, "temperature is 0.25");
  EXPECT_EQ(session.RunCommand("/set max_tokens 7").reply, "max_tokens is 7");
  const Request request = session.NextRequest("m");
  const auto& messages = std::get<ChatPrompt>(request.prompt).messages;
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[3].content, "c");
  EXPECT_EQ(request.sampling.temperature, 0.25f);
  EXPECT_EQ(request.output_tokens_max, 7u);
  EXPECT_NE(request.id, session.NextRequest("m").id);
}

TEST(ChatSession, UndoTakesBackAQuestionWithItsAnswer) {
  ChatSession session({});
  session.AddUser("a");
  session.AddAssistant("b");
  session.AddUser("c");
  session.AddAssistant("d");
  session.RunCommand("/undo");
  ASSERT_EQ(session.messages().size(), 2u);
  EXPECT_EQ(session.messages().back().content, "b");
  session.RunCommand("/undo");
  EXPECT_EQ(session.RunCommand("/undo").reply, "there is nothing to take back");
}

TEST(ChatSession, WrongCommandsSayWhatIsAllowed) {
  ChatSession session({});
  EXPECT_NE(session.RunCommand("/set temperature 3").reply.find("0 to 2"), std::string::npos);
  EXPECT_NE(session.RunCommand("/set warmth 1").reply.find("temperature"), std::string::npos);
  EXPECT_NE(session.RunCommand("/nonsense").reply.find("/help"), std::string::npos);
  EXPECT_NE(session.RunCommand("/load /nowhere/at/all").reply.find("/nowhere/at/all"), std::string::npos);
  EXPECT_TRUE(session.RunCommand("/exit").leave);
}

TEST(ChatSession, SavesAndLoads) {
  const std::string path =
      (std::filesystem::temp_directory_path() / Cat("bedplate_chat_", ::getpid(), ".json")).string();
  ChatSettings settings;
  settings.system = "s";
  ChatSession session(settings);
  session.AddUser("quote \" and\nline");
  session.AddAssistant("b");
  session.RunCommand("/save " + path);
  ChatSession other({});
  EXPECT_EQ(other.RunCommand("/load " + path).reply, "loaded 2 messages");
  EXPECT_EQ(other.messages()[0].content, "quote \" and\nline");
  EXPECT_EQ(other.settings().system, "s");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace bedplate
