// Keys are typed into a real pseudo-terminal; the editor must make the lines of them that a person expects.
#include "cmd/line_editor.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <string_view>
#include <thread>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// libedit never frees the names of functions added to an editor (EL_ADDFN): four short strings each.
extern "C" const char* __lsan_default_suppressions();   // NOLINT(bugprone-reserved-identifier): LeakSanitizer's name
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:wcsdup\n";
}
#endif
#endif

namespace bedplate {
namespace {

class Terminal {
 public:
  Terminal() {
    EXPECT_EQ(::openpty(&master_, &slave_, nullptr, nullptr, nullptr), 0);
    input = ::fdopen(::dup(slave_), "r");
    output = ::fdopen(::dup(slave_), "w");
  }
  ~Terminal() {
    std::fclose(input);
    std::fclose(output);
    ::close(slave_);
    if (master_ >= 0) ::close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Waits until the editor has taken the terminal over: before, the terminal would cook the keys.
  void TypeToEditor(std::string_view keys) const {
    const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (termios modes{}; ::tcgetattr(slave_, &modes) == 0 && (modes.c_lflag & ICANON) != 0;) {
      // Typed all the same, so that a reader that waits without having taken the terminal over ends and the test fails.
      if (std::chrono::steady_clock::now() > give_up_at) break;
      std::this_thread::yield();
    }
    ASSERT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  std::FILE* input = nullptr;
  std::FILE* output = nullptr;

 private:
  int master_ = -1;
  int slave_ = -1;
};

using Ending = LineEditor::Ending;

LineEditor::Line ReadTyped(LineEditor& editor, const Terminal& terminal, std::string_view keys) {
  std::thread typist([&] { terminal.TypeToEditor(keys); });
  LineEditor::Line line = editor.Read();
  typist.join();
  return line;
}

TEST(LineEditor, ControlCDropsTheLineAndControlDEnds) {
  ::setenv("TERM", "xterm", 1);
  ::setenv("EDITRC", "/dev/null", 1);
  const Terminal terminal;
  LineEditor editor(terminal.input, terminal.output, "> ");
  const struct {
    std::string_view keys;
    Ending ending;
    std::string_view text;
  } cases[] = {
      {"first\r", Ending::kLine, "first"},
      {"half a line\x03", Ending::kDropped, ""},
      {"\x03", Ending::kDropped, ""},
      {"whole\r", Ending::kLine, "whole"},
      {"typo\x7f\x7fwo\r", Ending::kLine, "tywo"},
      {"m\xC3\xBC\xC3\x9Fig\r", Ending::kLine, "m\xC3\xBC\xC3\x9Fig"},
      {"\r", Ending::kLine, ""},
      {"\x04", Ending::kEnd, ""},
  };
  for (const auto& one : cases) {
    const LineEditor::Line line = ReadTyped(editor, terminal, one.keys);
    EXPECT_EQ(line.ending, one.ending) << one.keys;
    EXPECT_EQ(line.text, one.text);
  }
}

TEST(LineEditor, RemembersLines) {
  ::setenv("TERM", "xterm", 1);
  ::setenv("EDITRC", "/dev/null", 1);
  const Terminal terminal;
  LineEditor editor(terminal.input, terminal.output, "> ");
  editor.Remember(ReadTyped(editor, terminal, "one\r").text);
  EXPECT_EQ(ReadTyped(editor, terminal, "\x10\r").text, "one");  // Ctrl-P: the line before
}

}  // namespace
}  // namespace bedplate
