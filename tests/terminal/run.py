#!/usr/bin/env python3
"""`bedplate chat` on a real terminal: Ctrl-C at the prompt, Ctrl-C while an answer streams, Ctrl-D.

Method: the program runs as the leader of a session whose terminal is a pseudo-terminal held here, so that the keys
become signals where they do for a person. Needs smollm2-135m. Ends with `N passed, N failed`.
"""

import os
import pathlib
import pty
import select
import signal
import sys
import termios
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from bedplate_process import BINARY, MODEL  # noqa: E402

CTRL_C, CTRL_D = b"\x03", b"\x04"
PROMPT = b"> "


class Chat:
    def __init__(self, *arguments):
        self.screen = b""
        self._read = 0  # of the screen, by expect
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.environ["EDITRC"] = "/dev/null"  # the keys are libedit's own, whatever this user has set
            os.execv(BINARY, [BINARY, "chat", MODEL, "--temperature", "0", *arguments])

    def _more(self, seconds):
        readable, _, _ = select.select([self._terminal], [], [], max(0, seconds))
        if not readable:
            return False
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # the program closed the terminal
            return False
        self.screen += data
        return bool(data)

    def expect(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while (at := self.screen.find(text, self._read)) < 0:
            if not self._more(deadline - time.monotonic()):
                raise AssertionError(f"the screen never showed {text!r}; it shows:\n{self.screen.decode(errors='replace')}")
        self._read = at + len(text)

    def expect_output(self, count, seconds=60):
        """Waits for so many more bytes, whatever they are."""
        deadline = time.monotonic() + seconds
        while len(self.screen) < self._read + count:
            if not self._more(deadline - time.monotonic()):
                raise AssertionError(f"nothing more came; the screen shows:\n{self.screen.decode(errors='replace')}")

    def prompt(self):
        """Waits for the prompt, and until the line editor has the terminal: before, the terminal would cook the keys."""
        self.expect(PROMPT)
        while termios.tcgetattr(self._terminal)[3] & termios.ICANON:
            self._more(0.01)

    def type(self, keys):
        os.write(self._terminal, keys)

    def end(self, seconds=60):
        """The exit status; a signal's death is negative."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            self._more(0.05)
        raise AssertionError("the program did not end")

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self._terminal)


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def control_c_at_the_prompt_drops_the_line(chat):
    chat.prompt()
    chat.type(b"half a question")
    chat.expect(b"question")
    chat.type(CTRL_C)
    chat.expect(b"^C")
    chat.prompt()
    chat.type(CTRL_C)
    chat.expect(b"^C")
    chat.prompt()
    chat.type(b"/show\r")
    chat.expect(b"; 0 messages")  # the dropped line was not asked
    chat.prompt()
    chat.type(CTRL_D)
    require(chat.end() == 0, "Ctrl-D must end it with status 0")


def control_c_stops_an_answer(chat):
    chat.prompt()
    chat.type(b"Count from one to five hundred, in words.\r")
    chat.expect(b"in words.")
    chat.expect_output(20)  # the answer has begun
    chat.type(CTRL_C)
    chat.expect(b"stopped")
    chat.prompt()
    chat.type(b"/show\r")
    chat.expect(b"; 2 messages")
    chat.prompt()
    chat.type(CTRL_D)
    require(chat.end() == 0, "Ctrl-D must end it with status 0")


def terminate_ends_it(chat):
    chat.prompt()
    os.kill(chat.pid, signal.SIGTERM)
    require(chat.end() == -signal.SIGTERM, "SIGTERM must end it")


def main():
    passed = failed = 0
    for test in [control_c_at_the_prompt_drops_the_line, control_c_stops_an_answer, terminate_ends_it]:
        chat = Chat("--threads", "2")
        try:
            test(chat)
            passed += 1
        except AssertionError:
            failed += 1
            print(f"FAILED  {test.__name__}")
            traceback.print_exc(file=sys.stdout)
        finally:
            chat.kill()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
