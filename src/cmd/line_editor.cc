#include "cmd/line_editor.h"

#include <histedit.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstring>

#include "base/check.h"

namespace bedplate {
namespace {

constexpr int kHistoryLines = 1000;

// libedit turns bytes into characters by the C library's locale, which is ASCII until the program asks for another.
void ChooseCharacters() {
  const char* const chosen = std::setlocale(LC_CTYPE, "");
  if (chosen == nullptr || std::strcmp(chosen, "C") == 0 || std::strcmp(chosen, "POSIX") == 0) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
}

}  // namespace

struct LineEditor::State {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::FILE* output = nullptr;
  std::string prompt;
  bool dropped = false;

  static State& Of(EditLine* editor) {
    void* state = nullptr;
    el_get(editor, EL_CLIENTDATA, &state);
    return *static_cast<State*>(state);
  }
  static char* Prompt(EditLine* editor) { return Of(editor).prompt.data(); }
  static unsigned char Drop(EditLine* editor, int) {
    Of(editor).dropped = true;
    return CC_EOF;  // ends el_gets at once; the next one begins with an empty line
  }
  static unsigned char Suspend(EditLine* editor, int) {
    el_set(editor, EL_PREP_TERM, 0);
    ::raise(SIGTSTP);
    el_set(editor, EL_PREP_TERM, 1);
    return CC_REDISPLAY;
  }
};

LineEditor::LineEditor(std::FILE* input, std::FILE* output, std::string prompt) : state_(std::make_unique<State>()) {
  ChooseCharacters();
  state_->output = output;
  state_->prompt = std::move(prompt);
  state_->editor = el_init("bedplate", input, output, output);
  BP_CHECK(state_->editor != nullptr);
  EditLine* const editor = state_->editor;
  el_set(editor, EL_CLIENTDATA, state_.get());
  el_set(editor, EL_PROMPT, &State::Prompt);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_SIGNAL, 1);
  state_->history = history_init();
  BP_CHECK(state_->history != nullptr);
  HistEvent event;
  history(state_->history, &event, H_SETSIZE, kHistoryLines);
  history(state_->history, &event, H_SETUNIQUE, 1);
  el_set(editor, EL_HIST, history, state_->history);
  el_source(editor, nullptr);  // the user's ~/.editrc
  // While a line is edited, Ctrl-C is a key and no signal: libedit passes a SIGINT on to the whole process group.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor, EL_ADDFN, "bedplate-drop", "Drop the line", &State::Drop);
  el_set(editor, EL_BIND, "^C", "bedplate-drop", nullptr);
  el_set(editor, EL_ADDFN, "bedplate-suspend", "Suspend the program", &State::Suspend);
  el_set(editor, EL_BIND, "^Z", "bedplate-suspend", nullptr);
}

LineEditor::~LineEditor() {
  el_end(state_->editor);
  history_end(state_->history);
}

LineEditor::Line LineEditor::Read() {
  state_->dropped = false;
  int count = 0;
  errno = 0;
  const char* const text = el_gets(state_->editor, &count);
  if (state_->dropped || (text == nullptr && errno == EINTR)) {
    std::fputs("^C\n", state_->output);
    std::fflush(state_->output);
    return {Ending::kDropped, ""};
  }
  if (text == nullptr || count <= 0) return {Ending::kEnd, ""};
  std::string line(text, static_cast<size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return {Ending::kLine, std::move(line)};
}

void LineEditor::Remember(const std::string& line) {
  HistEvent event;
  history(state_->history, &event, H_ENTER, line.c_str());
}

}  // namespace bedplate
