#!/usr/bin/env python3
"""Tenants, keys and roles as a real server has them, and that no secret of theirs is left anywhere.

    tests/tenancy/run.py [--rounds N]      N kills and N revocations; prints `N passed, N failed` last

Method: a server of its own with tenants in a folder of its own. Every key of every role of three tenants asks every admin
route for what every tenant has. Keys are made, used, misused, rotated and revoked, and the server is killed, while
everything that commands, answers, pages and logs say is kept; at the end all of it, every file, a dump of the store, and
every process's command line and environment are searched for the secrets. The routes are those of the table in
src/ledger/tenancy/roles.cc.
"""

import argparse
import datetime
import hashlib
import hmac
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from bedplate_process import BINARY, MODEL, ROOT, Server, model_path  # noqa: E402
from checks import QuietChecks  # noqa: E402

ROLES = ["owner", "billing", "admin", "member", "auditor"]
TENANTS = ["host", "alpha", "beta"]
CHAT = {"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}


class Place:
    """A data folder, its secret file, the server on it, and all that was said there but for what shows a secret."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data, self.secret_file = self.folder / "data", self.folder / "config/secrets.toml"
        self.said, self.secrets, self.processes = [], [], []
        self.model = model_path()
        self.server = None

    def command(self, *arguments, shows_secret=False):
        """(exit status, stdout parsed as JSON or None)"""
        line = [BINARY, *arguments, "--json", "--secret-file", str(self.secret_file)]
        env = os.environ | {"BEDPLATE_DATA": str(self.data)}
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        self._look_at(process.pid)
        out, err = (stream.decode() for stream in process.communicate(timeout=60))
        self.said.append(err)
        done = json.loads(out) if process.returncode == 0 else None
        if shows_secret and done:
            self._keep_secret(done)
        else:
            self.said.append(out)
        return process.returncode, done

    def do(self, *arguments, shows_secret=False):
        status, done = self.command(*arguments, shows_secret=shows_secret)
        assert status == 0, f"bedplate {' '.join(arguments)}: {self.said[-1]}"
        return done

    def key(self, *arguments):
        return self.do("key", "create", *arguments, shows_secret=True)

    def start(self, *arguments):
        self.server = Server("--debug", "--secret-file", self.secret_file, *arguments, model=self.model, data=self.data)
        self.server.wait_ready()
        return self.server

    def stop(self):
        self._look_at(self.server.process.pid)
        self.server.kill()
        self.said.append(self.server.output())

    def ask(self, method, path, key=None, body=None, fields=None, shows_secret=False, connection=None):
        """(status, parsed JSON or text)"""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        fields = dict(fields or {}) | ({"Authorization": f"Bearer {key}"} if key else {})
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        own.request(method, path, text, fields)
        response = own.getresponse()
        answer = response.read().decode()
        if connection is None:
            own.close()
        parsed = json.loads(answer) if "json" in response.getheader("Content-Type", "") else answer
        if shows_secret and response.status == 200:
            self._keep_secret(parsed)
        else:
            self.said.append(answer + str(response.getheaders()))
        return response.status, parsed

    def request(self, key):
        """The id of one that the key has made."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), {"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()
        return answer.getheader("x-request-id")

    def _keep_secret(self, made):
        self.secrets += [made[name] for name in ("key", "secret_access_key") if name in made]
        self.said.append(json.dumps({n: v for n, v in made.items() if n not in ("key", "secret_access_key")}))

    def _look_at(self, pid):
        for name in ("cmdline", "environ"):
            try:
                self.processes.append((pathlib.Path("/proc") / str(pid) / name).read_bytes().decode(errors="replace"))
            except OSError:
                pass  # it has ended


def routes():
    """(verb, method, pattern, what its star is) of each admin route."""
    table = (ROOT / "src/ledger/tenancy/roles.cc").read_text()
    found = re.findall(r'\{k\w+,\s*"([a-z.]+)",\s*"([A-Z]+)",\s*"(/admin/[^"]+)",\s*"(\w*)"', table)
    assert len(found) >= 18, found
    return found


def signed(pair, body):
    """The fields of a request to converse that AWS's SDKs would send (Signature Version 4)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    scope = f"{day}/eu-west-1/bedrock/aws4_request"
    digest = hashlib.sha256(body.encode()).hexdigest()
    head = f"POST\n/model/{MODEL}/converse\n\nhost:localhost\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{digest}"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(head.encode()).hexdigest()}"
    key = f"AWS4{pair['secret_access_key']}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return {
        "Host": "localhost",
        "X-Amz-Date": stamp,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={pair['access_key_id']}/{scope}, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}",
    }


def converse(place, pair):
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {"maxTokens": 1}})
    return place.ask("POST", f"/model/{MODEL}/converse", body=body, fields=signed(pair, body))[0]


def first_steps(place, check):
    """Before a server runs, commands work in the data folder; then through the server, which has it alone."""
    check.check(place.command("key", "list")[0] == 1, "a data folder without tenants has no keys to list")
    inside = place.data / "secrets.toml"
    status, _ = place.command("tenant", "init", "--secret-file", str(inside))
    check.check(status != 0 and not inside.exists(), "a secret file inside the data folder is refused")
    owner = place.do("tenant", "init", "host", shows_secret=True)
    check.check(place.command("tenant", "init", "again")[0] == 1, "there is one first tenant")
    for mode in (0o640, 0o604, 0o400):
        place.secret_file.chmod(mode)
        check.check(place.command("key", "list")[0] == 1, f"a secret file of mode {mode:o} is refused")
    place.secret_file.chmod(0o600)
    place.start()
    second = place.folder / "second.log"
    with open(second, "wb") as log:
        line = [BINARY, "serve", str(place.model), "--listen", "127.0.0.1:0", "--secret-file", str(place.secret_file)]
        ended = subprocess.run(
            line, stdout=log, stderr=log, timeout=60, env=os.environ | {"BEDPLATE_DATA": str(place.data)}
        )
    told = second.read_text()
    check.check(ended.returncode == 1 and "in use by another process" in told, f"a second server is refused: {told}")
    check.check(oct((place.data / "control.sock").stat().st_mode & 0o777) == "0o600", "the socket is its owner's alone")
    return owner


def matrix(place, check):
    """Every role × admin route × tenant: nothing of another tenant's is told or changed."""
    keys, ids = {}, {}
    for tenant in TENANTS:
        if tenant != "host":
            place.do("tenant", "create", tenant)
        place.do("project", "create", f"only-{tenant}", "--tenant", tenant)
        place.do("budget", "create", f"only-{tenant}", "--tenant", tenant, "--amount", "5.00")
        for role in ROLES:
            made = place.key("--tenant", tenant, "--role", role)
            keys[tenant, role], ids[tenant, role] = made["key"], made["id"]

    requests = {tenant: place.request(keys[tenant, "member"]) for tenant in TENANTS}

    def everything():
        return [place.do(what, "list") for what in ("key", "tenant", "project", "budget", "price")]

    number, crossed = itertools.count(), 0
    for (home, role), to in itertools.product(keys, TENANTS):
        if home == to or (home, role) == ("host", "owner"):
            continue
        before = everything()
        for verb, method, pattern, subject in routes():
            if home == "host" and verb.startswith("period."):
                continue  # of no tenant: its billing may close them, its auditor list them
            named = {"id": ids[to, "member"], "tenant": to, "request": requests[to], "": ""}.get(subject, f"only-{to}")
            path, body = pattern.replace("*", named), {}
            of_one = ("project.list", "project.create", "key.list", "key.create", "usage.report", "request.list", "price.add")
            if subject == "project" or verb in of_one or verb.startswith("budget."):
                body["tenant"] = to
            if verb.endswith(".create"):
                body["name"] = f"new-{next(number)}"
            if verb in ("budget.create", "price.add"):
                body["amount"] = "1.00"
            if verb == "price.add":
                body["meter"] = "output"
            if method == "GET" and body:
                path += f"?tenant={to}"
            status, answer = place.ask(
                method, path, keys[home, role], body if method == "POST" else None, shows_secret=method == "POST"
            )
            foreign = [to] + [ids[to, other] for other in ROLES]
            told = status == 200 and (method == "POST" or any(f'"{name}"' in json.dumps(answer) for name in foreign))
            crossed += told or status not in (200, 403, 404)
            check.check(not told and status in (200, 403, 404), f"{role} of {home}: {method} {path}: {status} {answer}")
        check.check(everything() == before, f"{role} of {home} changed something of {to}")
    print(f"matrix: {len(ROLES)} roles x {len(routes())} routes x {len(TENANTS)} tenants, {crossed} crossings")
    for (home, role), key in keys.items():
        models = role in ("owner", "admin", "member")
        status, _ = place.ask("POST", "/v1/chat/completions", key, CHAT)
        check.check(status == (200 if models else 403), f"{role} of {home} uses a model: {status}")
        status, _ = place.ask("GET", "/metrics", key)
        check.check((status == 200) == (home == "host" and role in ("owner", "auditor")), f"{role} of {home}: metrics")


def lifetimes(place, check, owner):
    """Rotation with overlap, expiry, pairs that sign, the secret file's versions."""
    made = place.key("--name", "turning")
    rotated = place.do("key", "rotate", made["id"], "--overlap", "2s", shows_secret=True)
    begun = time.monotonic()
    works = [place.ask("GET", "/v1/models", one["key"])[0] == 200 for one in (made, rotated)]
    if time.monotonic() - begun < 1:  # of a machine that stood still nothing is said
        check.check(all(works), "both secrets are good while they overlap")
    check.check(place.command("key", "rotate", made["id"])[0] == 1 or time.monotonic() - begun > 1, "at most two are good")
    time.sleep(2.1)
    check.check(place.ask("GET", "/v1/models", made["key"])[0] == 401, "the earlier secret ends with the overlap")
    check.check(place.ask("GET", "/v1/models", rotated["key"])[0] == 200, "the later one stays")

    pair = place.key("--access-key", "--name", "boto")
    check.check(converse(place, pair) == 200, "a pair signs")
    check.check(converse(place, pair | {"secret_access_key": "x" * 43}) == 403, "another secret doesn't")
    versions = place.do("tenant", "rotate-secrets")["data"]
    check.check([v["present"] for v in versions] == [False, True], f"the secret file has a new version: {versions}")
    check.check(versions[1]["access_key_secrets"] == 1, "which the pair's secret is encrypted with")
    check.check(converse(place, pair) == 200, "the pair signs on")
    check.check(place.ask("GET", "/v1/models", owner["key"])[0] == 200, "and bearer keys are good")
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    short = place.key("--expires", soon)
    time.sleep(2.5)
    status, answer = place.ask("GET", "/v1/models", short["key"])
    check.check(status == 401 and answer["error"]["code"] == "expired_key", f"a key expires: {status}")
    status, made = place.ask(
        "POST", "/admin/v1/keys", owner["key"], {"role": "member", "models": ["other"]}, shows_secret=True
    )
    status, _ = place.ask("POST", "/v1/chat/completions", made["key"], CHAT)
    check.check(status == 403, "a key is kept to its models")


def revocations(place, check, rounds):
    """How long after `key revoke` begins a key that is in constant use is let in for the last time."""
    slowest = 0.0
    for _ in range(rounds):
        made = place.key()
        stop, last = threading.Event(), [0.0]

        def use():
            connection = http.client.HTTPConnection("127.0.0.1", place.server.port, timeout=60)
            while not stop.is_set():
                asked = time.monotonic()
                if place.ask("GET", "/v1/models", made["key"], connection=connection)[0] == 200:
                    last[0] = asked
            connection.close()

        user = threading.Thread(target=use)
        user.start()
        while last[0] == 0.0:
            time.sleep(0.001)
        begun = time.monotonic()
        place.do("key", "revoke", made["id"])
        done = time.monotonic()
        time.sleep(0.05)
        stop.set()
        user.join()
        check.check(last[0] <= done, "a request that began after the command had ended was let in")
        slowest = max(slowest, last[0] - begun)
    check.check(slowest <= 1, f"a revoked key was let in for {slowest:.3f} s")
    print(f"revocation: {rounds} keys in use, the last one let in {1000 * slowest:.1f} ms after the command began")


def signing_in(place, check, owner):
    """A browser's cookie stands for a key while that is good, and is left nowhere, as little as the key. Returns one."""
    port = place.server.port
    page = {"Origin": f"http://127.0.0.1:{port}"}

    def sign_in(key, fields):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/console/session", json.dumps({"key": key}), fields)
        response = connection.getresponse()
        place.said.append(response.read().decode())
        cookie = response.getheader("Set-Cookie", "").partition(";")[0]
        if cookie:
            place.secrets.append(cookie.partition("=")[2])
        connection.close()
        return response.status, {"Cookie": cookie}

    made = place.key("--role", "owner")
    status, cookie = sign_in(made["key"], page)
    check.check(status == 200 and cookie["Cookie"], f"a browser signs in: {status}")
    check.check(place.ask("GET", "/admin/v1/keys", fields=cookie)[0] == 200, "the cookie stands for the key")
    check.check(place.ask("POST", "/admin/v1/tenants", body={"name": "evil"}, fields=cookie)[0] == 403, "other sites' pages")
    check.check(place.ask("POST", "/v1/chat/completions", body=CHAT, fields=cookie | page)[0] == 200, "it asks a model")
    place.do("key", "revoke", made["id"])
    check.check(place.ask("GET", "/v1/models", fields=cookie)[0] == 401, "a revoked key's cookie is good no more")
    for key in (owner["key"][:-1], owner["key"] + "x"):
        check.check(sign_in(key, page)[0] == 401, "a wrong key signs nobody in")
    check.check(sign_in(owner["key"], {})[0] == 403, "only a page of ours signs in")
    status, cookie = sign_in(owner["key"], page)
    check.check(place.ask("GET", "/v1/models", fields=cookie)[0] == 200, "another cookie")
    return cookie


def misuse(place, check, owner):
    """Keys where no key belongs."""
    key = owner["key"]
    for text in (key, key[:-1], key[:50], key[:-1] + ("x" if key[-1] != "x" else "y")):
        for field in ({"Authorization": text}, {"Authorization": f"Basic {text}"}, {"x-api-key": text + "a"}):
            place.ask("GET", "/v1/models", fields=field)
        for path in ("/{}", "/v1/models/{}", "/v1/{}/x", "/v1/models?api_key={}", "/v1/responses/{}", "/model/{}/converse"):
            path = path.format(text)
            place.ask("GET", path, key)
            place.ask("POST", path, key, {})
        for path in ("/v1/chat/completions", "/v1/messages"):
            place.ask("POST", path, key, CHAT | {"model": text})
            place.ask("POST", path, key, CHAT | {text: 1})
        place.ask("GET", f"/admin/v1/keys/{text}", key)
        place.ask("POST", f"/admin/v1/keys/{text}/revoke", key, {})
        place.ask("GET", f"/admin/v1/keys?tenant={text[:8]}", key)
    check.check(place.ask("GET", "/v1/models", key[:-1])[0] == 401, "a key that was cut is none")


def pages(place, check, owner):
    """What the server shows besides its APIs, to a key that may see all of it."""
    for path in ("/", "/metrics", "/openapi.json", "/health", "/ready", "/v1/models", "/foundation-models", "/no-such-page"):
        for key in (None, owner["key"]):
            status, _ = place.ask("GET", path, key)
            check.check(status < 500, f"GET {path}: {status}")


def kills(place, check, rounds, seed):
    """What a command was told is true after a kill at any moment: keys made are good, keys revoked are not."""
    draw = random.Random(seed)
    good, gone = [], []
    for _ in range(rounds):
        stop = threading.Event()

        def change():
            while not stop.is_set():
                status, made = place.command("key", "create", shows_secret=True)
                if status != 0:
                    continue
                good.append(made)
                if draw.random() < 0.5:
                    one = good.pop(draw.randrange(len(good)))
                    # Refused where a kill came between, with or without effect: then nothing is known of it.
                    if place.command("key", "revoke", one["id"])[0] == 0:
                        gone.append(one)

        worker = threading.Thread(target=change)
        worker.start()
        time.sleep(draw.uniform(0.05, 0.4))
        place.server.process.kill()
        place.server.process.wait()
        stop.set()
        worker.join()
        place.said.append(place.server.output())
        place.start()
    for one in good:
        check.check(place.ask("GET", "/v1/models", one["key"])[0] == 200, f"key {one['id']} was made, and is lost")
    for one in gone:
        check.check(place.ask("GET", "/v1/models", one["key"])[0] == 401, f"key {one['id']} was revoked, and is good")
    print(f"kills: {rounds} of the server, {len(good)} keys good and {len(gone)} revoked afterwards, none otherwise")


def search(place, check):
    """The secrets are in nothing that is left."""
    parts = set()
    for secret in place.secrets:
        parts.add(secret[25:58] if secret.startswith("bp_live_") else secret)
    looked = {"what commands, answers and logs said": "\n".join(place.said), "processes": "\n".join(place.processes)}
    store = sqlite3.connect(f"file:{place.data / 'tenants.sqlite3'}?mode=ro", uri=True)
    looked["the store's dump"] = "\n".join(store.iterdump())
    store.close()
    for path in sorted(place.folder.rglob("*")):
        if path.is_file():
            looked[str(path.relative_to(place.folder))] = path.read_bytes().decode("latin-1")
    for name, text in looked.items():
        found = [part for part in parts if part in text or part[:16] in text]
        check.check(not found, f"{len(found)} of {len(parts)} secrets are in {name}")
    ids = {secret[8:24] for secret in place.secrets if secret.startswith("bp_live_")}
    check.check(any(i in looked["what commands, answers and logs said"] for i in ids), "nothing was searched")
    check.check(any(i in looked["data/tenants.sqlite3"] for i in ids), "the store was not searched")
    size = sum(map(len, looked.values()))
    print(f"search: {len(parts)} secrets in {len(looked)} texts of {size / 1e6:.1f} MB")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3, help="kills, and revocations of a key in use")
    options.add_argument("--seed", type=int, default=20261130)
    given = options.parse_args()
    print(f"seed {given.seed}")
    check = QuietChecks()
    with tempfile.TemporaryDirectory(prefix="bedplate-tenancy-") as folder:
        place = Place(folder)
        try:
            owner = first_steps(place, check)
            matrix(place, check)
            lifetimes(place, check, owner)
            cookie = signing_in(place, check, owner)
            misuse(place, check, owner)
            pages(place, check, owner)
            revocations(place, check, given.rounds)
            kills(place, check, given.rounds, given.seed)
            check.check(place.ask("GET", "/v1/models", fields=cookie)[0] == 401, "a restart signs out")
            check.check(place.do("tenant", "audit", "--verify")["verified_rows"] > 30, "the audit is whole")
            check.check(place.do("ledger", "verify")["ok"], "ledger verify, beside the server that has the tenants")
            place.do("tenant", "secrets")
        finally:
            if place.server:
                place.stop()
        check.check(place.do("key", "list")["data"], "commands work without a server again")
        search(place, check)
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
