"""The cache of packed weights: damaged, half-written, in a folder that takes none, on a full disk."""

import os
import random
import signal
import subprocess

from bedplate_process import BINARY, Server, model_path
from harness import require, small_disk_or_skip, wait_for_log


def chat_answer(folder, *arguments):
    """(what it said, its log)"""
    done = subprocess.run(
        [BINARY, "chat", model_path(), "-p", "Count to five.", "--temperature", "0"]
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


def test_full_disk_still_serves(folder):
    """The packed weights can't be cached on a full disk; serving goes on without the cache, and says so."""
    path = model_path()
    with small_disk_or_skip(folder, 1) as disk:
        with Server(model=path, data=disk) as server:
            status, models = server.request("GET", "/v1/models")
            require(status == 200, f"/v1/models answered {status}")
            status, answer = server.request(
                "POST", "/v1/completions", {"model": models["data"][0]["id"], "prompt": "2 + 2 =", "max_tokens": 2}
            )
            require(status == 200, f"a completion on a full disk answered {status}: {answer}")
