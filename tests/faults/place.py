"""A data folder with tenants and prices, servers on it, and what its books must then have."""

import contextlib
import json
import subprocess
import time
from decimal import Decimal

from bedplate_process import MODEL, Server, metric_of
from harness import refused, require
from tenants_place import TenantsPlace

PAGE = 4096  # bytes, of SQLite's files
PROMPT_PRICE, OUTPUT_PRICE = Decimal("0.30"), Decimal("1.10")  # dollars a million tokens
TURNS = [{"role": "user", "content": "Say something about rivers."}]
CHAT = {"model": MODEL, "messages": TURNS, "max_tokens": 5, "temperature": 0}


class Place(TenantsPlace):
    OPTIONS = ("--no-packed-cache", "--sequences", "4")

    def __init__(self, folder, data=None):
        super().__init__(folder, data)
        self.books, self.tenants = self.data / "ledger.sqlite3", self.data / "tenants.sqlite3"
        self.answered = []  # (prompt, output) tokens of each chat
        for meter, amount in (("prompt", PROMPT_PRICE), ("cached", PROMPT_PRICE), ("output", OUTPUT_PRICE)):
            self.command("price", "add", "--model", MODEL, "--meter", meter, "--amount", amount)

    @contextlib.contextmanager
    def serving(self):
        """A server, which must end well, unless the block has ended it."""
        self.start(*self.OPTIONS)
        try:
            yield self.server
            if self.server.process.poll() is None:
                require(self.server.stop() == 0, f"the server did not end well:\n{self.server.output()}")
        finally:
            self.server.kill()

    def refused_start(self, *words):
        """The start is refused and says why, by these words; nobody is served, nor who is served already disturbed."""
        server = Server("--secret-file", self.secret_file, *self.OPTIONS, model=self.model, data=self.data)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(60)
            status = server.process.poll()
        finally:
            server.kill()
        require(status is not None, f"the server started; it should have been refused for {words}:\n{server.output()}")
        refused(status, server.output(), *words)

    def refused_command(self, arguments, *words):
        status, output, errors = self.run(*arguments)
        refused(status, output + errors, *words)

    def answer_to(self, method, path, body=None, key=None):
        """(status, headers, parsed JSON or text)"""
        status, headers, text = self.ask(key or self.owner, method, path, body)
        return status, headers, json.loads(text) if "json" in headers.get("Content-Type", "") else text

    def chat(self):
        """(status, headers, answer)"""
        status, headers, answer = self.answer_to("POST", "/v1/chat/completions", CHAT)
        if status == 200:
            self.answered.append((answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]))
        return status, headers, answer

    def must_answer(self):
        status, _, answer = self.chat()
        require(status == 200, f"a chat answered {status}: {answer}")

    def answers_again(self):
        """A disk that has room again may refuse until what waited is written."""
        deadline = time.monotonic() + 30
        while self.chat()[0] != 200:
            require(time.monotonic() < deadline, f"no answer in 30 s:\n{self.server.output()}")
            time.sleep(0.1)

    def holds_back(self):
        """Two seconds' worth of what can't be booked waits, in memory and in the recorder; then nothing more is taken."""
        deadline = time.monotonic() + 60
        while (answer := self.chat())[0] == 200:
            require(time.monotonic() < deadline, f"requests go on that can't be booked:\n{self.server.output()}")
            time.sleep(0.05)
        status, headers, body = answer
        require(status == 503 and body["error"]["code"] == "ledger_busy", f"a request was answered {status}: {body}")
        require(int(headers.get("Retry-After", 0)) > 0, f"without when to come back: {headers}")

    def metric(self, name):
        return metric_of(self.owner_text("GET", "/metrics"), name)

    def wait_for(self, name, value):
        deadline = time.monotonic() + 30
        while (found := self.metric(name)) != value:
            require(time.monotonic() < deadline, f"{name} is {found}, not {value}, after 30 s:\n{self.server.output()}")
            time.sleep(0.05)

    def check_all_is_booked(self):
        """The books are whole, and hold exactly what was answered; a server that runs says so as well."""
        if self.server.process.poll() is None:
            self.wait_for_books()
            total = self.answer_to("GET", "/admin/v1/usage")[2]["total"]["requests"]
            require(total == len(self.answered), f"{len(self.answered)} chats were answered, the server counts {total}")
        self.command("ledger", "verify")
        requests = json.loads(self.command("usage", "--requests", "--limit", 1000, "--json"))["data"]
        found = sorted((one["prompt_tokens"], one["output_tokens"]) for one in requests)
        require(found == sorted(self.answered), f"the books have {found}, answered was {sorted(self.answered)}")
        millionths = sum(PROMPT_PRICE * prompt + OUTPUT_PRICE * output for prompt, output in self.answered)
        cost = sum(Decimal(one["cost"]) for one in requests)
        require(cost == millionths / 10**6, f"they cost {cost}, not {millionths / 10**6}")
