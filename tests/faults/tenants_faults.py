"""Tenants, and what is done with them: a full disk, read-only files, damage, logs that lost their end, a lost file."""

import http.client
import json
import os
import random
import shutil
import subprocess
import time

from bedplate_process import BINARY, MODEL, Server, metric_of, model_path
from harness import Skip, fill, kill, refused, require, small_disk_or_skip

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
PAGE = 4096


class Place:
    """A data folder with tenants, whose owner asks the server on it."""

    def __init__(self, folder, data=None):
        self.data, self.secrets = data or folder / "data", folder / "secrets.toml"
        self.heads = self.data.parent / f"{self.data.name}.ledger-head"
        self.model, self.server, self.answered = model_path(), None, 0
        self.owner = json.loads(self.command("tenant", "init", "--json"))["key"]
        self.command("price", "add", "--meter", "prompt", "--amount", "1", "--from", "2026-01-01")

    def run(self, *arguments):
        env = os.environ | {"BEDPLATE_DATA": str(self.data), "BEDPLATE_SECRET_FILE": str(self.secrets)}
        done = subprocess.run([BINARY, *map(str, arguments)], stdout=-1, stderr=subprocess.STDOUT, env=env, timeout=60)
        return done.returncode, done.stdout.decode()

    def command(self, *arguments):
        status, output = self.run(*arguments)
        require(status == 0, f"bedplate {' '.join(map(str, arguments))}: {output}")
        return output

    def start(self):
        arguments = ("--secret-file", self.secrets, "--no-packed-cache")
        self.server = Server(*arguments, model=self.model, data=self.data)
        self.server.wait_ready()

    def refused_start(self, *words):
        """The start is refused and says why, by these words; nobody is served."""
        try:
            self.start()
        except RuntimeError:
            refused(self.server.process.returncode, self.server.output(), *words)
        else:
            kill(self.server)
            require(False, f"the server started; it should have been refused for {words}")

    def ask(self, method, path, body=None, key=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request(
            method, path, json.dumps(body) if body is not None else None, {"Authorization": f"Bearer {key or self.owner}"}
        )
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, json.loads(text) if text.startswith("{") else text

    def chat(self):
        status, headers, answer = self.ask("POST", "/v1/chat/completions", CHAT)
        self.answered += status == 200
        return status, headers, answer

    def wait_for_books(self):
        deadline = time.monotonic() + 30
        while True:
            page = self.ask("GET", "/metrics")[2]
            if not metric_of(page, "bedplate_ledger_waiting") and not metric_of(page, "bedplate_metering_slots_taken"):
                return
            require(time.monotonic() < deadline, f"the books don't come to rest:\n{page}")
            time.sleep(0.05)

    def check_all_is_booked(self):
        self.wait_for_books()
        booked = self.ask("GET", "/admin/v1/usage")[2]["total"]["requests"]
        require(booked == self.answered, f"{self.answered} requests were answered, {booked} are in the books")
        self.command("ledger", "verify")


def wait_for_refusal(place):
    """Two seconds' worth of what can't be booked waits, in memory and in the recorder; then nothing more is taken."""
    deadline = time.monotonic() + 30
    while (answer := place.chat())[0] == 200:
        require(time.monotonic() < deadline, "requests go on that can't be booked")
        time.sleep(0.1)
    status, headers, body = answer
    require(status == 503 and body["error"]["code"] == "ledger_busy" and headers["retry-after"], f"{status} {body}")


def test_full_disk_changes_no_tenants_and_ends_no_server(folder):
    with small_disk_or_skip(folder, 64) as disk:
        place = Place(folder, disk)
        place.start()
        _, _, made = place.ask("POST", "/admin/v1/keys", {"name": "other"})
        require(place.chat()[0] == 200, "no answer")
        other = fill(disk)
        wait_for_refusal(place)
        for path in ("/admin/v1/keys", f"/admin/v1/keys/{made['id']}/revoke"):
            status, _, body = place.ask("POST", path, {})
            said = f"{path}: {status} {body}"
            require(status == 503 and body["error"]["type"] == "server_error" and "full" in said, said)
        require(place.ask("GET", "/v1/models", key=made["key"])[0] == 200, "a revocation that failed was none")
        # What asks the books waits as long as they may lag, and no longer; so does a server that is told to end.
        for method, path, body in (
            ("GET", "/admin/v1/budgets", None),
            ("POST", "/admin/v1/prices", {"meter": "output", "amount": "1"}),
        ):
            status, _, body = place.ask(method, path, body)
            require(status == 503, f"{method} {path}: {status} {body}")
        require(place.server.stop() == 0, place.server.output())
        other.unlink()
        place.start()
        deadline = time.monotonic() + 30
        while place.chat()[0] != 200:
            require(time.monotonic() < deadline, "no answer once the disk has room")
            time.sleep(0.1)
        place.check_all_is_booked()
        status, _, body = place.ask("POST", f"/admin/v1/keys/{made['id']}/revoke", {})
        require(status == 200, f"{status} {body}")
        require(place.ask("GET", "/v1/models", key=made["key"])[0] == 401, "a revoked key is good")
        require(place.server.stop() == 0, place.server.output())


def read_only(path):
    """Mounts the path on itself, read-only; what undoes that."""
    mount = ["mount", "--bind", path, path], ["mount", "-o", "remount,bind,ro", path]
    if os.geteuid() != 0 or any(subprocess.run(one, stderr=subprocess.DEVNULL).returncode for one in mount):
        raise Skip("mounting read-only needs root")
    return lambda: subprocess.run(["umount", "-l", path], check=False)


def test_read_only_files_are_told_and_lose_nothing(folder):
    place = Place(folder)
    place.start()
    require(place.chat()[0] == 200, "no answer")
    require(place.server.stop() == 0, place.server.output())
    for name in ("ledger.sqlite3", "tenants.sqlite3", "flight-recorder", "."):
        undo = read_only(place.data / name)
        try:
            if name == "ledger.sqlite3":  # as a full disk: what was answered waits in the recorder
                place.start()
                require(place.chat()[0] == 200, "no answer")
                wait_for_refusal(place)
            elif name == "tenants.sqlite3":  # serves, and changes nothing
                place.start()
                require(place.chat()[0] == 200, "no answer")
                status, _, body = place.ask("POST", "/admin/v1/keys", {})
                require(status == 500 and body["error"]["code"] == "read_only", f"{status} {body}")
            else:
                place.refused_start(("read-only", "readonly"), name if name != "." else "data")
            if place.server.process.poll() is None:
                require(place.server.stop() == 0, place.server.output())
        finally:
            undo()
        place.start()
        require(place.chat()[0] == 200, "no answer once it can be written again")
        place.check_all_is_booked()
        require(place.server.stop() == 0, place.server.output())


def copied(place, folder):
    shutil.rmtree(place.data)
    shutil.copytree(folder, place.data)


def test_damaged_tenants_are_no_start(folder):
    place = Place(folder)
    place.start()
    require(place.chat()[0] == 200, "no answer")
    require(place.server.stop() == 0, place.server.output())
    whole = (place.data / "tenants.sqlite3").read_bytes()
    rng = random.Random(int(os.environ.get("TEST_SEED", "7")))
    for page in (0, 1):
        bad = bytearray(whole)
        bad[page * PAGE : (page + 1) * PAGE] = rng.randbytes(PAGE)
        (place.data / "tenants.sqlite3").write_bytes(bad)
        place.refused_start("tenants.sqlite3", ("malformed", "not a database"), "restore")
        refused(*place.run("ledger", "verify"))
    (place.data / "tenants.sqlite3").write_bytes(whole)
    place.start()
    require(place.chat()[0] == 200, "no answer")
    place.check_all_is_booked()
    require(place.server.stop() == 0, place.server.output())


def test_a_log_that_lost_its_end_is_no_start(folder):
    place = Place(folder)
    place.start()
    _, _, made = place.ask("POST", "/admin/v1/keys", {})
    require(place.chat()[0] == 200, "no answer")
    require(place.server.stop() == 0, place.server.output())  # and what the logs have goes to the files
    place.start()
    require(place.ask("POST", f"/admin/v1/keys/{made['id']}/revoke", {})[0] == 200, "a key can't be revoked")
    require(place.chat()[0] == 200, "no answer")
    place.wait_for_books()
    time.sleep(1.2)  # the head of the books is behind by at most a second
    require(place.chat()[0] == 200, "no answer")
    place.wait_for_books()
    kill(place.server)
    left = shutil.copytree(place.data, folder / "left", ignore=shutil.ignore_patterns("*.sock", "*-shm"))
    for name in ("ledger.sqlite3", "tenants.sqlite3"):
        log = (left / f"{name}-wal").read_bytes()
        require(len(log) > 0, f"{name} has no log")
        for kept in (0, 100, len(log) // 4):
            copied(place, left)
            (place.data / f"{name}-wal").write_bytes(log[:kept])
            place.refused_start(name, "older copy", "restore")
            refused(*place.run("ledger", "verify"), ("are gone", "not what was written"))
    copied(place, left)
    place.start()
    require(place.ask("GET", "/v1/models", key=made["key"])[0] == 401, "a revoked key is good")
    place.check_all_is_booked()
    require(place.server.stop() == 0, place.server.output())


def test_lost_tenants_are_not_a_server_without_keys(folder):
    place = Place(folder)
    place.start()
    require(place.chat()[0] == 200, "no answer")
    require(place.server.stop() == 0, place.server.output())
    os.rename(place.data / "tenants.sqlite3", folder / "kept")
    place.refused_start("tenants", "gone", "restore")
    os.rename(folder / "kept", place.data / "tenants.sqlite3")
    place.start()
    require(place.chat()[0] == 200, "no answer")
    place.check_all_is_booked()
    require(place.server.stop() == 0, place.server.output())
