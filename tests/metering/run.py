#!/usr/bin/env python3
"""A server that keeps books, killed again and again under load: what it charges is what its sockets were given.

    tests/metering/run.py [--rounds 5] [--seed N]      prints `N passed, N failed` last

Method: requests of mixed dialects, streamed and not, fast and slow readers, through a proxy that keeps every byte. At a
random time the server is killed (SIGKILL), sometimes once more while it recovers, and started again. Then the books hold,
for each request:
  finished                       exactly what its answer used
  killed, streamed               what the proxy got, or one event more; the prompt with the first event; never less
  killed, not streamed           nothing, or, where the kill fell between writing it down and sending it, the whole reply
and `bedplate ledger verify` finds the books whole. All is greedy, and without speculation an event is one token, so each
answer's tokens are known beforehand from one undisturbed run.
"""

import argparse
import concurrent.futures
import contextlib
import json
import pathlib
import random
import socket
import sqlite3
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from asked import KINDS, QUESTIONS, Answer, chat, request_bytes  # noqa: E402
from bedplate_process import MODEL, metric_of  # noqa: E402
from recording_proxy import SMALL_BUFFER, RecordingProxy  # noqa: E402
from tenants_place import TenantsPlace  # noqa: E402

CLIENTS = 10
LENGTHS = [1, 4, 12, 40]  # tokens at most
KILL_AFTER_BYTES = 200_000  # of answers, at most
KILL_AFTER_SECONDS = 20


class Reference:
    """The tokens of one question's answer, undisturbed."""

    def __init__(self, prompt_tokens, texts, total):
        self.prompt_tokens, self.total = prompt_tokens, total  # total: with what ends an answer and isn't shown
        self.shown = [0]  # bytes of text after so many tokens
        for text in texts:
            self.shown.append(self.shown[-1] + len(text))

    def total_of(self, most):
        return min(self.total, most)

    def bytes_after(self, tokens):
        return self.shown[min(tokens, len(self.shown) - 1)]

    def next_after(self, text_bytes, most):
        """The tokens that are used when the next event after so much text has been told."""
        for tokens in range(self.total_of(most) + 1):
            if self.bytes_after(tokens) > text_bytes:
                return tokens
        return self.total_of(most)


class Place(TenantsPlace):
    def __init__(self, folder):
        super().__init__(folder)
        self.starts = 0

    def start(self, ready=True):
        self.starts += 1
        super().start("--speculation", "off", "--sequences", "8", ready=ready)

    def usage(self):
        """By request: (prompt, output) tokens, each once."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/ledger.sqlite3?mode=ro", uri=True)) as books:
            rows = books.execute("SELECT request, prompt + cached, output + reasoning FROM usage").fetchall()
        by_request = {}
        for request, prompt, output in rows:
            by_request.setdefault(request, []).append((prompt, output))
        return by_request


def reference(place, whose, question):
    body = {"model": MODEL, "prompt": question, "max_tokens": max(LENGTHS), "temperature": 0, "logprobs": 0}
    if whose == "chat":
        body = chat(question, max(LENGTHS), False, logprobs=True)
    path = "/v1/chat/completions" if whose == "chat" else "/v1/completions"
    answer = json.loads(place.owner_text("POST", path, body))
    told = answer["choices"][0]["logprobs"]
    if whose == "chat":
        tokens = [bytes(token["bytes"]) for token in told["content"]]
    else:
        tokens = [text.encode() for text in told["tokens"]]
    return Reference(answer["usage"]["prompt_tokens"], tokens, answer["usage"]["completion_tokens"])


def references(place):
    """By (whose, question)."""
    wanted = [(whose, question) for whose in ("chat", "text") for question in QUESTIONS]
    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        return dict(zip(wanted, pool.map(lambda of: reference(place, *of), wanted)))


class Asked:
    def __init__(self, kind, question, most, slow):
        self.kind, self.question, self.most, self.slow = kind, question, most, slow


class Load:
    """Clients that ask through the proxy, one request after another, until they are stopped."""

    def __init__(self, place, proxy, rng, round_number):
        self.place, self.proxy, self.asked = place, proxy, {}
        self.stopping = threading.Event()
        self.round = round_number
        seeds = [rng.randrange(1 << 62) for _ in range(CLIENTS)]
        self.threads = [threading.Thread(target=self._run, args=(i, seed)) for i, seed in enumerate(seeds)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _run(self, client, seed):
        rng = random.Random(seed)
        for number in range(1_000_000):
            if self.stopping.is_set():
                return
            kind = rng.choice(KINDS)
            slow = kind.streams and rng.random() < 0.3
            request = Asked(kind, rng.choice(QUESTIONS), rng.choice(LENGTHS), slow)
            request_id = f"round-{self.round}-{client}-{number}"
            self.asked[request_id] = request
            try:
                self._ask(request, request_id)
            except OSError:
                time.sleep(0.01)  # the server has been killed

    def _ask(self, request, request_id):
        sent = request_bytes(
            request.kind, request.question, request.most, self.place.owner, request_id, request.slow
        )
        with socket.socket() as connection:
            if request.slow:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            connection.connect(("127.0.0.1", self.proxy.port))
            connection.sendall(sent)
            while connection.recv(2048):
                if request.slow and not self.stopping.is_set():
                    self.stopping.wait(0.05)


class Counts:
    def __init__(self):
        self.passed, self.failed = 0, 0
        self.finished = self.exact = self.one_more = self.void = self.unsent_reply = self.slow = self.unanswered = 0

    def fail(self, what):
        self.failed += 1
        print(f"FAILED  {what}", flush=True)


def judge(counts, request_id, asked, answer, rows, reference):
    """One request against the books; None, or what is wrong."""
    if len(rows) > 1:
        return f"charged {len(rows)} times"
    prompt, output = rows[0] if rows else (0, 0)
    total = reference.total_of(asked.most)
    whole = answer.whole and answer.status == 200
    counts.slow += asked.slow and answer.events > 0
    if answer.whole and answer.status != 200:
        counts.unanswered += 1
        return None if not rows or rows[0] == (0, 0) else f"refused with {answer.status} and charged {rows}"
    if whole:
        counts.finished += 1
        return None if (prompt, output) == (reference.prompt_tokens, total) else f"finished, charged {rows}, used {total}"
    if not answer.bytes and (prompt, output) == (0, 0):  # nothing was told, or it never arrived
        counts.void += 1
        return None
    if not asked.kind.streams:
        if (prompt, output) == (0, 0):
            return f"{answer.bytes} bytes of its reply came, and nothing is charged"
        counts.unsent_reply += 1
        return None if (prompt, output) == (reference.prompt_tokens, total) else f"killed, charged {rows}"
    heard = len(answer.text.encode())
    begun = answer.events > 0
    least = 0 if not heard else next(n for n in range(total + 1) if reference.bytes_after(n) >= heard)
    most = reference.next_after(heard, asked.most)
    if prompt not in (0, reference.prompt_tokens) or (begun and prompt == 0) or (output > 0 and prompt == 0):
        return f"killed, its prompt of {reference.prompt_tokens} is charged as {prompt} after {answer.events} events"
    if not least <= output <= most:
        return f"killed after {least} tokens, charged {output}; the next event has {most}"
    if output > least or (prompt > 0 and not begun):
        counts.one_more += 1
    else:
        counts.exact += 1
    return None


def check_round(counts, load, proxy, usage, references_of):
    for request_id, asked in load.asked.items():
        answer = Answer(asked.kind, proxy.answers.get(request_id, b""))
        reference = references_of[asked.kind.whose, asked.question]
        wrong = judge(counts, request_id, asked, answer, usage.get(request_id, []), reference)
        if wrong is None:
            counts.passed += 1
        else:
            counts.fail(f"{request_id} ({asked.kind.name}, {asked.question!r}, most {asked.most}): {wrong}")


def check_books(counts, place):
    verified = json.loads(place.command("ledger", "verify", "--json"))
    counts.passed += 1
    if verified.get("findings"):
        counts.fail(f"ledger verify: {verified['findings']}")


def run(place, rounds, seed, counts):
    rng = random.Random(seed)
    place.start()
    known = references(place)
    place.wait_for_books()
    for number in range(rounds):
        proxy = RecordingProxy(place.server.port)
        load = Load(place, proxy, rng, number)
        # At a random place in what is answered, whatever the machine's speed; often in the first answers.
        proxy.wait_for(int(rng.random() ** 2 * KILL_AFTER_BYTES), KILL_AFTER_SECONDS)
        time.sleep(rng.uniform(0, 0.02))
        place.kill()
        load.stop()
        proxy.close()
        if rng.random() < 0.2:  # while it recovers
            place.start(ready=False)
            time.sleep(rng.uniform(0, 0.4))
            place.kill()
        place.start()
        page = place.wait_for_books()
        if metric_of(page, "bedplate_metering_damaged") or metric_of(page, "bedplate_metering_unbooked_total"):
            counts.fail("slots are damaged, or not booked:\n" + page)
        check_round(counts, load, proxy, place.usage(), known)
        if number % 20 == 19 or number == rounds - 1:
            check_books(counts, place)
            print(f"round {number + 1}: {vars(counts)}", flush=True)
    some = [request for request in place.usage() if request.startswith("round-")]
    if some:
        traced = json.loads(place.command("ledger", "show", some[-1], "--json"))
        counts.passed += 1
        if not traced["usage"] or not traced["transfers"]:
            counts.fail(f"ledger show {some[-1]}: {traced}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="kills")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    counts = Counts()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        try:
            run(place, given.rounds, given.seed, counts)
        except Exception:
            print(place.server.output()[-4000:] if place.server else "")
            raise
        finally:
            if place.server:
                place.kill()
    print(
        f"{given.rounds} kills, {place.starts} starts in {time.monotonic() - started:.0f} s: "
        f"{counts.finished} requests finished and charged exactly; of the killed streams {counts.exact} are charged for "
        f"what was handed over and {counts.one_more} for one event more; {counts.void} requests that nothing had been told "
        f"of are void, {counts.unsent_reply} replies were about to be sent; {counts.slow} slow readers; "
        f"{counts.unanswered} refused"
    )
    print(f"{counts.passed} passed, {counts.failed} failed")
    return 1 if counts.failed or not counts.finished else 0


if __name__ == "__main__":
    sys.exit(main())
