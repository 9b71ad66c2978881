"""What the tests of faults share: what a refusal is, waiting, small disks, and running the tests."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import traceback


class Skip(Exception):
    pass


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def refused(status, output, *words):
    """A clean refusal: not zero, not a signal or an abort, and it names each of the words (any of them, if a tuple)."""
    require(0 < status < 126, f"exit status {status}; expected a clean refusal. Output:\n{output}")
    for word in words:
        choices = word if isinstance(word, tuple) else (word,)
        require(
            any(choice.lower() in output.lower() for choice in choices),
            f"the message does not name {word!r}:\n{output}",
        )


def wait_for_log(server, words, timeout=60):
    deadline = time.monotonic() + timeout
    while words not in server.output():
        require(time.monotonic() < deadline, f"no {words!r} in {timeout} s:\n{server.output()}")
        time.sleep(0.05)


def kill(server):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def swallow(action):
    with contextlib.suppress(Exception):
        action()


@contextlib.contextmanager
def small_disk(folder, mib):
    """A folder that holds so many MiB: a tmpfs where we may mount one; else None."""
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], stderr=subprocess.DEVNULL
        ).returncode
        != 0
    ):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


@contextlib.contextmanager
def small_disk_or_skip(folder, mib):
    disk = folder / "disk"
    disk.mkdir()
    with small_disk(disk, mib) as mounted:
        if mounted is None:
            raise Skip("mounting a small disk needs root")
        yield disk


def fill(disk):
    """The file that takes what was left of a small disk, to the last byte."""
    with contextlib.suppress(OSError), open(disk / "other", "wb", buffering=0) as other:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    other.write(bytes(size))
    return disk / "other"


def run(tests, wanted):
    """Runs each (name, test) whose name contains one of `wanted`, in a folder of its own; the exit status."""
    passed, failed = 0, 0
    for name, test in tests:
        if wanted and not any(w in name for w in wanted):
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(pathlib.Path(folder))
                verdict, passed = "ok     ", passed + 1
            except Skip as reason:
                verdict = f"skipped ({reason})"
            except Exception as error:  # noqa: BLE001: whatever goes wrong is this test's failure
                if not isinstance(error, (AssertionError, RuntimeError)):
                    traceback.print_exc()
                verdict, failed = f"FAILED  {error}\n       ", failed + 1
        print(f"{verdict} {name.removeprefix('test_')} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
