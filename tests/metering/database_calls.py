#!/usr/bin/env python3
"""No database call on the request path: who asks SQLite for what, traced, and requests while the books stand still.

    tests/metering/database_calls.py [--requests 300] [--seed N]      prints `N passed, N failed` last

Method: a server with tenants, prices, budgets hard and soft and keys with limits, under sqlite_trace.cc, which counts
SQLite's functions by calling thread and database. Requests of every dialect, streamed and not, signed and with bearer
keys, some of which leave in the middle, and all kinds of refusals. Then
  - the threads that requests pass (network, workers, engine) have called none, and the books' writer has
  - with each kind of request again: while whoever calls the books or the tenants' store waits, it is answered whole
  - the check finds a call where there is one: the admin API's reports are read from the books by a worker
A response that its client asks to be stored is kept in another database, objects.sqlite3, by a worker: that is what was
asked for, no part of admission or metering, and is held to be that one alone.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from asked import KINDS, QUESTIONS, chat  # noqa: E402
from bedplate_process import BINARY, MODEL, Server, metric_of, model_path  # noqa: E402
from checks import Checks  # noqa: E402
from mixed_streams import signed_fields  # noqa: E402
from sqlite_trace import SERVING, SqliteTrace, functions_not_traced  # noqa: E402

BOOKS, TENANTS, OBJECTS = "ledger.sqlite3", "tenants.sqlite3", "objects.sqlite3"
CLIENTS = 8


class Asked:
    """A request: who asks for what, and which answers are right. key: a bearer key, or a pair that signs."""

    def __init__(self, name, key, method, path, body=None, statuses=(200,)):
        self.name, self.key, self.method, self.path, self.body = name, key, method, path, body
        self.statuses, self.leaves = statuses, False  # leaves: its client, with the first bytes of the answer
        self.is_charged = body is not None and "count_tokens" not in path

    def sent(self, port):
        host, data = f"127.0.0.1:{port}", b"" if self.body is None else json.dumps(self.body).encode()
        fields = {"Host": host, "Content-Type": "application/json", "Connection": "close", "Content-Length": len(data)}
        if isinstance(self.key, dict):
            fields |= signed_fields(self.key, host, self.path, data)
        else:
            fields["Authorization"] = f"Bearer {self.key}"
        if "/v1/messages" in self.path:
            fields["anthropic-version"] = "2023-06-01"
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + data


def ask(port, asked, timeout=120):
    """The bytes of the answer; of one that leaves, the first of them."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(asked.sent(port))
        if asked.leaves:
            return connection.recv(256)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer else None


def is_answered(answer, asked):
    """Whether it has the status and, where its length isn't told, an end."""
    head = answer.partition(b"\r\n\r\n")[0].lower()
    whole = b"chunked" not in head or answer.endswith(b"0\r\n\r\n")
    return status_of(answer) in asked.statuses and (whole or asked.leaves)


class Place:
    """A data folder with tenants and all that can hold a request up, and a server on it that is traced."""

    def __init__(self, folder):
        self.data, self.secret_file = pathlib.Path(folder) / "data", pathlib.Path(folder) / "secrets.toml"
        model = model_path()
        env = os.environ | {"BEDPLATE_DATA": str(self.data)}
        init = [BINARY, "tenant", "init", "host", "--json", "--secret-file", self.secret_file]
        self.owner = json.loads(subprocess.check_output(init, env=env))["key"]
        self.trace = SqliteTrace(folder)
        self.server = Server("--secret-file", self.secret_file, model=model, data=self.data, env=self.trace.env)
        try:
            self.server.wait_ready()
            self.fill()
        except BaseException:
            print(self.server.output()[-4000:])
            self.server.kill()
            raise

    def ask(self, method, path, body=None):
        answer = ask(self.server.port, Asked("", self.owner, method, path, body))
        assert status_of(answer) == 200, answer.decode()
        return answer.partition(b"\r\n\r\n")[2].decode()

    def admin(self, path, **body):
        return json.loads(self.ask("POST", "/admin/v1/" + path, body))

    def fill(self):
        for meter, amount in (("prompt", "0.35"), ("cached", "0.05"), ("output", "1.07"), ("reasoning", "1.07")):
            self.admin("prices", meter=meter, amount=amount)
        for tenant in ("acme", "poor"):
            self.admin("tenants", name=tenant)
        limits = {"requests_per_minute": 100_000, "tokens_per_minute": 100_000_000, "concurrent_requests": 64}
        self.key = self.admin("keys", tenant="acme", **limits)["key"]
        self.pair = self.admin("keys", tenant="acme", access_key=True, **limits)
        self.slow = self.admin("keys", tenant="acme", requests_per_minute=1)["key"]
        self.short = self.admin("keys", tenant="acme", tokens_per_minute=2)["key"]
        self.spent = self.admin("keys", tenant="acme", tokens_per_minute=2)["key"]
        self.other = self.admin("keys", tenant="acme", models=["another"])["key"]
        self.poor = self.admin("keys", tenant="poor")["key"]
        gone = self.admin("keys", tenant="acme")
        self.admin(f"keys/{gone['id']}/revoke")
        self.gone = gone["key"]
        self.admin("budgets", tenant="acme", name="money", amount="1000", period="day")
        self.admin("budgets", tenant="acme", name="tokens", amount="1000000000", unit="tokens", period="month")
        self.admin("budgets", tenant="acme", name="told", amount="0.001", kind="soft", model=MODEL, period="total")
        self.admin("budgets", tenant="poor", name="none", amount="1", unit="tokens", period="total")
        ask(self.server.port, self.text("", self.spent, 40, 200))  # twenty minutes of its tokens

    @staticmethod
    def chat(name, key, *statuses):
        return Asked(name, key, "POST", "/v1/chat/completions", chat(QUESTIONS[0], 4, False), statuses)

    @staticmethod
    def text(name, key, most, *statuses):
        body = {"model": MODEL, "prompt": "Hi", "max_tokens": most, "ignore_eos": True}
        return Asked(name, key, "POST", "/v1/completions", body, statuses)

    def answered(self, rng):
        """One of each kind that a model answers."""
        question, most = rng.choice(QUESTIONS), rng.choice([1, 4, 12, 24])
        asked = [Asked(kind.name, self.key, "POST", kind.path, kind.body(question, most)) for kind in KINDS]
        bodies = {one.name: one.body for one in asked}
        for name in ("completions", "responses"):
            body = bodies[name] | {"stream": False}
            asked.append(Asked(name + ", whole", self.key, "POST", "/v1/" + name, body))
        asked.append(Asked("invoke, whole", self.key, "POST", f"/model/{MODEL}/invoke", bodies["invoke"]))
        for name in ("converse", "converse-stream"):
            path = f"/model/{MODEL}/{name}"
            asked.append(Asked(f"{name}, signed", self.pair, "POST", path, bodies["converse"]))
        return asked

    def others(self):
        """Refusals of all kinds, and what no model is asked for."""
        turns = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
        return [
            self.chat("an unknown key", self.gone[:-1] + ("A" if self.gone[-1] != "A" else "B"), 401),
            self.chat("a revoked key", self.gone, 401),
            self.chat("another model's key", self.other, 403),
            self.chat("above its requests a minute", self.slow, 429, 200),  # one a minute is let in
            self.text("above its tokens a minute", self.spent, 1, 429),
            self.chat("longer than its tokens a minute", self.short, 413),
            self.chat("above its budget", self.poor, 429),
            Asked("models", self.key, "GET", "/v1/models"),
            Asked("tokens counted", self.key, "POST", "/v1/messages/count_tokens", turns),
        ]

    def stored(self, stream):
        # Stored, since it doesn't say otherwise.
        body = {"model": MODEL, "input": QUESTIONS[0], "max_output_tokens": 16, "stream": stream}
        return Asked("a stored response", self.key, "POST", "/v1/responses", body)

    def wait_for_books(self):
        deadline = time.monotonic() + 60
        while True:
            page = self.ask("GET", "/metrics")
            if not metric_of(page, "bedplate_ledger_waiting") + metric_of(page, "bedplate_metering_slots_taken"):
                return
            assert time.monotonic() < deadline, "the books are behind:\n" + page
            time.sleep(0.01)

    def booked(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/{BOOKS}?mode=ro", uri=True)) as books:
            return books.execute("SELECT count(*) FROM usage").fetchone()[0]


def show(counts, threads):
    databases = sorted({database for _, database in counts} | {BOOKS, TENANTS, OBJECTS})
    print(f"    {'calls of':20}" + "".join(f"{database:>18}" for database in databases))
    for role in sorted(set(threads)):
        of = "".join(f"{counts[role, database]:>18}" for database in databases)
        print(f"    {role + ' (' + str(threads.count(role)) + ')':20}" + of, flush=True)


def check_none_serving(place, checks, what, counts, allowed=()):
    found = [(role, database) for role, database in counts if role in SERVING and (role, database) not in allowed]
    for role, database in found:
        print(f"    {role} called {database} from " + " < ".join(place.trace.first_call(role, database)[:12]))
    checks.check(f"{what}: the request's threads made no call", not found)


def under_load(place, checks, requests, rng):
    threads = place.trace.roles()
    checks.check(f"threads are known: {sorted(set(threads))}", set(SERVING) <= set(threads))
    booked, before = place.booked(), place.trace.counts()
    checks.check("what the start made of databases was seen", before["main", BOOKS] > 0 and before["main", TENANTS] > 0)
    load = []
    while len(load) < requests:
        load += place.answered(rng) + place.others()
    for asked in load:
        asked.leaves = asked.is_charged and asked.statuses == (200,) and rng.random() < 0.1
    rng.shuffle(load)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda asked: ask(place.server.port, asked), load))
    wrong = [(one.name, answer[:300]) for one, answer in zip(load, answers) if not is_answered(answer, one)]
    kinds = len({one.name for one in load})
    checks.check(f"{len(load)} requests of {kinds} kinds are answered as they should be", not wrong)
    print("".join(f"    {name}: {answer!r}\n" for name, answer in wrong[:5]), end="")
    place.wait_for_books()
    counts = place.trace.counts() - before
    show(counts, threads)
    check_none_serving(place, checks, "under load", counts)
    charged = sum(one.is_charged and status_of(answer) == 200 for one, answer in zip(load, answers))
    stay = sum(one.leaves for one in load)  # who leaves may be too early to be charged
    more = place.booked() - booked
    what = f"{charged} requests ran, of which {stay} were left; the books have {more} more"
    checks.check(what, charged - stay <= more <= charged)
    checks.check("and their writer wrote them", counts["books' writer", BOOKS] > more)


def while_books_stand(place, checks, rng):
    answered = place.answered(rng)
    for asked in answered + place.others() + [place.stored(True), place.stored(False)]:
        stays = False
        with place.trace.held(BOOKS, TENANTS):
            answer = ask(place.server.port, asked)
            deadline = time.monotonic() + 30
            while asked in answered and not stays and time.monotonic() < deadline:
                stays = place.trace.waiting(BOOKS) > 0
                time.sleep(0.002)
        good = is_answered(answer, asked) and (stays or asked not in answered)
        checks.check(f"answered while the books stand still: {asked.name}", good)
        if not good:
            print(f"    {answer[:500]!r}, the writer waits: {stays}")
        place.wait_for_books()


def store(place, checks):
    before = place.trace.counts()
    for stream in (False, True):
        ask(place.server.port, place.stored(stream))
    place.wait_for_books()
    counts = place.trace.counts() - before
    checks.check("a response to be stored is put in its own database by a worker", counts["worker", OBJECTS] > 0)
    check_none_serving(place, checks, "but for that", counts, allowed=[("worker", OBJECTS)])


def finds_calls(place, checks):
    """What does read the books is seen on its thread, and waits for them."""
    report = Asked("a report", place.owner, "GET", "/admin/v1/usage")
    for asked, database in ((report, BOOKS), (Asked("the audit", place.owner, "GET", "/admin/v1/audit"), TENANTS)):
        before = place.trace.counts()
        answer = ask(place.server.port, asked)
        counts = place.trace.counts() - before
        seen = status_of(answer) == 200 and counts["worker", database] > 0
        checks.check(f"the check sees a worker read {asked.name}: {counts['worker', database]} calls", seen)
        waited = False
        with place.trace.held(database):
            try:
                ask(place.server.port, asked, timeout=0.5)
            except TimeoutError:
                waited = True
        checks.check(f"and {asked.name} waits while {database} stands still", waited)
        place.wait_for_books()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=300)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    checks, rng = Checks(), random.Random(given.seed)
    missing = functions_not_traced()
    checks.check(f"each of SQLite's functions that the program calls is traced {missing or ''}", not missing)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        try:
            under_load(place, checks, given.requests, rng)
            while_books_stand(place, checks, rng)
            store(place, checks)
            finds_calls(place, checks)
        except Exception:
            print(place.server.output()[-4000:])
            raise
        finally:
            place.server.kill()
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
