"""Where the tests of error classes get their errors: a server with keys, whose limits give what the server answers by
itself, and a proxy before the plain one, which puts another status on a real error for what it never answers.

    with errors_of(url) as environment: ...

The environment tells the suites where: TEST_KEYS_URL and TEST_KEYS (JSON: name -> secrets), TEST_FAULTS_URL. (What begins
with BEDPLATE_ would be a setting of each server that they start.)
"""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import sys
import tempfile
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from bedplate_process import make_keys, private_server  # noqa: E402
from runner import run  # noqa: E402

LIMITS = {
    "plain": "",
    "elsewhere": 'models = ["another-model"]',
    "rare": "requests_per_minute = 1",  # a second one is refused, and so on for a minute
    "hasty": "request_seconds_max = 1",
}


class FaultProxy(http.server.ThreadingHTTPServer):
    """Answers /STATUS/NAME/path as the server answers /path, with that status and, for Amazon, that exception's name. What
    the server is asked must be an error, so that its form is a real one."""

    daemon_threads = True

    def __init__(self, url):
        self._where = urllib.parse.urlsplit(url)
        super().__init__(("127.0.0.1", 0), Forwarder)

    def ask(self, method, path, headers, body):
        connection = http.client.HTTPConnection(self._where.hostname, self._where.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class Forwarder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        _, status, name, path = self.path.split("/", 3)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        kept = {field: value for field, value in self.headers.items() if field.lower() not in ("host", "connection")}
        was, fields, answer = self.server.ask("POST", f"/{path}", kept, body)
        assert was >= 400, f"{path} is no error to put another status on: {was}"
        self.send_response(int(status))
        for field, value in fields:
            if field.lower() not in ("date", "server", "connection"):
                self.send_header(field, name if field.lower() == "x-amzn-errortype" else value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def errors_of(url):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made_keys = make_keys(folder / "keys.toml", LIMITS)
        guarded = stack.enter_context(private_server("--keys", folder / "keys.toml"))
        proxy = stack.enter_context(FaultProxy(url))
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        stack.callback(proxy.shutdown)
        yield {
            "TEST_KEYS_URL": f"http://127.0.0.1:{guarded.port}",
            "TEST_KEYS": json.dumps(made_keys),
            "TEST_FAULTS_URL": f"http://127.0.0.1:{proxy.server_address[1]}",
        }


def run_with_errors(names, wanted):
    """Runs a suite's tests where run_all.py has said where the errors are, or else with servers of its own."""
    with contextlib.ExitStack() as stack:
        if "BEDPLATE_URL" not in os.environ:
            os.environ["BEDPLATE_URL"] = f"http://127.0.0.1:{stack.enter_context(private_server()).port}"
        if "TEST_KEYS" not in os.environ:
            os.environ.update(stack.enter_context(errors_of(os.environ["BEDPLATE_URL"])))
        return run(names, lambda test: test(), wanted)
