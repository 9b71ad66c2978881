"""Runs a command that may hang: past its limit it ends with all of its process group. Only Python's standard library."""

import os
import signal
import subprocess

GRACE_SECONDS = 10  # for those that keep process groups of their own, to end them


def run(command, seconds, **options):
    """The exit status; None: it ran past `seconds` and was killed. options: those of Popen.

    Its process group ends on every way out, so that nothing that it started holds a port or a core afterwards."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)


def _end(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)  # also those that it left behind
    except ProcessLookupError:
        pass
    process.wait()
