"""A data folder with tenants, the server on it, and who asks it: for tests and proofs of what is charged to whom.

Only Python's standard library.
"""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import time

from bedplate_process import BINARY, Server, metric_of, model_path


class TenantsPlace:
    """Removed by whoever made the folder, once the server has ended."""

    def __init__(self, folder, data=None):
        """data: the data folder, where it isn't a new one in `folder`."""
        self.data, self.secret_file = data or pathlib.Path(folder) / "data", pathlib.Path(folder) / "secrets.toml"
        self.heads = self.data.with_name(f"{self.data.name}.ledger-head")
        self.model, self.server = model_path(), None
        self.owner = json.loads(self.command("tenant", "init", "host", "--json"))["key"]

    def run(self, *arguments):
        """(exit status, standard output, standard error)"""
        env = os.environ | {"BEDPLATE_DATA": str(self.data), "BEDPLATE_SECRET_FILE": str(self.secret_file)}
        line = [BINARY, *map(str, arguments)]
        done = subprocess.run(line, capture_output=True, text=True, errors="replace", env=env, timeout=300)
        return done.returncode, done.stdout, done.stderr

    def command(self, *arguments):
        status, output, errors = self.run(*arguments)
        assert status == 0, f"bedplate {' '.join(map(str, arguments))}: {output} {errors}"
        return output

    def start(self, *arguments, ready=True):
        self.server = Server("--secret-file", self.secret_file, *arguments, model=self.model, data=self.data)
        if ready:
            try:
                self.server.wait_ready()
            except BaseException:
                self.server.kill()
                raise

    def kill(self):
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()

    def ask(self, key, method, path, body=None, leave_after=None):
        """(status, fields, text); leave_after: bytes of the answer, after which the client is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), fields)
            answer = connection.getresponse()
            data = answer.read(leave_after) if leave_after else answer.read()
            return answer.status, answer.headers, data.decode(errors="replace")
        finally:
            connection.close()

    def owner_text(self, method, path, body=None):
        status, _, text = self.ask(self.owner, method, path, body)
        assert status == 200, f"{method} {path}: {status} {text}"
        return text

    def admin(self, method, path, body=None):
        return json.loads(self.owner_text(method, path, body))

    def wait_for_books(self):
        """Until what was left or submitted is in the books; the page of metrics."""
        deadline = time.monotonic() + 30
        while True:
            page = self.owner_text("GET", "/metrics")
            waiting = metric_of(page, "bedplate_ledger_waiting") + metric_of(page, "bedplate_metering_slots_taken")
            if waiting == 0:
                return page
            assert time.monotonic() < deadline, "the books are behind:\n" + page
            time.sleep(0.01)
