#!/usr/bin/env python3
"""Faults from outside, against the real binary: missing and damaged models, kill -9, a full disk, a taken port, drains.

Method: each test drives build/release/bin/bedplate as a user would and checks the exit status, that the message
names what is wrong, and that the next attempt works. A death by signal that we did not send fails any test. Needs
smollm2-135m (`bedplate pull smollm2-135m`); no network: the hub that downloads come from is a small server here.
Ends with `N passed, N failed`.

    tests/faults/run.py [NAME...]      only the tests whose name contains one of these
"""

import contextlib
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import bedplate_process  # noqa: E402
from bedplate_process import MODEL, Server, command  # noqa: E402


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def refused(status, output, *words):
    """A clean refusal: not zero, not a signal or an abort, and it names each of the words (any of them, if a tuple)."""
    require(0 < status < 126, f"exit status {status}; expected a clean refusal. Output:\n{output}")
    for word in words:
        choices = word if isinstance(word, tuple) else (word,)
        require(
            any(choice.lower() in output.lower() for choice in choices),
            f"the message does not name {word!r}:\n{output}",
        )


def model_path():
    status, output = command("models", "--json")
    require(status == 0, f"`bedplate models --json` ended with {status}:\n{output}")
    listed = json.loads(output)
    for model in listed["models"] if isinstance(listed, dict) else listed:
        if model.get("name") == MODEL and model.get("path"):
            return pathlib.Path(model["path"])
    raise AssertionError(f"{MODEL} is not pulled; run: build/release/bin/bedplate pull {MODEL}")


class Hub:
    """A model hub on this machine: /OWNER/REPO/resolve/main/FILE, with ranges, as slow and unreliable as asked."""

    def __init__(self, content, bytes_per_second=None, cut_after=None):
        self.content, self.bytes_per_second, self.cut_after = content, bytes_per_second, cut_after
        self.requests = []  # the Range header of each GET, or None
        self.sent = 0
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, with_body):
                if not self.path.startswith("/owner/repo/"):
                    self.send_error(404)
                    return
                first, asked = 0, self.headers.get("Range")
                if with_body:
                    hub.requests.append(asked)
                if asked:
                    first = int(asked.removeprefix("bytes=").split("-")[0])
                body = hub.content[first:]
                self.send_response(206 if asked else 200)
                if asked:
                    self.send_header("Content-Range", f"bytes {first}-{len(hub.content) - 1}/{len(hub.content)}")
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("ETag", '"' + hashlib.sha256(hub.content).hexdigest() + '"')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if with_body:
                    self.send_body(body)

            def send_body(self, body):
                for at in range(0, len(body), 1 << 16):
                    if hub.cut_after is not None and hub.sent >= hub.cut_after:
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    chunk = body[at : at + (1 << 16)]
                    self.wfile.write(chunk)
                    hub.sent += len(chunk)
                    if hub.bytes_per_second:
                        time.sleep(len(chunk) / hub.bytes_per_second)

            def do_GET(self):
                with contextlib.suppress(OSError):
                    self.answer(with_body=True)

            def do_HEAD(self):
                self.answer(with_body=False)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        os.environ["HF_ENDPOINT"] = self.endpoint
        return self

    def __exit__(self, *_):
        del os.environ["HF_ENDPOINT"]
        self._server.shutdown()


HUB_NAME = "hf:owner/repo:model.gguf"


def stored_copies(folder, content):
    """Files in the folder that hold exactly this content."""
    return [
        p for p in folder.rglob("*") if p.is_file() and p.stat().st_size == len(content) and p.read_bytes() == content
    ]


# --- models that are not there, or not whole


def test_missing_file_is_named(folder):
    missing = folder / "nowhere.gguf"
    for arguments in [("serve", missing, "--listen", "127.0.0.1:0"), ("inspect", missing), ("chat", missing)]:
        refused(
            *command(*arguments, stdin=b"Hello"),
            "nowhere.gguf",
            ("no such file", "does not exist", "not found", "there is no"),
        )


def test_unknown_name_lists_what_there_is(folder):
    refused(*command("serve", "smolm2-135m", "--listen", "127.0.0.1:0", data=folder), "smolm2-135m", MODEL)
    refused(*command("pull", "smolm2-135m", data=folder), "smolm2-135m", MODEL)


def test_truncated_model_is_refused_at_every_length(folder):
    whole = model_path()
    size, cut = whole.stat().st_size, folder / "cut.gguf"
    shutil.copyfile(whole, cut)
    for length in [size - 1, size // 2, 1_000_000, 4096, 100, 24, 7, 4, 0]:
        os.truncate(cut, length)
        refused(*command("inspect", cut), "cut.gguf")
        if length in (size - 1, size // 2, 4096, 0):
            refused(*command("serve", cut, "--listen", "127.0.0.1:0"), "cut.gguf")


def test_damaged_header_never_crashes(folder):
    draw = random.Random(7)
    with open(model_path(), "rb") as f:
        head = bytearray(f.read(1 << 16))
    for n in range(40):
        bad = bytearray(head)
        for _ in range(draw.randrange(1, 9)):
            bad[draw.randrange(0, 4096)] = draw.randrange(256)
        path = folder / "bad.gguf"
        path.write_bytes(bad)
        status, output = command("inspect", path)
        require(0 < status < 126, f"round {n}: exit status {status} on a damaged header:\n{output}")


def test_wrong_kind_of_file_is_named(folder):
    path = folder / "notes.gguf"
    path.write_text("This is not a model.\n" * 100)
    refused(*command("serve", path, "--listen", "127.0.0.1:0"), "notes.gguf", "gguf")


def test_too_little_memory_says_how_much_is_needed(folder):
    refused(
        *command("serve", MODEL, "--listen", "127.0.0.1:0", "--memory", "32MiB"), "memory", ("MiB", "GiB", "MB", "GB")
    )


def least_memory_mib(*arguments):
    """What a refusal says would do."""
    start = time.monotonic()
    status, output = command("serve", MODEL, "--listen", "127.0.0.1:0", "--memory", "32MiB", *arguments)
    refused(status, output, "would do")
    require(time.monotonic() - start < 5, "the refusal came after packing")
    return int(re.search(r"--memory (\d+)MiB would do", output)[1])


def test_the_stated_memory_is_enough_and_less_is_not(folder):
    least = least_memory_mib()
    refused(*command("serve", MODEL, "--listen", "127.0.0.1:0", "--memory", f"{least - 1}MiB"), "would do")
    refused(*command("chat", MODEL, "-p", "Hi", "--memory", "32MiB"), "would do")
    with Server("--memory", f"{least}MiB") as server:
        require(server.completion("2 + 2 =", max_tokens=2)["usage"]["completion_tokens"] == 2, "no answer")


def peak_resident(process):
    """The most that this process has ever had in memory, mapped files included, in bytes."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def wait_for_log(server, words, timeout=60):
    deadline = time.monotonic() + timeout
    while words not in server.output():
        require(time.monotonic() < deadline, f"no {words!r} in {timeout} s:\n{server.output()}")
        time.sleep(0.05)


def memory_load(server, draw):
    """Many streams of different words at once, so that pages fill and much of the embedding is read; and bodies of 2 MB,
    which are refused for their length."""
    words = [bytes(draw.choices(b"abcdefghijklmnopqrstuvwxyz", k=draw.randrange(2, 9))).decode() for _ in range(4000)]
    bodies = [{"prompt": " ".join(draw.choices(words, k=25)), "max_tokens": 24, "logprobs": 5} for _ in range(40)]
    bodies += [{"prompt": " ".join(draw.choices(words, k=300_000)), "max_tokens": 1} for _ in range(6)]
    answered = []

    def client(share):
        for body in share:
            answered.append(server.request("POST", "/v1/completions", {"model": MODEL} | body, timeout=300)[0])

    clients = [threading.Thread(target=client, args=(bodies[n::20],)) for n in range(20)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    require(len(answered) == len(bodies), f"only {len(answered)} of {len(bodies)} requests were answered")
    require(answered.count(200) == 40, f"too few of the requests were served: {answered}")


def test_memory_is_never_exceeded(folder):
    """The first start packs, the second maps what the first has cached; neither is ever above --memory."""
    path, least, draw = model_path(), least_memory_mib(), random.Random(6)
    for start, log in [("packing", "cached; the"), ("mapping", "mapped from the cache")]:
        for more in [0, 300]:
            budget = least + more
            with Server("--memory", f"{budget}MiB", model=path, data=folder) as server:
                wait_for_log(server, log if more == 0 else "model loaded")
                memory_load(server, draw)
                peak = peak_resident(server.process)
            print(f"        {start}: peak {peak / 2**20:.0f} MiB of {budget} MiB", flush=True)
            require(peak <= budget << 20, f"{start}: {peak} bytes were resident, --memory was {budget} MiB")
            if start == "packing":
                break


# --- the cache of packed weights


def chat_answer(folder, *arguments):
    """(what it said, its log)"""
    done = subprocess.run(
        [bedplate_process.BINARY, "chat", model_path(), "-p", "Count to five.", "--temperature", "0"]
        + ["--max-tokens", "16", *map(str, arguments)],
        env=os.environ | {"BEDPLATE_DATA": str(folder)},
        capture_output=True,
        timeout=300,
    )
    require(done.returncode == 0, f"exit status {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def cached_files(folder):
    """The packed weights and the tokenizer's tables."""
    return [path for kind in ["packed", "tokens"] for path in sorted((folder / "cache/packed").glob(f"*.{kind}"))]


def test_damaged_cache_is_made_anew(folder):
    plain, _ = chat_answer(folder, "--no-packed-cache")
    require(not (folder / "cache").exists(), "--no-packed-cache left something on the disk")
    first, _ = chat_answer(folder)
    require(len(cached_files(folder)) == 2, f"the first start cached {cached_files(folder)}")
    mapped, log = chat_answer(folder)
    require(first == plain and mapped == plain, f"answers differ: {plain!r}, {first!r}, {mapped!r}")
    require("not usable" not in log, log)
    for path in cached_files(folder):
        size = path.stat().st_size
        for damage in ["byte", "cut", "empty", "header"]:
            with open(path, "r+b") as f:
                if damage == "byte":
                    f.seek(size // 2)
                    byte = f.read(1)
                    f.seek(size // 2)
                    f.write(bytes([byte[0] ^ 1]))
                elif damage == "header":
                    f.write(random.Random(8).randbytes(4096))
                else:
                    f.truncate(size - 4096 if damage == "cut" else 0)
            answer, log = chat_answer(folder)
            require("not usable" in log, f"{damage}: the log does not say that {path.name} was damaged:\n{log}")
            require(answer == plain, f"{damage}: the answer differs: {answer!r}, {plain!r}")
            require(path.stat().st_size == size, f"{damage}: {path.name} was not made anew")
    require(chat_answer(folder)[0] == plain, "the mended files give another answer")


def test_kill_while_caching_leaves_nothing(folder):
    path = model_path()
    for _ in range(4):
        with Server(model=path, data=folder) as server:
            server.process.send_signal(signal.SIGKILL)  # it is ready, and most likely still writing
            server.process.wait()
    with Server(model=path, data=folder) as server:
        wait_for_log(server, "model loaded")
        if "mapped from the cache" not in server.output():
            wait_for_log(server, "cached; the")
    with Server(model=path, data=folder) as server:
        wait_for_log(server, "mapped from the cache")
    left = [p.name for p in (folder / "cache/packed").iterdir() if p.name.endswith(".partial")]
    require(not left, f"left behind: {left}")


def test_data_folder_that_takes_no_cache(folder):
    (folder / "cache").write_text("a file where the folder should be")
    answer, log = chat_answer(folder)
    require(answer.strip(), "no answer")
    require("not cached" in log, f"the log does not say that nothing was cached:\n{log}")


# --- the file of cached pages


def metric(server, pattern):
    """The sum of our metrics whose name or labels match."""
    lines = [line for line in server.request("GET", "/metrics")[1].splitlines() if re.match("bedplate_" + pattern, line)]
    return sum(float(line.split()[-1]) for line in lines)


def long_prompt(seed, words=400):
    draw = random.Random(seed)
    return " ".join(draw.choice("river code value city matrix water page memory winter paper".split()) for _ in range(words))


def long_answer(server, seed=1):
    """(text and log-probabilities, to the bit; prompt tokens; those of them from the cache)"""
    body = {"prompt": long_prompt(seed), "max_tokens": 8, "temperature": 0, "logprobs": 3, "ignore_eos": True}
    status, models = server.request("GET", "/v1/models")
    require(status == 200, f"/v1/models answered {status}")
    status, answer = server.request("POST", "/v1/completions", {"model": models["data"][0]["id"]} | body)
    require(status == 200, f"a completion answered {status}: {answer}")
    usage, choice = answer["usage"], answer["choices"][0]
    bits = json.dumps([choice["text"], choice["logprobs"]])
    return bits, usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]


def written_runs(server):
    """Waits until the file has taken the prompt's whole runs of 16 tokens."""
    deadline = time.monotonic() + 30
    while metric(server, "prefix_cache_bytes.*file") == 0:
        require(time.monotonic() < deadline, "nothing was written in 30 s")
        time.sleep(0.05)
    last, same = 0, 0
    while same < 5:  # the other thread may still be writing
        size = page_files_bytes(server)
        last, same = size, same + 1 if size == last else 0
        require(time.monotonic() < deadline, "writing does not come to an end")
        time.sleep(0.05)


def page_files(folder):
    return sorted((folder / "cache/pages").glob("*.pages"))


def page_files_bytes(server):
    return sum(os.stat(f"/proc/{server.process.pid}/fd/{fd}").st_blocks for fd in open_page_files(server))


def open_page_files(server):
    for fd in os.listdir(f"/proc/{server.process.pid}/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{server.process.pid}/fd/{fd}").endswith(".pages"):
                yield fd


def kill(server):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def test_cached_pages_outlive_a_kill(folder):
    path, cache = model_path(), ("--cache-disk", "1GiB")
    with Server("--no-prefix-cache", model=path, data=folder) as server:
        plain, prompt_tokens, _ = long_answer(server)
    with Server(*cache, model=path, data=folder) as server:
        first, _, cached = long_answer(server)
        require(first == plain and cached == 0, f"{cached} tokens cached at first; {first}, {plain}")
        written_runs(server)
        kill(server)
    with Server(*cache, model=path, data=folder) as server:
        again, _, cached = long_answer(server)
        require(again == plain, f"restored pages give other bits: {again}, {plain}")
        require(cached > prompt_tokens - 33, f"only {cached} of {prompt_tokens} tokens came from the file")
        restored = metric(server, "prefix_cache_tokens_total.*file")
        require(restored == cached, f"/metrics has {restored} tokens from the file, the answer {cached}")
        kill(server)
    for seed in range(2, 6):  # while something is being written, as often as not
        with Server(*cache, model=path, data=folder) as server:
            body = {"model": path.stem, "prompt": long_prompt(seed), "max_tokens": 64, "ignore_eos": True}
            threading.Thread(
                target=swallow, args=(lambda s=server, b=body: s.request("POST", "/v1/completions", b),), daemon=True
            ).start()
            deadline = time.monotonic() + 30
            while metric(server, "prefix_cache_bytes.*file") == 0 and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(0.003 * seed)
            kill(server)
    with Server(*cache, model=path, data=folder) as server:
        require(long_answer(server)[0] == plain, "after kills in the middle of writing the answer differs")
        require(metric(server, "prefix_cache_failed_total") == 0, "kills left what looks whole and is not")


def test_damaged_file_of_pages_is_never_used(folder):
    path, cache = model_path(), ("--cache-disk", "1GiB")
    with Server(*cache, model=path, data=folder) as server:
        plain, prompt_tokens, _ = long_answer(server)
        require(server.stop() == 0, "the server did not end well")
    (file,) = page_files(folder)
    whole = file.read_bytes()
    for damage, word in [("bytes", "damaged"), ("cut", "cut off"), ("header", "begun anew"), ("foreign", "begun anew")]:
        bad = bytearray(whole)
        if damage == "bytes":  # one in each page or so
            for at in range(4096 + 131072, len(bad), 100_003):
                bad[at] ^= 1
        elif damage == "cut":
            del bad[len(bad) // 2 :]
        elif damage == "header":
            bad[100] ^= 1
        else:
            bad[:] = b"not a file of ours " * 10_000
        file.write_bytes(bad)
        with Server(*cache, model=path, data=folder) as server:
            answer, _, cached = long_answer(server)
            require(answer == plain, f"{damage}: the answer differs: {answer}, {plain}")
            require(cached < prompt_tokens - 33, f"{damage}: {cached} tokens were taken from a damaged file")
            require(word in server.output(), f"{damage}: the log does not say so:\n{server.output()}")
            require(server.stop() == 0, "the server did not end well")
        with Server(*cache, model=path, data=folder) as server:  # what was missing has been written again
            answer, _, cached = long_answer(server)
            require(answer == plain and cached > prompt_tokens - 33, f"{damage}: not mended: {cached} tokens cached")
            kill(server)


def test_a_file_of_pages_has_one_process(folder):
    path, cache = model_path(), ("--cache-disk", "1GiB")
    with Server(*cache, model=path, data=folder) as one, Server(*cache, model=path, data=folder) as other:
        require("in use by another process" in other.output(), other.output())
        require(long_answer(one)[0] == long_answer(other)[0], "two processes answer differently")


def test_full_disk_stops_the_file_of_pages(folder):
    path = model_path()
    disk = folder / "disk"
    disk.mkdir()
    with small_disk(disk, 320) as mounted:
        if mounted is None:
            raise Skip("mounting a small disk needs root")
        with Server("--cache-disk", "40MiB", "--no-packed-cache", model=path, data=disk) as server:
            plain = long_answer(server)[0]
            with contextlib.suppress(OSError), open(disk / "other", "wb") as other:
                while True:
                    other.write(bytes(1 << 20))
            for seed in (2, 3, 4):
                require(long_answer(server, seed)[0], "no answer on a full disk")
            wait_for_log(server, "takes no more")
            require(long_answer(server)[0] == plain, "the answer differs on a full disk")
            require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
        with Server("--cache-disk", "40MiB", "--no-packed-cache", model=path, data=disk) as server:
            require("less room" in server.output(), server.output())
            require(long_answer(server)[0] == plain, "the answer differs on a full disk")


# --- kill -9


def test_kill_during_pull_then_resume(folder):
    content = random.Random(3).randbytes(12_000_000)
    with Hub(content, bytes_per_second=6_000_000) as hub:
        process = subprocess.Popen(
            [bedplate_process.BINARY, "pull", HUB_NAME],
            env=os.environ | {"BEDPLATE_DATA": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while hub.sent < len(content) // 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        require(hub.sent >= len(content) // 3, "the download did not get going in 30 s")
        require(not stored_copies(folder, content), "a third of a file can't be whole")
        listed = command("models", "--json", data=folder)
        require(listed[0] == 0, f"`bedplate models` after a kill -9: {listed}")
        hub.bytes_per_second = None
        status, output = command("pull", HUB_NAME, data=folder)
        require(status == 0, f"the second pull ended with {status}:\n{output}")
        require(len(stored_copies(folder, content)) == 1, "the resumed file differs from the hub's")
        require(
            any(r and r != "bytes=0-" for r in hub.requests), f"nothing was resumed; ranges asked for: {hub.requests}"
        )


def test_connection_cut_during_pull(folder):
    content = random.Random(4).randbytes(3_000_000)
    with Hub(content, cut_after=1_000_000) as hub:
        status, output = command("pull", HUB_NAME, data=folder)
        if status != 0:  # giving up is fine, if it says so and a later attempt ends well
            refused(status, output, ("resume", "again", "connection", "closed", "transfer"))
            hub.cut_after = None
            status, output = command("pull", HUB_NAME, data=folder)
        require(status == 0, f"pull after a cut connection ended with {status}:\n{output}")
        require(len(stored_copies(folder, content)) == 1, "the file differs from the hub's")


def test_kill_during_serve_then_start_again(folder):
    for _ in range(3):
        with Server() as server:
            stream = threading.Thread(
                target=swallow, args=(lambda s=server: s.completion("Once upon a time", max_tokens=200),), daemon=True
            )
            stream.start()
            time.sleep(0.3)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            port = server.port
        with Server(port=port) as again:  # the same port, at once
            require(again.completion("2 + 2 =", max_tokens=2)["choices"][0]["text"] is not None, "no text")


def swallow(action):
    with contextlib.suppress(Exception):
        action()


# --- a full disk


@contextlib.contextmanager
def small_disk(folder, mib):
    """A folder that holds so many MiB: a tmpfs where we may mount one; else None."""
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], stderr=subprocess.DEVNULL
        ).returncode
        != 0
    ):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def test_full_disk_during_pull(folder):
    content = random.Random(5).randbytes(9_000_000)
    disk = folder / "disk"
    disk.mkdir()
    with Hub(content), small_disk(disk, 4) as mounted:
        limit = None
        if mounted is None:  # without the right to mount, a file-size limit refuses the write in the same place

            def limit():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

        status, output = command("pull", HUB_NAME, data=disk, limit=limit)
        refused(status, output, ("no space", "space left", "disk", "too large", "room"))
        require(not stored_copies(disk, content), "it can't be whole")
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        status, output = command("pull", HUB_NAME, data=disk)
        require(status == 0, f"pull after room was made ended with {status}:\n{output}")
        require(len(stored_copies(disk, content)) == 1, "the file differs from the hub's")


def test_full_disk_still_serves(folder):
    """The packed weights can't be cached on a full disk; serving goes on without the cache, and says so."""
    path = model_path()
    disk = folder / "disk"
    disk.mkdir()
    with small_disk(disk, 1) as mounted:
        if mounted is None:
            raise Skip("mounting a small disk needs root")
        with Server(model=path, data=disk) as server:
            status, models = server.request("GET", "/v1/models")
            require(status == 200, f"/v1/models answered {status}")
            status, answer = server.request(
                "POST", "/v1/completions", {"model": models["data"][0]["id"], "prompt": "2 + 2 =", "max_tokens": 2}
            )
            require(status == 200, f"a completion on a full disk answered {status}: {answer}")


# --- ports, signals, clients


def test_taken_port_is_named(folder):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        refused(*command("serve", MODEL, "--listen", f"127.0.0.1:{port}", timeout=60), str(port), ("in use", "taken"))


def test_sigterm_drains(folder):
    with Server() as server:
        answers = []
        client = threading.Thread(
            target=lambda: answers.append(
                server.request(
                    "POST",
                    "/v1/completions",
                    {"model": MODEL, "prompt": "Count: 1 2 3", "max_tokens": 12, "ignore_eos": True},
                )
            )
        )
        client.start()
        time.sleep(0.3)
        require(server.stop(timeout=60) == 0, f"SIGTERM did not end in status 0:\n{server.output()}")
        client.join(60)
        require(answers and answers[0][0] == 200, f"the running request was not finished: {answers}")


def test_second_sigterm_stops_at_once(folder):
    with Server() as server:
        threading.Thread(
            target=swallow, args=(lambda: server.completion("Once upon", max_tokens=4000),), daemon=True
        ).start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        server.process.wait(10)
        require(time.monotonic() - start < 3, "the second SIGTERM took more than 3 seconds")


def test_clients_that_vanish_leave_a_working_server(folder):
    with Server() as server:
        body = json.dumps({"model": MODEL, "prompt": "Tell me a very long story.", "max_tokens": 2000, "stream": True})
        for n in range(20):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
            if n % 2:
                connection.getresponse().read(10)
            connection.sock.close()
            connection.close()
        start = time.monotonic()
        answer = server.completion("2 + 2 =", max_tokens=4)
        require(answer["usage"]["completion_tokens"] >= 1, f"no tokens: {answer}")
        require(time.monotonic() - start < 20, "vanished clients still hold the engine")


class Skip(Exception):
    pass


def main():
    wanted = sys.argv[1:]
    tests = [(name, f) for name, f in globals().items() if name.startswith("test_")]
    passed, failed = 0, 0
    for name, test in tests:
        if wanted and not any(w in name for w in wanted):
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(pathlib.Path(folder))
                verdict, passed = "ok     ", passed + 1
            except Skip as reason:
                verdict = f"skipped ({reason})"
            except Exception as error:  # noqa: BLE001: whatever goes wrong is this test's failure
                if not isinstance(error, (AssertionError, RuntimeError)):
                    traceback.print_exc()
                verdict, failed = f"FAILED  {error}\n       ", failed + 1
        print(f"{verdict} {name.removeprefix('test_')} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
