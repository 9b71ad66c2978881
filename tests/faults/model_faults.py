"""Models that are not there, or not whole; and more memory than there may be."""

import os
import pathlib
import random
import re
import shutil
import threading
import time

from bedplate_process import MODEL, Server, command, model_path
from harness import refused, require, wait_for_log


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
    with Server("--memory", f"{least}MiB", model=model_path(), data=folder) as server:
        require(server.completion("2 + 2 =", max_tokens=2)["usage"]["completion_tokens"] == 2, "no answer")


def peak_resident(process):
    """The most that this process has ever had in memory, mapped files included, in bytes."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


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
