"""Runs the bedplate binary for tests and proofs: one command to its end, or a server that is asked and stopped.

The binary is BEDPLATE_BINARY or build/release/bin/bedplate. Only Python's standard library.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("BEDPLATE_BINARY", str(ROOT / "build/release/bin/bedplate"))
MODEL = "smollm2-135m"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def model_path(model=MODEL):
    """The file of a model that has been pulled, for servers whose data folder is another one."""
    status, output = command("models", "--json")
    if status != 0:
        raise RuntimeError(f"`bedplate models --json` ended with {status}:\n{output}")
    for listed in json.loads(output)["models"]:
        if listed["name"] == model and listed.get("path"):
            return pathlib.Path(listed["path"])
    raise RuntimeError(f"{model} is not pulled; run: build/release/bin/bedplate pull {model}")


def metric_of(page, name, label=""):
    """The sum of a metric's samples on a page of /metrics, of those that have the label: 'state="used"'."""
    found = re.findall(rf"^{name}(?:{{([^}}]*)}})? (\S+)$", page, re.MULTILINE)
    return sum(float(value) for labels, value in found if label in labels)


def command(*arguments, data=None, timeout=300, limit=None, stdin=None):
    """(exit status, all output as text); a status below zero is the signal that killed it. data: the data folder."""
    env = os.environ | ({"BEDPLATE_DATA": str(data)} if data else {})
    done = subprocess.run(
        [BINARY, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        env=env,
        preexec_fn=limit,
        input=stdin,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def make_keys(path, limits):
    """A key file with a bearer key and a pair for each name, and their secrets by name."""
    made_keys = {}
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        for name, limit in limits.items():
            bearer, pair = (
                json.loads(subprocess.check_output([BINARY, "key", "new", "--name", name, "--json", *more]))
                for more in ([], ["--access-key"])
            )
            access = {part: pair[part] for part in ("access_key_id", "secret_access_key")}
            made_keys[name] = {"key": bearer["key"]} | access
            lines = [f'{part} = "{secret}"' for part, secret in access.items()]
            file.write("\n".join([bearer["entry"].rstrip(), *lines, limit, ""]))
    return made_keys


class Server:
    """`bedplate serve MODEL` on a free port of 127.0.0.1. As a context manager it is stopped at the end.

    With "--tls" it needs a data folder, whose certificate is trusted. env: more of the environment."""

    def __init__(self, *arguments, model=MODEL, data=None, port=None, env=None):
        self.port = port or free_port()
        self._certificate = pathlib.Path(data) / "tls/cert.pem" if "--tls" in arguments else None
        self._log = tempfile.TemporaryFile()
        env = os.environ | ({"BEDPLATE_DATA": str(data)} if data else {}) | (env or {})
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [BINARY, "serve", str(model), "--listen", f"127.0.0.1:{self.port}", *map(str, arguments)],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=env,
        )

    def __enter__(self):
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_):
        self.kill()

    def output(self):
        log = self._log.fileno()  # whose position is the server's, too
        return os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace")

    def wait_ready(self, timeout=60):
        """Seconds from start to an answer of 200 on /ready."""
        while time.monotonic() - self.started < timeout:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self.process.returncode}:\n{self.output()}")
            try:
                if self.request("GET", "/ready", timeout=2)[0] == 200:
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the server was not ready in {timeout} s:\n{self.output()}")

    def request(self, method, path, body=None, timeout=120):
        """(status, parsed JSON or text)"""
        if self._certificate is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        else:
            trust = ssl.create_default_context(cafile=self._certificate)
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=trust)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
            return response.status, json.loads(text) if "json" in response.getheader("Content-Type", "") else text
        finally:
            connection.close()

    def completion(self, prompt, timeout=120, **parameters):
        status, answer = self.request(
            "POST", "/v1/completions", {"model": MODEL, "prompt": prompt} | parameters, timeout=timeout
        )
        if status != 200:
            raise RuntimeError(f"POST /v1/completions answered {status}: {answer}")
        return answer

    def metric(self, name, label=""):
        return metric_of(self.request("GET", "/metrics")[1], name, label)

    def stop(self, timeout=30):
        """SIGTERM, and the exit status once it has drained."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def private_server(*arguments, model=MODEL):
    """A server with a data folder of its own: what tests store and cache is not the user's, nor the next run's."""
    with tempfile.TemporaryDirectory() as data, Server(*arguments, model=model_path(model), data=data) as server:
        yield server
