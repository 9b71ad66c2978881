"""The file of cached pages: killed, damaged, shared, on a full disk."""

import contextlib
import json
import os
import random
import threading
import time

from bedplate_process import Server, model_path
from harness import fill, kill, require, small_disk_or_skip, swallow, wait_for_log


FROM_FILE = 'tier="file"'


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
    while server.metric("bedplate_prefix_cache_bytes", FROM_FILE) == 0:
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
        restored = server.metric("bedplate_prefix_cache_tokens_total", FROM_FILE)
        require(restored == cached, f"/metrics has {restored} tokens from the file, the answer {cached}")
        kill(server)
    for seed in range(2, 6):  # while something is being written, as often as not
        with Server(*cache, model=path, data=folder) as server:
            body = {"model": path.stem, "prompt": long_prompt(seed), "max_tokens": 64, "ignore_eos": True}
            threading.Thread(
                target=swallow, args=(lambda s=server, b=body: s.request("POST", "/v1/completions", b),), daemon=True
            ).start()
            deadline = time.monotonic() + 30
            while server.metric("bedplate_prefix_cache_bytes", FROM_FILE) == 0 and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(0.003 * seed)
            kill(server)
    with Server(*cache, model=path, data=folder) as server:
        require(long_answer(server)[0] == plain, "after kills in the middle of writing the answer differs")
        require(server.metric("bedplate_prefix_cache_failed_total") == 0, "kills left what looks whole and is not")


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
    with small_disk_or_skip(folder, 320) as disk:
        with Server("--cache-disk", "40MiB", "--no-packed-cache", model=path, data=disk) as server:
            plain = long_answer(server)[0]
            fill(disk)
            for seed in (2, 3, 4):
                require(long_answer(server, seed)[0], "no answer on a full disk")
            wait_for_log(server, "takes no more")
            require(long_answer(server)[0] == plain, "the answer differs on a full disk")
            require(server.stop() == 0, f"the server did not end well:\n{server.output()}")
        with Server("--cache-disk", "40MiB", "--no-packed-cache", model=path, data=disk) as server:
            require("less room" in server.output(), server.output())
            require(long_answer(server)[0] == plain, "the answer differs on a full disk")
