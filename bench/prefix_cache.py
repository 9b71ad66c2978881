#!/usr/bin/env python3
"""Time to the first token of a long prompt: computed, from the pages, from memory beyond them, from the file.

    bench/prefix_cache.py [--model NAME] [--prompt 2000] [--rounds 3] [--least-gain 1]

Each round takes a new prompt of random tokens. One server has memory for hardly more than that prompt's pages, and
--cache-memory: the prompt is computed, asked for again (pages), pushed out of the pages by another of its length, and
asked for once more (memory). A second server has --cache-disk: it computes the prompt and ends; one that is started
after it reads it back, from the page cache, and another after the system was told to forget the file. Every answer must
be the same to the bit, and /metrics must say that the tokens came from where they should. Prints a table, medians first;
exits non-zero where a median is not so many times below that of computing.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import re
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import bedplate_process  # noqa: E402
from bedplate_process import Server, command, model_path  # noqa: E402


def ask(server, model, prompt):
    """(seconds to the first token, the answer's bits)"""
    body = {"model": model, "prompt": prompt, "max_tokens": 4, "temperature": 0, "logprobs": 2, "ignore_eos": True}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    start = time.monotonic()
    connection.request(
        "POST", "/v1/completions", json.dumps(body | {"stream": True}), {"Content-Type": "application/json"}
    )
    response, first, parts = connection.getresponse(), None, []
    for line in response:
        if not line.startswith(b"data: {"):
            continue
        first = first or time.monotonic() - start
        parts += [[c["text"], c["logprobs"]] for c in json.loads(line[6:])["choices"]]
    if response.status != 200 or first is None:
        raise SystemExit(f"the server answered {response.status}")
    connection.close()
    return first, json.dumps(parts)


def tier_tokens(server, tier):
    return server.metric("bedplate_prefix_cache_tokens_total", f'tier="{tier}"')


def least_memory(path, data, *options):
    output = command("serve", path, "--listen", "127.0.0.1:0", "--memory", "16MiB", *options, data=data)[1]
    return re.search(r"--memory (\d+)MiB would do", output)[1] + "MiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=bedplate_process.MODEL)
    parser.add_argument("--prompt", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least-gain", type=float, default=1)
    args = parser.parse_args()
    path, draw, length = model_path(args.model), random.Random(9), args.prompt
    whole = (length - 1) // 16 * 16
    seconds = {}

    def note(kind, server, prompt, wanted, tier=None):
        tiers = {tier, "pages"} if tier else set()
        before = {each: tier_tokens(server, each) for each in tiers}
        taken, bits = ask(server, path.stem, prompt)
        came = {each: tier_tokens(server, each) - before[each] for each in tiers}
        # The pool has room for a little more than a prompt: a few of its pages may be there still.
        if tier and not (came[tier] >= 0.95 * whole and sum(came.values()) == whole):
            raise SystemExit(f"{kind}: of {whole} tokens came {came}")
        if wanted and bits != wanted:
            raise SystemExit(f"{kind}: another answer: {bits}, {wanted}")
        seconds.setdefault(kind, []).append(taken)
        return bits

    with tempfile.TemporaryDirectory() as data:
        context = ["--context", (length + 64) // 16 * 16]
        memory = [*context, "--cache-memory", "1GiB"]
        disk = [*context, "--cache-disk", "4GiB"]
        for _ in range(args.rounds):
            prompt, other = [[draw.randrange(1000, 20000) for _ in range(length)] for _ in range(2)]
            with Server(*memory, "--memory", least_memory(path, data, *memory), model=path, data=data) as server:
                bits = note("computed", server, prompt, None)
                note("from the pages", server, prompt, bits, "pages")
                ask(server, path.stem, other)
                note("from memory", server, prompt, bits, "memory")
            with Server(*disk, model=path, data=data) as server:
                note("computed, and written to the file", server, prompt, bits)
                server.stop()
            with Server(*disk, model=path, data=data) as server:
                note("from the file, in the page cache", server, prompt, bits, "file")
                server.stop()
            (file,) = pathlib.Path(data, "cache/pages").glob("*.pages")
            with open(file, "rb") as f:
                os.fsync(f.fileno())
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            with Server(*disk, model=path, data=data) as server:
                note("from the file, on the disk", server, prompt, bits, "file")
                server.stop()
    print(f"{args.model}, {length} tokens, {args.rounds} rounds: milliseconds to the first token")
    for kind, all_of in seconds.items():
        ms = [1000 * s for s in all_of]
        print(f"  {kind:36} {statistics.median(ms):8.0f}   ({min(ms):.0f}-{max(ms):.0f})")
    computed = statistics.median(seconds["computed"])
    slow = [k for k, s in seconds.items() if "from" in k and statistics.median(s) * args.least_gain > computed]
    for kind in slow:
        print(f"{kind}: not {args.least_gain} times as fast as computing")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
