"""Which thread of a server asks SQLite for what: sqlite_trace.cc preloaded into it, and what that counts.

    trace = SqliteTrace(folder)
    server = Server(..., env=trace.env)
    before = trace.counts()                    {(thread's role, database): calls so far}
    with trace.held("ledger.sqlite3"): ...     whoever calls that database meanwhile waits

A thread's role is told by the stack that made it. One that ROLES doesn't know is an error: it has to be put here.
"""

import collections
import contextlib
import json
import mmap
import pathlib
import re
import subprocess

from bedplate_process import BINARY

HERE = pathlib.Path(__file__).resolve().parent
THREADS, DATABASES, FRAMES, NAME_BYTES = 256, 8, 32, 64  # as in sqlite_trace.cc

# By what made it; the first that is found from the thread outwards.
ROLES = {
    "bedplate::Server::Start": "network",
    "boost::asio::thread_pool::thread_pool": "worker",
    "bedplate::ThreadTeam::ThreadTeam": "team",
    "bedplate::Engine::Create": "engine",
    "bedplate::BookWriter::BookWriter": "books' writer",
    "bedplate::FlightRecorder::Open": "recorder's sync",
    "bedplate::LeasedBudgets::Start": "budgets",
    "bedplate::ControlSocket": "commands",
    "SignalWatch": "signals",
    "bedplate::FinishLoading": "loading",
    "bedplate::PackedCache": "packed cache",
}
# Those that a request passes on its way from its socket to its answer.
SERVING = ("network", "worker", "engine", "team")


def functions_not_traced():
    """Of SQLite's, that the program calls and the library doesn't know."""
    called = set(re.findall(r"\b(sqlite3_\w+)", subprocess.check_output(["llvm-nm-19", "-D", "-u", BINARY], text=True)))
    assert called, f"{BINARY} calls nothing of a shared SQLite"
    source = (HERE / "sqlite_trace.cc").read_text()
    return sorted(called - set(re.findall(r"(?:TRACED\([^,]+, |^int )(sqlite3_\w+)", source, re.MULTILINE)))


class SqliteTrace:
    def __init__(self, folder):
        library, path = pathlib.Path(folder) / "sqlite_trace.so", pathlib.Path(folder) / "sqlite_trace"
        flags = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run(["clang++-19", *flags, HERE / "sqlite_trace.cc", "-o", library], check=True)
        words = 4 + DATABASES + DATABASES * NAME_BYTES // 8 + THREADS * self._thread_words()
        path.write_bytes(bytes(8 * words))
        with open(path, "r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), 8 * words)).cast("Q")
        self.env = {"LD_PRELOAD": str(library), "SQLITE_TRACE": str(path)}
        self._functions = {}

    @staticmethod
    def _thread_words():
        return 1 + FRAMES + DATABASES + DATABASES * FRAMES

    def databases(self):
        names = self._words[4 + DATABASES : 4 + DATABASES + DATABASES * NAME_BYTES // 8].tobytes()
        all_names = [names[i * NAME_BYTES :][:NAME_BYTES].rstrip(b"\0").decode() for i in range(DATABASES)]
        return all_names[: self._words[2]]

    def waiting(self, database):
        """Calls that wait for the end of held()."""
        return self._words[4 + self.databases().index(database)]

    @contextlib.contextmanager
    def held(self, *databases):
        self._words[3] = sum(1 << self.databases().index(name) for name in databases)
        try:
            yield
        finally:
            self._words[3] = 0

    def _thread(self, index):
        start = 4 + DATABASES + DATABASES * NAME_BYTES // 8 + index * self._thread_words()
        return self._words[start : start + self._thread_words()]

    def _names_of(self, frames):
        """The functions of a stack, innermost first, those of the program alone."""
        base = self._words[0]
        unknown = {frame for frame in frames if frame and frame not in self._functions}
        if unknown:
            addresses = [hex(frame - 1 - base) for frame in unknown if frame > base]  # it returns behind a call
            symbolize = ["llvm-symbolizer-19", "--obj=" + BINARY, "--output-style=JSON", *addresses]
            for one in json.loads(subprocess.check_output(symbolize)):
                names = [symbol["FunctionName"] for symbol in one["Symbol"] if symbol["FunctionName"]]
                self._functions[int(one["Address"], 16) + 1 + base] = names
        return [name for frame in frames if frame for name in self._functions.get(frame, [])]

    def roles(self):
        """Each thread's, in the order in which they were made. The first is the program's own."""
        roles = ["main"]
        for index in range(1, self._words[1]):
            names = self._names_of(self._thread(index)[1 : 1 + FRAMES])
            role = next((role for name in names for part, role in ROLES.items() if part in name), None)
            if role is None:
                raise LookupError("a thread of no known role was made by: " + " < ".join(names))
            roles.append(role)
        return roles

    def counts(self):
        counts = collections.Counter()
        for index, role in enumerate(self.roles()):
            calls = self._thread(index)[1 + FRAMES : 1 + FRAMES + DATABASES]
            for number, database in enumerate(self.databases()):
                if calls[number]:
                    counts[role, database] += calls[number]
        return counts

    def first_call(self, role, database):
        """The functions from which a thread of that role first called it."""
        number = self.databases().index(database)
        for index, of in enumerate(self.roles()):
            start = 1 + FRAMES + DATABASES + number * FRAMES
            frames = self._thread(index)[start : start + FRAMES]
            if of == role and frames[0]:
                return self._names_of(frames)
        return []
