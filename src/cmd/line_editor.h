#pragma once
/// A line of input from a terminal, with editing and history, by libedit. Ctrl-C drops the line instead of ending the
/// program; Ctrl-Z and window changes do what they do everywhere.

#include <cstdio>
#include <memory>
#include <string>

namespace bedplate {

class LineEditor {
 public:
  /// input and output are a terminal and outlive the editor. Lines are UTF-8 where the user's locale is, or states
  /// none.
  LineEditor(std::FILE* input, std::FILE* output, std::string prompt);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class Ending {
    kLine,     // Enter
    kDropped,  // Ctrl-C, or a SIGINT that the program catches
    kEnd,      // Ctrl-D on an empty line, or the terminal is gone
  };
  struct Line {
    Ending ending = Ending::kEnd;
    std::string text;  // without its newline; empty unless kLine
  };
  /// Shows the prompt and waits.
  Line Read();
  /// Lets the arrow keys find the line again.
  void Remember(const std::string& line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bedplate
