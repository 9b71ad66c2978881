#!/usr/bin/env python3
"""Every API, streamed or not, prices the same exchange equally, to the pico-dollar, and as it told what was used.

    tests/prices/run.py [--short]      prints `N passed, N failed` last; needs the Python of scripts/peers.sh clients

Method: a real model with tenants and prices that divide nothing. Each exchange (ended by itself, by its length, by a stop
string, held to a schema, a call of a tool, two choices, with reasoning) is asked in each way that has words for it
(tests/clients/exchanges.py), twice, so that the second finds the first one's prompt cached. A route of /openapi.json that
generates and is asked by no way fails the test, and so does a form of InvokeModel's bodies.

Exactly: a charge is the difference of two rounded running totals of its payer, so that equal requests of one payer may
differ by a pico-dollar. Therefore each way of each exchange has a project of its own, whose totals begin at nothing: there
equal requests cost equal amounts, and whole rows of the books are compared: tokens by kind, tier, prices, running totals,
charges, transfers. Beside that stands the cost as a fraction that nothing has rounded, quantity times price, which must be
one number for all ways and add up to what the books hold of each payer, rounded down once for each price.

The comparison is itself held to finding what differs: another exchange, a pico-dollar, a token that changed its kind.
"""

import argparse
import collections
import concurrent.futures
import copy
import itertools
import json
import pathlib
import sys
import tempfile
from decimal import Decimal
from fractions import Fraction

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/clients")]
from bedplate_process import MODEL  # noqa: E402
from checks import QuietChecks  # noqa: E402
from exchanges import INVOKED_FORMS, REASONING_TEMPLATE, WAYS, Client, Exchange, invoked_form  # noqa: E402
from tenants_place import TenantsPlace  # noqa: E402

PICO = 10**12
METERS = ["prompt", "cached", "output", "reasoning"]
# Dollars for so many tokens. None divides: two thirds of a pico-dollar, sevenths, a prime, seven digits a million.
PRICES = [
    ("prompt", "0.1234567", "1000000"),
    ("cached", "0.000000000002", "3"),
    ("output", "0.000003333333", "7"),
    ("reasoning", "0.7654321", "999983"),
]
# What is asked with POST and generates nothing.
FREE = ("/count_tokens", "/count-tokens", "/input_tokens", "/cancel", "/admin/v1/", "/console/")
CLIENTS = 8
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue", "green"]}, "warm": {"type": "boolean"}},
        "required": ["colour", "warm"],
        "additionalProperties": False,
    }
)


class Asked:
    """One request, and what came of it. round: 0, and 1 with its prompt cached."""

    def __init__(self, exchange_name, way, project, number, told, request):
        self.exchange_name, self.way, self.project, self.round = exchange_name, way, project, number
        self.told, self.request = told, request
        self.books = None  # its usage, charges and transfers

    def __str__(self):
        return f"{self.exchange_name}, {self.way}, {'cached' if self.round else 'cold'} ({self.request})"


def every_route_is_asked(place, checks):
    document = place.admin("GET", "/openapi.json")
    asked = {way.route for way in WAYS}
    posts = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    for path in posts:
        free = any(part in path for part in FREE)
        checks.check(free or path in asked, f"a route that may generate is asked in no way here: POST {path}")
    checks.check(asked <= posts.keys(), f"routes that aren't served: {asked - posts.keys()}")
    for path in [path for path in posts if "/invoke" in path]:
        examples = posts[path]["requestBody"]["content"]["application/json"]["examples"].values()
        forms = [invoked_form(example["value"]) for example in examples]
        checks.check(sorted(map(str, forms)) == sorted(INVOKED_FORMS), f"forms of POST {path}: {forms}")
    return len(asked)


class Payers:
    """A project and its key for each way of each exchange: nothing has been charged to it, and no cache is its."""

    def __init__(self, place):
        self.place, self.numbers = place, itertools.count(1)

    def new(self):
        project = f"payer-{next(self.numbers)}"
        self.place.admin("POST", "/admin/v1/projects", {"name": project})
        return project, self.place.admin("POST", "/admin/v1/keys", {"project": project})["key"]


def ask_all(place, payers, exchanges, ways, wanted=lambda name, way: True):
    """Each exchange in each way that has words for it and is wanted, twice."""

    def ask(work):
        name, exchange, way, (project, key) = work
        client = Client(f"http://127.0.0.1:{place.server.port}", key)
        return [Asked(name, way, project, number, *way.ask(client, exchange)) for number in (0, 1)]

    chosen = [(name, e, way) for name, e in exchanges.items() for way in ways if way.takes(e) and wanted(name, way)]
    work = [(*one, payers.new()) for one in chosen]
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return [asked for both in pool.map(ask, work) for asked in both]


def look_up(place, requests):
    """What the books have of each, and the list of requests, by id."""
    place.wait_for_books()
    for asked in requests:
        asked.books = place.admin("GET", f"/admin/v1/requests/{asked.request}")
    listed, before = {}, ""
    while page := place.admin("GET", f"/admin/v1/requests?limit=1000{before}")["data"]:
        listed |= {row["request"]: row for row in page}
        before = f"&before={page[-1]['number']}"
    return listed


def row_of(asked):
    """All that must be the same in every way: what was counted, and what it came to."""
    (usage,) = asked.books["usage"]
    charges = [(c["meter"], c["price"], c["quantity"], c["total_after"], c["amount"]) for c in usage["charges"]]
    transfers = [(t["kind"], t["code"], t["amount"], t["credit"]) for t in asked.books["transfers"]]
    return usage["quantities"], usage["tier"], usage["estimated"], usage["cost"], charges, transfers


def fraction_of(asked, prices):
    """In pico-dollars, rounded nowhere."""
    (usage,) = asked.books["usage"]
    by_meter = {meter: amount for meter, amount in prices.values()}
    return sum(usage["quantities"][meter] * by_meter[meter] for meter in METERS)


def differences(requests):
    """Of requests that should be one exchange at one stage: those whose rows aren't the first one's."""
    first = row_of(requests[0])
    return [f"{asked}: {row_of(asked)}, but {requests[0]}: {first}" for asked in requests if row_of(asked) != first]


def as_told(asked, listed):
    """None, or how the answer, the books and the list of requests differ."""
    (usage,) = asked.books["usage"]
    booked = usage["quantities"]
    prompt, cached = booked["prompt"] + booked["cached"], booked["cached"]
    output, reasoning = booked["output"] + booked["reasoning"], booked["reasoning"]
    told = asked.told
    if told.tokens not in (None, (prompt, cached, output)) or told.reasoning_tokens not in (None, reasoning):
        return f"{asked} told {told.tokens}, {told.reasoning_tokens} of reasoning; the books have {booked}"
    row = listed.get(asked.request)
    want = (prompt, cached, output, reasoning, Decimal(usage["cost"]))
    names = ("prompt_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    if row is None or (*(row[name] for name in names), Decimal(row["cost"])) != want:
        return f"{asked}: the list has {row}; the books {usage}"
    if sum(Decimal(charge["amount"]) for charge in usage["charges"]) != Decimal(usage["cost"]):
        return f"{asked}: its charges aren't its cost: {usage}"
    return None


def rated(requests, prices):
    """What is wrong with how one payer's requests were charged, by their fractions."""
    wrong, totals, charged = [], collections.Counter(), collections.Counter()
    for asked in requests:
        for charge in asked.books["usage"][0]["charges"]:
            number, quantity = charge["price"], charge["quantity"]
            before = totals[number]
            totals[number] += quantity
            amount = int(Decimal(charge["amount"]) * PICO)
            charged[number] += amount
            price = prices[number][1]
            exact = int(price * totals[number]) - int(price * before)
            if charge["total_after"] != totals[number] or amount != exact or abs(amount - price * quantity) >= 1:
                wrong.append(f"{asked}: {charge}; exactly {price * quantity} pico-dollars, by the total {exact}")
    for number, total in totals.items():
        if charged[number] != int(prices[number][1] * total):
            wrong.append(f"{requests[0].project} is charged {charged[number]} at price {number} for {total}")
    return wrong


def grouped(requests, key):
    groups = collections.defaultdict(list)
    for asked in requests:
        groups[key(asked)].append(asked)
    return groups


def compare(place, checks, requests):
    listed = look_up(place, requests)
    prices = {
        price["number"]: (price["meter"], Fraction(Decimal(price["amount"])) * PICO / price["per"])
        for price in json.loads(place.command("price", "list", "--json"))["data"]
    }
    for asked in requests:
        wrong = as_told(asked, listed)
        checks.check(wrong is None, wrong)
    for asked in {asked.way: asked for asked in requests}.values():
        shown = json.loads(place.command("ledger", "show", asked.request, "--json"))
        checks.check(shown == asked.books, f"{asked}: `ledger show` says {shown}, the admin API {asked.books}")
    stages = grouped(requests, lambda asked: (asked.exchange_name, asked.round))
    for (name, number), group in stages.items():
        first = group[0]
        for asked in group[1:]:
            checks.check(first.told.agrees(asked.told), f"not one exchange: {asked} {asked.told}; {first} {first.told}")
        found = differences(group)
        checks.check(not found, f"{len(found)} of {len(group)} are priced otherwise: " + "\n  ".join(found[:3]))
        fractions = {fraction_of(asked, prices) for asked in group}
        checks.check(len(fractions) == 1, f"{name}: {fractions}")
        (usage,) = first.books["usage"]
        tokens = ", ".join(f"{usage['quantities'][meter]} {meter}" for meter in METERS)
        cost = " or ".join(sorted({asked.books["usage"][0]["cost"] for asked in group}))
        (exact, *_) = fractions
        print(f"{name}{' again' if number else ''}: {len(group)} ways, {tokens}: ${cost}, exactly {exact} picodollars")
    for payer in grouped(requests, lambda asked: asked.project).values():
        wrong = rated(sorted(payer, key=lambda asked: asked.round), prices)
        checks.check(not wrong, f"{wrong}")
    return stages, prices


def finds_what_differs(checks, stages, prices):
    """The comparison's own test: what isn't the same exchange isn't the same price."""
    one, longer = stages["by its length", 0], stages["by its length, a token more", 0]
    step = {asked.way: fraction_of(asked, prices) for asked in longer}
    output = next(price for meter, price in prices.values() if meter == "output")
    for asked in one:
        more = step[asked.way] - fraction_of(asked, prices)
        checks.check(more == output, f"{asked.way}: a token more costs {more}, not {output}")
    for asked in one:
        other = next(o for o in longer if o.way is asked.way)
        checks.check(len(differences([asked, other])) == 1, f"a token more is as dear: {asked}")
    usages = [group[0].books["usage"][0] for group in stages.values()]
    different = [(a, b) for a, b in itertools.combinations(usages, 2) if a["quantities"] != b["quantities"]]
    alike = [(a["quantities"], b["quantities"]) for a, b in different if a["cost"] == b["cost"]]
    checks.check(len(different) > 20 and not alike, f"different usage, {len(different)} pairs, costs the same: {alike}")

    def doctored(change):
        fake = copy.copy(one[-1])
        fake.books = copy.deepcopy(fake.books)
        change(fake.books["usage"][0])
        return [*one[:-1], fake]

    def a_pico_dollar(usage):
        usage["cost"] = str(Decimal(usage["cost"]) + Decimal(1) / PICO)

    def another_kind(usage):
        usage["quantities"]["prompt"] -= 1
        usage["quantities"]["cached"] += 1

    def another_tier(usage):
        usage["tier"] = "flex"

    for change in (a_pico_dollar, another_kind, another_tier):
        checks.check(len(differences(doctored(change))) == 1, f"{change.__name__} is not found")
    checks.check(not differences(one), "what wasn't changed differs")
    wrong = copy.deepcopy(one[0])
    charge = wrong.books["usage"][0]["charges"][-1]
    charge["amount"] = str(Decimal(charge["amount"]) + Decimal(1) / PICO)
    checks.check(rated([wrong], prices), "a charge that is a pico-dollar too dear is not found")


def the_sum_is_the_books(place, checks, requests):
    """All costs of all requests, the report's total, and the accounts."""
    cost = sum(Decimal(asked.books["usage"][0]["cost"]) for asked in requests)
    total = Decimal(place.admin("GET", "/admin/v1/usage?from=0")["total"]["cost"])
    verified = json.loads(place.command("ledger", "verify", "--json"))
    checks.check(not verified["findings"], f"ledger verify: {verified['findings']}")
    earned = sum(Decimal(a["balance"]) for a in verified["accounts"] if a["name"].startswith("Income:Usage:"))
    checks.check(cost == total == -earned, f"requests {cost}, report {total}, accounts {-earned}")
    print(f"{len(requests)} requests cost ${cost}, as the report and the accounts say")


def exchanges_of(place, payers, most, questions):
    """What is asked, by name. The stop string is one that the answer has, far enough from its beginning."""
    client = Client(f"http://127.0.0.1:{place.server.port}", payers.new()[1])
    learnt, _ = WAYS[0].ask(client, Exchange(questions[0], most))
    assert learnt.tokens[2] == most, f"an answer that goes on for long is needed: {learnt}"
    stop = " " + learnt.text.split()[most // 4]
    named = {
        "by its length": Exchange(questions[0], most // 2),
        "by its length, a token more": Exchange(questions[0], most // 2 + 1),
        "by a stop string": Exchange(questions[0], most, stop=stop),
        "held to a schema": Exchange("Name a colour.", 3 * most, schema=SCHEMA),
        "a call of a tool": Exchange("Note your favourite colour.", 4 * most, arguments=SCHEMA),
        "two choices": Exchange(questions[0], most // 2, choices=2),
        "two choices, by a stop string": Exchange(questions[0], most, choices=2, stop=stop),
    }
    return named | {f"as it comes: {question[:30]}": Exchange(question, most) for question in questions}, stop


def run(place, checks, short):
    for meter, amount, per in PRICES:
        place.command("price", "add", "--model", MODEL, "--meter", meter, "--amount", amount, "--per", per)
    place.start("--sequences", "8")
    routes = every_route_is_asked(place, checks)
    payers = Payers(place)
    questions = ["Why is the sky blue? " * 12]  # whose answer goes on for long
    if not short:
        questions += ["What is the capital of France?", "Count from one to forty.", "Hi"]
        questions.append("Write a letter to a friend about the sea. " * 40)
    exchanges, stop = exchanges_of(place, payers, 16 if short else 48, questions)

    def wanted(name, way):
        """The short form asks the other names of routes one exchange."""
        return not short or name.startswith("by its length") or not way.route.startswith(("/openai/", "/anthropic/"))

    requests = ask_all(place, payers, exchanges, WAYS, wanted)
    stages, prices = compare(place, checks, requests)
    by_stop = stages["by a stop string", 0][0].told
    checks.check(stop not in by_stop.text and by_stop.tokens[2] < exchanges["by a stop string"].most, by_stop)
    checks.check(all(stages["a call of a tool", n][0].told.call for n in (0, 1)), "a tool is called")
    for name in exchanges:
        kept = stages[name, 1][0].books["usage"][0]["quantities"]
        checks.check(kept["cached"] > 0 and kept["prompt"] > 0, f"{name}: its prompt is cached the second time: {kept}")
    finds_what_differs(checks, stages, prices)

    place.server.stop()
    template = place.data.parent / "reasoning.jinja"
    template.write_text(REASONING_TEMPLATE)
    place.start("--sequences", "8", "--chat-template", template)
    reasoning = {f"with reasoning: {q}": Exchange(q, 24) for q in ("Name a colour.", "Name a city.")}
    reasoned = ask_all(place, payers, reasoning, [way for way in WAYS if not way.raw])
    stages, _ = compare(place, checks, reasoned)
    for group in stages.values():
        counted = group[0].books["usage"][0]["quantities"]
        checks.check(counted["reasoning"] > 0 and counted["output"] > 0, f"{group[0]} reasons: {counted}")
    # The question by which the stop string was learnt is in the books, too.
    asked = requests + reasoned
    learnt = [row for row in look_up(place, []) if row not in {one.request for one in asked}]
    extra = [Asked("learnt", WAYS[0], "", 0, None, request) for request in learnt]
    look_up(place, extra)
    checks.check(len(extra) == 1, f"requests that nobody asked: {learnt}")
    the_sum_is_the_books(place, checks, asked + extra)
    print(f"{len(WAYS)} ways on {routes} routes")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--short", action="store_true", help="fewer questions and shorter answers, as ./test runs it")
    given = options.parse_args()
    checks = QuietChecks()
    with tempfile.TemporaryDirectory() as folder:
        place = TenantsPlace(folder)
        try:
            run(place, checks, given.short)
        except Exception:
            print(place.server.output()[-4000:] if place.server else "")
            raise
        finally:
            if place.server and place.server.process.poll() is None:
                place.kill()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())
