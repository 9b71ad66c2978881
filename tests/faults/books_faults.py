"""The books of a server with tenants: a full disk, a disk that can't be written, damaged and truncated files, two processes."""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import time
from decimal import Decimal

from bedplate_process import MODEL, Server, command, metric_of, model_path
from harness import Skip, fill, kill, refused, require, small_disk_or_skip

PROMPT_PRICE, OUTPUT_PRICE = Decimal("0.30"), Decimal("1.10")  # dollars a million tokens
PAGE = 4096  # bytes, of the books' file


class Place:
    """A data folder with a tenant, prices and the secrets beside it, and servers on it."""

    def __init__(self, folder, data=None):
        self.data, self.secret_file = data or folder / "data", folder / "config/secrets.toml"
        self.model = model_path()
        self.key = json.loads(self.well("tenant", "init", "host", "--json"))["key"]
        for meter, amount in (("prompt", PROMPT_PRICE), ("cached", PROMPT_PRICE), ("output", OUTPUT_PRICE)):
            self.well("price", "add", "--model", MODEL, "--meter", meter, "--amount", amount)

    @property
    def books(self):
        return self.data / "ledger.sqlite3"

    def command(self, *arguments):
        """(exit status, output)"""
        secrets = [] if arguments[0] == "ledger" and arguments[1] != "verify" else ["--secret-file", self.secret_file]
        return command(*arguments, *secrets, data=self.data)

    def well(self, *arguments):
        status, output = self.command(*arguments)
        require(status == 0, f"bedplate {' '.join(map(str, arguments))} ended with {status}:\n{output}")
        return output

    def server(self, *arguments):
        fixed = ("--secret-file", self.secret_file, "--no-packed-cache", "--sequences", "4")
        return Server(*fixed, *arguments, model=self.model, data=self.data)

    def start_is_refused(self, *words):
        server = self.server()
        try:
            status = server.process.wait(60)
        finally:
            server.kill()
        refused(status, server.output(), *words)

    def ask(self, server, method, path, body=None):
        """(status, headers, parsed JSON or text)"""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
            is_json = "json" in response.getheader("Content-Type", "")
            return response.status, response.headers, json.loads(text) if is_json else text
        finally:
            connection.close()

    def chat(self, server):
        """(status, headers, answer)"""
        turns = [{"role": "user", "content": "Say something about rivers."}]
        body = {"model": MODEL, "messages": turns, "max_tokens": 5, "temperature": 0}
        return self.ask(server, "POST", "/v1/chat/completions", body)

    def answered(self, server):
        """What an answer that must come used: (prompt, output) tokens."""
        status, _, answer = self.chat(server)
        require(status == 200, f"a chat answered {status}: {answer}")
        return answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]

    def metric(self, server, name):
        return metric_of(self.ask(server, "GET", "/metrics")[2], name)

    def wait_for(self, server, name, value):
        deadline = time.monotonic() + 30
        while (found := self.metric(server, name)) != value:
            require(time.monotonic() < deadline, f"{name} is {found}, not {value}, after 30 s:\n{server.output()}")
            time.sleep(0.05)

    def books_have(self, answers):
        """The books are whole, and hold exactly these answers."""
        self.well("ledger", "verify")
        requests = json.loads(self.well("usage", "--requests", "--limit", 1000, "--json"))["data"]
        found = sorted((one["prompt_tokens"], one["output_tokens"]) for one in requests)
        require(found == sorted(answers), f"the books have {found}, answered was {sorted(answers)}")
        millionths = sum(PROMPT_PRICE * prompt + OUTPUT_PRICE * output for prompt, output in answers)
        cost = sum(Decimal(one["cost"]) for one in requests)
        require(cost == millionths / 10**6, f"they cost {cost}, not {millionths / 10**6}")


def test_full_disk_holds_requests_back_and_loses_no_charge(folder):
    with small_disk_or_skip(folder, 96) as disk:
        place = Place(folder, disk / "data")
        with place.server() as server:
            answers = [place.answered(server)]
            place.wait_for(server, "bedplate_ledger_waiting", 0)
            other = fill(disk)
            deadline, refusal = time.monotonic() + 60, None
            while refusal is None:  # what still goes through waits in memory and in the recorder
                status, headers, answer = place.chat(server)
                if status == 200:
                    answers.append((answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]))
                else:
                    refusal = status, headers, answer
                require(time.monotonic() < deadline, f"a full disk holds nothing back:\n{server.output()}")
            status, headers, answer = refusal
            require(status == 503, f"a full disk answers {status}: {answer}")
            require(int(headers.get("Retry-After", 0)) > 0, f"without when to come back: {headers}")
            require(place.metric(server, "bedplate_ledger_writable") == 0, "/metrics says that the books can be written")
            require(len(answers) > 1, "nothing was answered between the full disk and the refusal")
            other.unlink()
            place.wait_for(server, "bedplate_ledger_writable", 1)
            place.wait_for(server, "bedplate_ledger_waiting", 0)  # until then the oldest may be too late for more
            answers.append(place.answered(server))
            place.wait_for(server, "bedplate_ledger_waiting", 0)
            require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
        place.books_have(answers)


def test_full_disk_then_kill_loses_no_charge(folder):
    with small_disk_or_skip(folder, 96) as disk:
        place = Place(folder, disk / "data")
        with place.server() as server:
            answers = [place.answered(server)]
            place.wait_for(server, "bedplate_ledger_waiting", 0)
            other = fill(disk)
            answers += [place.answered(server) for _ in range(2)]  # within the two seconds that the disk may lag
            kill(server)
        other.unlink()
        with place.server() as server:
            place.wait_for(server, "bedplate_ledger_waiting", 0)
            require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
        place.books_have(answers)


def test_disk_that_cannot_be_written_is_refused_at_the_start(folder):
    with small_disk_or_skip(folder, 96) as disk:
        place = Place(folder, disk / "data")
        with place.server() as server:
            answers = [place.answered(server)]
            require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
        if subprocess.run(["mount", "-o", "remount,ro", disk], check=False).returncode != 0:
            raise Skip("remounting needs root")
        place.start_is_refused(str(place.data), ("read-only", "readonly"))
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        with place.server() as server:
            answers.append(place.answered(server))
            require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
        place.books_have(answers)


def test_damaged_page_is_found_and_named(folder):
    place = Place(folder)
    with place.server() as server:
        answers = [place.answered(server) for _ in range(3)]
        require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
    whole = place.books.read_bytes()
    require(len(whole) >= 4 * PAGE, f"the books are {len(whole)} bytes")
    found = 0
    for page in range(1, len(whole) // PAGE):  # not the first, which says what kind of file it is
        bad = bytearray(whole)
        bad[page * PAGE : page * PAGE + 512] = bytes(range(256)) * 2
        if bad == whole:
            continue
        place.books.write_bytes(bad)
        status, output = place.command("ledger", "verify")
        require(status >= 0, f"verify died of signal {-status} at page {page}:\n{output}")
        found += status != 0
        if status != 0:
            require(any(word in output for word in ("ledger.sqlite3", "damaged", "row")), f"page {page}: it doesn't say where:\n{output}")
        if page % 8 == 1:  # a server on it serves and charges, or says no; it never dies
            recorder = (place.data / "flight-recorder").read_bytes()
            server = place.server()
            try:
                with contextlib.suppress(RuntimeError):
                    server.wait_ready()
                    status = place.chat(server)[0]
                    require(status in (200, 503), f"page {page}: a chat answered {status}")
                ended = server.process.poll()
                require(ended is None or 0 < ended < 126, f"page {page}: status {ended}:\n{server.output()}")
            finally:
                server.kill()
            for extra in (place.data / "ledger.sqlite3-wal", place.data / "ledger.sqlite3-shm"):
                extra.unlink(missing_ok=True)
            (place.data / "flight-recorder").write_bytes(recorder)
    require(found * 2 > len(whole) // PAGE, f"of {len(whole) // PAGE - 1} damaged pages verify found {found}")
    place.books.write_bytes(whole)
    place.books_have(answers)


def test_truncated_log_is_refused_by_the_kept_head(folder):
    place = Place(folder)
    log = place.data / "ledger.sqlite3-wal"
    with place.server() as server:
        answers = [place.answered(server) for _ in range(3)]
        place.wait_for(server, "bedplate_ledger_waiting", 0)
        heads = place.data.with_name("data.ledger-head")
        deadline = time.monotonic() + 10
        while f"usage {len(answers)} " not in heads.read_text():  # it is kept once a second
            require(time.monotonic() < deadline, f"the head of the usage isn't kept:\n{heads.read_text()}")
            time.sleep(0.05)
        kill(server)
    whole = log.read_bytes()
    require(len(whole) > 2 * PAGE, f"the log is {len(whole)} bytes")
    saved = folder / "saved"
    shutil.copytree(place.data, saved, ignore=shutil.ignore_patterns("control.sock"))
    os.truncate(log, len(whole) // 2)
    place.start_is_refused("ledger.sqlite3", ("older", "lost"))
    status, output = place.command("ledger", "verify")
    refused(status, output, "head")
    shutil.rmtree(place.data)
    shutil.copytree(saved, place.data)
    with place.server() as server:
        answers.append(place.answered(server))
        require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
    place.books_have(answers)


def test_second_process_on_the_books_is_refused(folder):
    place = Place(folder)
    with place.server() as server:
        answers = [place.answered(server)]
        place.start_is_refused(str(place.data), ("another", "other"))
        place.wait_for(server, "bedplate_ledger_waiting", 0)
        place.well("ledger", "verify")  # beside the server
        answers.append(place.answered(server))
        require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
    place.books_have(answers)


def test_damaged_flight_recorder_is_put_aside(folder):
    place = Place(folder)
    with place.server() as server:
        answers = [place.answered(server)]
        place.wait_for(server, "bedplate_ledger_waiting", 0)
        require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
    recorder = place.data / "flight-recorder"
    whole = recorder.read_bytes()
    for name, damaged in (("cut", whole[: len(whole) // 2]), ("foreign", b"no recorder " * 1000), ("empty", b"")):
        recorder.write_bytes(damaged)
        with place.server() as server:
            answers.append(place.answered(server))
            place.wait_for(server, "bedplate_ledger_waiting", 0)
            require(server.stop() == 0, f"{name}: the server did not end well:\n{server.output()}")
            require("flight-recorder" in server.output(), f"{name}: the log doesn't name it:\n{server.output()}")
    place.books_have(answers)
