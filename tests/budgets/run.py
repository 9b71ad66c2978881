#!/usr/bin/env python3
"""Hard budgets on a real server: of a hundred at once one fits, nothing goes beyond, and nearly all can be used.

    tests/budgets/run.py [--seconds 10] [--seed N]      prints `N passed, N failed` last

Method: a server with tenants and a real model. A budget for exactly one request meets a hundred at once. Then clients of
every dialect, streamed and not, some of which leave in the middle, use up a budget of money and one of tokens, while the
admin API is asked again and again what is spent, held and leased; with kills of the server on the way. What a budget has
no room for is refused, or ends at the last token that is paid, and each dialect says so in its words.
"""

import argparse
import concurrent.futures
import http.client
import json
import pathlib
import random
import sys
import tempfile
import threading
import time
from decimal import Decimal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from bedplate_process import MODEL, metric_of  # noqa: E402
from checks import QuietChecks  # noqa: E402
from tenants_place import TenantsPlace  # noqa: E402

TASK = "Count from 1 to 1000, separated by spaces."  # greedily, it doesn't end by itself for long
TURNS = [{"role": "user", "content": TASK}]
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
TEXT = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{TASK}<|im_end|>\n<|im_start|>assistant\n"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
CONVERSE, INVOKE = f"/model/{MODEL}/converse", f"/model/{MODEL}/invoke"


def chat(most, stream=False):
    return CHAT, {"model": MODEL, "messages": TURNS, "max_tokens": most, "temperature": 0, "stream": stream}


def responses(most, stream=False):
    body = {"model": MODEL, "input": TASK, "max_output_tokens": most, "temperature": 0, "store": False}
    return "/v1/responses", body | {"stream": stream}


def completions(most, stream=False):
    return "/v1/completions", {"model": MODEL, "prompt": TEXT, "max_tokens": most, "temperature": 0, "stream": stream}


def messages(most, stream=False):
    return MESSAGES, {"model": MODEL, "messages": TURNS, "max_tokens": most, "temperature": 0, "stream": stream}


def converse(most, stream=False):
    turns = [{"role": "user", "content": [{"text": TASK}]}]
    body = {"messages": turns, "inferenceConfig": {"maxTokens": most, "temperature": 0}}
    return CONVERSE + ("-stream" if stream else ""), body


def invoke(most, stream=False):
    path = INVOKE + ("-with-response-stream" if stream else "")
    return path, {"prompt": TEXT, "max_gen_len": most, "temperature": 0}


DIALECTS = [chat, responses, completions, messages, converse, invoke]


class Place(TenantsPlace):
    """With what budgets need."""

    def start(self):
        super().start("--sequences", "16")

    def key_of(self, tenant):
        """A new tenant, and a key of its."""
        self.admin("POST", "/admin/v1/tenants", {"name": tenant})
        return self.admin("POST", "/admin/v1/keys", {"tenant": tenant})["key"]

    def budget(self, tenant, name="b"):
        return self.admin("GET", f"/admin/v1/budgets/{name}?tenant={tenant}")

    def make_budget(self, tenant, amount, **more):
        body = {"tenant": tenant, "name": "b", "amount": str(amount), "period": "total"} | more
        return self.admin("POST", "/admin/v1/budgets", body)

    def settled(self, tenant):
        """The budget, once nothing is held of it and all is booked."""
        deadline = time.monotonic() + 30
        while True:
            budget = self.budget(tenant)
            page = self.ask(self.owner, "GET", "/metrics")[2]
            busy = metric_of(page, "bedplate_ledger_waiting") + metric_of(page, "bedplate_metering_slots_taken")
            if Decimal(budget["held"]) == 0 and busy == 0:
                return budget
            assert time.monotonic() < deadline, budget
            time.sleep(0.02)


def one_of_a_hundred(place, checks):
    key = place.key_of("one")
    path, body = chat(16)
    status, _, text = place.ask(place.owner, "POST", path, body)
    usage = json.loads(text)["usage"]
    place.make_budget("one", usage["prompt_tokens"] + 16, unit="tokens")
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        asked = [pool.submit(place.ask, key, "POST", path, body) for _ in range(100)]
        answers = [one.result() for one in asked]
    statuses = sorted(status for status, _, _ in answers)
    checks.check(statuses == [200] + [429] * 99, f"of a hundred at once one fits: {statuses}")
    budget = place.settled("one")
    checks.check(Decimal(budget["spent"]) == usage["total_tokens"], f"it is charged what it used: {budget}")


def each_in_its_words(place, checks, whole_form):
    """Answers that end at their last paid token, and refusals. whole_form: each dialect both streamed and not."""
    key = place.key_of("words")
    place.make_budget("words", 1, unit="tokens", period="day")
    cut = 0
    for number, dialect in enumerate(DIALECTS):
        for stream in (False, True) if whole_form else (number % 2 == 0,):
            spent = int(place.settled("words")["spent"])
            # The prompt, the 256 that are held at first, and some more: an extension is refused.
            place.admin("POST", "/admin/v1/budgets/b/update", {"tenant": "words", "amount": str(spent + 330)})
            path, body = dialect(500, stream)
            status, fields, text = place.ask(key, "POST", path, body)
            name = f"{dialect.__name__}, {'streamed' if stream else 'whole'}"
            budget = place.settled("words")
            checks.check(status == 200, f"{name}: {status} {text}")
            # Amazon's stream of an invoked model carries its JSON in base64.
            marked = "bedplate_stop" in text or (dialect is invoke and stream)
            checks.check(marked, f"{name} says that a budget ended it: {text[-400:]}")
            checks.check(stream or fields["x-bedplate-stop"] == "budget", f"{name}: {fields}")
            checks.check(int(budget["left"]) == 0, f"{name} ends at the last token that is paid: {budget}")
            cut += 1
            status, fields, text = place.ask(key, "POST", path, body)
            expected = {CHAT: (429, "insufficient_quota"), MESSAGES: (400, "specified API usage limits")}
            bedrock = path.startswith("/model/")
            code, words = (400, "budget 'b'") if bedrock else expected.get(path, (429, "insufficient_quota"))
            checks.check(status == code and words in text and "'b'" in text, f"{name} is refused: {status} {text}")
            if bedrock:
                checks.check(fields["x-amzn-errortype"] == "ServiceQuotaExceededException", f"{name}: {fields}")
            checks.check(fields["x-should-retry"] == "false", f"{name} is not tried again: {fields}")
            checks.check("T00:00:00Z" in text, f"{name} says when the budget begins anew: {text}")
    page = place.ask(place.owner, "GET", "/metrics")[2]
    checks.check(metric_of(page, "bedplate_budget_cut_total") >= cut, "cut answers are counted")


class Watch:
    """Asks what is spent, held and leased, again and again."""

    def __init__(self, place, checks, tenant):
        self.place, self.checks, self.tenant, self.looked, self.over = place, checks, tenant, 0, []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.02):
            try:
                budget = self.place.budget(self.tenant)
            except (OSError, http.client.HTTPException, AssertionError):
                continue  # the server was killed
            self.looked += 1
            spent, held, leased, amount = (Decimal(budget[name]) for name in ("spent", "held", "leased", "amount"))
            if spent + leased > amount or held > leased + spent:
                self.over.append(budget)

    def end(self):
        self.ended.set()
        self.thread.join()
        self.checks.check(self.looked > 5 and not self.over, f"looked {self.looked} times: {self.over[:3]}")


def random_history(place, checks, tenant, amount, unit, seconds, rng):
    key = place.key_of(tenant)
    place.make_budget(tenant, amount, unit=unit)
    watch = Watch(place, checks, tenant)
    counts = {"answers": 0, "refused": 0, "gone": 0}
    lock, end = threading.Lock(), time.monotonic() + seconds
    ended = threading.Event()

    def client(seed):
        own = random.Random(seed)
        while not ended.is_set():
            stream = own.random() < 0.5
            path, body = own.choice(DIALECTS)(own.choice([1, 8, 20, 60, 300]), stream)
            leave = own.randrange(1, 4000) if own.random() < 0.2 else None
            try:
                status, _, _ = place.ask(key, "POST", path, body, leave)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # the server was killed
                continue
            with lock:
                counts["gone" if leave else "answers" if status == 200 else "refused"] += 1
            if status != 200:
                time.sleep(0.01)

    threads = [threading.Thread(target=client, args=(rng.random(),)) for _ in range(16)]
    for thread in threads:
        thread.start()
    kills = 0
    while time.monotonic() < end:
        time.sleep(rng.uniform(1, 3))
        if rng.random() < 0.5:
            place.kill()
            place.start()
            kills += 1
    ended.set()
    for thread in threads:
        thread.join()

    def use_up(_):
        """What is left, by small requests, until nothing fits though nobody holds it."""
        path, body = chat(8)
        for _ in range(2000):
            status, fields, _ = place.ask(key, "POST", path, body)
            if status != 200 and fields["x-should-retry"] == "false":
                return

    for clients in (8, 1):
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            list(pool.map(use_up, range(clients)))
    budget = place.settled(tenant)
    watch.end()
    spent = Decimal(budget["spent"])
    usable = 100 * spent / Decimal(amount)
    checks.check(spent <= Decimal(amount), f"nothing goes beyond: {budget}")
    checks.check(usable >= 99, f"99 % can be used: {usable:.2f} %")
    print(f"{unit}: {counts}, {kills} kills; {spent} of {amount} spent, {usable:.2f} %, looked {watch.looked} times")


def run(place, checks, seconds, rng):
    place.command("price", "add", "--meter", "prompt", "--amount", "0.35")
    place.command("price", "add", "--meter", "cached", "--amount", "0.05")
    place.command("price", "add", "--meter", "output", "--amount", "1.07")
    place.command("price", "add", "--meter", "reasoning", "--amount", "1.07")
    place.start()
    one_of_a_hundred(place, checks)
    print("one of a hundred: done", flush=True)
    each_in_its_words(place, checks, whole_form=seconds > 10)
    print("each in its words: done", flush=True)
    random_history(place, checks, "money", "0.006", "usd", seconds, rng)
    random_history(place, checks, "tokens", "8000", "tokens", seconds, rng)
    place.server.stop()
    listed = json.loads(place.command("budget", "list", "--json"))["data"]
    checks.check(len(listed) == 4 and all(Decimal(one["leased"]) == 0 for one in listed), f"given back: {listed}")
    verified = json.loads(place.command("ledger", "verify", "--json"))
    checks.check(not verified.get("findings"), f"ledger verify: {verified}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=6, help="of each random history")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    checks = QuietChecks()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        try:
            run(place, checks, given.seconds, random.Random(given.seed))
        except Exception:
            print(place.server.output()[-4000:] if place.server else "")
            raise
        finally:
            if place.server and place.server.process.poll() is None:
                place.kill()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
